"""`Frame` under its module name of the 1.5 package."""

from videostream import Frame

__all__ = ["Frame"]
