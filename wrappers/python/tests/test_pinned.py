"""What programs of the 2.x and 1.5 packages rely on, by both import names.

`test_ctypes_package.py` runs this file over the package of 2.6.1 itself as well: nothing here may
be an addition of this package.
"""

from __future__ import annotations

import gc
import importlib
import os
import socket
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

NAMES = os.environ.get("VIDEOSTREAM_IMPORT_NAMES", "videostream deepview.videostream").split()

#: Letters of each format, and bytes per pixel of the whole frame.
FORMATS = {
    **dict.fromkeys(["RGB3", "BGR3"], 3),
    **dict.fromkeys(["RGBA", "RGBX", "BGRA", "BGRX"], 4),
    **dict.fromkeys(["YUYV", "YUY2", "YVYU", "UYVY", "VYUY"], 2),
    **dict.fromkeys(["NV12", "I420", "YV12"], 1.5),
}


@pytest.fixture(params=NAMES)
def vsl(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(request.param)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "host.vsl")


def pattern(frame) -> np.ndarray:
    """Fill a frame with different bytes, and return them."""
    view = frame.map()
    expected = np.random.default_rng(1).integers(0, 256, len(view), dtype=np.uint8)
    view[:] = expected
    return expected


def test_module_names_are_those_of_2_x(vsl):
    assert type(vsl.version()) is str
    for module, name in [("frame", "Frame"), ("client", "Client"), ("host", "Host")]:
        submodule = importlib.import_module(f"{vsl.__name__}.{module}")
        assert getattr(submodule, name) is getattr(vsl, name)
        assert getattr(vsl, module) is submodule
    library = importlib.import_module(f"{vsl.__name__}.library")
    assert library.version() == vsl.version()
    first, second = library.timestamp(), library.timestamp()
    assert 0 < first <= second
    assert library.errmsg() is None or type(library.errmsg()) is str
    assert vsl.lib is library.lib
    assert callable(library.load_library)
    assert callable(library.load_symbols)


@pytest.mark.parametrize("arguments", [(), (None,), ("",)])
@pytest.mark.parametrize("name", ["Host", "Client"])
def test_invalid_paths_are_refused(vsl, name, arguments):
    with pytest.raises(Exception) as failure:
        getattr(vsl, name)(*arguments)
    assert isinstance(failure.value, RuntimeError) == (arguments == ("",))


def test_a_missing_host_is_a_runtime_error(vsl, path):
    with pytest.raises(RuntimeError):
        vsl.Client(path)


def test_a_host_makes_its_socket_and_removes_it(vsl, path):
    file = Path(path)
    host = vsl.Host(file)
    assert file.is_socket()
    assert host.path == path
    assert host.clients_count == 0
    assert host.poll(0.0) == 0
    assert host.poll(0.01) == 0
    host.process()
    del host
    gc.collect()
    assert not file.exists()


def test_the_listener_is_the_listening_socket(vsl, path):
    host = vsl.Host(path)
    with socket.socket(fileno=os.dup(host.listener)) as listener:
        assert listener.family == socket.AF_UNIX
        assert listener.type == socket.SOCK_SEQPACKET
        assert listener.getsockname() == path
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1


def test_reconnecting_client_needs_no_second_thread(vsl, path):
    host = vsl.Host(path)
    client = vsl.Client(path, reconnect=True)
    host.process()
    assert host.clients_count == 1
    del client


def test_a_busy_path_is_a_runtime_error(vsl, path):
    host = vsl.Host(path)
    with pytest.raises(RuntimeError):
        vsl.Host(path)
    del host


def test_clients_count_as_they_come_and_go(vsl, path):
    host = vsl.Host(path)
    client = vsl.Client(path)
    assert client.path == path
    assert host.poll(5.0) >= 1
    host.process()
    assert host.clients_count == 1
    client.disconnect()
    host.process()
    assert host.clients_count == 0


