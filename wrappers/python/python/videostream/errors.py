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
    """A call failed: `errno` says how, `strerror` what to do, `filename` on what."""

    __module__ = "videostream"


class TimedOut(Error, TimeoutError):
    """Nothing came before the timeout. The call can be repeated."""

    __module__ = "videostream"


class HostGone(Error, ConnectionError):
    """No host serves on the socket, or it has ended. Connecting again may help."""

    __module__ = "videostream"


class Refused(Error, ConnectionError):
    """The host does not let this client in, or has thrown it out, and says why."""

    __module__ = "videostream"


class HoldLimit(Error):
    """The client holds as many frames as it asked for: release one, or ask for more."""

    __module__ = "videostream"


class Unplugged(Error):
    """The camera is gone."""

    __module__ = "videostream"


class Released(Error, ValueError):
    """The object was released, posted or closed before."""

    __module__ = "videostream"


class Forked(Error):
    """The object belongs to the parent process: make one in this process."""

    __module__ = "videostream"


class EndOfStream(Error, EOFError):
    """The source has no more frames; loops over it end."""

    __module__ = "videostream"
