"""Retrieval, against an oracle that knows no rounding: Python's integers."""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest
from embedding_rows import UNIT, photograph_like
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from imgsim_guard.augnet import DIMENSIONS
from imgsim_guard.search import Pair, distances, metric, pairs_among, pairs_between, plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

quick = settings(deadline=None, derandomize=True, max_examples=60)

number = st.floats(-1, 1, width=16) | st.sampled_from([0.0, -0.0, 1.0, -1.0, UNIT, -UNIT, 0.5, 0.5 + 2**-11, 2**-14])
thresholds = st.floats(0, 6) | st.sampled_from([0.0, 1e-5, 1e-4, 0.0312, 0.0313, 1.0, 2.0])


def embeddings(*, most: int = 9, width: int = 4) -> st.SearchStrategy[NDArray[np.float16]]:
    """A few rows of float16 between -1 and 1, equal rows among them."""
    rows = npst.arrays(np.float16, st.tuples(st.integers(1, most), st.just(width)), elements=number)
    return rows.flatmap(lambda made: st.permutations([*range(len(made)), 0]).map(lambda order: made[order]))


def exact_distance(first: NDArray[np.float16], second: NDArray[np.float16]) -> float:
    """The distance rounded to four decimals, halves to even, without any rounding before that."""
    squared = sum((a - b) ** 2 for a, b in zip(in_units(first), in_units(second), strict=True))
    root = isqrt(squared * 10**8)  # ten-thousandths, in units, rounded down
    whole, rest = divmod(root, 2**24)
    half = rest == 2**23 and root**2 == squared * 10**8
    return (whole + (whole % 2 if half else rest >= 2**23)) / 10**4


def in_units(row: NDArray[np.float16]) -> list[int]:
    """Each number as a whole multiple of UNIT; multiplying by a power of two is exact."""
    units = [value * 2**24 for value in row.tolist()]
    assert all(unit.is_integer() for unit in units)
    return [int(unit) for unit in units]


def all_within(first: NDArray[np.float16], second: NDArray[np.float16], threshold: float) -> list[Pair]:
    pairs = [Pair(i, j, exact_distance(a, b)) for i, a in enumerate(first) for j, b in enumerate(second)]
    return [pair for pair in pairs if pair.distance <= threshold]


@quick
@given(embeddings(), embeddings(), thresholds)
def test_every_pair_within_the_threshold_is_found_and_no_other(
    first: NDArray[np.float16], second: NDArray[np.float16], threshold: float
) -> None:
    assert sorted(pairs_between(first, second, threshold=threshold)) == all_within(first, second, threshold)


@quick
@given(embeddings(), thresholds)
def test_among_one_set_every_pair_is_found_once_with_the_later_row_first(
    rows: NDArray[np.float16], threshold: float
) -> None:
    expected = [pair for pair in all_within(rows, rows, threshold) if pair.first > pair.second]
    assert sorted(pairs_among(rows, threshold=threshold)) == expected


@pytest.mark.parametrize("threshold", [0.0, 1.0, 1.9, 2.0, 2.1, 20.0, 56.0])
def test_embeddings_of_full_width_are_found_as_the_oracle_finds_them(threshold: float) -> None:
    first, second = photograph_like(1, 12), photograph_like(1, 9)
    assert sorted(pairs_between(first, second, threshold=threshold)) == all_within(first, second, threshold)


@quick
@given(embeddings(), embeddings(), thresholds)
def test_float32_copies_of_float16_numbers_give_the_same_pairs(
    first: NDArray[np.float16], second: NDArray[np.float16], threshold: float
) -> None:
    expected = list(pairs_between(first, second, threshold=threshold))
    assert list(pairs_between(first.astype(np.float32), second.astype(np.float32), threshold=threshold)) == expected
    assert list(pairs_between(first, second.astype(np.float32), threshold=threshold)) == expected


@pytest.fixture(params=[1, 2, 3, 7])
def small_blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    size = int(request.param)
    monkeypatch.setattr(plain, "BLOCK", size)
    monkeypatch.setattr(metric, "EXACT_ROWS", size)
    return size


