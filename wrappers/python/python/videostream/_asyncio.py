"""Frames in event loops: a descriptor and a callback, no thread."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from typing import Protocol, TypeVar

from .errors import HostGone, Released

Item = TypeVar("Item", covariant=True)


class Pollable(Protocol[Item]):
    """What gives items without waiting, and a descriptor that says when to look."""

    def poll(self) -> Item | None:
        """Give the next item if there is one."""

    def fileno(self) -> int:
        """Give the descriptor."""


async def readable(fd: int) -> None:
    """Wait until a descriptor is readable."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    # A loop knows one reader for a descriptor, and tasks may wait for the same one.
    own = os.dup(fd)
    try:
        loop.add_reader(own, wake)
        try:
            await ready
        finally:
            loop.remove_reader(own)
    finally:
        os.close(own)


class Frames(AsyncIterator[Item]):
    """The items of a client as they come, until its host ends or it is closed.

    It keeps none of them: what the loop's body lets go is given back at once.
    """

    def __init__(self, client: Pollable[Item]) -> None:
        """Take what gives the items."""
        self._client = client

    async def __anext__(self) -> Item:
        """Wait for the next item."""
        # Others run between items, however fast they come.
        await asyncio.sleep(0)
        while True:
            try:
                item = self._client.poll()
                if item is not None:
                    return item
                fd = self._client.fileno()
            except HostGone as error:
                if error.errno == errno.ESHUTDOWN:
                    raise StopAsyncIteration from None
                raise
            except Released:
                raise StopAsyncIteration from None
            await readable(fd)


def frames(client: Pollable[Item]) -> AsyncIterator[Item]:
    """Give the items of a client as they come, until its host ends."""
    return Frames(client)
