"""Record a host's frames to a file: `python record.py /tmp/camera movie.mp4 [FRAMES]`."""

import sys
from itertools import islice

import videostream


def main() -> None:
    """Encode raw frames; packets are written unchanged."""
    path, file, *rest = sys.argv[1:] or ["/tmp/camera", "movie.mp4"]
    frames = int(rest[0]) if rest else None
    with (
        videostream.Client(path, mode="every") as client,
        videostream.Recorder(file) as recorder,
    ):
        try:
            for frame in islice(client, frames):
                recorder.write(frame)
        except KeyboardInterrupt:
            pass
    print(recorder)


if __name__ == "__main__":
    main()
