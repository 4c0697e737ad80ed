"""Frames in event loops: a descriptor and a callback, no thread."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from typing import Protocol, TypeVar

from .errors import HostGone

Item = TypeVar("Item", covariant=True)

#: Seconds between attempts at a host that is not there.
RETRY = 0.05


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

    loop.add_reader(fd, wake)
    try:
        await ready
    finally:
        loop.remove_reader(fd)


async def frames(client: Pollable[Item]) -> AsyncIterator[Item]:
    """Give the items of a client as they come, until its host ends."""
    while True:
        try:
            item = client.poll()
        except HostGone as error:
            if error.errno == errno.ESHUTDOWN:
                return
            raise
        if item is not None:
            yield item
            # Others run between frames, however fast they come.
            await asyncio.sleep(0)
        elif getattr(client, "is_connected", True):
            await readable(client.fileno())
        else:
            await asyncio.sleep(RETRY)
