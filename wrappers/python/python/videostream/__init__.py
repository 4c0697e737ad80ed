"""Capture, share, encode and record video on embedded Linux without a copy."""

from ._videostream import __version__

__all__ = ["__version__"]
