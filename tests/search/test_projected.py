"""The projected search: whatever the basis and the blocks, it finds the pairs that the plain one finds."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import safetensors.numpy
from embedding_rows import UNIT, photograph_like
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from imgsim_guard import search
from imgsim_guard.augnet import DIMENSIONS
from imgsim_guard.search import (
    Projection,
    distances,
    metric,
    nearest_among,
    nearest_between,
    pairs_among,
    pairs_between,
    plain,
    project,
    projected,
    projection,
)
from imgsim_guard.search.projection import COLUMNS, facing, projected_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Embeddings = NDArray[np.float16]

REAL = Path(__file__).parents[1] / "golden" / "reference.safetensors"

quick = settings(deadline=None, derandomize=True, max_examples=40)

thresholds = st.sampled_from([0.0, 1e-4, 0.5, 1.0, 2.0, 10.0, 20.0, 26.0, 56.0]) | st.floats(0, 40)
counts = st.integers(0, 6)


@cache
def real() -> Embeddings:
    """Embeddings of photographs and of their mirror images."""
    return np.stack(list(safetensors.numpy.load_file(REAL).values())).astype(np.float16)


def blended(seed: int, rows: int) -> Embeddings:
    """Rows between real ones, some of them copies of another with a few numbers changed."""
    random = np.random.default_rng(seed)
    depths = np.arctanh(np.clip(real().astype(np.float32), -0.999, 0.999))
    made = np.tanh(random.dirichlet(np.full(len(depths), 0.05), rows) @ depths).astype(np.float16)
    for copy in range(1, rows, 4):
        made[copy] = made[copy - 1]
        made[copy, random.integers(0, DIMENSIONS, copy % 5)] = random.choice([-1.0, 0.0, UNIT, 1.0])
    return made


narrow = npst.arrays(
    np.float16,
    st.tuples(st.integers(0, 9), st.just(4)),
    elements=st.floats(-1, 1, width=16) | st.sampled_from([0.0, 1.0, -1.0, UNIT, 0.5, 0.5 + 2**-11]),
)
wide = st.builds(
    photograph_like, st.integers(0, 99), st.integers(0, 14), spread=st.sampled_from([0.0, 0.01, 0.05, 0.5])
)
between_reals = st.builds(blended, st.integers(0, 99), st.integers(0, 14))
two_sides = st.tuples(narrow, narrow) | st.tuples(wide, wide) | st.tuples(between_reals, st.builds(real))


def any_basis(width: int, columns: int, seed: int) -> NDArray[np.float32]:
    random = np.random.default_rng(seed).normal(size=(width, columns))
    return np.linalg.qr(random)[0].astype(np.float32)


def on(rows: Embeddings, basis: NDArray[np.float32], centre: float = 0) -> Projection:
    """The rows projected on a basis that nothing recommends."""
    middle = np.full(basis.shape[1], centre, np.float32)
    return project(rows, like=Projection(basis, middle, np.zeros((0, basis.shape[1] + 2), np.float32)))


def on_one_line(rows: Embeddings) -> Projection:
    return on(rows, any_basis(rows.shape[1], 1, 2), centre=0.7)


def on_a_plane(rows: Embeddings) -> Projection:
    return on(rows, any_basis(rows.shape[1], 2, 1))


ways = st.sampled_from([project, on_a_plane, on_one_line])


@contextmanager
def cut_up(queries: int, block: int, dense: float, group: int) -> Iterator[None]:
    """Blocks so small that even a few rows fill many; and measured in full width always, sometimes or never."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in (
            (projected, "QUERIES", queries),
            (projected, "BLOCK", block),
            (projected, "DENSE", dense),
            (projected, "GROUP", group),
            (projected, "FACES", 2),
            (projection, "BLOCK", block),
            (metric, "EXACT_ROWS", block),
        ):
            patch.setattr(module, name, value)
        yield


