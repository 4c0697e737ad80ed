"""Functions that unpickling calls."""

from __future__ import annotations

import os
from typing import Any

from ._videostream import Client


def connect(path: str | os.PathLike[str], options: dict[str, Any]) -> Client:
    """Connect a client with the path and options of the pickled one."""
    return Client(path, **options)
