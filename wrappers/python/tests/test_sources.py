"""Sources in this process: the test pattern, and listing devices."""

import asyncio
import gc
import os
import pickle
import select
import signal
import subprocess
import sys
import threading
from fractions import Fraction

import numpy as np
import pytest
import videostream as vs

#: Seconds that a frame may take on a slow machine.
TIMEOUT_S = 60


def pattern(format="NV12", *, fps=200, **more):
    return vs.TestPattern(format, (320, 240), fps, timeout=TIMEOUT_S, **more)


@pytest.mark.parametrize("format", ["NV12", "YU12", "YUYV", "RGB3"])
def test_pattern_frames_are_whole_and_in_order(format):
    with pattern(format) as source:
        numbers = []
        for frame in source:
            assert (frame.fourcc, frame.width, frame.height) == (format, 320, 240)
            number = vs.TestPattern.verify(frame)
            assert number == frame.sequence == vs.TestPattern.number(frame)
            numbers.append(number)
            if len(numbers) == 5:
                break
        assert numbers == sorted(set(numbers))
        assert source.stats()["delivered"] == 5
        assert source.dropped == numbers[-1] - 4


def test_a_changed_byte_is_noticed():
    with pattern("RGB3") as source:
        pixels = source.next().array.copy()
    frame = vs.Frame(320, 240, "RGB3")
    frame.array[:] = pixels
    vs.TestPattern.verify(frame)
    frame.array[200, 100, 1] ^= 1
    with pytest.raises(vs.Error, match="damaged"):
        vs.TestPattern.verify(frame)
    with pytest.raises(vs.Error, match="not a pattern frame"):
        vs.TestPattern.verify(vs.Frame(320, 240, "RGB3"))


def test_properties_describe_the_frames():
    with vs.TestPattern() as source:
        assert source.format == "NV12"
        assert source.size == (1280, 720)
        assert source.fps == 30
        assert isinstance(source.fps, Fraction)
        assert source.buffers == 4
        assert "NV12 1280x720 30 fps, 4 buffers, running" in repr(source)
    assert "closed" in repr(source)


@pytest.mark.parametrize(
    ("fps", "rate"),
    [
        (25, Fraction(25)),
        (29.97, Fraction(30000, 1001)),
        (30000 / 1001, Fraction(30000, 1001)),
        (Fraction(1, 10), Fraction(1, 10)),
        (12.5, Fraction(25, 2)),
    ],
)
def test_rates_are_ints_floats_and_fractions(fps, rate):
    assert vs.TestPattern(fps=fps).fps == rate


@pytest.mark.parametrize("fps", [0, -1, 0.0, float("nan"), float("inf"), "30x", None.__class__])
def test_invalid_rates_are_refused(fps):
    with pytest.raises(ValueError, match="above 0"):
        vs.TestPattern(fps=fps)


def test_wrong_arguments_explain_what_is_expected():
    with pytest.raises(vs.Error, match="no test pattern in MJPG: choose NV12"):
        vs.TestPattern("MJPG")
    with pytest.raises(vs.Error, match="both sides must be even"):
        vs.TestPattern(size=(321, 240))
    with pytest.raises(vs.Error, match="1 to 1024"):
        vs.TestPattern(buffers=0).start()
    with pytest.raises(TypeError):
        vs.Source()


def test_frames_are_read_only_views():
    with pattern() as source:
        frame = source.next()
        luma = np.asarray(frame.plane(0))
        assert luma.shape == (240, 320)
        assert not luma.flags.writeable
        assert frame.fileno() >= 0
        assert source.held == 1
        with pytest.raises(BufferError):
            frame.release()
        del luma
        frame.release()
        assert source.held == 0


def test_holding_all_buffers_is_an_error():
    source = pattern(buffers=3)
    frames = [source.next() for _ in range(3)]
    with pytest.raises(vs.HoldLimit, match=r"all 3 buffers .* buffers=5"):
        source.next()
    with pytest.raises(vs.HoldLimit):
        source.poll()
    frames.pop().release()
    assert source.next().sequence > frames[-1].sequence


def test_a_view_holds_its_buffer():
    source = pattern(buffers=1)
    luma = np.asarray(source.next().plane(0))
    gc.collect()
    assert source.held == 1
    with pytest.raises(vs.HoldLimit):
        source.next()
    del luma
    gc.collect()
    source.next()


def test_a_loop_works_with_one_buffer():
    with pattern(buffers=1) as source:
        for at, frame in enumerate(source):
            vs.TestPattern.verify(frame)
            if at == 3:
                break


