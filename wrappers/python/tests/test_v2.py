"""Fixes of 2.x failures: the table in docs/python.md."""

from __future__ import annotations

import ctypes
import errno
import gc
import importlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import videostream


@pytest.fixture(params=["videostream", "deepview.videostream"])
def vsl(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(request.param)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "host.vsl")


def connected(path: str) -> tuple[videostream.Host, videostream.Client]:
    host = videostream.Host(path)
    client = videostream.Client(path)
    host.process()
    return host, client


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_both_names_are_the_same_classes():
    old = importlib.import_module("deepview.videostream")
    assert (old.Frame, old.Host, old.Client) == (
        videostream.Frame,
        videostream.Host,
        videostream.Client,
    )
    # The directory may have other packages as well.
    assert importlib.import_module("deepview").__file__ is None


def test_errors_name_what_failed(path):
    with pytest.raises(RuntimeError) as failure:
        videostream.Client(path)
    assert isinstance(failure.value, videostream.HostGone)
    assert failure.value.errno == errno.ECONNREFUSED
    assert failure.value.filename == path
    assert "Success" not in str(failure.value)
    with pytest.raises(videostream.Error, match="not_there") as failure:
        videostream.Frame(8, 8, "RGB3").alloc("/dev/dma_heap/not_there")
    assert failure.value.errno == errno.ENOENT


def test_wrong_types_are_type_errors(vsl, path):
    host = vsl.Host(path)
    client = vsl.Client(path)
    frame = vsl.Frame(8, 8, "RGB3")
    frame.alloc()
    for call in [
        lambda: vsl.Host(None),
        lambda: vsl.Host(3),
        lambda: vsl.Client(None),
        lambda: vsl.Client(path, reconnect="yes"),
        lambda: vsl.Frame(8, 8, None),
        lambda: vsl.Frame("8", 8, "RGB3"),
        lambda: vsl.Frame(0, 0, 0, ptr=0x1234),
        lambda: frame.alloc(3),
        lambda: frame.attach("memory"),
        lambda: frame.sync(1, vsl.Frame.Sync.RW),
        lambda: frame.sync(True, "rw"),
        lambda: host.post(None),
        lambda: host.post(frame, expires=1.5),
        lambda: host.poll("soon"),
        lambda: client.frame_wait("now"),
    ]:
        with pytest.raises(TypeError):
            call()
    with pytest.raises(ValueError):
        frame.sync(True, 3)
    assert host.post(frame) == 1


def test_importing_needs_no_c_library(vsl):
    program = f"import sys, {vsl.__name__} as v; print(repr(v.lib)); print(v.version())"
    # A Python may have been built without it.
    program += "; assert 'ctypes' not in sys.modules"
    environment = {**os.environ, "VIDEOSTREAM_LIBRARY": "/not/there.so"}
    environment["PYTHONPATH"] = str(Path(videostream.__file__).parent.parent)
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "not opened yet" in ran.stdout
    assert ran.stdout.splitlines()[1] == videostream.__version__
    command[-1] = f"import {vsl.__name__} as v; v.lib.vsl_version()"
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ran.returncode == 1
    assert "OSError: /not/there.so" in ran.stderr


def test_the_c_library_opens_when_touched(vsl, monkeypatch):
    library = os.environ.get("VIDEOSTREAM_C_LIBRARY")
    if not library or not Path(library).exists():
        pytest.skip("VIDEOSTREAM_C_LIBRARY is not the path of the C library")
    monkeypatch.setenv("VIDEOSTREAM_LIBRARY", library)
    assert vsl.lib.vsl_version().startswith(b"2.")
    assert vsl.lib.vsl_fourcc_from_string(b"NV12") == 0x3231564E
    # Failures set errno, which the 2.x package loses.
    assert vsl.lib.vsl_client_init(b"/not/there", None, False) is None
    assert ctypes.get_errno() == errno.ECONNREFUSED
    assert vsl.library.errmsg() == os.strerror(errno.ECONNREFUSED)
    assert type(vsl.library.load_library()) is ctypes.CDLL


def test_the_versioned_library_is_found_as_well(vsl, monkeypatch, tmp_path):
    monkeypatch.delenv("VIDEOSTREAM_LIBRARY", raising=False)
    tried = []

    def refuse(name, **options):
        assert options == {"use_errno": True}
        tried.append(name)
        if name == "libvideostream.so.2":
            return "opened"
        raise OSError(f"{name}: not there")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    assert vsl.library.load_library() == "opened"
    assert tried == ["libvideostream.so", "libvideostream.so.2"]
    folder = tmp_path / "VideoStream.framework"
    folder.mkdir()
    with pytest.raises(OSError, match="Versions/Current/VideoStream"):
        vsl.library.load_library(str(folder))


