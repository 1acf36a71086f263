"""Work on all cores, with the results in the order of what they are made of, whatever the number of threads."""

from __future__ import annotations

import os
from collections import deque
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from concurrent.futures import Future

    Item = TypeVar("Item")
    Made = TypeVar("Made")

AHEAD = 2
"""Results for each thread that are made before they are asked for: no more are ever held."""


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(function: Callable[[Item], Made], items: Iterable[Item]) -> Generator[Made, None, None]:
    """`map` on threads, of a function that spends its time outside of Python; a single item is left on this one."""
    remaining = iter(items)
    first, threads = list(islice(remaining, 2)), cores()
    every = chain(first, remaining)
    if len(first) < 2 or threads == 1:  # noqa: PLR2004  a single item
        yield from map(function, every)
        return
    from concurrent.futures import ThreadPoolExecutor  # not for every commit

    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(threads, "search") as pool:
        try:
            for item in every:
                if len(waiting) == AHEAD * threads:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(function, item))
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
