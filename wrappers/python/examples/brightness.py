"""Print how bright each frame of a host is: `python brightness.py /tmp/camera [FRAMES]`."""

import sys
from itertools import islice

import numpy as np
import videostream


def main() -> None:
    """Print the mean of the first plane, which is luma in YUV formats, without a copy."""
    path, *rest = sys.argv[1:] or ["/tmp/camera"]
    frames = int(rest[0]) if rest else None
    with videostream.Client(path, reconnect=True) as client:
        for frame in islice(client, frames):
            mean = np.asarray(frame.plane(0)).mean()
            print(f"{frame.sequence} {frame.fourcc} {frame.width}x{frame.height} {mean:.1f}")


if __name__ == "__main__":
    main()