@pytest.mark.parametrize("fourcc", ["RGB3", "NV12", "RGBA", "I420"])
def test_a_posted_frame_arrives_in_the_same_thread(vsl, path, fourcc):
    host = vsl.Host(path)
    client = vsl.Client(path)
    host.process()
    posted = vsl.Frame(640, 480, fourcc=fourcc)
    posted.alloc()
    expected = pattern(posted)
    handle, stride, size = posted.handle, posted.stride, posted.size
    host.post(posted)
    received = client.frame_wait()
    assert (received.width, received.height, received.fourcc) == (640, 480, fourcc)
    assert (received.stride, received.size) == (stride, size)
    assert received.handle != handle
    assert received._ptr is not None
    assert received.path is None
    assert (np.frombuffer(received.map(), np.uint8) == expected).all()
    received.unmap()


def test_a_posted_frame_is_empty(vsl, path):
    host = vsl.Host(path)
    frame = vsl.Frame(64, 48, fourcc="RGB3")
    frame.alloc()
    assert frame._ptr is not None
    host.post(frame)
    assert frame._ptr is None
    assert (frame.width, frame.height, frame.stride) == (0, 0, 0)
    assert frame.fourcc == "\0\0\0\0"
    assert frame.path is None
    for member in ("handle", "size", "paddr"):
        with pytest.raises(RuntimeError):
            getattr(frame, member)
    with pytest.raises(RuntimeError):
        frame.map()
    with pytest.raises(RuntimeError):
        host.post(frame)


def test_frames_come_in_order(vsl, path):
    host = vsl.Host(path)
    client = vsl.Client(path)
    host.process()
    for number in range(3):
        frame = vsl.Frame(16, 16, fourcc="RGB3")
        frame.alloc()
        frame.map()[0] = number
        host.post(frame)
    for number in range(3):
        assert client.frame_wait().map()[0] == number


def test_frames_before_a_time_are_skipped(vsl, path):
    host = vsl.Host(path)
    client = vsl.Client(path)
    host.process()
    for number in range(3):
        frame = vsl.Frame(16, 16, fourcc="RGB3")
        frame.alloc()
        frame.map()[0] = number
        if number == 2:
            until = vsl.library.timestamp()
        host.post(frame)
    assert client.frame_wait(until).map()[0] == 2


def test_expired_frames_are_skipped(vsl, path):
    host = vsl.Host(path)
    client = vsl.Client(path)
    host.process()
    for number, expires in enumerate([1, 0]):
        frame = vsl.Frame(16, 16, fourcc="RGB3")
        frame.alloc()
        frame.map()[0] = number
        host.post(frame, expires=expires, duration=40_000_000, pts=5, dts=4)
    assert client.frame_wait().map()[0] == 1


def test_a_timeout_is_a_runtime_error(vsl, path):
    host = vsl.Host(path)
    client = vsl.Client(path)
    host.process()
    before = vsl.library.timestamp()
    with pytest.raises(RuntimeError):
        client.frame_wait()
    assert vsl.library.timestamp() - before >= 900_000_000
    del host


def test_frames_can_share_one_memory(vsl):
    frame = vsl.Frame(640, 480, fourcc="RGB3")
    assert (frame.width, frame.height, frame.fourcc) == (640, 480, "RGB3")
    assert frame.path is None
    with pytest.raises(RuntimeError):
        _ = frame.handle
    with pytest.raises(RuntimeError):
        _ = frame.size
    frame.alloc()
    assert frame.size == 640 * 480 * 3
    assert type(frame.path) is str
    view = frame.map()
    assert len(view) == 640 * 480 * 3
    assert (view.format, view.ndim, view.readonly) in [("B", 1, False), ("<B", 1, False)]
    array = np.frombuffer(view, dtype=np.uint8)
    array[:] = np.random.default_rng(2).integers(0, 256, len(view), dtype=np.uint8)
    assert (array == view).all()
    other = vsl.Frame(640, 480, fourcc="RGB3")
    other.attach(frame.handle)
    assert other.handle != frame.handle
    assert other.path is None
    theirs = other.map()
    assert (array == theirs).all()
    theirs[7] = theirs[7] ^ 0xFF
    assert view == theirs
    assert frame.map() == view
    # Only dma-bufs of some kernels have one.
    with suppress(RuntimeError):
        assert frame.paddr != 0
    other.unmap()
    other.unmap()
    other.unalloc()
    frame.unmap()
    frame.unalloc()
    frame.unalloc()
    assert frame.path is None
    with pytest.raises(RuntimeError):
        _ = frame.handle


