"""Exceptions of the package.

All of them are both `OSError`, with `errno`, `strerror` and `filename`, and `RuntimeError`, which
programs written for the 2.x package catch.
"""

__all__ = [
    "EndOfStream",
    "Error",
    "Forked",
    "HoldLimit",
    "HostGone",
    "Refused",
    "Released",
    "TimedOut",
    "Unplugged",
]


class Error(OSError, RuntimeError):
    """A call failed; `errno`, `strerror` and `filename` have the details.

    For encoders and decoders `errno` is `ENODEV` without a codec, `ENOTSUP` for an unknown backend
    in `VSL_CODEC_BACKEND` or an unsupported stream, `EINVAL` for a picture or a number that does
    not fit, `EBADMSG` for damaged data, and `EIO` for a device that fails.
    """

    __module__ = "videostream"


class TimedOut(Error, TimeoutError):
    """The timeout passed. The call can be repeated."""

    __module__ = "videostream"


class HostGone(Error, ConnectionError):
    """No host serves on the socket, or it has ended. Connecting again may help."""

    __module__ = "videostream"


class Refused(Error, ConnectionError):
    """The host refused or evicted this client; the message has the reason."""

    __module__ = "videostream"


class HoldLimit(Error):
    """All frames that may be held are held: release one, or use a larger `hold`."""

    __module__ = "videostream"


class Unplugged(Error):
    """The camera was unplugged."""

    __module__ = "videostream"


class Released(Error, ValueError):
    """The object was released, posted or closed before."""

    __module__ = "videostream"


class Forked(Error):
    """The object belongs to the parent process: create one in this process."""

    __module__ = "videostream"


class EndOfStream(Error, EOFError):
    """The source has no more frames; loops over it end."""

    __module__ = "videostream"
