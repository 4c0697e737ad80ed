"""The functions of the C library, for ctypes."""

from __future__ import annotations

from ctypes import (
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
)
from typing import Any

#: Result and argument types by function name.
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