def test_the_size_of_the_blocks_does_not_show(small_blocks: int) -> None:
    rows = photograph_like(2, 3 * small_blocks + 2)
    others = photograph_like(2, 2 * small_blocks + 1)
    assert sorted(pairs_between(rows, others, threshold=2.0)) == all_within(rows, others, 2.0)
    among = [pair for pair in all_within(rows, rows, 2.0) if pair.first > pair.second]
    assert sorted(pairs_among(rows, threshold=2.0)) == among


def test_more_pairs_than_are_measured_at_once_are_all_found() -> None:
    rows = np.zeros((metric.EXACT_ROWS // 20, 2), np.float16)
    assert len(list(pairs_between(rows, rows, threshold=0.0))) == len(rows) ** 2 > metric.EXACT_ROWS
    assert len(list(pairs_among(rows, threshold=0.0))) == len(rows) * (len(rows) - 1) // 2


@quick
@given(st.integers(0, 99), st.integers(0, 20), st.integers(0, 20), st.floats(0, 30))
def test_a_split_run_finds_what_one_run_finds(seed: int, cut: int, other_cut: int, threshold: float) -> None:
    first, second = photograph_like(seed, 20), photograph_like(seed + 1, 20)
    second[:7] = first[3:10]
    parts = [
        Pair(i + pair.first, j + pair.second, pair.distance)
        for i, some in ((0, first[:cut]), (cut, first[cut:]))
        for j, others in ((0, second[:other_cut]), (other_cut, second[other_cut:]))
        for pair in pairs_between(some, others, threshold=threshold)
    ]
    assert sorted(parts) == sorted(pairs_between(first, second, threshold=threshold))


@quick
@given(st.integers(0, 99), st.permutations(range(15)), st.floats(0, 30))
def test_the_order_of_the_rows_does_not_matter(seed: int, order: list[int], threshold: float) -> None:
    rows = photograph_like(seed, 15)
    found = {(frozenset((p.first, p.second)), p.distance) for p in pairs_among(rows, threshold=threshold)}
    moved = pairs_among(rows[order], threshold=threshold)
    assert {(frozenset((order[p.first], order[p.second])), p.distance) for p in moved} == found


def test_a_pair_measured_alone_is_as_far_apart_as_in_a_crowd() -> None:
    first, second = photograph_like(3, 40), photograph_like(4, 40)
    alone = [float(distances(first[i : i + 1], second[i : i + 1])[0]) for i in range(40)]
    assert distances(first, second).tolist() == alone
    crowd = {(pair.first, pair.second): pair.distance for pair in pairs_between(first, second, threshold=56)}
    assert [crowd[i, i] for i in range(40)] == alone


@quick
@given(embeddings(most=1, width=DIMENSIONS), embeddings(most=1, width=DIMENSIONS))
def test_distance_is_exact_symmetric_and_nothing_to_itself(
    first: NDArray[np.float16], second: NDArray[np.float16]
) -> None:
    there, back = distances(first, second), distances(second, first)
    assert there.tolist() == back.tolist() == [exact_distance(a, b) for a, b in zip(first, second, strict=True)]
    assert distances(first, first).tolist() == [0.0] * len(first)


@quick
@given(embeddings(), embeddings(), thresholds, thresholds)
def test_raising_the_threshold_never_removes_a_match(
    first: NDArray[np.float16], second: NDArray[np.float16], one: float, other: float
) -> None:
    low, high = sorted((one, other))
    assert set(pairs_between(first, second, threshold=low)) <= set(pairs_between(first, second, threshold=high))
    assert set(pairs_among(first, threshold=low)) <= set(pairs_among(first, threshold=high))


@quick
@given(st.integers(0, 10_000))
def test_a_pair_is_within_its_own_reported_distance_and_not_within_any_smaller_one(seed: int) -> None:
    first, second = photograph_like(seed, 1), photograph_like(seed + 1, 1)
    distance = float(distances(first, second)[0])
    shown = float(f"{distance:.4f}")
    assert distance == shown
    assert list(pairs_between(first, second, threshold=shown)) == [Pair(0, 0, shown)]
    assert list(pairs_between(first, second, threshold=round(shown - 1e-4, 4))) == []
    assert list(pairs_between(first, second, threshold=np.nextafter(shown, 0))) == []


@pytest.mark.parametrize(
    ("apart", "reported"),
    [(1 / 32, 0.0312), (3 / 32, 0.0938), (UNIT, 0.0), (2**-14, 0.0001), (2**-15, 0.0), (1.0, 1.0), (2.0, 2.0)],
)
def test_rounding_decides_at_the_threshold(apart: float, reported: float) -> None:
    first = np.array([[min(apart, 1.0), 0.5]], np.float16)
    second = np.array([[min(apart, 1.0) - apart, 0.5]], np.float16)
    assert exact_distance(first[0], second[0]) == reported
    assert list(pairs_between(first, second, threshold=reported)) == [Pair(0, 0, reported)]
    assert list(pairs_between(first, second, threshold=reported - 1e-9)) == []


def test_the_smallest_difference_that_float16_can_have_is_not_lost() -> None:
    """1 / 32 is rounded down, to the even digit, but not when there is the least bit more."""
    there, here = np.array([[1 / 32, UNIT]], np.float16), np.array([[0, 0]], np.float16)
    assert distances(there, here).tolist() == [0.0313] == [exact_distance(there[0], here[0])]


def test_all_numbers_that_float16_has_between_minus_one_and_one_are_measured_exactly() -> None:
    """Subnormal ones too: each is a whole multiple of the smallest."""
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    every = every[np.abs(every.astype(np.float32)) <= 1]
    assert len(every) == 2 * (15 * 2**10 + 1)
    assert [unit * UNIT for unit in in_units(every)] == every.tolist()
    # Steps between neighbours of one another's bits: from a subnormal difference up to a large one.
    other = np.roll(every, 1)
    expected = [exact_distance(a, b) for a, b in zip(every[:, None], other[:, None], strict=True)]
    assert distances(every[:, None], other[:, None]).tolist() == expected


def test_the_furthest_embeddings_do_not_overflow() -> None:
    corner = np.ones((1, DIMENSIONS), np.float16)
    assert distances(corner, -corner).tolist() == [55.4256]
    assert exact_distance(corner[0], -corner[0]) == 55.4256
    assert list(pairs_between(corner, -corner, threshold=55.4256)) == [Pair(0, 0, 55.4256)]
    assert list(pairs_between(corner, -corner, threshold=55.4255)) == []


@pytest.mark.parametrize("scale", [1.0, 0.999, 0.7, 0.01])
def test_the_float32_product_never_errs_by_as_much_as_the_slack(scale: float) -> None:
    """Rows near the corners of the cube, where products are largest, and near one another, where they cancel."""
    random = np.random.default_rng(5)
    corners = random.choice([-scale, scale], (24, DIMENSIONS))
    rows = np.concatenate([corners, corners * random.uniform(0.9, 1, corners.shape), photograph_like(6, 24)])
    rows = rows.astype(np.float16)
    units = (rows.astype(np.float64) * 2**24).astype(np.int64)
    single = rows.astype(np.float32)
    squares = np.einsum("nd,nd->n", single, single)
    estimated = squares[:, None] + squares[None, :] - 2 * (single @ single.T)
    exact = np.array([((row - units) ** 2).sum(axis=1) / 2.0**48 for row in units])
    assert np.abs(estimated - exact).max() < metric.SLACK / 4
    reported = np.round(np.sqrt(exact), metric.DECIMALS)
    for threshold in np.unique(reported)[::500].tolist():
        found = {(pair.first, pair.second) for pair in pairs_between(rows, rows, threshold=threshold)}
        assert found == set(zip(*np.nonzero(reported <= threshold), strict=True))


def test_no_rows_have_no_pairs() -> None:
    none, some = np.zeros((0, DIMENSIONS), np.float16), photograph_like(7, 3)
    assert list(pairs_between(none, some, threshold=56)) == []
    assert list(pairs_between(some, none, threshold=56)) == []
    assert list(pairs_among(none, threshold=56)) == []
    assert list(pairs_among(some[:1], threshold=56)) == []
    assert distances(none, none).tolist() == []
