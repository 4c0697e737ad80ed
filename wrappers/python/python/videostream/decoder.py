"""The decoder under the names of the 2.x package."""

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
    """Codec of a decoder."""

    H264 = 0
    HEVC = 1


#: Former name of `DecoderCodec`.
DecoderInputCodec = DecoderCodec


class CodecBackend(IntEnum):
    """Backend of a decoder: AUTO uses a device if there is one; both others are V4L2."""

    AUTO = 0
    HANTRO = 1
    V4L2 = 2


class DecodeReturnCode(IntFlag):
    """Result of `Decoder.decode_frame`; several flags may be set."""

    SUCCESS = 0
    ERROR = 1
    INIT_INFO = 2
    FRAME_DECODED = 4
