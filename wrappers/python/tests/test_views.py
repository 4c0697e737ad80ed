"""Views: memory, shapes and lifetimes."""

import ctypes
import gc
import mmap
import os
import re
from pathlib import Path

import conftest
import numpy as np
import pytest
import videostream as vs

#: Format, size, stride (0: the format's own), then of each plane: shape, strides, struct code.
FORMATS = [
    ("RGB3", (6, 4), 0, [((4, 6, 3), (18, 3, 1), "B")]),
    ("RGB3", (6, 4), 64, [((4, 6, 3), (64, 3, 1), "B")]),
    ("RGB4", (6, 4), 0, [((4, 6, 4), (24, 4, 1), "B")]),
    ("GREY", (6, 4), 0, [((4, 6), (6, 1), "B")]),
    ("GREY", (6, 4), 32, [((4, 6), (32, 1), "B")]),
    ("YUYV", (6, 4), 0, [((4, 6, 2), (12, 2, 1), "B")]),
    ("UYVY", (6, 4), 40, [((4, 6, 2), (40, 2, 1), "B")]),
    ("NV12", (6, 4), 0, [((4, 6), (6, 1), "B"), ((2, 3, 2), (6, 2, 1), "B")]),
    ("NV12", (6, 4), 16, [((4, 6), (16, 1), "B"), ((2, 3, 2), (16, 2, 1), "B")]),
    ("NV16", (6, 4), 16, [((4, 6), (16, 1), "B"), ((4, 3, 2), (16, 2, 1), "B")]),
    ("NV24", (6, 4), 16, [((4, 6), (16, 1), "B"), ((4, 6, 2), (32, 2, 1), "B")]),
    ("NM12", (6, 4), 0, [((4, 6), (6, 1), "B"), ((2, 3, 2), (6, 2, 1), "B")]),
    (
        "YU12",
        (6, 4),
        16,
        [((4, 6), (16, 1), "B"), ((2, 3), (8, 1), "B"), ((2, 3), (8, 1), "B")],
    ),
    (
        "YU12",
        (8, 4),
        0,
        [((4, 8), (8, 1), "B"), ((2, 4), (4, 1), "B"), ((2, 4), (4, 1), "B")],
    ),
    ("422P", (8, 2), 0, [((2, 8), (8, 1), "B"), ((2, 4), (4, 1), "B"), ((2, 4), (4, 1), "B")]),
    ("P010", (6, 4), 0, [((4, 6), (12, 2), "H"), ((2, 3, 2), (12, 4, 2), "H")]),
    ("P010", (6, 4), 64, [((4, 6), (64, 2), "H"), ((2, 3, 2), (64, 4, 2), "H")]),
    ("Y16 ", (6, 4), 0, [((4, 6), (12, 2), "H")]),
    ("RG10", (6, 4), 16, [((4, 6), (16, 2), "H")]),
    ("RGGB", (6, 4), 0, [((4, 6), (6, 1), "B")]),
    # Four pixels in five bytes, two in three.
    ("pRAA", (8, 4), 0, [((4, 10), (10, 1), "B")]),
    ("pRAA", (8, 4), 32, [((4, 10), (32, 1), "B")]),
    ("pRCC", (6, 4), 0, [((4, 9), (9, 1), "B")]),
]


def tensor_of(plane):
    """Return NumPy's tensor over a read-only plane, which needs NumPy 2.1."""
    if np.lib.NumpyVersion(np.__version__) >= "2.1.0":
        return np.from_dlpack(plane)
    with pytest.raises(BufferError, match=r"DLPack before 1\.0"):
        np.from_dlpack(plane)
    return np.asarray(plane)


@pytest.mark.parametrize(("fourcc", "size", "stride", "planes"), FORMATS)
def test_planes_are_shaped_as_the_format(fourcc, size, stride, planes):
    frame = vs.Frame(*size, fourcc, stride)
    assert len(frame.planes) == len(planes)
    for plane, (shape, strides, code) in zip(frame.planes, planes):
        assert (tuple(plane.shape), tuple(plane.strides), plane.format) == (shape, strides, code)
        view = memoryview(plane)
        assert (view.shape, view.strides, view.format) == (shape, strides, code)
        assert view.nbytes == plane.nbytes == int(np.prod(shape)) * view.itemsize
        array = np.asarray(plane)
        assert (array.shape, array.strides) == (shape, strides)
        assert array.dtype == np.dtype({"B": np.uint8, "H": np.uint16}[code])
        tensor = np.from_dlpack(plane)
        assert (tensor.shape, tensor.strides) == (shape, strides)
        assert len(plane) == shape[0]


