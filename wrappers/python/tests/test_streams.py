"""Streams: a source shared by a host, read by clients here and in other processes."""

import asyncio
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import videostream as vs

TIMEOUT_S = 60


def pattern(**more):
    more = {"size": (320, 240), "fps": 100, **more}
    return vs.TestPattern(**more)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "stream")


def test_a_block_serves_clients(path):
    with vs.Stream(path, pattern()) as stream, vs.Client(path, timeout=TIMEOUT_S) as client:
        assert stream.is_running
        for _ in range(5):
            with client.next() as frame:
                assert vs.TestPattern.verify(frame) == frame.sequence
        assert stream.clients_count == 1
        stats = stream.stats()
        assert stats["published"] >= 5
        assert stats["clients"][0]["pid"] == os.getpid()
        assert "running" in repr(stream)
    assert stream.is_closed
    assert "closed" in repr(stream)
    assert not Path(path).exists()
    with pytest.raises(vs.HostGone):
        vs.Client(path)


def test_another_process_maps_the_same_memory(path):
    program = f"""
import os, videostream as vs
with vs.Client({path!r}, timeout={TIMEOUT_S}) as client:
    for frame in client:
        assert vs.TestPattern.verify(frame) == frame.sequence
        print(os.fstat(frame.fileno()).st_ino, flush=True)
        if frame.sequence > 20:
            break
"""
    with pattern(buffers=4) as source:
        ours = set()
        frames = [source.next(TIMEOUT_S) for _ in range(4)]
        ours = {os.fstat(frame.fileno()).st_ino for frame in frames}
        assert len(ours) == 4
        for frame in frames:
            frame.release()
        with vs.Stream(path, source):
            run = [sys.executable, "-c", program]
            output = subprocess.run(
                run, capture_output=True, text=True, timeout=TIMEOUT_S, check=True
            )
    theirs = {int(line) for line in output.stdout.split()}
    assert theirs and theirs <= ours


def test_steps_publish_one_frame_each(path):
    with pattern() as source:
        stream = vs.Stream(path, source)
        serials = [stream.step(TIMEOUT_S) for _ in range(3)]
        assert serials == [1, 2, 3]
        stream.close()
        with pytest.raises(vs.Released):
            stream.step(0)


def test_a_step_may_time_out(path):
    stream = vs.Stream(path, pattern(fps=0.1))
    assert stream.step(TIMEOUT_S) == 1
    assert stream.step(0.01) is None
    assert stream.step(0) is None


def test_run_ends_at_its_timeout(path):
    stream = vs.Stream(path, pattern(fps=200))
    start = time.monotonic()
    frames = stream.run(timeout=0.2)
    assert time.monotonic() - start >= 0.2
    assert frames >= 1
    assert stream.stats()["published"] == frames


def test_run_ends_when_another_thread_closes(path):
    stream = vs.Stream(path, pattern())
    counts = []
    thread = threading.Thread(target=lambda: counts.append(stream.run()))
    thread.start()
    with vs.Client(path, timeout=TIMEOUT_S) as client:
        client.next()
    stream.close()
    thread.join(TIMEOUT_S)
    assert counts and counts[0] >= 1


def test_ctrl_c_ends_run(path):
    program = f"""
import videostream as vs
try:
    vs.Stream({path!r}, vs.TestPattern(size=(320, 240))).run()
except KeyboardInterrupt:
    print("interrupted")
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with vs.Client(path, reconnect=True, timeout=TIMEOUT_S) as client:
        client.next()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=TIMEOUT_S)
    assert output == "interrupted\n"
    assert not Path(path).exists()


def test_an_event_loop_serves(path):
    async def main():
        stream = vs.Stream(path, pattern())
        serving = asyncio.create_task(stream.serve())
        numbers = []
        with vs.Client(path) as client:
            async for frame in client:
                numbers.append(vs.TestPattern.verify(frame))
                if len(numbers) == 5:
                    break
        stream.close()
        await serving
        return numbers

    numbers = asyncio.run(asyncio.wait_for(main(), TIMEOUT_S))
    assert numbers == sorted(set(numbers))


def test_the_descriptor_is_readable_for_a_step(path):
    stream = vs.Stream(path, pattern(fps=20))
    for _ in range(3):
        while stream.step(0) is None:
            ready, _, _ = select.select([stream.fileno()], [], [], TIMEOUT_S)
            assert ready


def test_the_stream_owns_the_source(path):
    source = pattern()
    frame = source.next(TIMEOUT_S)
    with pytest.raises(vs.HoldLimit, match=r"1 frames .* are held"):
        vs.Stream(path, source)
    frame.release()
    stream = vs.Stream(path, source)
    with pytest.raises(vs.Released, match="belongs to a Stream"):
        source.next()
    assert source.size == (320, 240)
    source.close()
    assert stream.step(TIMEOUT_S) == 1


def test_clients_share_the_buffers(path):
    with vs.Stream(path, pattern()) as stream:
        clients = [vs.Client(path, timeout=TIMEOUT_S) for _ in range(3)]
        frames = [client.next() for client in clients]
        assert stream.clients_count == 3
        assert all(client.hold == 2 for client in clients)
        del frames


def test_a_source_with_too_few_buffers_is_refused(path):
    with pytest.raises(vs.Error, match="needs at least 3: ask for more buffers"):
        vs.Stream(path, pattern(buffers=2))


def test_pictures_are_converted(path):
    stream = vs.Stream(path, pattern(), convert="YUYV", size=(160, 120))
    with stream, vs.Client(path, timeout=TIMEOUT_S) as client:
        frame = client.next()
        assert (frame.fourcc, frame.width, frame.height) == ("YUYV", 160, 120)
        assert frame.array.mean() > 0


def test_packets_are_shared(path):
    stream = vs.Stream(path, pattern(), encode="h264", bitrate=500_000, gop=10)
    with stream, vs.Client(path, mode="every", timeout=TIMEOUT_S) as client:
        frame = client.next()
        while not frame.is_key:
            frame.release()
            frame = client.next()
        assert frame.fourcc == "H264"
        assert bytes(frame)[:4] == b"\0\0\0\1"
        assert client.parameters


def test_wrong_arguments_explain_what_is_expected(path):
    with pytest.raises(ValueError, match=r'encode="mpeg2".*"h264"'):
        vs.Stream(path, pattern(), encode="mpeg2")
    with pytest.raises(ValueError, match="policy="):
        vs.Stream(path, pattern(), policy="oldest")
    with pytest.raises(TypeError):
        vs.Stream(path, "camera")


def test_only_one_thread_serves_a_stream(path):
    with vs.Stream(path, pattern()) as stream:
        with pytest.raises(vs.Error, match="background thread"):
            stream.run()
        with pytest.raises(vs.Error, match="background thread"):
            stream.start()


def test_clients_outlive_a_killed_host(path):
    program = f"""
import videostream as vs
vs.Stream({path!r}, vs.TestPattern(size=(320, 240), fps=100)).run()
"""

    def host():
        return subprocess.Popen([sys.executable, "-c", program])

    first = host()
    with vs.Client(path, reconnect=True, timeout=TIMEOUT_S) as client:
        held = client.next()
        first.kill()
        first.wait()
        vs.TestPattern.verify(held)
        second = host()
        try:
            while not (frame := client.next()).is_after_restart:
                frame.release()
            assert vs.TestPattern.verify(frame) == frame.sequence
            assert client.restarts == 1
        finally:
            second.terminate()
            second.wait()
