"""Asyncio support: waits for descriptors, without threads."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from typing import Protocol, TypeVar

from .errors import EndOfStream, HostGone, Released

Item = TypeVar("Item", covariant=True)


class Pollable(Protocol[Item]):
    """An object that returns items without waiting, and has a descriptor to wait for."""

    def poll(self) -> Item | None:
        """Return the next item, if there is one."""

    def fileno(self) -> int:
        """Return the descriptor."""


async def readable(fd: int) -> None:
    """Wait until a descriptor is readable."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    # A loop has one reader per descriptor, but several tasks may wait for it.
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
    """The items of a client or source, until its host ends or it is closed.

    No item is kept: what the loop's body drops is released at once.
    """

    def __init__(self, client: Pollable[Item]) -> None:
        """Iterate over the items of `client`."""
        self._client = client

    async def __anext__(self) -> Item:
        """Wait for the next item."""
        # Let other tasks run between items, however fast they come.
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
    """Return an iterator over the items of a client or source."""
    return Frames(client)


class Steppable(Protocol):
    """An object that serves clients step by step, and has a descriptor to wait for."""

    is_closed: bool

    def step(self, timeout: float | None = None) -> int | None:
        """Publish the next frame."""

    def fileno(self) -> int:
        """Return the descriptor."""


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