@pytest.mark.parametrize(("fourcc", "size", "stride", "planes"), FORMATS)
def test_planes_do_not_overlap(fourcc, size, stride, planes):
    frame = vs.Frame(*size, fourcc, stride)
    arrays = [np.asarray(plane) for plane in frame.planes]
    for value, array in enumerate(arrays, 1):
        array[...] = value
    for value, array in enumerate(arrays, 1):
        assert (array == value).all()
    for value, plane in enumerate(frame.planes, 1):
        assert (np.asarray(plane) == value).all()


def test_layouts_reach_clients_unchanged(tmp_path):
    for fourcc, size, stride, planes in FORMATS:
        path = tmp_path / "other"
        with vs.Host(path) as own, vs.Client(path) as client:
            frame = own.frame(*size, fourcc, stride)
            for value, plane in enumerate(frame.planes, 1):
                np.asarray(plane)[...] = value
            own.post(frame)
            got = client.next(conftest.TIMEOUT_S)
            for value, (plane, (shape, strides, _)) in enumerate(zip(got.planes, planes), 1):
                array = np.asarray(plane)
                assert (array.shape, array.strides) == (shape, strides), fourcc
                assert (array == value).all(), fourcc
            del array, plane


def test_stacked_planes_are_one_array():
    assert vs.Frame(8, 4, "NV12").array.shape == (6, 8)
    assert vs.Frame(8, 4, "NV12", 32).array.strides == (32, 1)
    assert vs.Frame(8, 4, "YU12").array.shape == (6, 8)
    assert vs.Frame(8, 4, "P010").array.dtype == np.uint16


def test_planes_that_do_not_stack_are_refused():
    with pytest.raises(ValueError, match=r"frame\.plane\(0\)"):
        vs.Frame(8, 4, "YU12", 32).array  # noqa: B018


def test_a_plane_beyond_the_last_is_refused():
    with pytest.raises(IndexError, match="plane 2: NV12 has 2"):
        vs.Frame(8, 4, "NV12").plane(2)


def test_memoryview_reads_16_bit_samples():
    frame = vs.Frame(4, 2, "Y16 ")
    frame.array[1, 2] = 0x1234
    view = memoryview(frame.plane())
    assert view[1, 2] == 0x1234
    assert view.tolist()[1][2] == 0x1234
    # The low byte comes first.
    assert bytes(frame)[2 * 6 : 2 * 6 + 2] == b"\x34\x12"


def test_frombuffer_takes_rows_without_padding():
    frame = vs.Frame(8, 4, "GREY")
    frame.array[...] = np.arange(32).reshape(4, 8)
    flat = np.frombuffer(frame.plane(), np.uint8)
    assert flat.tolist() == list(range(32))
    assert flat.ctypes.data == frame.array.ctypes.data


def test_frombuffer_refuses_padding():
    frame = vs.Frame(8, 4, "GREY", 32)
    with pytest.raises((BufferError, ValueError), match="contiguous"):
        np.frombuffer(frame.plane(), np.uint8)


def test_bytes_leave_padding_out():
    frame = vs.Frame(8, 4, "NV12", 32)
    luma, chroma = (np.asarray(plane) for plane in frame.planes)
    luma[...] = 7
    chroma[...] = 9
    assert bytes(frame) == b"\x07" * 32 + b"\x09" * 16


def test_asarray_copies_only_when_asked(host, socket):
    frame = vs.Frame(8, 4, "GREY")
    address = frame.array.ctypes.data
    assert np.asarray(frame).ctypes.data == address
    assert np.array(frame, copy=False).ctypes.data == address
    assert np.array(frame, copy=True).ctypes.data != address
    assert np.asarray(frame, np.float32).dtype == np.float32
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
        with pytest.raises(ValueError, match="copy"):
            np.array(frame, np.float32, copy=False)


