"""`Host`, where programs of the 1.5 package import it from."""

from videostream import Host

__all__ = ["Host"]
