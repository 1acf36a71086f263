"""Threads: work on all cores with results in order, a limit on shared memory, and values computed ahead of time."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, islice
from threading import Condition
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

Item = TypeVar("Item")
Data = TypeVar("Data")
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
    with ThreadPoolExecutor(threads, "search") as pool:
        yield from _handed_over(lambda item: pool.submit(function, item), every, most=AHEAD * threads)


def worked_ahead(
    items: Iterable[Item], read: Callable[[Item], Data], work: Callable[[Item, Data], Made], *, threads: int
) -> Generator[Made, None, None]:
    """`work` on each item and what was read of it, in as many threads; the results come in the order of the items.

    `read` runs in one thread of its own, in order.
    """
    with ThreadPoolExecutor(1, "read") as reader, ThreadPoolExecutor(threads, "work") as workers:

        def begin(item: Item) -> Future[Made]:
            data = reader.submit(read, item)
            return workers.submit(lambda: work(item, data.result()))

        yield from _handed_over(begin, items, most=AHEAD * threads)


def _handed_over(
    begin: Callable[[Item], Future[Made]], items: Iterable[Item], *, most: int
) -> Generator[Made, None, None]:
    """The results in order. At most so many are begun; what is not begun when this ends never will be."""
    waiting: deque[Future[Made]] = deque()
    try:
        for item in items:
            if len(waiting) == most:
                yield waiting.popleft().result()
            waiting.append(begin(item))
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


class Room:
    """A limit that all threads share, such as the pixels in memory."""

    def __init__(self, size: int) -> None:
        self._free = self._size = size
        self._changed = Condition()

    @contextmanager
    def taken(self, amount: int) -> Iterator[None]:
        """Wait until there is room for so much, or all of it for more than there is, and give it back at the end."""
        amount = min(amount, self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= amount)
            self._free -= amount
        try:
            yield
        finally:
            with self._changed:
                self._free += amount
                self._changed.notify_all()


class Early(Generic[Made]):
    """Made once for each number: from when `begin` is called, or else when it is asked for by calling this."""

    def __init__(self, make: Callable[[int], Made]) -> None:
        self._make = make
        self._begun: dict[int, Future[Made]] = {}

    def begin(self, number: int) -> Future[Made]:
        """Begin, unless that was done before."""
        if number not in self._begun:
            pool = ThreadPoolExecutor(1, "early")
            self._begun[number] = pool.submit(self._make, number)
            pool.shutdown(wait=False)
        return self._begun[number]

    def __call__(self, number: int) -> Made:
        """What was made, when it is; or what was raised instead."""
        return self.begin(number).result()
