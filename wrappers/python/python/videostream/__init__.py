"""Capture, share, encode and record video on embedded Linux without a copy.

One process owns a camera and shares its frames by a `Host`; others read them by a `Client`, where
they lie. Frames are n-dimensional views of that memory for NumPy, OpenCV, PyTorch and whatever else
knows the buffer protocol or DLPack.
"""

import os

from . import client, frame, host, library
from ._listing import Control, ControlChange, Device, Format, Size
from ._videostream import (
    Camera,
    Client,
    Controls,
    ControlWatch,
    Frame,
    Host,
    Plane,
    Source,
    Stream,
    TestPattern,
    __version__,
    _forked,
    devices,
)
from .errors import (
    EndOfStream,
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
    "Camera",
    "Client",
    "Control",
    "ControlChange",
    "ControlWatch",
    "Controls",
    "Device",
    "EndOfStream",
    "Error",
    "Forked",
    "Format",
    "Frame",
    "HoldLimit",
    "Host",
    "HostGone",
    "Plane",
    "Refused",
    "Released",
    "Size",
    "Source",
    "Stream",
    "TestPattern",
    "TimedOut",
    "Unplugged",
    "__version__",
    "client",
    "devices",
    "frame",
    "host",
    "lib",
    "library",
    "version",
]

os.register_at_fork(after_in_child=_forked)
