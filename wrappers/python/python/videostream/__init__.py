"""Capture, share, encode and record video on embedded Linux without a copy.

One process owns a camera and shares its frames by a `Host`; others read them by a `Client`, where
they lie. Frames are n-dimensional views of that memory for NumPy, OpenCV, PyTorch and whatever else
knows the buffer protocol or DLPack.
"""

import os

from . import client, frame, host, library
from ._videostream import (
    Client,
    Frame,
    Host,
    Plane,
    __version__,
    _forked,
)
from .errors import (
    Error,
    Forked,
    HoldLimit,
    HostGone,
    Refused,
    Released,
    TimedOut,
    Unplugged,
)
from .library import lib, version

__all__ = [
    "Client",
    "Error",
    "Forked",
    "Frame",
    "HoldLimit",
    "Host",
    "HostGone",
    "Plane",
    "Refused",
    "Released",
    "TimedOut",
    "Unplugged",
    "__version__",
    "client",
    "frame",
    "host",
    "lib",
    "library",
    "version",
]

os.register_at_fork(after_in_child=_forked)
