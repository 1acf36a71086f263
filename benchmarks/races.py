"""How often a reader of the cache misses rows that are there, while another process adds shards and merges them.

    python benchmarks/races.py [--seconds 30]

A writer adds one row after the other; past 32 small shards it merges them. Readers open the store again and again, half
of them lazily, as a hook does. All that was there before a reader began must be found.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imgsim_guard.augnet import DIMENSIONS
from imgsim_guard.store.shard import DIGEST_SIZES, Row, file_digests
from imgsim_guard.store.store import Store

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue
    from multiprocessing.sharedctypes import Synchronized

READERS = 3


def opened(root: Path, *, lazy: bool = False) -> Store:
    return Store(root, fingerprint="f", decoder=lambda: "d", lazy=lazy)


def row(number: int) -> Row:
    digests = file_digests(b"%d" % number)
    digests |= {name: bytes(size) for name, size in DIGEST_SIZES.items() if name not in digests}
    return Row(**digests, embedding=np.zeros(DIMENSIONS, np.float16))


def write(root: Path, written: Synchronized[int], until: float) -> None:
    store = opened(root)
    while time.monotonic() < until:
        store.add([row(written.value)])
        written.value += 1


def read(root: Path, written: Synchronized[int], until: float, answers: SimpleQueue[tuple[int, int]]) -> None:
    opens = misses = 0
    while time.monotonic() < until:
        there = written.value
        store = opened(root, lazy=bool(opens % 2))
        misses += len(store) < there
        opens += 1
    answers.put((opens, misses))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=30)
    seconds = parser.parse_args().seconds
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        root, written, answers = Path(folder), context.Value("q", 0), context.SimpleQueue()
        until = time.monotonic() + seconds
        processes = [context.Process(target=write, args=(root, written, until))]
        processes += [context.Process(target=read, args=(root, written, until, answers)) for _ in range(READERS)]
        for process in processes:
            process.start()
        found = [answers.get() for _ in range(READERS)]
        for process in processes:
            process.join()
        opens, misses = (sum(column) for column in zip(*found, strict=True))
        print(f"{written.value:,} rows were added; {opens:,} times a store was opened, {misses:,} times it missed rows")


if __name__ == "__main__":
    main()
