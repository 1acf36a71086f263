from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsim_guard.report.histogram import histogram


def test_a_histogram_counts_every_distance_once() -> None:
    drawn = histogram([0.0, 0.2, 1.0, 9.999, 10.0, 10.001, 30.0], threshold=10.0)
    assert drawn is not None
    assert [(bar.start, bar.end, bar.images) for bar in drawn.bars] == [
        (0, 1, 3),
        (9, 10, 2),
        (10, 11, 1),
        (29, 30, 1),
    ]
    assert (drawn.within, drawn.total, drawn.most) == (5, 7, 3)
    assert drawn.threshold == pytest.approx(100 * 10 / 31, abs=0.001)
    assert [label for label, _ in drawn.ticks] == ["0", "5", "10", "15", "20", "25", "30"]


def test_a_histogram_of_nothing() -> None:
    assert histogram([], threshold=10.0) is None


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1e4))
def test_any_distances_have_a_histogram(distances: list[float], threshold: float) -> None:
    drawn = histogram(distances, threshold)
    assert drawn is not None
    assert sum(bar.images for bar in drawn.bars) == len(distances)
    assert all(0 <= bar.left <= bar.left + bar.width <= 100.01 and 0 < bar.height <= 100 for bar in drawn.bars)
    assert 0 <= drawn.threshold <= 100
    assert 1 <= len(drawn.ticks) <= 12
