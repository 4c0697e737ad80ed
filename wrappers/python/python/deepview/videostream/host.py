"""`Host` under its module name of the 1.5 package."""

from videostream import Host

__all__ = ["Host"]
