"""Pass frames to an inference library by DLPack: `python tensors.py /tmp/camera [FRAMES]`.

PyTorch uses the pixels in place. Without PyTorch this uses NumPy 2.1, which does the same.
"""

import sys
from itertools import islice

import videostream

try:
    from torch import from_dlpack
except ImportError:
    from numpy import from_dlpack


def main() -> None:
    """Make a batch of one RGB picture of each frame."""
    path, *rest = sys.argv[1:] or ["/tmp/camera"]
    frames = int(rest[0]) if rest else None
    with videostream.Client(path, reconnect=True) as client:
        for frame in islice(client, frames):
            # Luma of NV12 in the host's memory: no copy.
            luma = from_dlpack(frame.plane(0))
            picture = from_dlpack(frame.to_rgb(size=(224, 224)))
            print(frame.sequence, tuple(luma.shape), tuple(picture[None].shape))


if __name__ == "__main__":
    main()
