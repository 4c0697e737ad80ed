"""Share a camera, or a test pattern if there is no camera, until Ctrl-C.

Run `python share.py /tmp/camera`, or `python share.py /tmp/camera /dev/video2`.
"""

import sys

import videostream


def source(arguments: list[str]) -> videostream.Source:
    """Open the given camera, else the first one, else a test pattern."""
    if arguments:
        return videostream.Camera(arguments[0])
    try:
        return videostream.Camera()
    except videostream.Error as error:
        print(f"{error}: sharing a test pattern instead")
        return videostream.TestPattern(size=(1280, 720), fps=30)


def main() -> None:
    """Share frames at the socket of the first argument."""
    path, *rest = sys.argv[1:] or ["/tmp/camera"]
    stream = videostream.Stream(path, source(rest))
    print(stream, flush=True)
    try:
        stream.run()
    except KeyboardInterrupt:
        print(stream.stats())


if __name__ == "__main__":
    main()
