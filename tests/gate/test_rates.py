"""The arithmetic of rates, against definitions and published figures."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsim_guard.gate.calibration.rates import STEP, images_needed, largest_threshold, quantile, upper_bound

distances = st.lists(st.integers(0, 250_000).map(lambda number: number / 10_000), max_size=30).map(sorted)


def binomial_at_most(count: int, total: int, p: float) -> float:
    return math.fsum(math.comb(total, k) * p**k * (1 - p) ** (total - k) for k in range(count + 1))


@pytest.mark.parametrize(("rate", "needed"), [(0.01, 300), (0.1, 30), (0.07, 43), (0.03, 100), (0.001, 3000), (1.0, 3)])
def test_a_rate_takes_three_over_it_images(rate: float, needed: int) -> None:
    assert images_needed(rate) == needed


@pytest.mark.parametrize("total", [30, 300, 3000, 1_000_000])
def test_with_that_many_and_no_event_the_bound_is_the_rate(total: int) -> None:
    assert upper_bound(0, total) == pytest.approx(1 - 0.05 ** (1 / total))
    assert upper_bound(0, total) == pytest.approx(3 / total, rel=0.06)


@pytest.mark.parametrize(
    ("count", "total", "bound"),
    # The method's other form: the 0.95 quantiles of the beta distributions of count + 1 and total - count.
    [(0, 10, 0.2589), (1, 10, 0.3942), (5, 10, 0.7776), (9, 10, 0.9949), (10, 10, 1.0), (10, 100, 0.1637)],
)
def test_the_bound_is_clopper_and_pearsons(count: int, total: int, bound: float) -> None:
    assert upper_bound(count, total) == pytest.approx(bound, abs=5e-5)


@given(st.integers(1, 60), st.data())
def test_at_the_bound_so_few_events_have_a_chance_of_one_in_twenty(total: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, total - 1))
    assert binomial_at_most(count, total, upper_bound(count, total)) == pytest.approx(0.05)


def test_the_bound_of_many_images_is_near_the_rate() -> None:
    assert upper_bound(500_000, 1_000_000) == pytest.approx(0.5 + 1.645 * 0.0005, abs=1e-5)
    assert upper_bound(999_999, 1_000_000) < 1


@given(distances.filter(bool), st.floats(0, 1))
def test_a_quantile_is_the_least_value_that_so_many_do_not_exceed(ordered: list[float], share: float) -> None:
    value = quantile(ordered, share)
    assert value in ordered
    assert sum(one <= value for one in ordered) >= round(share * len(ordered), 6)
    assert sum(one < value for one in ordered) < max(share * len(ordered), 1e-6)


@given(distances, st.integers(0, 10))
def test_the_largest_threshold_is_the_largest_of_all_that_will_do(ordered: list[float], allowed: int) -> None:
    steps = [round(step * STEP, 1) for step in range(201)]
    will_do = [threshold for threshold in steps if sum(one <= threshold for one in ordered) <= allowed]
    assert largest_threshold(ordered, allowed, highest=20.0) == max(will_do, default=None)
