"""The C library for programs that call it themselves: see `videostream.library`."""

from videostream.library import errmsg, lib, load_library, load_symbols, timestamp, version

__all__ = ["errmsg", "lib", "load_library", "load_symbols", "timestamp", "version"]
