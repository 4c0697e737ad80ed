"""The C library for programs that call it directly, opened on first use.

The package itself does not need it: `Frame`, `Host`, `Client` and `Decoder` use the Rust library.
ctypes is imported on first use, too.
"""

from __future__ import annotations

import os
import threading
import time

from ._videostream import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ctypes import CDLL
    from typing import Any

__all__ = ["errmsg", "lib", "load_library", "load_symbols", "timestamp", "version"]

#: Names of the library, in the order of trying.
NAMES = ("libvideostream.so", "libvideostream.so.2", "libvideostream.dylib")


def version() -> str:
    """Return the version of the package, which is that of the Rust library."""
    return __version__


def timestamp() -> int:
    """Return `time.monotonic_ns()`, the clock of frame times."""
    return time.monotonic_ns()


def errmsg() -> str | None:
    """Return the message of the errno that `lib` set last; None if no call set it.

    Exceptions of the package have their own messages.
    """
    from ctypes import get_errno

    number = get_errno()
    return os.strerror(number) if number else None


def load_library(libname: str | None = None) -> CDLL:
    """Open the C library.

    Opens the file that the environment variable `VIDEOSTREAM_LIBRARY` names, else `libname`, else
    the installed library. Raises OSError if none can be opened.
    """
    from ctypes import CDLL
    from pathlib import Path

    libname = os.environ.get("VIDEOSTREAM_LIBRARY") or libname
    if libname is not None:
        path = Path(libname)
        if path.is_dir() and path.suffix == ".framework":
            libname = str(path / "Versions" / "Current" / "VideoStream")
        return CDLL(libname, use_errno=True)
    reasons = []
    for name in NAMES:
        try:
            return CDLL(name, use_errno=True)
        except OSError as error:
            reasons.append(str(error))
    raise OSError(
        "the C library is not installed: install libvideostream, or set VIDEOSTREAM_LIBRARY to its "
        f"path ({'; '.join(reasons)})"
    )


def load_symbols(lib: CDLL) -> None:
    """Set argument and result types of the library's functions.

    Raises AttributeError if the library lacks a function.
    """
    from ._functions import FUNCTIONS

    for name, (result, arguments) in FUNCTIONS.items():
        function = getattr(lib, name)
        function.restype = result
        function.argtypes = arguments


class _Lazy:
    """The C library, opened on first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            # Introspection must not open the library.
            raise AttributeError(name)
        with self._lock:
            library = self.__dict__.get("_library")
            if library is None:
                library = load_library()
                load_symbols(library)
                self.__dict__["_library"] = library
        return getattr(library, name)

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __repr__(self) -> str:
        library = self.__dict__.get("_library")
        return f"<videostream.lib: {library if library is not None else 'not opened yet'}>"


#: The C library, opened on first use.
lib: Any = _Lazy()