def test_a_file_is_written_through_a_frame(vsl, tmp_path):
    frame = vsl.Frame(640, 480, fourcc="RGB3")
    length = frame.stride * frame.height
    with (tmp_path / "frame").open("w+b") as file:
        file.truncate(length)
        frame.attach(file.fileno())
    expected = pattern(frame)
    frame.unmap()
    assert (np.fromfile(tmp_path / "frame", dtype=np.uint8) == expected).all()


def test_part_of_a_file_is_a_frame(vsl, tmp_path):
    frame = vsl.Frame(8, 4, fourcc="RGB3")
    with (tmp_path / "frame").open("w+b") as file:
        file.write(b"." * 4096 + b"#" * 96 + b".")
        file.flush()
        frame.attach(file.fileno(), 96, 4096)
    assert frame.size == 96
    assert bytes(frame.map()) == b"#" * 96


@pytest.mark.parametrize("fd", [-1, 0, 9000])
def test_invalid_descriptors_are_refused(vsl, fd):
    with pytest.raises(RuntimeError):
        vsl.Frame(640, 480, fourcc="RGB3").attach(fd)


@pytest.mark.parametrize("fourcc", FORMATS)
def test_strides_are_those_of_2_x(vsl, fourcc):
    frame = vsl.Frame(4, 3, fourcc)
    assert frame.fourcc == fourcc
    assert frame.stride == FORMATS[fourcc] * 4
    frame.alloc()
    assert frame.size == FORMATS[fourcc] * 4 * 3
    assert len(frame.map()) == frame.size


def test_a_format_is_letters_or_a_number(vsl):
    number = int.from_bytes(b"NV12", "little")
    assert vsl.Frame(64, 32, number).fourcc == "NV12"
    assert vsl.Frame(64, 32, "NV12", 80).stride == 80
    assert vsl.Frame(64, 32, "H264", stride=64).stride == 64


@pytest.mark.parametrize("fourcc", ["GRB", "    ", "", None])
def test_invalid_formats_are_refused(vsl, fourcc):
    with pytest.raises(Exception) as failure:
        vsl.Frame(4, 3, fourcc)
    assert isinstance(failure.value, RuntimeError) == (fourcc is not None)


@pytest.mark.parametrize("name", ["/dev/dma_heap/invalid", "/tmp/invalid"])
def test_invalid_memory_is_refused(vsl, name):
    with pytest.raises(RuntimeError):
        vsl.Frame(640, 480, fourcc="RGB3").alloc(name)


def test_shared_memory_has_the_given_name(vsl):
    name = f"/vsl_pinned_{os.getpid()}"
    frame = vsl.Frame(640, 480, fourcc="RGB3")
    frame.alloc(name)
    assert frame.path == name
    expected = pattern(frame)
    object_ = Path("/dev/shm") / name[1:]
    assert (np.fromfile(object_, dtype=np.uint8) == expected).all()
    frame.unalloc()
    assert not object_.exists()


def test_cpu_access_begins_and_ends(vsl):
    sync = vsl.Frame.Sync
    assert [(mode.name, mode.value) for mode in sync] == [("RDONLY", 0), ("WRONLY", 1), ("RW", 2)]
    frame = vsl.Frame(640, 480, fourcc="RGB3")
    with pytest.raises(RuntimeError):
        frame.sync(True, sync.RW)
    frame.alloc()
    for mode in sync:
        frame.sync(True, mode)
        frame.sync(False, mode)
    with pytest.raises(Exception) as failure:
        frame.sync(True, "rw")
    assert not isinstance(failure.value, RuntimeError)


def test_frames_outlive_their_client_and_host(vsl, path):
    host = vsl.Host(path)
    client = vsl.Client(path)
    host.process()
    frame = vsl.Frame(64, 48, fourcc="RGB3")
    frame.alloc()
    expected = pattern(frame)
    host.post(frame)
    received = client.frame_wait()
    del client
    host.process()
    del host
    gc.collect()
    assert (np.frombuffer(received.map(), np.uint8) == expected).all()
