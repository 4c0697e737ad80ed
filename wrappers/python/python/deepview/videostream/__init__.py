"""The package `videostream` by the import name of its releases 1.3 to 1.5."""

from videostream import Client, Frame, Host
from videostream.library import lib, version

from . import client, frame, host, library

__all__ = ["Client", "Frame", "Host", "client", "frame", "host", "lib", "library", "version"]
