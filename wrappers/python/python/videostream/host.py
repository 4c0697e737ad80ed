"""`Host`, where programs of the 2.x package import it from."""

from ._videostream import Host

__all__ = ["Host"]
