"""Pixels in other formats and sizes."""

import gc
import threading

import numpy as np
import pytest
import videostream as vs

#: Colours in RGB, and what they are in Y'CbCr of BT.601 in limited range.
COLOURS = {
    (255, 0, 0): (81, 90, 240),
    (0, 255, 0): (145, 54, 34),
    (0, 0, 255): (41, 240, 110),
    (255, 255, 255): (235, 128, 128),
    (0, 0, 0): (16, 128, 128),
}


def nv12(width: int, height: int, colour: tuple[int, int, int]) -> vs.Frame:
    frame = vs.Frame(width, height, "NV12")
    luma, chroma = (np.asarray(plane) for plane in frame.planes)
    luma[:] = colour[0]
    chroma[:] = colour[1:]
    return frame


@pytest.mark.parametrize(("rgb", "yuv"), COLOURS.items())
def test_colours_of_nv12_are_known(rgb, yuv):
    pixels = nv12(64, 48, yuv).to_rgb()
    assert pixels.shape == (48, 64, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - rgb).max() <= 3


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("RGB", [10, 20, 30]),
        ("BGR", [30, 20, 10]),
        ("RGBA", [10, 20, 30, 255]),
        ("BGRA", [30, 20, 10, 255]),
        ("ARGB", [255, 10, 20, 30]),
        ("ABGR", [255, 30, 20, 10]),
    ],
)
def test_bytes_are_in_the_order_asked_for(order, expected):
    frame = vs.Frame(16, 8, "RGB3")
    frame.array[:] = [10, 20, 30]
    pixels = frame.to_rgb(order=order)
    assert pixels.shape == (8, 16, len(expected))
    assert (pixels == expected).all()


def test_other_orders_and_filters_are_refused():
    frame = nv12(16, 16, (1, 2, 3))
    with pytest.raises(ValueError, match="GBR.*expected"):
        frame.to_rgb(order="GBR")
    with pytest.raises(ValueError, match="nearest.*expected"):
        frame.to_rgb(filter="nearest")


@pytest.mark.parametrize("filter", ["bilinear", "cubic", "lanczos"])
def test_a_size_is_width_and_height(filter):
    frame = nv12(64, 48, (145, 54, 34))
    pixels = frame.to_rgb((31, 17), filter=filter)
    assert pixels.shape == (17, 31, 3)
    assert np.abs(pixels.astype(int) - (0, 255, 0)).max() <= 3


def test_a_crop_takes_its_part():
    frame = vs.Frame(8, 6, "RGB3")
    frame.array[:] = np.arange(8 * 6 * 3).reshape(6, 8, 3)
    pixels = frame.to_rgb(crop=(3, 1, 4, 2))
    assert (pixels == frame.array[1:3, 3:7]).all()
    with pytest.raises(vs.Error, match="must lie inside"):
        frame.to_rgb(crop=(3, 1, 6, 2))
    with pytest.raises(vs.Error, match="multiple"):
        nv12(16, 16, (1, 2, 3)).to_rgb(crop=(1, 0, 4, 4))


def test_an_array_given_is_written_and_given_back():
    frame = nv12(64, 48, (81, 90, 240))
    out = np.zeros((48, 64, 3), np.uint8)
    assert frame.to_rgb(out=out) is out
    assert (out == frame.to_rgb()).all()
    small = np.zeros((10, 20, 3), np.uint8)
    assert frame.to_rgb(out=small) is small
    assert small[..., 0].min() > 250


def test_padding_between_rows_is_left_alone():
    whole = np.full((48, 80, 3), 7, np.uint8)
    part = whole[:, 8:72]
    frame = nv12(64, 48, (81, 90, 240))
    frame.to_rgb(out=part)
    assert (part == frame.to_rgb()).all()
    assert (whole[:, :8] == 7).all()
    assert (whole[:, 72:] == 7).all()


def test_arrays_that_do_not_fit_are_refused():
    frame = nv12(64, 48, (81, 90, 240))
    with pytest.raises(ValueError, match=r"\(48, 64, 4\)"):
        frame.to_rgb(out=np.zeros((48, 64, 4), np.uint8))
    with pytest.raises(ValueError, match="uint8"):
        frame.to_rgb(out=np.zeros((48, 64, 3), np.float32))
    with pytest.raises(ValueError, match="ascontiguousarray"):
        frame.to_rgb(out=np.zeros((48, 128, 3), np.uint8)[:, ::2])
    with pytest.raises(ValueError, match="ascontiguousarray"):
        frame.to_rgb(out=np.zeros((48, 64, 3), np.uint8)[::-1])
    with pytest.raises(ValueError, match="ascontiguousarray"):
        frame.to_rgb(out=np.zeros((48, 64, 3), np.uint8)[..., ::-1])
    with pytest.raises(ValueError, match=r"\(10, 20, 3\)"):
        frame.to_rgb((20, 10), out=np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(TypeError, match="list"):
        frame.to_rgb(out=[])
    read_only = np.zeros((48, 64, 3), np.uint8)
    read_only.flags.writeable = False
    with pytest.raises(ValueError, match="only be read"):
        frame.to_rgb(out=read_only)
    rgb = vs.Frame(64, 48, "RGB3")
    with pytest.raises(ValueError, match="frame itself"):
        rgb.to_rgb(out=rgb.array)


def test_an_array_being_written_stays_in_place():
    frame = nv12(64, 48, (81, 90, 240))
    out = bytearray(48 * 64 * 3)
    view = memoryview(out).cast("B", (48, 64, 3))
    frame.to_rgb(out=view)
    view.release()
    out.append(1)
    assert out[:3] == bytes(frame.to_rgb()[0, 0])


def test_a_released_frame_has_no_pixels():
    frame = nv12(64, 48, (81, 90, 240))
    frame.to_rgb()
    frame.release()
    with pytest.raises(vs.Released):
        frame.to_rgb()


def test_many_threads_convert_at_once():
    frames = {rgb: nv12(640, 480, yuv) for rgb, yuv in COLOURS.items()}
    wrong = []

    def convert(rgb):
        for size in [(64, 48), None, (320, 240)] * 5:
            pixels = frames[rgb].to_rgb(size)
            if np.abs(pixels.astype(int) - rgb).max() > 3:
                wrong.append((rgb, size))

    threads = [threading.Thread(target=convert, args=(rgb,)) for rgb in COLOURS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_nothing_is_kept_of_a_conversion():
    frame = nv12(64, 48, (81, 90, 240))
    pixels = frame.to_rgb()
    frame.release()
    gc.collect()
    assert pixels[0, 0, 0] > 250
