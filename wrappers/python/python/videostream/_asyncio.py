"""Frames in event loops: a descriptor and a callback, no thread."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from typing import Protocol, TypeVar

from .errors import EndOfStream, HostGone, Released

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
    """The items of a client or source as they come, until their host ends or it is closed.

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
            except (EndOfStream, Released):
                raise StopAsyncIteration from None
            await readable(fd)


def frames(client: Pollable[Item]) -> AsyncIterator[Item]:
    """Give the items of a client as they come, until its host ends."""
    return Frames(client)


class Steppable(Protocol):
    """What serves clients step by step, and has a descriptor that says when."""

    is_closed: bool

    def step(self, timeout: float | None = None) -> int | None:
        """Publish the next frame."""

    def fileno(self) -> int:
        """Give the descriptor."""


async def serve(stream: Steppable) -> None:
    """Serve the clients of a stream until its source ends or it is closed."""
    while not stream.is_closed:
        try:
            serial = stream.step(0)
            fd = stream.fileno()
        except EndOfStream:
            return
        except Released:
            if stream.is_closed:
                return
            raise
        if serial is None:
            await readable(fd)
        else:
            await asyncio.sleep(0)
