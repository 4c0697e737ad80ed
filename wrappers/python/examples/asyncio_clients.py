"""Read several hosts in one event loop: `python asyncio_clients.py /tmp/left /tmp/right`."""

import asyncio
import sys

import videostream


async def watch(path: str) -> None:
    """Print the frames of one host until it ends."""
    with videostream.Client(path) as client:
        async for frame in client:
            print(path, frame.sequence, f"{frame.missed} missed")


async def main() -> None:
    """Watch all given hosts."""
    await asyncio.gather(*map(watch, sys.argv[1:] or ["/tmp/camera"]))


if __name__ == "__main__":
    asyncio.run(main())
