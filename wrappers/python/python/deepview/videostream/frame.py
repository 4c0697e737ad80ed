"""`Frame`, where programs of the 1.5 package import it from."""

from videostream import Frame

__all__ = ["Frame"]
