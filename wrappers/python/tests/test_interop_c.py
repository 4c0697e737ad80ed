"""Frames between this package and the C library in another process.

Needs `VIDEOSTREAM_C_LIBRARY` in the environment, which the test command sets: the path of
`target/debug/libvideostream_c.so`.
"""

from __future__ import annotations

import hashlib
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import c_peer
import numpy as np
import pytest
import videostream

SIZES = {"RGB3": (64 * 3, 64 * 48 * 3), "NV12": (96, 96 * 48)}
KINDS = ["file", "shm", "memfd", "unsealed memfd"]

formats = pytest.mark.parametrize("fourcc", SIZES)
kinds = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "host.vsl")


class Peer(NamedTuple):
    """Commands of the other process."""

    stdin: IO[str]
    stdout: IO[str]


@contextmanager
def peer(*arguments: str) -> Iterator[Peer]:
    library = os.environ.get("VIDEOSTREAM_C_LIBRARY")
    if not library or not Path(library).exists():
        pytest.skip("VIDEOSTREAM_C_LIBRARY is not the path of the C library")
    process = subprocess.Popen(
        [sys.executable, c_peer.__file__, *arguments],
        env={
            **os.environ,
            "VIDEOSTREAM_LIBRARY": library,
            "PYTHONPATH": str(Path(videostream.__file__).parent.parent),
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield Peer(process.stdin, process.stdout)
        except BaseException:
            process.kill()
            raise
    assert process.returncode == 0


def post_until_answer(
    host: videostream.Host,
    client: Peer,
    frame: Callable[[], videostream.Frame],
) -> list[str]:
    """Post a frame behind everything that happens, until the client has said what it got.

    It may have to connect again, asking for fewer frames.
    """
    answers = client.stdout.fileno()
    ready: list[int] = []
    while answers not in ready:
        host.process()
        host.post(frame())
        ready = select.select([answers, host.fileno()], [], [])[0]
    return client.stdout.readline().split()


@formats
@kinds
def test_a_c_client_reads_attached_memory(path, fourcc, kind):
    stride, size = SIZES[fourcc]
    host = videostream.Host(path)
    with peer("client", path) as client:
        fd, _keep = c_peer.attached(kind, size)

        def frame() -> videostream.Frame:
            frame = videostream.Frame(64, 48, fourcc)
            frame.attach(fd)
            return frame

        said = post_until_answer(host, client, frame)
    digest = hashlib.sha256(c_peer.content(size)).hexdigest()
    assert said == ["64", "48", fourcc, str(stride), str(size), str(size), digest]


@formats
@kinds
def test_attached_memory_of_a_c_host_is_read(path, fourcc, kind):
    stride, size = SIZES[fourcc]
    with peer("host", path, fourcc, kind) as host:
        client = videostream.Client(path, timeout=60)
        frame = client.frame_wait()
        assert (frame.width, frame.height, frame.fourcc) == (64, 48, fourcc)
        assert (frame.stride, frame.size) == (stride, size)
        content = c_peer.content(size)
        assert frame.map() == memoryview(content)
        assert bytes(frame) == content
        rows = {"RGB3": (48, 64, 3), "NV12": (72, 64)}[fourcc]
        assert frame.array.shape == rows
        frame.release()
        host.stdin.write("seen\n")
        host.stdin.flush()


def test_a_c_client_reads_what_was_drawn(path):
    host = videostream.Host(path)
    with peer("client", path) as client:
        content = c_peer.content(96 * 48)

        def frame() -> videostream.Frame:
            frame = videostream.Frame(64, 48, "NV12")
            frame.array[:] = np.frombuffer(content, np.uint8).reshape(72, 64)
            return frame

        said = post_until_answer(host, client, frame)
    digest = hashlib.sha256(content).hexdigest()
    assert said == ["64", "48", "NV12", "96", "4608", "4608", digest]