def test_views_keep_their_memory(vsl):
    frame = vsl.Frame(64, 48, "RGB3")
    view = frame.map()
    view[:] = bytes(range(256)) * 36
    frame.unmap()
    frame.unalloc()
    frame.alloc()
    assert not any(frame.map())
    del frame
    gc.collect()
    assert bytes(view) == bytes(range(256)) * 36


def test_frames_keep_their_client(path):
    host, client = connected(path)
    frame = videostream.Frame(64, 48, "RGB3")
    frame.alloc()
    frame.map()[:] = b"#" * frame.size
    host.post(frame)
    received = client.frame_wait()
    view = received.map()
    del client, received
    host.close()
    gc.collect()
    assert bytes(view) == b"#" * (64 * 48 * 3)


def test_received_frames_can_only_be_read(path):
    host, client = connected(path)
    host.post(videostream.Frame(64, 48, "RGB3"))
    received = client.frame_wait()
    assert received.map().readonly
    with pytest.raises(TypeError):
        received.map()[0] = 1
    assert not np.frombuffer(received.map(), np.uint8).flags.writeable


def test_each_frame_has_its_own_memory():
    frames = [videostream.Frame(64, 48, "RGB3") for _ in range(2)]
    for number, frame in enumerate(frames):
        frame.alloc()
        frame.map()[0] = number + 1
    assert [frame.map()[0] for frame in frames] == [1, 2]
    paths = [str(frame.path) for frame in frames]
    assert paths[0].startswith("/dev") or paths[0] != paths[1]


def test_a_failed_alloc_changes_nothing():
    frame = videostream.Frame(64, 48, "RGB3")
    with pytest.raises(RuntimeError):
        frame.alloc("/tmp/invalid")
    with pytest.raises(RuntimeError):
        _ = frame.size
    frame.alloc()
    handle = frame.handle
    with pytest.raises(RuntimeError):
        frame.attach(9000)
    assert frame.handle == handle
    assert frame.size == 64 * 48 * 3


def test_nothing_is_left_open(path, tmp_path):
    host, client = connected(path)

    def turn() -> None:
        frame = videostream.Frame(64, 48, "RGB3")
        for _ in range(3):
            frame.alloc()
            frame.map()
            with pytest.raises(RuntimeError):
                frame.alloc("/tmp/invalid")
        with (tmp_path / "frame").open("w+b") as file:
            file.truncate(frame.size)
            frame.attach(file.fileno())
        host.post(frame)
        client.frame_wait()

    for _ in range(20):
        turn()
    gc.collect()
    before = descriptors()
    for _ in range(50):
        turn()
    gc.collect()
    assert descriptors() <= before


def test_descriptors_are_not_inherited(path):
    host, client = connected(path)
    frame = videostream.Frame(64, 48, "RGB3")
    read, write = os.pipe()
    with os.fdopen(read), os.fdopen(write):
        frame.attach(write)
        assert not os.get_inheritable(frame.handle)
    frame.alloc()
    host.post(frame)
    assert not os.get_inheritable(client.frame_wait().handle)
    assert not os.get_inheritable(host.listener)


