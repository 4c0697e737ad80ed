"""Frames that a program creates."""

import gc
import os
import weakref

import conftest
import numpy as np
import pytest
import videostream as vs


def test_a_frame_describes_itself():
    frame = vs.Frame(640, 480, "NV12")
    assert (frame.width, frame.height, frame.fourcc) == (640, 480, "NV12")
    assert frame.bytes_used == 640 * 480 * 3 // 2
    assert frame.strides == [640, 640]
    assert (frame.serial, frame.sequence, frame.timestamp_ns) == (0, 0, 0)
    assert frame.is_writable
    assert not frame.is_released


def test_a_format_may_be_its_number():
    number = int.from_bytes(b"NV12", "little")
    assert vs.Frame(8, 8, number).fourcc == "NV12"


@pytest.mark.parametrize(
    ("fourcc", "stride"),
    [
        ("RGB3", 12),
        ("BGR3", 12),
        ("RGB4", 16),
        ("BGR4", 16),
        ("YUYV", 8),
        ("UYVY", 8),
        ("YVYU", 8),
        ("VYUY", 8),
        ("NV12", 4),
        ("YU12", 4),
        ("GREY", 4),
    ],
)
def test_rows_of_four_pixels(fourcc, stride):
    assert vs.Frame(4, 4, fourcc).strides[0] == stride


def test_a_wrong_format_explains_itself():
    with pytest.raises(vs.Error, match="GRB"):
        vs.Frame(8, 8, "GRB")
    with pytest.raises(TypeError, match="four letters"):
        vs.Frame(8, 8, 1.5)


def test_pixels_are_kept():
    frame = vs.Frame(8, 4, "RGB3")
    frame.array[...] = np.arange(96).reshape(4, 8, 3)
    assert (frame.array == np.arange(96).reshape(4, 8, 3)).all()
    assert bytes(frame) == bytes(range(96))


def test_new_frames_are_zeroed():
    assert not vs.Frame(64, 64, "GREY").array.any()


def test_the_descriptor_is_that_of_the_memory():
    frame = vs.Frame(8, 4, "NV12")
    frame.array[...] = 5
    assert frame.fileno() == frame.fileno(1)
    assert (frame.offset(), frame.offset(1)) == (0, 32)
    assert os.pread(frame.fileno(), 48, 0) == b"\x05" * 48
    with pytest.raises(vs.Error):
        frame.fileno(2)


def test_release_closes_the_descriptors():
    before = conftest.fds()
    frames = [vs.Frame(8, 4, "GREY") for _ in range(10)]
    assert conftest.fds() == before, "memory comes with the first use"
    for frame in frames:
        frame.fileno()
    assert conftest.fds() >= before + 10
    del frame
    frames.pop().release()
    del frames
    gc.collect()
    assert conftest.fds() == before


def test_frames_can_be_weakly_referenced():
    frame = vs.Frame(8, 4, "GREY")
    gone = weakref.ref(frame)
    array = frame.array
    del frame
    assert gone() is None
    array[...] = 1


def test_a_frame_is_written_by_memoryview():
    frame = vs.Frame(8, 4, "GREY")
    with memoryview(frame.plane()) as view:
        view[2, 3] = 9
    assert frame.array[2, 3] == 9


def test_array_is_the_memory_each_time():
    frame = vs.Frame(8, 4, "GREY")
    assert frame.array.ctypes.data == frame.array.ctypes.data
    assert frame.array.base is not None


def test_attributes_are_read_only():
    frame = vs.Frame(8, 4, "GREY")
    with pytest.raises(AttributeError):
        frame.width = 5
    with pytest.raises(AttributeError):
        frame.withd = 5
