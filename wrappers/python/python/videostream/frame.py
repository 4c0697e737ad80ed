"""`Frame`, where programs of the 2.x package import it from."""

from ._videostream import Frame

__all__ = ["Frame"]
