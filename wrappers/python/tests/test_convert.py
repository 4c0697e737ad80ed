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
def test_nv12_colours_are_right(rgb, yuv):
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
    with pytest.raises(ValueError, match=r"GBR.*expected"):
        frame.to_rgb(order="GBR")
    with pytest.raises(ValueError, match=r"nearest.*expected"):
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


def test_out_is_filled_and_returned():
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


def test_mismatched_arrays_are_refused():
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
    with pytest.raises(ValueError, match="read-only"):
        frame.to_rgb(out=read_only)
    rgb = vs.Frame(64, 48, "RGB3")
    with pytest.raises(ValueError, match="own memory"):
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


def test_conversion_leaks_nothing():
    frame = nv12(64, 48, (81, 90, 240))
    pixels = frame.to_rgb()
    frame.release()
    gc.collect()
    assert pixels[0, 0, 0] > 250


FORMATS = [
    *("NV12", "NV21", "NV16", "NV61", "NV24", "NV42", "YU12", "YV12", "422P"),
    *("YUYV", "YVYU", "UYVY", "VYUY", "RGB3", "BGR3", "XB24", "AB24", "XR24", "AR24"),
    *("BX24", "BA24", "RX24", "RA24", "RGB4", "BGR4", "NM12", "NM21", "NM16", "NM61"),
]


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_every_format_becomes_every_other(source, target):
    colour = (200, 60, 120)
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:] = colour
    there = vs.convert(vs.convert(pixels, source), target)
    assert (there.fourcc, there.width, there.height) == (target, 32, 16)
    assert np.abs(there.to_rgb().astype(int) - colour).max() <= 8


def test_grey_keeps_luma():
    pixels = np.full((16, 32), 77, np.uint8)
    grey = vs.convert(pixels, "GREY")
    assert (grey.array == 77).all()
    assert np.abs(grey.to_rgb().astype(int) - 77).max() <= 1


def test_planes_of_an_array_are_stacked():
    frame = nv12(64, 48, (81, 90, 240))
    for format in ("NV12", "YU12", "NV16", "NV24"):
        stacked = np.frombuffer(bytes(vs.convert(frame, format)), np.uint8).reshape(-1, 64)
        back = vs.convert(stacked, "RGB3", source_format=format)
        assert (back.width, back.height) == (64, 48)
        assert np.abs(back.array.astype(int) - (255, 0, 0)).max() <= 3, format
    with pytest.raises(ValueError, match="one plane below"):
        vs.convert(np.zeros((49, 64), np.uint8), "RGB3", source_format="NV12")


def test_padded_arrays_are_read_in_place():
    whole = np.zeros((16, 48, 3), np.uint8)
    whole[:, 8:40] = (1, 2, 3)
    frame = vs.convert(whole[:, 8:40], "BGR3")
    assert (frame.array == (3, 2, 1)).all()


def test_conversion_keeps_the_times(tmp_path):
    with vs.Host(tmp_path / "host") as host, vs.Client(tmp_path / "host") as client:
        host.process()
        drawn = nv12(64, 48, (81, 90, 240))
        host.post(drawn, pts=5, duration=7)
        frame = client.next(10)
        made = vs.convert(frame, "YUYV", (32, 24))
        assert (made.pts_ns, made.duration_ns) == (5, 7)
        assert made.timestamp_ns == frame.timestamp_ns
        assert made.is_writable
        host.post(made)
        del frame, made
        frame = client.next(10)
        assert (frame.fourcc, frame.width, frame.height) == ("YUYV", 32, 24)
        assert np.abs(frame.to_rgb().astype(int) - (255, 0, 0)).max() <= 3


def test_unknown_formats_list_the_known_ones():
    frame = nv12(64, 48, (81, 90, 240))
    with pytest.raises(vs.Error, match=r"H264, only to .*NV12"):
        vs.convert(frame, "H264")
    with pytest.raises(vs.Error, match=r"RGGB"):
        vs.convert(frame, "RGGB")
    with pytest.raises(ValueError, match="NV12, not YUYV"):
        vs.convert(frame, "RGB3", source_format="YUYV")
    with pytest.raises(ValueError, match="bytes a pixel"):
        vs.convert(np.zeros((16, 16, 2), np.uint8), "RGB3", source_format="RGB3")
    with pytest.raises(TypeError, match="str"):
        vs.convert("picture.png", "NV12")


def test_images_of_a_camera_are_decoded(tmp_path):
    path = tmp_path / "picture.jpg"
    vs.snapshot(np.full((48, 64, 3), (200, 60, 120), np.uint8), path)
    frame = vs.Frame.from_bytes(path.read_bytes(), 64, 48, "MJPG")
    for pixels in (frame.to_rgb(), frame.to_rgb((31, 20)), vs.convert(frame, "YUYV").to_rgb()):
        assert np.abs(pixels.astype(int) - (200, 60, 120)).max() <= 4
    cut = vs.Frame.from_bytes(path.read_bytes()[:300], 64, 48, "MJPG")
    with pytest.raises(vs.Error, match="JPEG"):
        cut.to_rgb()


def test_packets_are_no_pixels():
    frame = vs.Frame.from_bytes(b"\0\0\1\x65", 64, 48, "H264")
    with pytest.raises(vs.Error, match="Decoder"):
        frame.to_rgb()
