"""What takes a while to make, made in a thread of its own while other work goes on."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Made = TypeVar("Made")


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
