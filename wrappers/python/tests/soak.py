"""A million frames through a host and a client: nothing grows.

Run by hand: `python tests/soak.py [FRAMES]`. It prints a line every tenth and fails if memory,
descriptors, threads, objects or full collections grow behind the first one.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import videostream as vs

#: Bytes that the interpreter's caches may take.
SLACK = 4 << 20


def state() -> dict[str, int]:
    """Return the resources that must not grow."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "bytes": pages * os.sysconf("SC_PAGE_SIZE"),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": len(list(Path("/proc/self/task").iterdir())),
        "objects": len(gc.get_objects()),
    }


def turns(host: vs.Host, client: vs.Client, count: int) -> int:
    """Post and read frames; return the number of garbage collections."""
    before = sum(generation["collections"] for generation in gc.get_stats())
    for value in range(count):
        frame = host.frame(64, 48, "NV12")
        frame.array[0, 0] = value % 256
        host.post(frame)
        with client.next(60) as got:
            assert np.asarray(got.plane())[0, 0] == value % 256
    return sum(generation["collections"] for generation in gc.get_stats()) - before


def main() -> None:
    """Run."""
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/host"
        with vs.Host(path) as host, vs.Client(path) as client:
            turns(host, client, max(1_000, frames // 100))
            first = state()
            print("at first", first)
            for part in range(1, 11):
                begun = time.monotonic()
                collections = turns(host, client, frames // 10)
                took = time.monotonic() - begun
                now = state()
                print(part * frames // 10, now, f"{collections} collections in {took:.1f} s")
                assert now["bytes"] <= first["bytes"] + SLACK
                assert now["objects"] <= first["objects"] + 20
                for what in ("descriptors", "threads"):
                    assert now[what] == first[what], what
                assert collections <= 2


if __name__ == "__main__":
    main()
