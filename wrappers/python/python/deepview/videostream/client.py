"""`Client`, where programs of the 1.5 package import it from."""

from videostream import Client

__all__ = ["Client"]
