"""The C library for programs that call it themselves, opened when it is first touched.

The package does not need it: `Frame`, `Host`, `Client` and `Decoder` are the Rust library. Nor does
it need ctypes before.
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

#: What the library is called, in the order of trying.
NAMES = ("libvideostream.so", "libvideostream.so.2", "libvideostream.dylib")


def version() -> str:
    """Return the version of the library that the package is made of."""
    return __version__


def timestamp() -> int:
    """Return the time in nanoseconds, on the clock of frames: `time.monotonic_ns()`."""
    return time.monotonic_ns()


def errmsg() -> str | None:
    """Return what the last call of `lib` that set errno says; None if no call did.

    Exceptions of the package have the message of their own failure.
    """
    from ctypes import get_errno

    number = get_errno()
    return os.strerror(number) if number else None


def load_library(libname: str | None = None) -> CDLL:
    """Open the C library.

    `VIDEOSTREAM_LIBRARY` in the environment is what is opened, else `libname`, else the installed
    library. Raises OSError if it cannot be.
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
    """Say what the functions of the library take and give.

    Raises AttributeError for a library without one of them.
    """
    from ._functions import FUNCTIONS

    for name, (result, arguments) in FUNCTIONS.items():
        function = getattr(lib, name)
        function.restype = result
        function.argtypes = arguments


class _Lazy:
    """The C library, opened when something of it is asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            # Asked for by introspection, of any object.
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


#: The C library, opened when it is first touched.
lib: Any = _Lazy()