small = st.tuples(st.integers(1, 5), st.integers(1, 7), st.sampled_from([0.0, 4.0, 1e9]), st.integers(1, 4))
cuts = small | st.just((256, 8192, 64.0, 64))


@quick
@given(two_sides, thresholds, ways, cuts)
def test_the_same_pairs_are_found_on_any_basis_in_any_blocks(
    sides: tuple[Embeddings, Embeddings],
    threshold: float,
    way: Callable[[Embeddings], Projection],
    cut: tuple[int, int, float, int],
) -> None:
    first, second = sides
    between = sorted(plain.pairs(first, second, threshold=threshold, same=False))
    among = sorted(plain.pairs(first, first, threshold=threshold, same=True))
    with cut_up(*cut):
        assert sorted(pairs_between(first, second, threshold=threshold, projection=way(second))) == between
        assert sorted(pairs_among(first, threshold=threshold, projection=way(first))) == among


@quick
@given(two_sides, counts, thresholds, ways, cuts)
def test_the_same_neighbours_are_found_on_any_basis_in_any_blocks(
    sides: tuple[Embeddings, Embeddings],
    k: int,
    reach: float,
    way: Callable[[Embeddings], Projection],
    cut: tuple[int, int, float, int],
) -> None:
    first, second = sides
    between = list(plain.nearest(first, second, k=k, reach=reach, same=False))
    among = list(plain.nearest(first, first, k=k, reach=reach, same=True))
    with cut_up(*cut):
        assert list(nearest_between(first, second, k=k, reach=reach, projection=way(second))) == between
        assert list(nearest_among(first, k=k, reach=reach, projection=way(first))) == among


@quick
@given(two_sides, ways, st.data())
def test_a_pair_is_found_at_its_own_distance_and_not_just_below(
    sides: tuple[Embeddings, Embeddings], way: Callable[[Embeddings], Projection], data: st.DataObject
) -> None:
    first, second = sides
    if not (len(first) and len(second)):
        return
    i, j = data.draw(st.integers(0, len(first) - 1)), data.draw(st.integers(0, len(second) - 1))
    apart = float(distances(first[i : i + 1], second[j : j + 1])[0])
    kept = way(second)
    assert (i, j, apart) in set(pairs_between(first, second, threshold=apart, projection=kept))
    below = pairs_between(first, second, threshold=np.nextafter(apart, -1), projection=kept)
    assert (i, j) not in {pair[:2] for pair in below}


