"""The decoder by the names of the 2.x package."""

from __future__ import annotations

from enum import IntEnum, IntFlag

from ._videostream import Decoder

__all__ = [
    "CodecBackend",
    "DecodeReturnCode",
    "Decoder",
    "DecoderCodec",
    "DecoderInputCodec",
]


class DecoderCodec(IntEnum):
    """What a decoder decodes."""

    H264 = 0
    HEVC = 1


#: Its former name.
DecoderInputCodec = DecoderCodec


class CodecBackend(IntEnum):
    """Who decodes: a device if there is one (AUTO), or a device. Both others are V4L2's."""

    AUTO = 0
    HANTRO = 1
    V4L2 = 2


class DecodeReturnCode(IntFlag):
    """What `Decoder.decode_frame` has done; several of these together."""

    SUCCESS = 0
    ERROR = 1
    INIT_INFO = 2
    FRAME_DECODED = 4
