"""Work on threads: the results come in order, however many threads there are, and few are made ahead."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from imgsim_guard.system import threads as parallel
from imgsim_guard.system.threads import AHEAD, cores, in_order

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=[1, 2, 7])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    count = int(request.param)
    monkeypatch.setattr(parallel, "cores", lambda: count)
    return count


@pytest.mark.parametrize("count", [0, 1, 2, 50])
@pytest.mark.usefixtures("threads")
def test_results_come_in_order_though_the_first_take_longest(count: int) -> None:
    def late(item: int) -> int:
        time.sleep((count - item) / 5000)
        return -item

    assert list(in_order(late, iter(range(count)))) == [-item for item in range(count)]


def test_no_more_is_made_ahead_than_threads_can_use(threads: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    results = in_order(str, items())
    assert next(results) == "0"
    results.close()
    assert len(taken) <= max(2, AHEAD * threads + 1)


@pytest.mark.usefixtures("threads")
def test_an_exception_reaches_who_asked() -> None:
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda item: 1 // (5 - item), range(20)))


def test_a_single_item_is_left_on_the_thread_that_asks() -> None:
    assert list(in_order(lambda _: threading.current_thread(), [0])) == [threading.current_thread()]


def test_there_is_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cores() > 0
    monkeypatch.delattr("os.sched_getaffinity", raising=False)  # as on macOS and Windows
    assert cores() > 0
