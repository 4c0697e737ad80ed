"""Encoders, packets and decoders."""

import errno
import os
import pickle
import shutil
import subprocess
import threading

import numpy as np
import pytest
import videostream as vs
from pictures import SIZE, needs, number_of, picture, psnr

PICTURES = 12


def encoded(count: int = PICTURES, **options: object) -> list[vs.Packet]:
    encoder = vs.Encoder(**{"bitrate": 2_000_000, "backend": "software", **options})
    packets = [packet for n in range(count) for packet in encoder.encode(picture(n))]
    return packets + encoder.flush()


def decoded(packets, **options: object) -> list[vs.Frame]:
    decoder = vs.Decoder(**{"codec": "h264", "backend": "software", **options})
    frames = [frame for packet in packets for frame in decoder.decode(packet)]
    return frames + decoder.flush()


def has_h265() -> bool:
    try:
        vs.Encoder("h265", SIZE, format="NV12", backend="software")
        vs.Decoder("h265", backend="software")
    except vs.Error as error:
        assert error.errno == errno.ENODEV
        return False
    return True


def test_packets_are_bytes_with_times():
    packets = encoded()
    assert len(packets) == PICTURES
    first = packets[0]
    assert first.is_key and first.codec == "h264"
    assert bytes(first) == bytes(memoryview(first))
    assert len(first) == len(bytes(first))
    assert bytes(first).startswith(first.parameter_sets)
    assert bytes(first).startswith(b"\0\0\0\1\x67")
    assert [packet.pts_ns for packet in packets[:3]] == [0, 33_333_333, 66_666_667]
    assert packets[1].pts == pytest.approx(1 / 30)
    assert "key frame" in repr(first) and "h264" in repr(first)
    assert memoryview(first).readonly
    assert not np.frombuffer(first, np.uint8).flags.writeable


def test_a_packet_is_made_of_bytes_and_pickled():
    first = encoded(1)[0]
    again = vs.Packet(bytes(first), "h264", pts_ns=7)
    assert again.is_key and (again.pts_ns, again.dts_ns) == (7, 7)
    assert again.parameter_sets == first.parameter_sets
    copy = pickle.loads(pickle.dumps(again))
    assert bytes(copy) == bytes(first) and copy.pts_ns == 7
    with pytest.raises(ValueError, match="vp9"):
        vs.Packet(b"", "vp9")
    with pytest.raises(TypeError, match="int"):
        vs.Packet(5)


def test_pictures_come_back():
    frames = decoded(encoded())
    assert [number_of(frame) for frame in frames] == list(range(PICTURES))
    assert frames[0].fourcc == "NV12"
    assert (frames[0].width, frames[0].height) == SIZE
    assert frames[1].pts_ns == 33_333_333
    assert min(psnr(frame, picture(n)) for n, frame in enumerate(frames)) > 30


def test_h265_pictures_come_back():
    if not has_h265():
        pytest.skip("libx265 or libde265 is not installed")
    frames = decoded(encoded(codec="h265"), codec="h265")
    assert [number_of(frame) for frame in frames] == list(range(PICTURES))
    assert min(psnr(frame, picture(n)) for n, frame in enumerate(frames)) > 30


@pytest.mark.parametrize("format", ["YU12", "RGB3", "YUYV"])
def test_frames_come_in_the_format_asked_for(format):
    frames = decoded(encoded(2), format=format)
    assert {frame.fourcc for frame in frames} == {format}
    assert psnr(frames[1], picture(1)) > 28


def test_arrays_are_encoded():
    encoder = vs.Encoder(fps=25, backend="software")
    packets = [p for n in range(3) for p in encoder.encode(picture(n).to_rgb())]
    assert [packet.pts_ns for packet in packets] == [0, 40_000_000, 80_000_000]
    frames = decoded(packets)
    assert [number_of(frame) for frame in frames] == [0, 1, 2]


