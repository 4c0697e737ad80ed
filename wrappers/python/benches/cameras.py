"""One camera by several libraries: `python cameras.py /dev/video0 [FRAMES]` prints a table.

Each takes 1280x720 YUYV frames of the same camera, one library after the other, and views the
pixels as an array. *CPU* is the process's time for a frame, *late* the time from the driver's time
stamp until the array is there, where the library tells the time stamp, and *copies* whether the
pixels were copied.
Libraries that are not installed are skipped by name.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

SIZE = (1280, 720)
WARM_UP = 5

#: The pixels, and when they were taken in nanoseconds, if that is told.
Taken = tuple["np.ndarray", "int | None"]


def ours(device: str) -> Iterator[Taken]:
    """Take frames by this package."""
    import videostream

    with videostream.Camera(device, format="YUYV", size=SIZE) as camera:
        for frame in camera:
            yield frame.array, frame.timestamp_ns


def opencv(device: str) -> Iterator[Taken]:
    """Take frames by OpenCV, without its conversion."""
    import cv2

    capture = cv2.VideoCapture(device, cv2.CAP_V4L2)
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"YUYV"))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, SIZE[0])
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, SIZE[1])
    capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
    while True:
        ok, picture = capture.read()
        assert ok
        yield picture, int(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6) or None


def linuxpy(device: str) -> Iterator[Taken]:
    """Take frames by linuxpy."""
    from linuxpy.video.device import BufferType, Device, PixelFormat

    with Device(device) as camera:
        camera.set_format(BufferType.VIDEO_CAPTURE, *SIZE, PixelFormat.YUYV)
        for frame in camera:
            yield np.frombuffer(frame.data, np.uint8), int(frame.timestamp * 1e9)


def pyav(device: str) -> Iterator[Taken]:
    """Take frames by PyAV, decoded from raw video."""
    import av

    options = {"video_size": "{}x{}".format(*SIZE), "input_format": "yuyv422"}
    with av.open(device, format="v4l2", options=options) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(), None


def measure(take: Callable[[str], Iterator[Taken]], device: str, count: int) -> str:
    """Take frames, and give a row of the table."""
    frames = take(device)
    late = []
    for at, (pixels, taken_ns) in enumerate(frames):
        now = time.monotonic_ns()
        if at == WARM_UP:
            begin = time.process_time()
            late.clear()
        if taken_ns is not None:
            late.append((now - taken_ns) / 1e6)
        is_copy = pixels.flags.owndata or pixels.flags.writeable
        if at == WARM_UP + count:
            break
    cpu = (time.process_time() - begin) / count * 1e3
    frames.close()
    latest = f"{sorted(late)[len(late) // 2]:.1f} ms" if late else "?"
    return f"| {take.__name__} | {cpu:.2f} ms | {latest} | {'yes' if is_copy else 'no'} |"


def main() -> None:
    """Measure every library that is installed."""
    device = sys.argv[1] if len(sys.argv) > 1 else "/dev/video0"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    print("| library | CPU | late, p50 | copies |\n|---|---:|---:|---|")
    for take in (ours, opencv, linuxpy, pyav):
        try:
            print(measure(take, device, count), flush=True)
        except ImportError as error:
            print(f"skipped: {take.__name__}: {error}")


if __name__ == "__main__":
    main()
