"""A host or client of the C library in another process, for `test_interop_c.py`.

`c_peer.py host PATH FOURCC KIND` posts frames of memory of this kind until a line comes;
`c_peer.py client PATH` prints what it receives. A line on stdout says "ready".
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import select
import sys
import tempfile
from multiprocessing import shared_memory

from videostream import lib

WIDTH, HEIGHT = 64, 48


def content(size: int) -> bytes:
    return bytes(at * 7 % 251 for at in range(size))


def attached(kind: str, size: int) -> tuple[int, object]:
    """Make memory with content: a file, shared memory or a memfd without seals."""
    if kind == "file":
        file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller keeps it open)
        file.write(content(size))
        file.flush()
        return file.fileno(), file
    if kind == "shm":
        memory = shared_memory.SharedMemory(create=True, size=size)
        assert memory.buf is not None
        memory.buf[:size] = content(size)
        fd = os.open(f"/dev/shm/{memory.name}", os.O_RDWR)
        memory.unlink()
        return fd, memory
    fd = os.memfd_create("peer", os.MFD_ALLOW_SEALING if kind == "memfd" else 0)
    os.write(fd, content(size))
    return fd, None


def say(line: str) -> None:
    print(line, flush=True)


def sockets(host: int) -> list[int]:
    """Return the descriptors of a host to poll."""
    into, count = (ctypes.c_int * 8)(), ctypes.c_size_t()
    assert lib.vsl_host_sockets(host, len(into), into, ctypes.byref(count)) == 0
    return into[: count.value]


def host(path: str, fourcc: str, kind: str) -> None:
    host = lib.vsl_host_init(path.encode())
    assert host, os.strerror(ctypes.get_errno())
    say("ready")
    number = lib.vsl_fourcc_from_string(fourcc.encode())
    memory = None
    # A frame behind everything that happens, until the other side has seen one.
    while sys.stdin not in select.select([sys.stdin, *sockets(host)], [], [])[0]:
        assert lib.vsl_host_process(host) == 0
        frame = lib.vsl_frame_init(WIDTH, HEIGHT, 0, number, None, None)
        memory = memory or attached(kind, lib.vsl_frame_stride(frame) * HEIGHT)
        assert lib.vsl_frame_attach(frame, memory[0], 0, 0) == 0
        assert lib.vsl_host_post(host, frame, 0, 0, 0, 0) == 0
    lib.vsl_host_release(host)


def client(path: str) -> None:
    client = lib.vsl_client_init(path.encode(), None, False)
    assert client, os.strerror(ctypes.get_errno())
    lib.vsl_client_set_timeout(client, 60.0)
    say("ready")
    frame = lib.vsl_frame_wait(client, 0)
    assert frame, os.strerror(ctypes.get_errno())
    size = ctypes.c_size_t()
    start = lib.vsl_frame_mmap(frame, ctypes.byref(size))
    assert start, os.strerror(ctypes.get_errno())
    fourcc = lib.vsl_frame_fourcc(frame).to_bytes(4, "little").decode()
    what = (lib.vsl_frame_width(frame), lib.vsl_frame_height(frame), fourcc)
    whole = (lib.vsl_frame_stride(frame), lib.vsl_frame_size(frame), size.value)
    digest = hashlib.sha256(ctypes.string_at(start, size.value)).hexdigest()
    say(" ".join(map(str, (*what, *whole, digest))))
    lib.vsl_frame_release(frame)
    lib.vsl_client_release(client)


if __name__ == "__main__":
    if sys.argv[1] == "host":
        host(*sys.argv[2:])
    else:
        client(*sys.argv[2:])