def test_memory_size_follows_the_stride():
    for fourcc, stride, size in [
        ("NV12", 700, 700 * 480 * 3 // 2),
        ("RGBA", 3000, 3000 * 480),
        ("NV16", 0, 640 * 480 * 2),
        ("H264", 640, 640 * 480),
    ]:
        frame = videostream.Frame(640, 480, fourcc, stride)
        frame.alloc()
        assert frame.size == size == len(frame.map()), fourcc
    with pytest.raises(RuntimeError, match="stride=100"):
        videostream.Frame(640, 480, "RGBA", 100)


@pytest.mark.parametrize(
    ("fourcc", "shapes"),
    [
        ("RGBA", [(48, 64, 4)]),
        ("BGRX", [(48, 64, 4)]),
        ("RGB3", [(48, 64, 3)]),
        ("YUY2", [(48, 64, 2)]),
        ("NV12", [(48, 64), (24, 32, 2)]),
        ("I420", [(48, 64), (24, 32), (24, 32)]),
        ("NV24", [(48, 64), (48, 64, 2)]),
    ],
)
def test_new_members_work_on_old_frames(path, fourcc, shapes):
    host, client = connected(path)
    frame = videostream.Frame(64, 48, fourcc)
    for number, plane in enumerate(frame.planes):
        np.asarray(plane)[...] = number + 1
    whole = bytes(frame.map())
    assert bytes(frame) == whole
    host.post(frame)
    with client.next(timeout=10) as received:
        assert received.fourcc == fourcc
        assert [tuple(plane.shape) for plane in received.planes] == shapes
        for number, plane in enumerate(received.planes):
            assert (np.asarray(plane) == number + 1).all()
        assert bytes(received.map()) == whole
        assert received.to_rgb().shape == (48, 64, 3)


def test_odd_pictures_have_room_for_their_planes(path):
    host, client = connected(path)
    frame = videostream.Frame(4, 3, "NV12")
    frame.alloc()
    assert (frame.stride, frame.size) == (6, 18)
    assert [tuple(plane.shape) for plane in frame.planes] == [(3, 4), (2, 2, 2)]
    np.asarray(frame.plane(1))[...] = 9
    host.post(frame)
    received = client.frame_wait()
    assert (received.stride, received.size) == (6, 18)
    assert (np.asarray(received.plane(1)) == 9).all()


def test_too_little_memory_is_plain_bytes(path, tmp_path):
    host, client = connected(path)
    frame = videostream.Frame(64, 48, "NV12")
    with (tmp_path / "frame").open("w+b") as file:
        file.write(b"#" * 100)
        file.flush()
        frame.attach(file.fileno(), 100)
    assert frame.size == 100
    assert [tuple(plane.shape) for plane in frame.planes] == [(100,)]
    assert bytes(frame.map()) == b"#" * 100
    host.post(frame)
    assert bytes(client.frame_wait().map()) == b"#" * 100


def test_a_view_never_reaches_past_the_memory(tmp_path):
    frame = videostream.Frame(64, 48, "RGB3")
    with (tmp_path / "frame").open("w+b") as file:
        file.truncate(100)
        frame.attach(file.fileno())
    with pytest.raises((RuntimeError, BufferError)):
        frame.map()
    with pytest.raises((RuntimeError, BufferError)):
        memoryview(frame.plane(0))


def test_a_read_only_descriptor_is_a_frame(tmp_path):
    file = tmp_path / "frame"
    file.write_bytes(b"#" * (64 * 48 * 3))
    frame = videostream.Frame(64, 48, "RGB3")
    with file.open("rb") as opened:
        frame.attach(opened.fileno())
    assert not frame.is_writable
    assert frame.map().readonly
    assert (frame.array == ord("#")).all()


def test_attached_memory_is_shared_in_place(path, tmp_path):
    host, client = connected(path)
    size = 64 * 48 * 3
    memory = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    unsealable = os.memfd_create("test", 0)
    file = (tmp_path / "frame").open("w+b")
    for fd in (memory, unsealable, file.fileno()):
        os.pwrite(fd, b"." * size, 0)
        for _ in range(3):
            frame = videostream.Frame(64, 48, "RGB3")
            frame.attach(fd)
            host.post(frame)
            received = client.frame_wait()
            os.pwrite(fd, b"#", 5)
            assert received.map()[5] == ord("#")
            assert os.fstat(received.handle).st_ino == os.fstat(fd).st_ino
            os.pwrite(fd, b".", 5)
            received.release()
    file.close()
    os.close(memory)
    os.close(unsealable)


def test_memory_that_cannot_be_shared_is_copied(path):
    host, client = connected(path)
    frame = videostream.Frame(64, 48, "RGB3")
    # A file that clients can't trust, since it belongs to another user.
    if os.geteuid() != 0:
        pytest.skip("needs a file of another user, which root can make")
    fd = os.open("/dev/shm/vsl_test_copied", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        os.pwrite(fd, b"#" * (64 * 48 * 3), 0)
        os.fchown(fd, 1, 1)
        frame.attach(fd)
        host.post(frame)
        received = client.frame_wait()
        assert os.fstat(received.handle).st_ino != os.fstat(fd).st_ino
        os.ftruncate(fd, 0)
        assert bytes(received.map()) == b"#" * (64 * 48 * 3)
    finally:
        Path("/dev/shm/vsl_test_copied").unlink()
        os.close(fd)


def test_a_refused_frame_stays_with_the_caller(path):
    host = videostream.Host(path)
    frame = videostream.Frame(64, 48, "RGB3")
    read, write = os.pipe()
    with os.fdopen(read), os.fdopen(write):
        frame.attach(write)
    with pytest.raises(RuntimeError):
        host.post(frame)
    assert frame._ptr is not None
    assert frame.width == 64
    frame.alloc()
    assert host.post(frame) == 1
    with pytest.raises(videostream.Released):
        host.post(frame)


def test_frames_without_expiry_make_room(path):
    host, client = connected(path)
    gc.collect()
    before = descriptors()
    for _ in range(100):
        host.post(videostream.Frame(64, 48, "RGB3"), expires=0)
    assert descriptors() <= before + 40
    assert client.next(timeout=10).serial == 100


def test_a_pointer_is_a_second_name_of_a_frame(path):
    frame = videostream.Frame(64, 48, "RGB3")
    frame.map()[0] = 7
    other = videostream.Frame(0, 0, 0, ptr=frame._ptr)
    assert (other.width, other.fourcc, other.handle) == (64, "RGB3", frame.handle)
    assert other.map()[0] == 7
    del frame
    gc.collect()
    assert other.map()[0] == 7
    videostream.Host(path).post(other)
    assert other._ptr is None
    # Functions of the C library must not get other objects as frames.
    with pytest.raises(ctypes.ArgumentError):
        ctypes.CDLL(None).free.argtypes = [ctypes.c_void_p]
        ctypes.CDLL(None).free(videostream.Frame(8, 8, "RGB3")._ptr)


def test_disconnecting_ends_a_wait_for_good(path):
    host = videostream.Host(path)
    client = videostream.Client(path, reconnect=True, timeout=60)
    host.process()
    waits = threading.Event()
    failures = []

    def wait() -> None:
        waits.set()
        try:
            client.frame_wait()
        except RuntimeError as error:
            failures.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    waits.wait()
    client.disconnect()
    thread.join(30)
    assert not thread.is_alive()
    assert len(failures) == 1
    with pytest.raises(RuntimeError):
        client.frame_wait()
    assert client.path == path
    host.process()
    assert host.clients_count == 0


def test_an_idle_client_stays_connected(path):
    host, client = connected(path)
    with pytest.raises(videostream.TimedOut):
        client.frame_wait()
    host.process()
    assert host.clients_count == 1
    host.post(videostream.Frame(64, 48, "RGB3"))
    assert client.frame_wait().width == 64


def test_waiting_for_a_host_uses_no_cpu(path):
    client = videostream.Client(path, reconnect=True, timeout=1.0)
    used = os.times()
    with pytest.raises(videostream.TimedOut):
        client.frame_wait()
    spent = os.times()
    assert spent.user + spent.system - used.user - used.system < 0.5


def test_waiting_for_a_host_can_be_interrupted(path):
    class Interrupted(Exception):
        pass

    def interrupt(*_):
        raise Interrupted

    client = videostream.Client(path, reconnect=True)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(Interrupted):
            client.frame_wait()
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_client_waits_for_its_host(path):
    client = videostream.Client(path, reconnect=True)
    # Longer than a wait for a frame takes.
    hosts: list[videostream.Host] = []
    ends = threading.Event()

    def serve() -> None:
        ends.wait(1.5)
        host = videostream.Host(path)
        hosts.append(host)
        while not ends.is_set():
            host.post(videostream.Frame(64, 48, "RGB3"))
            host.poll(0.05)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        assert client.frame_wait().width == 64
    finally:
        ends.set()
        thread.join()


def test_held_frames_are_not_overwritten(path):
    host, client = connected(path)
    for number in range(2):
        frame = videostream.Frame(16, 16, "RGB3")
        frame.map()[0] = number
        host.post(frame)
    held = [client.frame_wait() for _ in range(2)]
    for _ in range(30):
        host.post(videostream.Frame(16, 16, "RGB3"))
    assert [frame.map()[0] for frame in held] == [0, 1]
    with pytest.raises(videostream.HoldLimit):
        client.frame_wait()
    held.clear()
    assert client.frame_wait().serial > 2


def test_regular_files_are_not_replaced(tmp_path):
    file = tmp_path / "precious"
    file.write_text("content")
    with pytest.raises(RuntimeError):
        videostream.Host(file)
    assert file.read_text() == "content"


def test_a_path_without_a_slash_is_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = f"vsl-test-{os.getpid()}"
    host, client = connected(name)
    assert list(tmp_path.iterdir()) == []
    with socket.socket(fileno=os.dup(host.listener)) as listener:
        assert listener.getsockname() == b"\0" + name.encode()
    host.post(videostream.Frame(64, 48, "RGB3"))
    assert client.frame_wait().width == 64


def test_a_host_admits_its_user_only(path):
    host = videostream.Host(path)
    assert Path(path).stat().st_mode & 0o777 == 0o600
    host.close()
    with videostream.Host(path, mode=0o666, access="anyone"):
        assert Path(path).stat().st_mode & 0o777 == 0o666


def test_modes_can_be_pickled():
    mode = videostream.Frame.Sync.WRONLY
    assert pickle.loads(pickle.dumps(mode)) is mode


def test_a_released_frame_says_so():
    frame = videostream.Frame(64, 48, "RGB3")
    frame.alloc()
    frame.release()
    assert frame._ptr is None
    assert frame.width == 64
    for use in (frame.alloc, frame.map, lambda: frame.handle, lambda: frame.attach(1)):
        with pytest.raises(videostream.Released):
            use()
    frame.unalloc()
    frame.unmap()
