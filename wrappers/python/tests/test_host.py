"""Hosts: posting, memory and its reuse, refusals."""

import errno
import gc
import os
import select
import socket as sockets
import stat
import subprocess
import sys
import time
from pathlib import Path

import conftest
import numpy as np
import pytest
import videostream as vs

TIMEOUT_S = conftest.TIMEOUT_S


def test_the_socket_is_created_and_removed(socket):
    host = vs.Host(socket)
    mode = Path(socket).stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert host.path == socket
    del host
    assert not Path(socket).exists()


def test_the_file_has_the_given_mode(socket):
    with vs.Host(socket, mode=0o660):
        assert stat.S_IMODE(Path(socket).stat().st_mode) == 0o660


def test_the_listener_is_the_listening_socket(host):
    listener = sockets.socket(fileno=os.dup(host.listener))
    assert listener.getsockopt(sockets.SOL_SOCKET, sockets.SO_ACCEPTCONN) == 1
    assert listener.type == sockets.SOCK_SEQPACKET
    listener.close()


def test_a_second_host_is_refused(host, socket):
    with pytest.raises(vs.Error, match="another host serves") as caught:
        vs.Host(socket)
    assert (caught.value.errno, caught.value.filename) == (errno.EADDRINUSE, socket)


def test_a_missing_folder_is_named():
    with pytest.raises(vs.Error, match="folder does not exist.*/no/such/folder/host") as error:
        vs.Host("/no/such/folder/host")
    assert error.value.errno == errno.ENOENT


def test_a_file_in_the_way_is_kept(socket):
    Path(socket).write_text("mine")
    with pytest.raises(vs.Error) as caught:
        vs.Host(socket)
    assert caught.value.errno == errno.ENOTSOCK
    assert Path(socket).read_text() == "mine"


def test_a_killed_host_leaves_room_for_the_next(start_host, socket):
    start_host().kill()
    assert Path(socket).exists()
    with vs.Host(socket) as host, vs.Client(socket) as client:
        conftest.post(host, 1)
        assert client.next(TIMEOUT_S).array[0, 0] == 1


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"policy": "oldest"}, ValueError),
        ({"lease": -1.0}, ValueError),
        ({"access": "everyone"}, ValueError),
        ({"access": 5}, TypeError),
        ({"lend": -1}, OverflowError),
    ],
)
def test_wrong_options_are_refused(socket, options, error):
    with pytest.raises(error):
        vs.Host(socket, **options)
    assert not Path(socket).exists()


def test_a_closed_host_says_so(socket):
    host = vs.Host(socket)
    frame = host.frame(8, 8, "GREY")
    host.close()
    host.close()
    calls = [
        host.fileno,
        host.process,
        host.stats,
        lambda: host.post(frame),
        lambda: host.frame(8, 8, "GREY"),
        lambda: host.listener,
        lambda: host.clients_count,
        lambda: host.poll(0),
    ]
    for call in calls:
        with pytest.raises(vs.Released, match="closed") as caught:
            call()
        assert caught.value.filename == socket
    assert "closed" in repr(host)
    # The frame stays with the caller.
    frame.array[...] = 1


def test_posting_takes_the_frame(host):
    frame = host.frame(8, 8, "GREY")
    assert host.post(frame) == 1
    assert frame.is_released
    with pytest.raises(vs.Released):
        host.post(frame)
    own = vs.Frame(8, 8, "GREY")
    assert host.post(own) == 2
    assert own.is_released


def test_clients_are_counted(host, socket):
    assert host.clients_count == 0
    client = vs.Client(socket)
    host.process()
    assert host.clients_count == 1
    client.close()
    host.process()
    assert host.clients_count == 0


def test_poll_reports_a_new_client(host, socket):
    assert host.poll(0) == 0
    client = vs.Client(socket)
    assert host.poll(TIMEOUT_S) == 1
    host.process()
    assert client.next is not None
    poller = select.poll()
    poller.register(host, select.POLLIN)
    client.close()
    assert poller.poll(TIMEOUT_S * 1000)
    host.process()
    assert host.clients_count == 0


def test_poll_takes_its_time(host):
    begun = time.monotonic()
    assert host.poll(0.05) == 0
    assert time.monotonic() - begun >= 0.05
    with pytest.raises(ValueError, match="timeout=NaN"):
        host.poll(float("nan"))


def inode(frame):
    return os.fstat(frame.fileno()).st_ino


def test_buffers_are_used_again(host, socket):
    client = vs.Client(socket)
    seen = set()
    for _ in range(200):
        frame = host.frame(64, 48, "NV12")
        seen.add(inode(frame))
        host.post(frame)
        del frame
        client.next(TIMEOUT_S).release()
    assert len(seen) <= 10
    before = conftest.fds()
    for _ in range(200):
        frame = host.frame(64, 48, "NV12")
        assert inode(frame) in seen
        host.post(frame)
        client.next(TIMEOUT_S).release()
    assert conftest.fds() == before


def test_posting_allocates_nothing_once_running(socket, tmp_path):
    if subprocess.run(["which", "strace"], capture_output=True).returncode != 0:
        pytest.skip("strace is not installed")
    log = tmp_path / "calls"
    code = (
        conftest.PRELUDE
        + """
host = vs.Host(sys.argv[1])
client = vs.Client(sys.argv[1])
def turn():
    post(host)
    client.next(60).release()
for _ in range(50):
    turn()
os.write(2, b"begin")
for _ in range(500):
    turn()
os.write(2, b"end")
"""
    )
    calls = "memfd_create,mmap,munmap,dup,fcntl,openat,ioctl,ftruncate,close,write"
    command = ["strace", "-o", log, "-e", f"trace={calls}", sys.executable, "-c", code, socket]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if "ptrace" in done.stderr or "not permitted" in done.stderr:
        pytest.skip("strace may not trace here")
    lines = log.read_text().splitlines()
    begin = next(at for at, line in enumerate(lines) if '"begin"' in line)
    end = next(at for at, line in enumerate(lines) if '"end"' in line)
    between = [line for line in lines[begin + 1 : end] if not line.startswith("write")]
    # The allocator of the interpreter may map an arena or two.
    assert len(between) < 20, between[:40]


