"""`Frame` under its module name of the 2.x package."""

from ._videostream import Frame

__all__ = ["Frame"]
