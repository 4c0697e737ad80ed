"""`Client`, where programs of the 2.x package import it from."""

from ._videostream import Client

__all__ = ["Client"]