@pytest.mark.parametrize("threshold", [0.0, 2.0, 10.0, 12.0])
def test_thousands_of_rows_are_projected_and_give_the_same_pairs(
    threshold: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = blended(1, 1700)
    expected = sorted(plain.pairs(rows, rows, threshold=threshold, same=True))
    neighbours = list(plain.nearest(rows, rows, k=3, reach=threshold, same=True))
    monkeypatch.setattr(search, "ROWS_FOR_EACH_NEIGHBOUR", 1)
    monkeypatch.setattr(plain, "pairs", None)
    monkeypatch.setattr(plain, "nearest", None)
    assert sorted(pairs_among(rows, threshold=threshold)) == expected
    assert list(nearest_among(rows, k=3, reach=threshold)) == neighbours


def test_few_rows_are_multiplied_in_full_width(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = blended(2, 1300)
    monkeypatch.setattr(search, "project", None)
    assert list(pairs_among(rows, threshold=0.0))
    assert list(nearest_among(rows, k=1, reach=0.0))
    assert list(pairs_between(rows[:50], rows, threshold=0.0))
    assert list(nearest_between(rows, rows[:50], k=1, reach=0.0))


@pytest.mark.parametrize("rows", [0, 1, 2, COLUMNS - 1, COLUMNS, 70])
def test_rows_that_are_all_equal_are_all_found(rows: int) -> None:
    equal = np.repeat(real()[:1], rows, axis=0)
    kept = project(equal)
    assert len(list(pairs_among(equal, threshold=0.0, projection=kept))) == rows * (rows - 1) // 2
    assert len(list(pairs_between(equal, equal, threshold=0.0, projection=kept))) == rows**2
    nearest = [pair[:2] for pair in nearest_among(equal, k=2, reach=0.0, projection=kept)]
    assert nearest == [(i, j) for i in range(rows) for j in [j for j in range(rows) if j != i][:2]]


@pytest.mark.parametrize("rows", [0, 1, 5, 33, 3000])
def test_a_projection_lengthens_nothing_and_is_the_same_every_time(rows: int) -> None:
    drawn = blended(3, rows)
    kept, again = project(drawn), project(drawn)
    width = kept.basis.shape[1]
    assert kept.basis.shape == (DIMENSIONS, COLUMNS)
    assert kept.coordinates.shape == (rows, width + 2)
    assert {part.dtype for part in kept} == {np.dtype(np.float32)}
    products = kept.basis.T.astype(np.float64) @ kept.basis
    assert np.linalg.eigvalsh(products)[-1] < 1 + 1e-6
    if rows > 2 * COLUMNS:
        assert np.abs(products - np.eye(width)).max() < 1e-6
    assert all((one == other).all() for one, other in zip(kept, again, strict=True))


def test_the_basis_keeps_most_of_the_distance_of_unrelated_images() -> None:
    rows = real()
    kept = project(rows)
    projected_squares = kept.coordinates @ facing(kept.coordinates, np.zeros(1, np.float32)).T
    assert projected_squares.mean() > 0.75 * metric.squares_between(rows, rows).mean()


@pytest.mark.parametrize("scale", [1.0, 0.999, 0.7, 0.01, 2**-14])
def test_no_projected_square_passes_the_limit_of_its_pair(scale: float) -> None:
    """Rows near the corners of the cube, where products are largest, and near one another, where they cancel."""
    random = np.random.default_rng(5)
    corners = random.choice([-scale, scale], (24, DIMENSIONS))
    rows = np.concatenate([corners, corners * random.uniform(0.9, 1, corners.shape), real(), photograph_like(6, 24)])
    rows = rows.astype(np.float16)
    units = (rows.astype(np.float64) * 2**24).astype(np.int64)
    exact = np.array([((row - units) ** 2).sum(axis=1) / 2.0**48 for row in units])
    for kept in (project(rows), on_a_plane(rows), on_one_line(rows), on(rows, any_basis(DIMENSIONS, 200, 3))):
        squares = kept.coordinates @ facing(kept.coordinates, np.zeros(1, np.float32)).T
        assert (squares <= projected_limits(exact.astype(np.float32)) - metric.SLACK / 2).all()


def test_every_finite_float16_is_widened_exactly() -> None:
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    every = every[np.isfinite(every)]
    wide = metric.widened(every)
    assert wide.dtype == np.float32
    assert wide.tobytes() == every.astype(np.float32).tobytes()
    assert metric.widened(every[::3]).tobytes() == every[::3].astype(np.float32).tobytes()


@pytest.mark.parametrize("widen", [False, True])
def test_rows_are_the_same_after_they_were_searched(*, widen: bool) -> None:
    rows = metric.widened(blended(8, 40)) if widen else blended(8, 40)
    before = rows.copy()
    projection = project(rows)
    for found in (
        pairs_among(rows, threshold=20.0, projection=projection),
        nearest_among(rows, k=3, reach=26.0, projection=projection),
        plain.pairs(rows, rows, threshold=20.0, same=True),
    ):
        assert list(found)
    assert (rows == before).all()


def test_float32_copies_are_projected_as_float16_is() -> None:
    rows = blended(8, 40)
    expected = list(pairs_among(rows, threshold=20.0, projection=project(rows)))
    single = rows.astype(np.float32)
    assert list(pairs_among(single, threshold=20.0, projection=project(single))) == expected
