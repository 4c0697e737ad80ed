"""`Client` under its module name of the 2.x package."""

from ._videostream import Client

__all__ = ["Client"]
