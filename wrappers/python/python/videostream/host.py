"""`Host` under its module name of the 2.x package."""

from ._videostream import Host

__all__ = ["Host"]
