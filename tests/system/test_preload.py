from __future__ import annotations

import threading

import pytest

from imgsim_guard.system.threads import Early


def test_what_was_begun_is_made_once_in_another_thread() -> None:
    made: list[tuple[int, threading.Thread]] = []
    early = Early(lambda number: made.append((number, threading.current_thread())))
    early.begin(1)
    early.begin(1)
    early(1)
    early(2)
    early(2)
    assert [number for number, _ in made] == [1, 2]
    assert threading.current_thread() not in [thread for _, thread in made]


def test_nothing_is_made_unless_it_is_begun_or_asked_for() -> None:
    made: list[int] = []
    early = Early(made.append)
    assert made == []
    early(1)
    assert made == [1]


def test_what_went_wrong_is_raised_where_it_is_asked_for() -> None:
    def fails(_number: int) -> None:
        raise ValueError("no")

    early = Early(fails)
    early.begin(1)
    with pytest.raises(ValueError, match="no"):
        early(1)