def test_views_outlive_their_source():
    source = pattern()
    frame = source.next()
    luma = np.asarray(frame.plane(0))
    before = luma.copy()
    source.close()
    del source
    gc.collect()
    number = vs.TestPattern.verify(frame)
    assert number == frame.sequence
    del frame
    gc.collect()
    assert (luma == before).all()


def test_frames_may_be_released_after_the_end():
    source = pattern()
    frames = [source.next(), source.next()]
    source.close()
    for frame in frames:
        frame.release()
    with pytest.raises(vs.Released, match="closed"):
        source.next()
    with pytest.raises(vs.Released):
        source.fileno()
    source.close()


def test_a_timeout_is_reported():
    with vs.TestPattern(fps=Fraction(1, 1000)) as source:
        source.next(TIMEOUT_S).release()
        with pytest.raises(TimeoutError, match="no frame before the timeout"):
            source.next(0.01)
        assert source.poll() is None
        with pytest.raises(ValueError, match="timeout=-1"):
            source.next(-1)


def test_the_descriptor_is_readable_for_a_frame():
    with pattern(fps=20) as source:
        fd = source.fileno()
        for _ in range(3):
            while (frame := source.poll()) is None:
                ready, _, _ = select.select([fd], [], [], TIMEOUT_S)
                assert ready
            frame.release()
            assert source.fileno() == fd


def test_async_loops_get_frames():
    async def numbers():
        found = []
        with pattern() as source:
            async for frame in source:
                found.append(vs.TestPattern.verify(frame))
                if len(found) == 5:
                    return found

    found = asyncio.run(numbers())
    assert found == sorted(set(found))


def test_async_loops_end_when_it_is_closed():
    async def count():
        source = vs.TestPattern(size=(320, 240), fps=Fraction(1, 1000))
        asyncio.get_running_loop().call_later(0.05, source.close)
        return len([frame async for frame in source])

    assert asyncio.run(asyncio.wait_for(count(), TIMEOUT_S)) == 1


def test_close_ends_a_wait_in_another_thread():
    source = vs.TestPattern(size=(320, 240), fps=Fraction(1, 1000))
    source.next(TIMEOUT_S).release()
    ended = []
    thread = threading.Thread(target=lambda: ended.extend(source))
    thread.start()
    source.close()
    thread.join(TIMEOUT_S)
    assert not thread.is_alive()
    assert ended == []


def test_threads_get_frames_of_their_own():
    source = pattern(buffers=8)
    numbers = []

    def read():
        for _ in range(20):
            with source.next() as frame:
                numbers.append(vs.TestPattern.verify(frame))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    assert len(numbers) == len(set(numbers)) == 80


def test_ctrl_c_ends_a_wait():
    program = """
import fractions, videostream
source = videostream.TestPattern(size=(320, 240), fps=fractions.Fraction(1, 1000))
source.next().release()
try:
    print("waiting", flush=True)
    source.next()
except KeyboardInterrupt:
    print("interrupted")
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=TIMEOUT_S)
    assert output == "interrupted\n"


def test_a_forked_child_gets_an_error():
    source = pattern()
    frame = source.next()
    child = os.fork()
    if child == 0:
        try:
            source.next()
        except vs.Forked:
            source.close()
            del frame, source
            gc.collect()
            os._exit(0)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    frame.release()
    vs.TestPattern.verify(source.next())


def test_sources_are_not_pickled():
    with pytest.raises(TypeError, match="Stream"):
        pickle.dumps(pattern())


def test_devices_are_listed():
    for device in vs.devices():
        assert device.path.startswith("/dev/video")
        assert str(device)
        assert (device.error is None) == (device.kind is not None)


def test_missing_cameras_are_named():
    with pytest.raises(vs.Error, match="/dev/video-none: no such device") as caught:
        vs.Camera("/dev/video-none")
    assert caught.value.filename == "/dev/video-none"
    assert isinstance(caught.value, OSError)
    with pytest.raises(vs.Error, match="not a video device"):
        vs.Camera("/dev/null")


def test_options_are_checked_before_opening():
    with pytest.raises(ValueError, match=r'memory="ram".*"mmap"'):
        vs.Camera("/dev/null", memory="ram")
    with pytest.raises(TypeError, match="an int, a bool, a str"):
        vs.Camera("/dev/null", controls={"brightness": 1.5})
    with pytest.raises(TypeError, match="path, the name or the number"):
        vs.Camera(1.5)
