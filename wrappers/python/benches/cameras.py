"""One camera by several libraries: `python cameras.py /dev/video0 [FRAMES]` prints a table.

Each takes 1280x720 YUYV frames of the same camera and views the pixels as an array, one library
after the other and all of them several times. *CPU* is the process's time for a frame, its median
over the turns, and *copies* whether the pixels were copied.
Libraries that are not installed are skipped by name.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from statistics import median

import numpy as np

SIZE = (1280, 720)
WARM_UP = 5
TURNS = 5


def ours(device: str) -> Iterator[np.ndarray]:
    """Capture with this package."""
    import videostream

    with videostream.Camera(device, format="YUYV", size=SIZE) as camera:
        for frame in camera:
            yield frame.array


def opencv(device: str) -> Iterator[np.ndarray]:
    """Capture with OpenCV, without its conversion."""
    import cv2

    capture = cv2.VideoCapture(device, cv2.CAP_V4L2)
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"YUYV"))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, SIZE[0])
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, SIZE[1])
    capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
    while True:
        ok, picture = capture.read()
        assert ok
        yield picture


def linuxpy(device: str) -> Iterator[np.ndarray]:
    """Capture with linuxpy."""
    from linuxpy.video.device import BufferType, Device, PixelFormat

    with Device(device) as camera:
        camera.set_format(BufferType.VIDEO_CAPTURE, *SIZE, PixelFormat.YUYV)
        for frame in camera:
            yield np.frombuffer(frame.data, np.uint8)


def pyav(device: str) -> Iterator[np.ndarray]:
    """Capture with PyAV, decoded from raw video."""
    import av

    options = {"video_size": "{}x{}".format(*SIZE), "input_format": "yuyv422"}
    with av.open(device, format="v4l2", options=options) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray()


def measure(
    take: Callable[[str], Iterator[np.ndarray]], device: str, count: int
) -> tuple[float, bool]:
    """Capture frames; return CPU time per frame in milliseconds, and whether frames are copied."""
    frames = take(device)
    for at, pixels in enumerate(frames):
        is_copy = pixels.flags.owndata or pixels.flags.writeable
        if at == WARM_UP:
            begin = time.process_time()
        if at == WARM_UP + count:
            break
    cpu = (time.process_time() - begin) / count * 1e3
    frames.close()
    return cpu, is_copy


def main() -> None:
    """Measure all installed libraries."""
    device = sys.argv[1] if len(sys.argv) > 1 else "/dev/video0"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 30
    measured: dict[str, list[tuple[float, bool]]] = {}
    for turn in range(TURNS):
        for take in (ours, opencv, linuxpy, pyav):
            name = take.__name__
            try:
                measured.setdefault(name, []).append(measure(take, device, count))
            except ImportError as error:
                if turn == 0:
                    print(f"skipped: {name}: {error}")
    print("| library | CPU | copies |\n|---|---:|---|")
    for name, turns in measured.items():
        if turns:
            cpu, copies = median(cpu for cpu, _ in turns), "yes" if turns[0][1] else "no"
            print(f"| {name} | {cpu:.2f} ms | {copies} |")


if __name__ == "__main__":
    main()
