"""Capture, share, encode and record video on embedded Linux without a copy.

One process owns a camera and shares its frames with a `Host`; other processes read them with a
`Client`. Frames are n-dimensional views of the shared memory, for NumPy, OpenCV, PyTorch and other
libraries with support for the buffer protocol or DLPack.
"""

from __future__ import annotations

import os

from . import client, decoder, frame, host, library
from ._videostream import (
    Camera,
    Client,
    Controls,
    ControlWatch,
    Decoder,
    Encoder,
    Frame,
    Host,
    Packet,
    Plane,
    Recorded,
    Recorder,
    Source,
    Stream,
    TestPattern,
    __version__,
    _forked,
    convert,
    devices,
    snapshot,
)
from .decoder import CodecBackend, DecoderCodec, DecodeReturnCode
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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._listing import Control, ControlChange, Device, Format, Size

__all__ = [
    "Camera",
    "Client",
    "CodecBackend",
    "Control",
    "ControlChange",
    "ControlWatch",
    "Controls",
    "DecodeReturnCode",
    "Decoder",
    "DecoderCodec",
    "Device",
    "Encoder",
    "EndOfStream",
    "Error",
    "Forked",
    "Format",
    "Frame",
    "HoldLimit",
    "Host",
    "HostGone",
    "Packet",
    "Plane",
    "Recorded",
    "Recorder",
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
    "convert",
    "decoder",
    "devices",
    "frame",
    "host",
    "lib",
    "library",
    "snapshot",
    "version",
]

#: Loaded on first use: importing dataclasses takes longer than all of the above.
_LISTING = ("Control", "ControlChange", "Device", "Format", "Size")


def __getattr__(name: str) -> object:
    if name not in _LISTING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import _listing

    return globals().setdefault(name, getattr(_listing, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


os.register_at_fork(after_in_child=_forked)