def test_buffers_with_views_are_not_reused(host):
    kept = []
    for value in range(12):
        frame = host.frame(16, 8, "GREY")
        frame.array[...] = value
        kept.append(frame.array)
        host.post(frame)
    assert [int(array[0, 0]) for array in kept] == list(range(12))
    assert len({array.ctypes.data for array in kept}) == 12


def test_each_frame_size_has_its_own_memory(host, socket):
    client = vs.Client(socket)
    for _ in range(20):
        for size in [(16, 8), (32, 16), (64, 32)]:
            conftest.post(host, size[0], size)
            frame = client.next(TIMEOUT_S)
            assert frame.array.shape == (size[1], size[0])
            assert (frame.array == size[0]).all()


def test_a_full_host_gives_the_frame_back(tmp_path):
    path = str(tmp_path / "host")
    with vs.Host(path, lend=3, policy="never-drop") as host:
        client = vs.Client(path, mode="every", hold=2)
        posted = 0
        while True:
            frame = host.frame(16, 8, "GREY")
            frame.array[...] = posted
            try:
                posted = host.post(frame)
            except vs.Error as error:
                assert error.errno == errno.ENOBUFS
                assert error.filename == path
                break
        assert not frame.is_released
        assert (frame.array == posted).all()
        assert host.stats()["blocked"] >= 1
        # Once the client has read some there is room.
        for serial in range(1, posted + 1):
            assert client.next(TIMEOUT_S).serial == serial
        assert host.post(frame) == posted + 1


def test_clients_hold_fewer_than_lend(tmp_path):
    path = str(tmp_path / "host")
    with vs.Host(path, lend=4) as host:
        clients = [vs.Client(path, hold=1, timeout=0) for _ in range(5)]
        host.process()
        conftest.post(host)
        refused = 0
        for client in clients:
            try:
                client.next(0)
            except vs.Refused:
                refused += 1
        assert refused == 2


def test_received_frames_can_be_posted_onward(host, socket, tmp_path):
    onward = str(tmp_path / "onward")
    with vs.Host(onward, lend=2) as other:
        first, second = vs.Client(socket, hold=4), vs.Client(onward, hold=1)
        for value in range(100):
            conftest.post(host, value, (64, 48), "NV12")
            frame = first.next(TIMEOUT_S)
            number, stamp = inode(frame), frame.timestamp_ns
            other.post(frame)
            assert frame.is_released
            got = second.next(TIMEOUT_S)
            assert inode(got) == number, "the same memory"
            assert (got.array == value).all()
            assert got.timestamp_ns == stamp
            assert not got.array.flags.writeable
            del got
        # The other host keeps `lend` frames.
        assert 1 <= first.held <= 2
    assert first.held == 0


def test_expired_frames_are_gone(host, socket):
    client = vs.Client(socket)
    frame = host.frame(16, 8, "GREY")
    host.post(frame, expires=time.monotonic_ns() - 1)
    with pytest.raises(vs.TimedOut):
        client.next(0)


def test_strides_are_as_asked(host, socket):
    client = vs.Client(socket)
    frame = host.frame(10, 4, "RGB3", stride=64)
    frame.array[...] = np.arange(30).reshape(10, 3)
    host.post(frame)
    got = client.next(TIMEOUT_S)
    assert got.array.strides == (64, 3, 1)
    assert (got.array == np.arange(30).reshape(10, 3)).all()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((8, 8, "XXXX"), (vs.Error, ValueError)),
        ((8, 8, ""), (vs.Error, ValueError)),
        ((8, 8, "    "), (vs.Error, ValueError)),
        ((0, 8, "GREY"), (vs.Error, ValueError)),
        ((8, 8, "GREY", 4), (vs.Error, ValueError)),
        ((-8, 8, "GREY"), OverflowError),
        ((2**31, 2**31 - 1, "RGB4"), (vs.Error, ValueError)),
    ],
)
def test_impossible_frames_are_refused(host, arguments, error):
    with pytest.raises(error):
        host.frame(*arguments)
    with pytest.raises(error):
        vs.Frame(*arguments)


def memory() -> int:
    """Bytes that belong to this process alone or to its files."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_ten_thousand_frames_leak_nothing(host, socket):
    client = vs.Client(socket)

    def turns(count):
        for _ in range(count):
            host.post(host.frame(64, 48, "NV12"))
            with client.next(TIMEOUT_S) as frame:
                assert frame.array.shape == (72, 64)

    turns(1_000)
    gc.collect()
    before = (conftest.fds(), conftest.threads(), len(gc.get_objects()))
    bytes_before = memory()
    collections = [generation["collections"] for generation in gc.get_stats()]
    turns(10_000)
    after = [generation["collections"] for generation in gc.get_stats()]
    assert (conftest.fds(), conftest.threads()) == before[:2]
    assert after[2] == collections[2], "no full collection"
    assert after[0] - collections[0] <= 1, "nothing for the collector to look at"
    gc.collect()
    assert len(gc.get_objects()) <= before[2] + 20
    assert memory() - bytes_before < 4 << 20
