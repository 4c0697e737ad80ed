"""Snapshots."""

import zlib

import numpy as np
import pytest
import videostream as vs
from pictures import picture, probe, psnr


def read_png(path) -> np.ndarray:
    """Read a PNG of RGB whose rows have the filters 0 to 4, with zlib alone."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed, size = 8, b"", (0, 0)
    while at < len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        assert zlib.crc32(kind + body).to_bytes(4, "big") == data[at + 8 + length :][:4]
        if kind == b"IHDR":
            size = (int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big"))
            assert body[8:10] == b"\x08\x02"
        elif kind == b"IDAT":
            packed += body
        at += 12 + length
    width, height = size
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + width * 3)
    pixels = np.zeros((height + 1, width + 1, 3), int)
    for y, row in enumerate(rows, 1):
        values = row[1:].reshape(width, 3).astype(int)
        for x in range(1, width + 1):
            left, up, corner = pixels[y, x - 1], pixels[y - 1, x], pixels[y - 1, x - 1]
            guess = left + up - corner
            distances = [np.abs(guess - one) for one in (left, up, corner)]
            near_left = (distances[0] <= distances[1]) & (distances[0] <= distances[2])
            paeth = np.where(near_left, left, np.where(distances[1] <= distances[2], up, corner))
            added = [0, left, up, (left + up) // 2, paeth][row[0]]
            pixels[y, x] = (values[x - 1] + added) % 256
    return pixels[1:, 1:].astype(np.uint8)


def test_a_png_has_the_pixels_of_the_frame(tmp_path):
    path = tmp_path / "picture.png"
    frame = picture(5)
    vs.snapshot(frame, path)
    assert (read_png(path) == frame.to_rgb()).all()


def test_a_jpeg_looks_like_the_frame(tmp_path):
    path = tmp_path / "picture.jpg"
    frame = picture(5)
    vs.snapshot(frame, path)
    (back,) = vs.Decoder("mjpeg").decode(path.read_bytes())
    assert psnr(back, frame) > 28


def test_quality_makes_larger_files(tmp_path):
    path = tmp_path / "picture.jpg"
    sizes = []
    for quality in (10, 50, 100):
        vs.snapshot(picture(5), path, quality=quality)
        sizes.append(path.stat().st_size)
    assert sizes == sorted(sizes) and sizes[0] < sizes[2] / 2
    for quality in (0, 101):
        with pytest.raises(ValueError, match=str(quality)):
            vs.snapshot(picture(5), path, quality=quality)


def test_other_programs_read_the_files(tmp_path):
    for name, codec in (("a.png", "png"), ("a.jpg", "mjpeg")):
        vs.snapshot(picture(1), tmp_path / name)
        stream = probe(tmp_path / name)
        assert (stream["codec_name"], stream["width"], stream["height"]) == (codec, 192, 128)


def test_arrays_are_saved(tmp_path):
    path = tmp_path / "picture.png"
    pixels = picture(5).to_rgb()
    vs.snapshot(pixels, path)
    assert (read_png(path) == pixels).all()
    vs.snapshot(pixels[..., ::-1].copy(), path, source_format="BGR3")
    assert (read_png(path) == pixels).all()


def test_the_next_frame_of_a_client_is_saved(tmp_path):
    path = tmp_path / "picture.png"
    with vs.Host(tmp_path / "host") as host, vs.Client(tmp_path / "host") as client:
        host.process()
        host.post(picture(9))
        vs.snapshot(client, path, timeout=10)
        assert client.held == 0
        with pytest.raises(vs.TimedOut):
            vs.snapshot(client, path, timeout=0.01)
    assert (read_png(path) == picture(9).to_rgb()).all()


def test_a_damaged_frame_is_skipped(tmp_path):
    whole = tmp_path / "whole.jpg"
    vs.snapshot(picture(3), whole)
    image = whole.read_bytes()
    halves = (image[: len(image) // 2], image)
    frames = [vs.Frame.from_bytes(data, 192, 128, "MJPG") for data in halves]

    class Source:
        """Returns the frames one by one."""

        def next(self, timeout=None):
            return frames.pop(0)

    vs.snapshot(Source(), tmp_path / "kept.jpg")
    assert frames == []
    assert (tmp_path / "kept.jpg").read_bytes() == image


def test_unknown_file_extensions_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"\.png, \.jpg"):
        vs.snapshot(picture(1), tmp_path / "picture.gif")
    with pytest.raises(vs.Error) as error:
        vs.snapshot(picture(1), tmp_path / "no folder" / "picture.png")
    assert "no folder" in str(error.value.filename)
    assert list(tmp_path.iterdir()) == []
