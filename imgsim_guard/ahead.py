"""Work on several things at once, handed over in order, and no more of it at hand than there is room for."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, islice, repeat
from threading import Condition
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from concurrent.futures import Future

Item = TypeVar("Item")
Data = TypeVar("Data")
Result = TypeVar("Result")


def worked_ahead(
    items: Sequence[Item], read: Callable[[Item], Data], work: Callable[[Item, Data], Result], *, threads: int
) -> Generator[Result, None, None]:
    """`work` on each item and what was read of it, in as many threads; the results come in the order of the items.

    `read` runs in one thread of its own, in order. At most twice as many items are begun as there are threads.
    """
    with ThreadPoolExecutor(1, "read") as reader, ThreadPoolExecutor(threads, "work") as workers:

        def begin(item: Item) -> Future[Result]:
            data = reader.submit(read, item)
            return workers.submit(lambda: work(item, data.result()))

        following = chain(map(begin, items), repeat(None))
        waiting = deque(islice(following, 2 * threads))
        try:
            while (first := waiting.popleft()) is not None:
                result = first.result()
                waiting.append(next(following))
                yield result
        finally:
            workers.shutdown(wait=False, cancel_futures=True)
            reader.shutdown(wait=False, cancel_futures=True)


class Room:
    """So much that may be taken at once by all threads together, such as pixels in memory."""

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
