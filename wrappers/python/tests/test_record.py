"""Recordings, read back by this library and by other programs."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import videostream as vs
from pictures import SIZE, number_of, picture, probe

PICTURES = 30


def numbers(path) -> list[int]:
    """Decode an H.264 byte stream and read the numbers of its pictures."""
    decoder = vs.Decoder("h264", backend="software")
    return [number_of(f) for f in decoder.decode(path.read_bytes()) + decoder.flush()]


def test_frames_are_recorded_to_an_mp4(tmp_path):
    path = tmp_path / "movie.mp4"
    with vs.Recorder(path, fps=25) as recorder:
        for n in range(PICTURES):
            recorder.write(picture(n))
        assert ", open" in repr(recorder)
    recorded = recorder.close()
    assert (recorded.frames, recorded.duration) == (PICTURES, PICTURES / 25)
    assert recorded.bytes == path.stat().st_size
    assert recorder.is_closed and f"{PICTURES} frames" in repr(recorder)
    stream = probe(path)
    assert (stream["codec_name"], stream["width"], stream["height"]) == ("h264", *SIZE)
    assert int(stream["nb_read_frames"]) == PICTURES
    assert stream["r_frame_rate"] == "25/1"


def test_frames_are_recorded_to_a_byte_stream(tmp_path):
    path = tmp_path / "movie.h264"
    with vs.Recorder(path) as recorder:
        for n in range(PICTURES):
            recorder.write(picture(n))
    assert numbers(path) == list(range(PICTURES))


def test_raw_pictures_are_recorded_unchanged(tmp_path):
    path = tmp_path / "movie.y4m"
    with vs.Recorder(path, fps=10) as recorder:
        for n in range(3):
            recorder.write(picture(n))
    header, *frames = path.read_bytes().split(b"FRAME\n")
    assert header.startswith(b"YUV4MPEG2 W192 H128 F10:1")
    assert len(frames) == 3
    luma = np.frombuffer(frames[2][: 192 * 128], np.uint8).reshape(128, 192)
    assert (luma == np.asarray(picture(2).plane(0))).all()


def test_arrays_are_recorded(tmp_path):
    path = tmp_path / "movie.h264"
    with vs.Recorder(path) as recorder:
        for n in range(4):
            recorder.write(picture(n).to_rgb())
    assert numbers(path) == [0, 1, 2, 3]
    with vs.Recorder(path, format="BGR3") as recorder:
        for n in range(4):
            recorder.write(picture(n).to_rgb(order="BGR"))
    assert numbers(path) == [0, 1, 2, 3]


def test_given_times_are_recorded(tmp_path):
    path = tmp_path / "movie.mp4"
    with vs.Recorder(path, fps=10) as recorder:
        for n, pts_ns in enumerate([0, 100_000_000, 900_000_000]):
            recorder.write(picture(n), pts_ns)
    assert recorder.close().duration == pytest.approx(1.0, abs=0.11)


def test_packets_of_an_encoder_are_recorded(tmp_path):
    encoder = vs.Encoder(backend="software", fps=20, gop=10)
    packets = [packet for n in range(PICTURES) for packet in encoder.encode(picture(n))]
    path = tmp_path / "movie.h264"
    with vs.Recorder(path) as recorder:
        for packet in packets[1:]:
            recorder.write(packet)
    # Packets before the first key frame can't be decoded.
    assert numbers(path) == list(range(10, PICTURES))
    assert recorder.close().left_out == 9
    path = tmp_path / "movie.mp4"
    with vs.Recorder(path) as recorder:
        for packet in packets:
            recorder.write(packet)
    assert recorder.close().duration == pytest.approx(PICTURES / 20)
    assert int(probe(path)["nb_read_frames"]) == PICTURES


def test_frames_of_a_client_are_recorded(tmp_path):
    path = tmp_path / "movie.h264"
    with (
        vs.Host(tmp_path / "host") as host,
        vs.Client(tmp_path / "host", mode="every") as client,
        vs.Recorder(path) as recorder,
    ):
        client.poll()
        host.process()
        for n in range(PICTURES):
            host.post(picture(n))
            with client.next(10) as frame:
                recorder.write(frame)
    assert numbers(path) == list(range(PICTURES))
    assert recorder.close().estimated == 0


def test_packets_of_a_host_are_recorded_unchanged(tmp_path):
    encoder = vs.Encoder(backend="software", gop=10)
    packets = [packet for n in range(PICTURES) for packet in encoder.encode(picture(n))]
    path = tmp_path / "movie.h264"
    with (
        vs.Host(tmp_path / "host") as host,
        vs.Client(tmp_path / "host", mode="every") as client,
        vs.Recorder(path) as recorder,
    ):
        client.poll()
        host.process()
        for packet in packets[5:]:
            host.post(vs.Frame.from_bytes(packet, *SIZE, "H264"), pts=packet.pts_ns + 1)
            with client.next(10) as frame:
                recorder.write(frame)
    assert path.read_bytes() == b"".join(map(bytes, packets[10:]))
    assert recorder.close().skipped == 5


def test_images_of_a_camera_are_kept_or_encoded(tmp_path):
    image = tmp_path / "picture.jpg"
    for name, codec in (("movie.mjpeg", None), ("movie.h264", None), ("movie.mp4", "mjpeg")):
        path = tmp_path / name
        images = []
        with vs.Recorder(path, codec=codec) as recorder:
            for n in range(4):
                vs.snapshot(picture(n), image)
                data = image.read_bytes()
                images.append(data)
                if n == 2:
                    data = data[:200]
                recorder.write(vs.Frame.from_bytes(data, *SIZE, "MJPG"))
        recorded = recorder.close()
        assert (recorded.frames, recorded.left_out) == (3, 1), name
        if name == "movie.mjpeg":
            assert path.read_bytes() == images[0] + images[1] + images[3]
        elif name == "movie.h264":
            assert numbers(path) == [0, 1, 3]


def test_recording_goes_on_after_a_wrong_size(tmp_path):
    path = tmp_path / "movie.h264"
    with vs.Recorder(path) as recorder:
        recorder.write(picture(0))
        with pytest.raises(vs.Error, match=r"192x128.*64x48"):
            recorder.write(vs.Frame(64, 48, "NV12"))
        recorder.write(picture(1))
    assert numbers(path) == [0, 1]


def test_extensions_choose_the_file_format(tmp_path):
    for name, words in (("movie.avi", r"\.mp4"), ("movie.h265", r"H\.265|another codec")):
        with pytest.raises(ValueError, match=words):
            vs.Recorder(tmp_path / name, codec="h264")
    with pytest.raises(vs.Error) as error, vs.Recorder(tmp_path / "none" / "a.mp4") as recorder:
        recorder.write(picture(0))
    assert "none" in str(error.value.filename)
    encoder = vs.Encoder(backend="software")
    with pytest.raises(vs.Error, match="raw"), vs.Recorder(tmp_path / "a.y4m") as recorder:
        for packet in encoder.encode(picture(0)):
            recorder.write(packet)


def test_without_a_picture_there_is_no_file(tmp_path):
    path = tmp_path / "movie.mp4"
    path.write_bytes(b"before")
    with vs.Recorder(path) as recorder:
        pass
    assert recorder.close().frames == 0
    assert path.read_bytes() == b"before"


def test_a_closed_recorder_takes_nothing(tmp_path):
    recorder = vs.Recorder(tmp_path / "movie.mp4")
    recorder.write(picture(0))
    assert recorder.close().frames == 1
    with pytest.raises(vs.Released):
        recorder.write(picture(1))


def test_the_blocks_exception_comes_first(tmp_path):
    path = tmp_path / "movie.h264"
    with pytest.raises(KeyError), vs.Recorder(path) as recorder:
        recorder.write(picture(7))
        raise KeyError
    assert numbers(path) == [7]


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[2])
import videostream as vs
from pictures import picture
recorder = vs.Recorder(sys.argv[1], gop=5, fps=30)
for n in range(40):
    recorder.write(picture(n))
print(recorder.recorded.frames, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("name", ["movie.mp4", "movie.h264"])
def test_a_killed_program_loses_no_fragment(tmp_path, name):
    path = tmp_path / name
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path), str(Path(__file__).parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    written = int(program.stdout.readline())
    program.send_signal(signal.SIGKILL)
    program.communicate()
    assert written >= 10
    if name.endswith(".h264"):
        assert numbers(path) == list(range(40))
    else:
        assert path.read_bytes()[4:8] == b"ftyp"
        assert int(probe(path)["nb_read_frames"]) == written
