"""Capture, share, encode and record video on embedded Linux without a copy.

One process owns a camera and shares its frames by a `Host`; others read them by a `Client`, where
they lie. Frames are n-dimensional views of that memory for NumPy, OpenCV, PyTorch and whatever else
knows the buffer protocol or DLPack.
"""

import os

from . import client, decoder, frame, host, library
from ._listing import Control, ControlChange, Device, Format, Size
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

os.register_at_fork(after_in_child=_forked)
