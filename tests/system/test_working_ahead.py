"""Several things at once, in order, within the room there is."""

from __future__ import annotations

from contextlib import closing
from threading import Barrier, Lock

import pytest

from imgsim_guard.system.threads import Room, worked_ahead


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 3, 40])
def test_the_results_come_in_the_order_of_the_items(count: int, threads: int) -> None:
    outcomes = worked_ahead(range(count), str, lambda item, data: (item, data), threads=threads)
    assert list(outcomes) == [(item, str(item)) for item in range(count)]


def test_so_many_are_worked_on_at_once() -> None:
    """Each waits until three others are being worked on, too."""
    meeting = Barrier(4)
    outcomes = worked_ahead(range(8), str, lambda _item, _data: meeting.wait(20) >= 0, threads=4)
    assert list(outcomes) == [True] * 8


def test_an_error_is_raised_in_its_place_and_nothing_is_begun_after_it() -> None:
    read: list[int] = []
    outcomes = worked_ahead([2, 1, 0, 3, *[4] * 50], read.append, lambda item, _data: 6 // item, threads=2)
    assert [next(outcomes), next(outcomes)] == [3, 6]
    with pytest.raises(ZeroDivisionError):
        next(outcomes)
    assert len(read) <= 2 + 2 * 2


def test_who_stops_asking_stops_the_work() -> None:
    read: list[int] = []
    with closing(worked_ahead(range(50), read.append, lambda item, _data: item, threads=3)) as outcomes:
        assert next(outcomes) == 0
    assert len(read) <= 1 + 2 * 3


@pytest.mark.parametrize("amount", [1, 3, 4, 10, 11])
def test_no_more_is_taken_than_there_is_room_for(amount: int) -> None:
    room, lock, taken, most = Room(10), Lock(), 0, 0

    def work(_item: int, _data: str) -> None:
        nonlocal taken, most
        with room.taken(amount):
            with lock:
                taken += 1
                most = max(most, taken)
            with lock:
                taken -= 1

    list(worked_ahead(range(200), str, work, threads=8))
    assert 1 <= most <= max(1, 10 // amount)


def test_room_is_given_back_after_an_error() -> None:
    room = Room(5)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), room.taken(4):
            raise ZeroDivisionError
    with room.taken(5):
        pass
