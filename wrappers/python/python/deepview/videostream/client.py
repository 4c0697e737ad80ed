"""`Client` under its module name of the 1.5 package."""

from videostream import Client

__all__ = ["Client"]