def test_arrays_of_other_formats_are_encoded():
    encoder = vs.Encoder(format="BGR3", backend="software")
    frames = decoded(encoder.encode(picture(5).to_rgb(order="BGR")))
    assert number_of(frames[0]) == 5
    assert psnr(frames[0], picture(5)) > 28


def test_a_key_frame_comes_when_asked_for():
    encoder = vs.Encoder(gop=0, backend="software")
    keys = []
    for n in range(6):
        if n == 4:
            encoder.force_key_frame()
        keys += [packet.is_key for packet in encoder.encode(picture(n))]
    assert keys == [True, False, False, False, True, False]


def test_the_bitrate_can_be_changed():
    encoder = vs.Encoder(size=(640, 480), format="GREY", backend="software", bitrate=4_000_000)
    noise = np.random.default_rng(1).normal(128, 12, (40, 480, 640)).astype(np.uint8)

    def size(pictures):
        return sum(len(packet) for one in pictures for packet in encoder.encode(one))

    before = size(noise[:20])
    encoder.set_bitrate(300_000)
    assert size(noise[20:]) < before / 2


def test_an_encoder_describes_itself():
    encoder = vs.Encoder(size=SIZE, format="NV12", backend="software")
    assert (encoder.codec, encoder.backend, encoder.device) == ("h264", "software", None)
    assert encoder.parameter_sets.startswith(b"\0\0\0\1\x67")
    assert "192x128" in repr(encoder)
    waiting = vs.Encoder()
    assert waiting.backend is None and waiting.parameter_sets is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"codec": "vp9"}, "vp9"),
        ({"codec": "mjpeg"}, "mjpeg"),
        ({"fps": 0}, "fps=0"),
        ({"fps": "fast"}, "fps=fast"),
        ({"backend": "gpu"}, "gpu"),
        ({"profile": "best"}, "best"),
        ({"level": "low"}, "low"),
        ({"rate_control": "none"}, "none"),
        ({"peak": 5}, "variable"),
        ({"device": "/dev/" + "x" * 200}, "127"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        vs.Encoder(**options)


def test_unsupported_encoder_options_are_refused():
    with pytest.raises(vs.Error, match="bitrate"):
        vs.Encoder(size=SIZE, format="NV12", bitrate=1, backend="software")
    with pytest.raises(vs.Error, match=r"no hardware encoder|no-such-device"):
        vs.Encoder(size=SIZE, format="NV12", device="/dev/no-such-device")


def test_an_unknown_backend_is_not_supported(monkeypatch):
    monkeypatch.setenv("VSL_CODEC_BACKEND", "magic")
    with pytest.raises(vs.Error, match="VSL_CODEC_BACKEND=magic") as caught:
        vs.Encoder(size=SIZE, format="NV12")
    assert caught.value.errno == errno.ENOTSUP


def test_a_wrong_size_names_both_sizes():
    encoder = vs.Encoder(backend="software")
    encoder.encode(picture(0))
    with pytest.raises(vs.Error, match=r"NV12 64x48.*NV12 192x128") as caught:
        encoder.encode(vs.Frame(64, 48, "NV12"))
    assert caught.value.errno == errno.EINVAL
    assert len(encoder.encode(picture(1))) == 1


def test_after_a_flush_another_stream_begins():
    encoder = vs.Encoder(backend="software")
    encoder.encode(picture(0))
    encoder.flush()
    other = encoder.encode(vs.Frame(64, 48, "NV12"))
    assert other[0].is_key and other[0].pts_ns == 0


@pytest.mark.parametrize("fps", [30, 29.97, "30000/1001", (25, 1)])
def test_rates_are_numbers_fractions_and_pairs(fps):
    encoder = vs.Encoder(fps=fps, backend="software")
    packets = encoder.encode(picture(0)) + encoder.encode(picture(1))
    expected = {30: 33_333_333, (25, 1): 40_000_000}.get(fps, 33_366_667)
    assert packets[1].pts_ns == expected


def test_decoding_begins_at_a_key_frame():
    packets = encoded(gop=4)
    decoder = vs.Decoder("h264", backend="software")
    frames = [frame for packet in packets[1:] for frame in decoder.decode(packet)]
    frames += decoder.flush()
    assert [number_of(frame) for frame in frames] == list(range(4, PICTURES))
    assert decoder.skipped == 3


def test_decoding_goes_on_after_damaged_data():
    packets = encoded(gop=4)
    decoder = vs.Decoder("h264", backend="software")
    errors, frames = 0, []
    for n, packet in enumerate(packets):
        data = bytearray(bytes(packet))
        if n == 0:
            # The slice of the key frame, without its parameter sets.
            start = len(packet.parameter_sets) + 8
            data[start:] = bytes(len(data) - start)
        try:
            frames += decoder.decode(data)
        except vs.Error as error:
            assert error.errno == errno.EBADMSG
            errors += 1
    frames += decoder.flush()
    assert errors >= 1
    assert [number_of(frame) for frame in frames][-8:] == list(range(4, PICTURES))


def test_a_byte_stream_is_decoded_at_once():
    stream = b"".join(map(bytes, encoded()))
    decoder = vs.Decoder("h264", 30, backend="software")
    frames = decoder.decode(stream) + decoder.flush()
    assert [number_of(frame) for frame in frames] == list(range(PICTURES))
    assert [frame.pts_ns for frame in frames[:3]] == [0, 33_333_333, 66_666_667]
    assert (decoder.width, decoder.height) == SIZE


def test_parameter_sets_may_come_separately():
    first, second = encoded(2)
    sets = first.parameter_sets
    decoder = vs.Decoder("h264", backend="software")
    frames = decoder.decode(sets)
    assert frames == []
    frames += decoder.decode(bytes(first)[len(sets) :]) + decoder.decode(second) + decoder.flush()
    assert [number_of(frame) for frame in frames] == [0, 1]


def test_another_codec_is_refused():
    decoder = vs.Decoder("h264", backend="software")
    with pytest.raises(vs.Error, match=r"H\.265"):
        decoder.decode(vs.Packet(b"\0\0\1\x40", "h265"))
    with pytest.raises(ValueError, match="NV12"):
        decoder.decode(picture(0))
    with pytest.raises(TypeError, match="list"):
        decoder.decode([1, 2])


def test_frames_outlive_their_decoder(tmp_path):
    frames = decoded(encoded(3))
    with vs.Host(tmp_path / "host") as host:
        client = vs.Client(tmp_path / "host", mode="every", hold=3)
        host.process()
        client.poll()
        host.process()
        for frame in frames:
            host.post(frame)
        got = [client.next(10) for _ in range(3)]
        assert [number_of(frame) for frame in got] == [0, 1, 2]


def test_frame_memory_is_reused():
    packets = encoded()
    decoder = vs.Decoder("h264", backend="software")
    inodes = set()
    for packet in packets:
        for frame in decoder.decode(packet):
            inodes.add(os.fstat(frame.fileno()).st_ino)
            del frame
    assert len(inodes) <= 2


def test_packets_of_a_host_are_decoded(tmp_path):
    decoder = vs.Decoder("h264", backend="software")
    with vs.Host(tmp_path / "host") as host:
        client = vs.Client(tmp_path / "host", mode="every", hold=2)
        client.poll()
        host.process()
        frames = []
        for packet in encoded(4):
            posted = vs.Frame.from_bytes(packet, *SIZE, "H264")
            assert posted.is_key == packet.is_key
            host.post(posted, pts=packet.pts_ns + 1)
            with client.next(10) as frame:
                assert bytes(frame) == bytes(packet)
                frames += decoder.decode(frame)
        frames += decoder.flush()
    assert [number_of(frame) for frame in frames] == [0, 1, 2, 3]
    assert frames[1].pts_ns == 33_333_334
    assert frames[0].timestamp_ns > 0


def test_from_bytes_needs_a_compressed_format():
    with pytest.raises(ValueError, match="NV12"):
        vs.Frame.from_bytes(b"123", 2, 2, "NV12")
    with pytest.raises(ValueError, match="0 bytes"):
        vs.Frame.from_bytes(b"", 2, 2, "MJPG")


def test_motion_jpeg_is_decoded(tmp_path):
    path = tmp_path / "picture.jpg"
    decoder = vs.Decoder("mjpeg", 10)
    for n in (3, 9):
        vs.snapshot(picture(n), path)
        (frame,) = decoder.decode(path.read_bytes())
        assert number_of(frame) == n and frame.fourcc == "NV12"
        assert (frame.width, frame.height) == SIZE
        assert psnr(frame, picture(n)) > 28
    assert frame.pts_ns == 100_000_000
    with pytest.raises(vs.Error, match="JPEG") as error:
        decoder.decode(path.read_bytes()[:-100])
    assert error.value.errno == errno.EBADMSG
    vs.snapshot(vs.Frame(64, 48, "NV12"), path)
    (frame,) = decoder.decode(path.read_bytes())
    assert (frame.width, frame.height) == (64, 48)


def test_codecs_run_while_other_threads_do():
    wrong = []

    def run(size):
        encoder, decoder = vs.Encoder(backend="software"), vs.Decoder("h264", backend="software")
        frames = []
        for n in range(10):
            for packet in encoder.encode(picture(n, size)):
                frames += decoder.decode(packet)
        frames += decoder.flush()
        if [number_of(frame) for frame in frames] != list(range(10)):
            wrong.append(size)

    sizes = [(192, 128), (256, 144), (320, 240)]
    threads = [threading.Thread(target=run, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_2_x_names_decode():
    from videostream.decoder import (
        CodecBackend,
        Decoder,
        DecoderCodec,
        DecodeReturnCode,
        DecoderInputCodec,
    )

    assert Decoder is vs.Decoder and DecoderInputCodec is DecoderCodec
    stream = b"".join(map(bytes, encoded()))
    decoder = Decoder(DecoderCodec.H264, 30, CodecBackend.AUTO)
    assert (decoder.width, decoder.height) == (0, 0)
    numbers, rest, codes = [], stream, []
    while True:
        code, used, frame = decoder.decode_frame(rest)
        codes.append(code)
        assert isinstance(code, DecodeReturnCode)
        assert bool(code & DecodeReturnCode.FRAME_DECODED) == (frame is not None)
        if frame is not None:
            numbers.append(number_of(frame))
            assert frame.fourcc == "NV12"
        if not rest and frame is None:
            break
        rest = rest[used:]
    assert numbers == list(range(PICTURES))
    assert [bool(code & DecodeReturnCode.INIT_INFO) for code in codes].count(True) == 1
    assert (decoder.width, decoder.height) == SIZE


def test_the_requested_backend_is_used():
    for backend in (vs.CodecBackend.HANTRO, vs.CodecBackend.V4L2, "v4l2"):
        try:
            decoder = vs.Decoder(vs.DecoderCodec.HEVC, 30, backend)
        except vs.Error as error:
            assert isinstance(error, RuntimeError) and error.errno == errno.ENODEV
        else:
            assert decoder.backend == "v4l2"
    with pytest.raises(ValueError, match="7"):
        vs.Decoder(7, 30)


def test_streams_of_another_encoder_are_decoded(tmp_path):
    needs("ffmpeg")
    path = tmp_path / "movie.h264"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=10"]
    made = subprocess.run(
        [*command, "-frames:v", "20", "-pix_fmt", "yuv420p", "-bf", "0", str(path)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"{shutil.which('ffmpeg')} has no H.264 encoder")
    decoder = vs.Decoder("h264", 10)
    frames = decoder.decode(path.read_bytes()) + decoder.flush()
    assert len(frames) == 20
    assert (decoder.width, decoder.height) == (320, 240)