def inode_and_access(address: int) -> tuple[int, str]:
    """Return inode and access of the mapping at an address of this process."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        fields = line.split()
        start, end = (int(part, 16) for part in fields[0].split("-"))
        if start <= address < end:
            return int(fields[4]), fields[1]
    raise AssertionError(f"nothing is mapped at {address:#x}")


@pytest.mark.parametrize("fourcc", ["GREY", "NV12", "P010"])
def test_client_views_are_the_host_memory(host, socket, fourcc):
    client = vs.Client(socket)
    drawn = host.frame(64, 48, fourcc)
    kept = np.asarray(drawn.plane())
    inode = os.fstat(drawn.fileno()).st_ino
    assert inode_and_access(kept.ctypes.data) == (inode, "rw-s")
    host.post(drawn)
    frame = client.next(conftest.TIMEOUT_S)
    array = np.asarray(frame.plane())
    assert array.ctypes.data != kept.ctypes.data
    assert inode_and_access(array.ctypes.data) == (inode, "r--s")
    assert os.fstat(frame.fileno()).st_ino == inode
    # All views have one address.
    addresses = {
        array.ctypes.data,
        np.asarray(memoryview(frame.plane())).ctypes.data,
        tensor_of(frame.plane()).ctypes.data,
        frame.array.ctypes.data,
    }
    assert len(addresses) == 1
    # The memory is shared: writes on one side show on the other.
    kept[0, 0] = 77
    assert array[0, 0] == 77


def test_client_memory_can_not_be_written(host, socket):
    client = vs.Client(socket)
    conftest.post(host, 5)
    frame = client.next(conftest.TIMEOUT_S)
    assert not frame.is_writable
    assert frame.plane().readonly
    array = frame.array
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        array.flags.writeable = True
    view = memoryview(frame.plane())
    with pytest.raises(TypeError, match="read-only"):
        view[0, 0] = 1
    with pytest.raises(TypeError, match="not writable"):
        (ctypes.c_char * 8).from_buffer(view)
    assert not tensor_of(frame.plane()).flags.writeable
    with pytest.raises(PermissionError):
        mmap.mmap(frame.fileno(), 4096, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)


def test_writing_by_address_kills_the_writer_alone(host, socket):
    conftest.post(host, 5)
    child = conftest.Child(
        """
        import ctypes
        frame = vs.Client(sys.argv[1]).next(60)
        ctypes.memset(frame.array.ctypes.data, 1, 1)
        """,
        socket,
    )
    while child.process.poll() is None:
        host.poll(0.05)
        host.process()
    assert child.ends()[0] == -11
    host.process()
    client = vs.Client(socket, timeout=conftest.TIMEOUT_S)
    host.process()
    assert client.next().array[0, 0] == 5


def test_writable_hosts_are_read_only_in_python(tmp_path):
    path = str(tmp_path / "writable")
    with vs.Host(path, writable=True) as host, vs.Client(path) as client:
        conftest.post(host, 5)
        frame = client.next(conftest.TIMEOUT_S)
        assert not frame.array.flags.writeable


# DLPack through ctypes, as consumers other than NumPy use it.


class Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class Managed(ctypes.Structure):
    """The structure in a capsule before DLPack 1.0."""


Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
Managed._fields_ = [("tensor", Tensor), ("context", ctypes.c_void_p), ("deleter", Deleter)]


class Versioned(ctypes.Structure):
    """The structure in a capsule since DLPack 1.0."""

    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", Deleter),
        ("flags", ctypes.c_uint64),
        ("tensor", Tensor),
    ]


api = ctypes.pythonapi
api.PyCapsule_GetPointer.restype = ctypes.c_void_p
api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
api.PyCapsule_SetName.argtypes = [ctypes.py_object, ctypes.c_char_p]
api.PyCapsule_GetName.restype = ctypes.c_char_p
api.PyCapsule_GetName.argtypes = [ctypes.py_object]


def take(capsule, kind, name):
    """Consume the tensor of a capsule."""
    assert api.PyCapsule_GetName(capsule) == name
    pointer = api.PyCapsule_GetPointer(capsule, name)
    used = ctypes.create_string_buffer(b"used_" + name)
    api.PyCapsule_SetName(capsule, used)
    managed = kind.from_address(pointer)
    return managed, pointer, used


def test_a_versioned_tensor_describes_itself(host, socket):
    client = vs.Client(socket)
    conftest.post(host, 9)
    frame = client.next(conftest.TIMEOUT_S)
    array = frame.array
    capsule = frame.plane().__dlpack__(max_version=(1, 0))
    managed, pointer, used = take(capsule, Versioned, b"dltensor_versioned")
    tensor = managed.tensor
    assert managed.major == 1
    assert managed.flags & 1, "read-only"
    assert not managed.flags & 2, "no copy"
    assert tensor.data + tensor.byte_offset == array.ctypes.data
    assert (tensor.device_type, tensor.device_id) == frame.plane().__dlpack_device__() == (1, 0)
    assert (tensor.code, tensor.bits, tensor.lanes) == (1, 8, 1)
    assert [tensor.shape[at] for at in range(tensor.ndim)] == [8, 16]
    assert [tensor.strides[at] for at in range(tensor.ndim)] == [16, 1]
    del array
    with pytest.raises(BufferError, match="1 view of this frame still exists"):
        frame.release()
    managed.deleter(pointer)
    del capsule
    frame.release()
    assert used.value == b"used_dltensor_versioned"


def test_legacy_tensor_of_a_writable_frame():
    frame = vs.Frame(6, 4, "P010", 64)
    capsule = frame.plane(1).__dlpack__()
    managed, pointer, _used = take(capsule, Managed, b"dltensor")
    tensor = managed.tensor
    assert (tensor.code, tensor.bits) == (1, 16)
    assert [tensor.shape[at] for at in range(tensor.ndim)] == [2, 3, 2]
    assert [tensor.strides[at] for at in range(tensor.ndim)] == [32, 2, 1]
    ctypes.c_uint16.from_address(tensor.data + tensor.byte_offset).value = 4711
    assert np.asarray(frame.plane(1))[0, 0, 0] == 4711
    with pytest.raises(BufferError):
        frame.release()
    managed.deleter(pointer)
    frame.release()


def test_legacy_consumers_get_no_read_only_tensor(host, socket):
    client = vs.Client(socket)
    conftest.post(host)
    frame = client.next(conftest.TIMEOUT_S)
    for version in (None, (0, 8)):
        with pytest.raises(BufferError, match="read-only"):
            frame.plane().__dlpack__(max_version=version)
    frame.release()


def test_an_unused_capsule_is_released():
    frame = vs.Frame(6, 4, "GREY")
    for version in (None, (1, 0)):
        capsule = frame.plane().__dlpack__(max_version=version)
        with pytest.raises(BufferError):
            frame.release()
        del capsule
    frame.release()


def test_tensors_of_writable_frames_write():
    frame = vs.Frame(6, 4, "GREY")
    tensor = np.from_dlpack(frame)
    if tensor.flags.writeable:
        tensor[0, 0] = 3
        assert frame.array[0, 0] == 3


@pytest.mark.parametrize("whole", [True, False], ids=["frame", "plane"])
def test_onnx_runtime_shares_the_memory(whole):
    runtime = pytest.importorskip("onnxruntime")
    frame = vs.Frame(8, 4, "RGB3")
    frame.array[:] = np.arange(96, dtype=np.uint8).reshape(4, 8, 3)
    address = frame.array.ctypes.data
    value = runtime.OrtValue.from_dlpack(frame if whole else frame.plane())
    assert value.data_ptr() == address
    assert value.shape() == [4, 8, 3]
    assert (value.numpy() == frame.array).all()
    with pytest.raises(BufferError, match="1 view of this frame still exists"):
        frame.release()
    del value
    frame.release()


def test_no_tensor_on_another_device():
    frame = vs.Frame(6, 4, "GREY")
    with pytest.raises(BufferError):
        frame.plane().__dlpack__(dl_device=(2, 0))
    frame.release()


def test_unaligned_strides_have_no_tensor():
    frame = vs.Frame(3, 2, "Y16 ", 7)
    assert np.asarray(frame.plane()).strides == (7, 2)
    with pytest.raises(BufferError, match="7 bytes apart"):
        np.from_dlpack(frame.plane())
    frame.release()


# Lifetimes.


def received(host, socket, value=5):
    client = vs.Client(socket)
    conftest.post(host, value)
    return client, client.next(conftest.TIMEOUT_S)


@pytest.mark.asan
@pytest.mark.parametrize(
    "view",
    [
        lambda frame: frame.array,
        lambda frame: memoryview(frame.plane()),
        lambda frame: tensor_of(frame.plane()),
        lambda frame: frame.array[1:3, ::2].T,
        lambda frame: memoryview(memoryview(frame.plane())[1:]),
    ],
)
def test_a_view_keeps_the_frame(host, socket, view):
    client, frame = received(host, socket)
    view = view(frame)
    with pytest.raises(BufferError, match="1 view of this frame still exists"):
        frame.release()
    assert client.held == 1
    del frame
    gc.collect()
    assert client.held == 1
    assert (np.asarray(view) == 5).all()
    del view
    gc.collect()
    assert client.held == 0


@pytest.mark.asan
def test_release_works_after_the_last_view(host, socket):
    client, frame = received(host, socket)
    first, second = frame.array, frame.array
    del first
    with pytest.raises(BufferError):
        frame.release()
    del second
    frame.release()
    assert frame.is_released
    assert client.held == 0
    frame.release()


def test_released_frames_have_no_views(host, socket):
    _client, frame = received(host, socket)
    plane = frame.plane()
    frame.release()
    reads = [
        lambda: frame.array,
        lambda: np.asarray(frame),
        lambda: memoryview(plane),
        lambda: np.asarray(plane),
        lambda: bytes(frame),
        lambda: plane.__dlpack__(max_version=(1, 0)),
        lambda: frame.fileno(),
        lambda: frame.offset(),
    ]
    for read in reads:
        with pytest.raises(vs.Released, match="released or posted"):
            read()
    # Its properties stay.
    assert (frame.width, frame.height, frame.fourcc, frame.serial) == (16, 8, "GREY", 1)
    assert "released" in repr(frame)


def test_views_keep_a_frame_after_with(host, socket):
    client = vs.Client(socket)
    conftest.post(host, 5)
    with client.next(conftest.TIMEOUT_S) as frame:
        array = frame.array
    assert frame.is_released
    with pytest.raises(vs.Released):
        frame.array  # noqa: B018
    assert client.held == 1
    assert (array == 5).all()
    del array
    assert client.held == 0


def test_posted_frames_have_no_new_views(host):
    frame = host.frame(16, 8, "GREY")
    array, plane = frame.array, frame.plane()
    host.post(frame)
    with pytest.raises(vs.Released):
        memoryview(plane)
    array[0, 0] = 1


@pytest.mark.asan
def test_a_view_outlives_client_and_host(start_host, socket):
    there = start_host()
    client = vs.Client(socket)
    there.hears("post 3")
    frame = client.next(conftest.TIMEOUT_S)
    array, view = frame.array, memoryview(frame.plane())
    tensor = tensor_of(frame.plane())
    value = int(array[0, 0])
    there.kill()
    Path(socket).unlink()
    client.close()
    del frame, client
    gc.collect()
    assert (array == value).all()
    assert (tensor == value).all()
    assert view[0, 0] == value
    KEPT.append((array, view, tensor))


#: Views that exist until the interpreter ends.
KEPT: list[object] = []


@pytest.mark.asan
def test_views_of_drawn_frames_outlive_the_host(socket):
    host = vs.Host(socket)
    frame = host.frame(16, 8, "GREY")
    array = frame.array
    host.post(frame)
    host.close()
    del host, frame
    gc.collect()
    array[...] = 3
    assert (array == 3).all()
    KEPT.append(array)


@pytest.mark.asan
def test_cycles_of_frames_and_arrays_are_collected(host, socket):
    class Holder:
        pass

    client = vs.Client(socket)
    for _ in range(20):
        conftest.post(host)
        holder = Holder()
        holder.frame = client.next(conftest.TIMEOUT_S)
        holder.array = holder.frame.array
        holder.me = holder
        del holder
        gc.collect()
    assert client.held == 0


@pytest.mark.asan
def test_any_order_of_release_works(tmp_path):
    import itertools

    names = ["host", "client", "frame", "array", "plane"]
    for number, order in enumerate(itertools.permutations(names)):
        path = str(tmp_path / str(number))
        things = {"host": vs.Host(path)}
        things["client"] = vs.Client(path)
        conftest.post(things["host"], 9)
        things["frame"] = things["client"].next(conftest.TIMEOUT_S)
        things["plane"] = things["frame"].plane()
        things["array"] = things["frame"].array
        for name in order:
            if "array" in things:
                assert things["array"][0, 0] == 9
            del things[name]


def test_docstrings_and_reprs_are_not_empty(host, socket):
    client, frame = received(host, socket)
    assert re.fullmatch(r"<videostream.Plane \(8, 16\) of \"B\", .*read-only>", repr(frame.plane()))
    assert "GREY 16x8 serial=1" in repr(frame)
    assert "hold=2 held=1" in repr(client)
    assert "clients=1" in repr(host)
