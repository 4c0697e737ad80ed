"""Fixtures: hosts and clients in other processes."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import videostream as vs

#: Seconds after which a hanging test fails; no test waits that long otherwise.
TIMEOUT_S = 60.0

# A shell starts background programs with SIGINT ignored, which the tests' programs would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

#: The start of every test program.
PRELUDE = """
import errno, gc, os, select, signal, sys, threading, time
import videostream as vs

def say(*what):
    print(*what, flush=True)

def hear():
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return line.strip()

def post(host, value=0, size=(16, 8), fourcc="GREY"):
    frame = host.frame(*size, fourcc)
    for plane in frame.planes:
        view = memoryview(plane).cast("B") if memoryview(plane).c_contiguous else None
        if view is not None:
            view[:] = bytes([value % 256]) * len(view)
            view.release()
        del view
    return host.post(frame)
"""

#: A host that reads commands line by line, and serves its clients meanwhile.
HOST = """
host = vs.Host(sys.argv[1], lend=int(sys.argv[2]))
say("ready")
posted = 0
poller = select.poll()
poller.register(host.fileno(), select.POLLIN)
poller.register(0, select.POLLIN)
heard = b""

def obey(word, rest):
    global posted
    if word == "post":
        for _ in range(int(rest or 1)):
            posted += 1
            serial = post(host, posted)
        say("posted", serial)
    elif word == "close":
        host.close()
        say("closed")
        sys.exit(0)
    elif word == "stats":
        host.process()
        say("clients", host.clients_count)

while True:
    for fd, _ in poller.poll():
        if fd != 0:
            host.process()
            continue
        told = os.read(0, 4096)
        if not told:
            sys.exit(0)
        *lines, heard = (heard + told).split(b"\\n")
        for line in lines:
            word, _, rest = line.decode().partition(" ")
            obey(word, rest)
"""


class Child:
    """A Python program in another process, controlled line by line."""

    def __init__(self, code: str, *arguments: object, prelude: bool = True) -> None:
        program = (PRELUDE if prelude else "") + textwrap.dedent(code)
        command = [sys.executable, "-X", "faulthandler", "-c", program, *map(str, arguments)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def hears(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def says(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if not line:
            assert self.process.stderr is not None
            self.process.wait(TIMEOUT_S)
            message = self.process.stderr.read()
            raise AssertionError(f"ended with {self.process.returncode}:\n{message}")
        return line

    def asks(self, line: str) -> str:
        self.hears(line)
        return self.says()

    def ends(self) -> tuple[int, str]:
        """Wait for its end; return its exit code and standard error."""
        _, complaints = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, complaints

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(TIMEOUT_S)

    def stop(self) -> None:
        """Suspend it, and wait until it has stopped."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitpid(self.pid, os.WUNTRACED)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def sleeps(self) -> None:
        """Wait until all its threads sleep in the kernel."""
        tasks = Path(f"/proc/{self.pid}/task")
        while True:
            states = [
                (task / "stat").read_text().rpartition(")")[2].split()[0]
                for task in tasks.iterdir()
            ]
            if set(states) == {"S"}:
                return
            assert self.process.poll() is None, "ended instead of waiting"
            os.sched_yield()


def run(code: str, *arguments: object) -> str:
    """Run a program that has to succeed; return its output."""
    child = Child(code, *arguments)
    out, complaints = child.process.communicate(timeout=TIMEOUT_S)
    assert child.process.returncode == 0, complaints
    return out


@pytest.fixture
def children() -> Iterator[Callable[..., Child]]:
    """Start programs that end with the test."""
    started: list[Child] = []

    def start(code: str, *arguments: object, **options: Any) -> Child:
        child = Child(code, *arguments, **options)
        started.append(child)
        return child

    yield start
    for child in started:
        if child.process.poll() is None:
            child.process.kill()
        child.process.communicate()


@pytest.fixture
def socket(tmp_path: Path) -> str:
    """Return the path of a socket that does not exist yet."""
    return str(tmp_path / "host")


@pytest.fixture
def start_host(children: Callable[..., Child], socket: str) -> Callable[..., Child]:
    """Start a host in another process, and wait until it serves."""

    def start(lend: int = 8, path: str = socket) -> Child:
        child = children(HOST, path, lend)
        assert child.says() == "ready"
        return child

    return start


@pytest.fixture
def there(start_host: Callable[..., Child]) -> Child:
    """Start a host in another process."""
    return start_host()


@pytest.fixture
def host(socket: str) -> Iterator[vs.Host]:
    """Start a host in this process."""
    with vs.Host(socket) as host:
        yield host


def post(
    host: vs.Host, value: int = 0, size: tuple[int, int] = (16, 8), fourcc: str = "GREY"
) -> int:
    """Post a frame of one value."""
    frame = host.frame(*size, fourcc)
    frame.array[...] = value
    return host.post(frame)


def fds() -> int:
    """Count the descriptors of this process, after a garbage collection."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def threads() -> int:
    """Count all threads of this process."""
    return len(list(Path("/proc/self/task").iterdir()))
