"""The C library for programs that call it themselves, opened when it is first touched.

The package does not need it: `Frame`, `Host`, `Client` and `Decoder` are the Rust library.
"""

from __future__ import annotations

import os
import threading
import time
from ctypes import (
    CDLL,
    POINTER,
    c_bool,
    c_char_p,
    c_float,
    c_int,
    c_int64,
    c_size_t,
    c_ssize_t,
    c_uint32,
    c_void_p,
    get_errno,
)
from pathlib import Path
from typing import Any

from ._videostream import __version__

__all__ = ["errmsg", "lib", "load_library", "load_symbols", "timestamp", "version"]

#: What the library is called, in the order of trying.
NAMES = ("libvideostream.so", "libvideostream.so.2", "libvideostream.dylib")

#: Each function: what it gives, and its arguments.
FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "vsl_version": (c_char_p, []),
    "vsl_timestamp": (c_int64, []),
    "vsl_fourcc_from_string": (c_uint32, [c_char_p]),
    "vsl_frame_init": (c_void_p, [c_uint32, c_uint32, c_uint32, c_uint32, c_void_p, c_void_p]),
    "vsl_frame_release": (None, [c_void_p]),
    "vsl_frame_width": (c_int, [c_void_p]),
    "vsl_frame_height": (c_int, [c_void_p]),
    "vsl_frame_stride": (c_int, [c_void_p]),
    "vsl_frame_size": (c_int, [c_void_p]),
    "vsl_frame_fourcc": (c_uint32, [c_void_p]),
    "vsl_frame_path": (c_char_p, [c_void_p]),
    "vsl_frame_handle": (c_int, [c_void_p]),
    "vsl_frame_paddr": (c_ssize_t, [c_void_p]),
    "vsl_frame_attach": (c_int, [c_void_p, c_int, c_size_t, c_size_t]),
    "vsl_frame_alloc": (c_int, [c_void_p, c_char_p]),
    "vsl_frame_unalloc": (None, [c_void_p]),
    "vsl_frame_mmap": (c_void_p, [c_void_p, POINTER(c_size_t)]),
    "vsl_frame_munmap": (None, [c_void_p]),
    "vsl_frame_sync": (c_int, [c_void_p, c_int, c_int]),
    "vsl_host_init": (c_void_p, [c_char_p]),
    "vsl_host_release": (None, [c_void_p]),
    "vsl_host_path": (c_char_p, [c_void_p]),
    "vsl_host_poll": (c_int, [c_void_p, c_int64]),
    "vsl_host_process": (c_int, [c_void_p]),
    "vsl_host_sockets": (c_int, [c_void_p, c_size_t, POINTER(c_int), POINTER(c_size_t)]),
    "vsl_host_post": (c_int, [c_void_p, c_void_p, c_int64, c_int64, c_int64, c_int64]),
    "vsl_client_init": (c_void_p, [c_char_p, c_void_p, c_bool]),
    "vsl_client_release": (None, [c_void_p]),
    "vsl_client_disconnect": (None, [c_void_p]),
    "vsl_client_userptr": (c_void_p, [c_void_p]),
    "vsl_client_path": (c_char_p, [c_void_p]),
    "vsl_client_set_timeout": (None, [c_void_p, c_float]),
    "vsl_frame_wait": (c_void_p, [c_void_p, c_int64]),
    "vsl_decoder_create": (c_void_p, [c_uint32, c_int]),
    "vsl_decoder_create_ex": (c_void_p, [c_uint32, c_int, c_uint32]),
    "vsl_decoder_release": (c_int, [c_void_p]),
    "vsl_decoder_width": (c_int, [c_void_p]),
    "vsl_decoder_height": (c_int, [c_void_p]),
    "vsl_decode_frame": (
        c_uint32,
        [c_void_p, c_void_p, c_uint32, POINTER(c_size_t), POINTER(c_void_p)],
    ),
}


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
    number = get_errno()
    return os.strerror(number) if number else None


def load_library(libname: str | None = None) -> CDLL:
    """Open the C library.

    `VIDEOSTREAM_LIBRARY` in the environment is what is opened, else `libname`, else the installed
    library. Raises OSError if it cannot be.
    """
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
