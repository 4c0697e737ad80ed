"""One turn of the bench: `peer.py ours|ctypes next|wake|rgb [PATH]` prints nanoseconds.

`ours` is this package, `ctypes` the 2.x package over the C library.
"""

import os
import sys
import time
from collections.abc import Callable

import numpy as np
import videostream

NEXT = 2000
RGB = 40
WARM_UP = 20
SIZE = (1920, 1080)
SECOND = 1_000_000_000


def fetcher(client: object, is_ours: bool) -> Callable[[], object]:
    """Return the function that takes the next frame, so that only the call is measured."""
    return client.next if is_ours else client.frame_wait


def tell(times: list[int]) -> None:
    """Print the measurements, after all are done."""
    print(*times[WARM_UP:], sep="\n")


def view(frame: object, is_ours: bool) -> np.ndarray:
    """View the luma of a frame as an array."""
    if is_ours:
        return np.asarray(frame.plane(0))
    width, height = SIZE
    luma = np.frombuffer(frame.map(), dtype=np.uint8, count=width * height)
    return luma.reshape(height, width)


def take(is_ours: bool) -> None:
    """Take ready frames, with host and client in one thread."""
    path = f"/tmp/videostream-bench-{os.getpid()}"
    host = videostream.Host(path)
    client = videostream.Client(path)
    fetch = fetcher(client, is_ours)
    host.process()
    times = []
    for _ in range(NEXT + WARM_UP):
        if is_ours:
            drawn = host.frame(*SIZE, "NV12")
        else:
            drawn = videostream.Frame(*SIZE, "NV12")
            drawn.alloc()
        if is_ours:
            host.post(drawn)
        else:
            host.post(drawn, videostream.library.timestamp() + SECOND)
        begin = time.perf_counter_ns()
        frame = fetch()
        luma = view(frame, is_ours)
        took = time.perf_counter_ns() - begin
        assert luma.shape == SIZE[::-1]
        del luma, frame
        times.append(took)
    tell(times)


def wake(path: str, is_ours: bool) -> None:
    """Sleep until frames come."""
    client = videostream.Client(path)
    fetch, clock = fetcher(client, is_ours), time.monotonic_ns
    times = []
    for _ in range(NEXT // 10 + WARM_UP):
        frame = fetch()
        now = clock()
        if is_ours:
            begin = frame.published_ns
        else:
            begin = videostream.lib.vsl_frame_timestamp(frame._ptr)
        times.append(now - begin)
        del frame
    tell(times)


def rgb() -> None:
    """Convert and scale."""
    frame = videostream.Frame(*SIZE, "NV12")
    frame.array[:] = (np.arange(frame.array.size) * 7).astype(np.uint8).reshape(frame.array.shape)
    times = []
    for _ in range(RGB + WARM_UP):
        begin = time.perf_counter_ns()
        picture = frame.to_rgb(size=(640, 360))
        took = time.perf_counter_ns() - begin
        assert picture.shape == (360, 640, 3)
        times.append(took)
    tell(times)


def main() -> None:
    """Run the measurement that the arguments name."""
    whose, what = sys.argv[1:3]
    is_ours = whose == "ours"
    if not is_ours:
        import ctypes

        videostream.lib.vsl_frame_timestamp.argtypes = [ctypes.c_void_p]
        videostream.lib.vsl_frame_timestamp.restype = ctypes.c_int64
    if what == "next":
        take(is_ours)
    elif what == "wake":
        wake(sys.argv[3], is_ours)
    else:
        rgb()


main()
