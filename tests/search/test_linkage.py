from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsim_guard.model import GuardError
from imgsim_guard.search import linkage
from imgsim_guard.search.linkage import complete_linkage
from imgsim_guard.search.metric import Pair


def on_a_line(places: list[float], threshold: float) -> list[list[int]]:
    pairs = [
        Pair(high, low, abs(places[high] - places[low]))
        for low, high in combinations(range(len(places)), 2)
        if abs(places[high] - places[low]) <= threshold
    ]
    return complete_linkage(pairs, len(places), {})


def test_no_chain_makes_a_group() -> None:
    assert on_a_line([0, 1, 2.1, 3.3, 10], 2) == [[0, 1], [2, 3], [4]]


def test_the_nearest_are_joined_first() -> None:
    assert on_a_line([0, 5, 8, 8.5], 6) == [[0], [1, 2, 3]]


@given(st.lists(st.integers(0, 30), max_size=12), st.integers(0, 12))
def test_any_two_of_a_group_are_near_and_no_two_groups_could_be_one(places: list[int], threshold: int) -> None:
    groups = on_a_line([*map(float, places)], threshold)
    assert sorted(row for group in groups for row in group) == [*range(len(places))]
    for group in groups:
        assert np.ptp([places[row] for row in group]) <= threshold
    for one, other in combinations(groups, 2):
        assert np.ptp([places[row] for row in one + other]) > threshold


def test_more_pairs_than_fit_in_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linkage, "MOST_PAIRS", 2)
    with pytest.raises(GuardError, match="more than 2 pairs of images are that near; try a smaller --distance"):
        on_a_line([0, 0, 0], 1)
