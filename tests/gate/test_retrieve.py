"""Retrieval, against an oracle that compares each pair by itself."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conftest import open_store
from embedding_rows import photograph_like
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsim_guard.augnet import DIMENSIONS
from imgsim_guard.gate.retrieve import BY_HASH, Retrieved, retrieve_among, retrieve_between
from imgsim_guard.model import Bounds
from imgsim_guard.search import (
    Pair,
    distances,
    metric,
    nearest_among,
    nearest_between,
    pairs_among,
    pairs_between,
    plain,
    project,
)
from imgsim_guard.search import hashes as perceptual
from imgsim_guard.search import projected as projected_search
from imgsim_guard.search.hashes import HASH_SIZE, HASHES, nearest_hashes
from imgsim_guard.search.projection import COLUMNS, LOSS
from imgsim_guard.store import folder
from imgsim_guard.store import rows as gathering
from imgsim_guard.store.shard import Row, file_digests
from imgsim_guard.system import threads as parallel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from imgsim_guard.store.store import Store

    Embeddings = NDArray[np.float16]
    Hashes = NDArray[np.uint8]

quick = settings(deadline=None, derandomize=True, max_examples=60)

reaches = st.floats(0, 4) | st.sampled_from([0.0, 0.5, 1.0, 2.0])
counts = st.integers(0, 6)


def steps(*, most: int = 8) -> st.SearchStrategy[Embeddings]:
    """Rows of three numbers on a coarse grid: many are equally far apart."""
    number = st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0])
    row = st.lists(number, min_size=3, max_size=3)
    return st.lists(row, max_size=most).map(lambda rows: np.array(rows, np.float16).reshape(-1, 3))


def nearest(first: Embeddings, second: Embeddings, *, k: int, reach: float, same: bool = False) -> list[Pair]:
    """Each pair measured on its own; ties go to the lower row."""
    found = []
    for i in range(len(first)):
        pairs = [
            Pair(i, j, float(distances(first[i : i + 1], second[j : j + 1])[0]))
            for j in range(len(second))
            if not (same and i == j)
        ]
        within = [pair for pair in pairs if pair.distance <= reach]
        found += sorted(within, key=lambda pair: (pair.distance, pair.second))[:k]
    return found


@contextmanager
def cut_up(block: int, cells: int) -> Iterator[None]:
    """Blocks so small that even a few rows fill many of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "BLOCK", block)
        patch.setattr(plain, "CELLS", cells)
        patch.setattr(metric, "EXACT_ROWS", block)
        yield


# The nearest by distance


@quick
@given(steps(), steps(), counts, reaches, st.integers(1, 4), st.integers(1, 20))
def test_the_nearest_within_reach_are_found_in_order_whatever_the_blocks(  # noqa: PLR0913, PLR0917  drawn by hypothesis
    first: Embeddings, second: Embeddings, k: int, reach: float, block: int, cells: int
) -> None:
    expected = nearest(first, second, k=k, reach=reach)
    assert list(nearest_between(first, second, k=k, reach=reach)) == expected
    with cut_up(block, cells):
        assert list(nearest_between(first, second, k=k, reach=reach)) == expected


@quick
@given(steps(), counts, reaches, st.integers(1, 4), st.integers(1, 20))
def test_among_one_set_no_row_is_its_own_neighbour(
    rows: Embeddings, k: int, reach: float, block: int, cells: int
) -> None:
    expected = nearest(rows, rows, k=k, reach=reach, same=True)
    assert list(nearest_among(rows, k=k, reach=reach)) == expected
    with cut_up(block, cells):
        assert list(nearest_among(rows, k=k, reach=reach)) == expected


@pytest.mark.parametrize("reach", [0.0, 1.9, 2.1, 26.0, 56.0])
@pytest.mark.parametrize("k", [1, 3, 50])
def test_embeddings_of_full_width_are_found_as_the_oracle_finds_them(k: int, reach: float) -> None:
    first, second = photograph_like(1, 14), photograph_like(1, 11)
    expected = nearest(first, second, k=k, reach=reach)
    among = nearest(first, first, k=k, reach=reach, same=True)
    for block, cells in ((2048, 2**24), (3, 25), (1, 1)):
        with cut_up(block, cells):
            assert list(nearest_between(first, second, k=k, reach=reach)) == expected
            assert list(nearest_among(first, k=k, reach=reach)) == among


@quick
@given(st.integers(0, 50), st.integers(1, 4), st.floats(0, 40))
def test_a_query_alone_has_the_neighbours_that_it_has_in_a_crowd(seed: int, k: int, reach: float) -> None:
    first, second = photograph_like(seed, 9), photograph_like(seed, 12)
    alone = [
        pair._replace(first=i)
        for i in range(len(first))
        for pair in nearest_between(first[i : i + 1], second, k=k, reach=reach)
    ]
    assert alone == list(nearest_between(first, second, k=k, reach=reach))


@quick
@given(steps(), steps(), counts, reaches)
def test_as_many_neighbours_as_there_are_rows_are_all_pairs_within_reach(
    first: Embeddings, second: Embeddings, extra: int, reach: float
) -> None:
    everyone = nearest_between(first, second, k=len(second) + extra, reach=reach)
    assert sorted(everyone) == sorted(pairs_between(first, second, threshold=reach))
    both_ways = {
        Pair(max(p.first, p.second), min(p.first, p.second), p.distance)
        for p in nearest_among(first, k=len(first) + extra, reach=reach)
    }
    assert both_ways == set(pairs_among(first, threshold=reach))


def test_no_rows_have_no_neighbours() -> None:
    none, some = np.zeros((0, DIMENSIONS), np.float16), photograph_like(2, 1)
    assert list(nearest_between(none, some, k=3, reach=56)) == []
    assert list(nearest_between(some, none, k=3, reach=56)) == []
    assert list(nearest_among(none, k=3, reach=56)) == []
    assert list(nearest_among(some, k=3, reach=56)) == []


# Both roads


def bits_of(seed: int, flipped: int) -> bytes:
    """A hash, and copies of it that differ in so many bits."""
    bits = np.random.default_rng(seed).integers(0, 2, 8 * HASH_SIZE, np.uint8)
    bits[0] = 1
    bits[1 : 1 + flipped] ^= 1
    return np.packbits(bits).tobytes()


def content(number: int) -> str:
    return "sha256:" + hashlib.sha256(str(number).encode()).hexdigest()


def fill(store: Store, embeddings: Embeddings, hashes: list[bytes]) -> dict[str, int]:
    """Store these images, numbered from 0 but put in backwards; return where each is."""
    rows = [
        Row(
            **file_digests(str(number).encode()),
            pixels=bytes(16),
            hashes=packed.ljust(HASHES * HASH_SIZE, b"\0"),
            embedding=wide(row),
        )
        for number, (row, packed) in enumerate(zip(embeddings, hashes, strict=True))
    ]
    if rows:
        store.add(rows[::-1])
    return store.find([content(number) for number in range(len(rows))])


def wide(row: Embeddings) -> Embeddings:
    return np.pad(row, (0, DIMENSIONS - len(row)))


@contextmanager
def a_store() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as folder:
        yield open_store(Path(folder))


@st.composite
def collections(draw: st.DrawFn) -> tuple[Embeddings, list[bytes]]:
    """Up to eight images: embeddings, and hashes of which some are near one another and some are none."""
    rows = draw(steps())
    one = st.just(b"") | st.builds(bits_of, st.integers(0, 2), st.integers(0, 90))
    return rows, draw(st.lists(one, min_size=len(rows), max_size=len(rows)))


rules = st.builds(
    lambda low, high, k: Bounds(min(low, high), max(low, high), candidates=max(1, k), verify=k > 0),
    reaches,
    reaches,
    counts,
)


def hashes_of(packed: list[bytes]) -> Hashes:
    none = b"".join(each.ljust(HASHES * HASH_SIZE, b"\0") for each in packed)
    return np.frombuffer(none, np.uint8).reshape(-1, HASHES, HASH_SIZE)


def expected_pairs(
    first: slice, second: slice, drawn: tuple[Embeddings, list[bytes]], bounds: Bounds, *, same: bool
) -> set[tuple[int, int]]:
    """Pairs of numbers in both parts that either road leads to."""
    rows, packed = drawn
    one, two, everyone = rows[first], rows[second], len(rows)
    pairs = [pair[:2] for pair in nearest(one, two, k=everyone, reach=bounds.threshold, same=same)]
    if bounds.verify:
        pairs += [pair[:2] for pair in nearest(one, two, k=bounds.candidates, reach=bounds.reach, same=same)]
        pairs += nearest_hashes(hashes_of(packed[first]), hashes_of(packed[second]), k=BY_HASH, same=same)
    return {(i + (first.start or 0), j + (second.start or 0)) for i, j in pairs}


def measured(rows: Embeddings, i: int, j: int) -> float:
    return float(distances(rows[i : i + 1], rows[j : j + 1])[0])


def expected(
    first: slice, second: slice, drawn: tuple[Embeddings, list[bytes]], bounds: Bounds, *, same: bool
) -> dict[tuple[int, int], Retrieved]:
    """What is retrieved, by numbers, the larger one first if the sets are the same."""
    by_hash = expected_pairs(first, second, (drawn[0] * 0, drawn[1]), Bounds(-1, -1, verify=bounds.verify), same=same)
    return {
        (max(i, j), min(i, j)) if same else (i, j): Retrieved(
            measured(drawn[0], i, j), bool({(i, j), *([(j, i)] if same else [])} & by_hash)
        )
        for i, j in expected_pairs(first, second, drawn, bounds, same=same)
    }


def part(places: dict[str, int], first: int, end: int | None) -> dict[str, int]:
    return dict(list(places.items())[first:end])


@quick
@given(collections(), rules, st.integers(0, 8))
def test_between_two_sets_both_roads_are_taken_and_each_distance_is_exact(
    drawn: tuple[Embeddings, list[bytes]], bounds: Bounds, cut: int
) -> None:
    rows, _ = drawn
    cut = min(cut, len(rows))
    names = [content(number) for number in range(len(rows))]
    with a_store() as store:
        places = fill(store, *drawn)
        found = retrieve_between(part(places, 0, cut), part(places, cut, None), store, bounds=bounds)
    pairs = expected(slice(0, cut), slice(cut, None), drawn, bounds, same=False)
    assert found == {(names[i], names[j]): what for (i, j), what in pairs.items()}


@quick
@given(collections(), rules)
def test_among_queries_each_pair_is_found_once_with_the_later_one_first(
    drawn: tuple[Embeddings, list[bytes]], bounds: Bounds
) -> None:
    rows, _ = drawn
    names = [content(number) for number in range(len(rows))]
    with a_store() as store:
        found = retrieve_among(fill(store, *drawn), store, bounds=bounds)
    pairs = expected(slice(0, None), slice(0, None), drawn, bounds, same=True)
    assert found == {(names[i], names[j]): what for (i, j), what in pairs.items()}


@quick
@given(collections(), rules)
def test_a_query_retrieves_alone_what_it_retrieves_among_others(
    drawn: tuple[Embeddings, list[bytes]], bounds: Bounds
) -> None:
    names = [content(number) for number in range(len(drawn[0]))]
    half = len(names) // 2
    with a_store() as store:
        places = fill(store, *drawn)
        together = retrieve_between(part(places, 0, half), part(places, half, None), store, bounds=bounds)
        alone = {
            pair: distance
            for name in names[:half]
            for pair, distance in retrieve_between(
                {name: places[name]}, part(places, half, None), store, bounds=bounds
            ).items()
        }
    assert alone == together


def test_without_candidates_only_the_threshold_counts() -> None:
    rows = np.array([[0], [0.5], [1], [-1]], np.float16)
    alike = [bits_of(0, 0)] * 4
    with a_store() as store:
        places = fill(store, rows, alike)
        names = list(places)
        bare = Bounds(threshold=0.5, reach=1.0, verify=False)
        assert retrieve_between(part(places, 0, 1), part(places, 1, None), store, bounds=bare) == {
            (names[0], names[1]): Retrieved(0.5, likely=False)
        }
        assert retrieve_among(places, store, bounds=bare) == {
            (names[1], names[0]): Retrieved(0.5, likely=False),
            (names[2], names[1]): Retrieved(0.5, likely=False),
        }


def test_a_hash_leads_to_what_lies_beyond_reach() -> None:
    rows = np.array([[-1] * 9, [1] * 9, [1] * 9], np.float16)
    with a_store() as store:
        places = fill(store, rows, [bits_of(0, 0), bits_of(0, 60), bits_of(1, 0)])
        names = list(places)
        bounds = Bounds(threshold=1.0, reach=2.0, candidates=1)
        far = Retrieved(6.0, likely=True)
        assert retrieve_between(part(places, 0, 1), part(places, 1, None), store, bounds=bounds) == {
            (names[0], names[1]): far
        }
        assert retrieve_among(part(places, 0, 2), store, bounds=bounds) == {(names[1], names[0]): far}


def test_every_pair_within_the_threshold_is_retrieved_however_few_the_candidates() -> None:
    with a_store() as store:
        places = fill(store, np.zeros((9, 1), np.float16), [b""] * 9)
        bounds = Bounds(threshold=1.0, reach=2.0, candidates=1)
        assert len(retrieve_between(part(places, 0, 1), part(places, 1, None), store, bounds=bounds)) == 8
        assert len(retrieve_among(places, store, bounds=bounds)) == 36


def test_nothing_retrieves_nothing() -> None:
    with a_store() as store:
        places = fill(store, np.zeros((1, 1), np.float16), [b""])
        for bounds in (Bounds(), Bounds(verify=False)):
            assert retrieve_between({}, places, store, bounds=bounds) == {}
            assert retrieve_between(places, {}, store, bounds=bounds) == {}
            assert retrieve_among({}, store, bounds=bounds) == {}
            assert retrieve_among(places, store, bounds=bounds) == {}


# Both at once, from a store of many shards


@quick
@given(steps(), steps(), counts, reaches, reaches, st.integers(1, 4))
def test_what_is_within_a_distance_comes_besides_the_nearest(  # noqa: PLR0913, PLR0917  drawn by hypothesis
    first: Embeddings, second: Embeddings, k: int, reach: float, within: float, block: int
) -> None:
    near = {*nearest(first, second, k=k, reach=reach)}
    near |= {*pairs_between(first, second, threshold=within)} if k else set()
    with cut_up(block, 20):
        found = list(nearest_between(first, second, k=k, reach=reach, within=within))
    assert sorted(found) == sorted(near)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("projected", [False, True])
def test_rows_of_a_store_are_searched_as_an_array_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, *, projected: bool
) -> None:
    """In an order that is not the store's, on any number of threads."""
    monkeypatch.setattr(parallel, "cores", lambda: threads)
    monkeypatch.setattr(folder, "MAPPED", 1)
    for module, name, size in (
        (plain, "BLOCK", 7),
        (perceptual, "BLOCK", 7),
        (projected_search, "BLOCK", 9),
        (projected_search, "QUERIES", 4),
        (projected_search, "GROUP", 2),
    ):
        monkeypatch.setattr(module, name, size)
    monkeypatch.setattr(gathering, "SHARDS_IN_MEMORY", 1)
    store, drawn = open_store(tmp_path), np.random.default_rng(3)
    made = photograph_like(3, 90)
    for start in range(0, 90, 30):
        store.add([row_with(made[at], drawn) for at in range(start, start + 30)])
    rows = drawn.permutation(90).tolist()
    array, lazy = store.embeddings(rows), store.stored_embeddings(rows)
    assert len(lazy) == len(array)
    kept = project(array) if projected else None
    for k, reach, within in ((1, 26.0, 10.0), (5, 10.0, 2.0), (50, 56.0, 0.0)):
        expected = list(plain.nearest(array, array, k=k, reach=reach, same=False, within=within))
        found = nearest_between(lazy, lazy, k=k, reach=reach, within=within, projection=kept)
        assert list(found) == expected
    expected = list(plain.pairs(array, array, threshold=26, same=False))
    assert sorted(pairs_between(lazy, lazy, threshold=26, projection=kept)) == sorted(expected)
    assert sorted(pairs_among(lazy, threshold=26, projection=kept)) == [
        pair for pair in sorted(expected) if pair.first > pair.second
    ]
    # Some processors round a product by its row's place in a block; a projection allows for that.
    difference = project(lazy).coordinates[:, :COLUMNS] - project(array).coordinates[:, :COLUMNS]
    assert np.abs(difference).max() < LOSS
    hashes = store.hashes(rows)
    for same in (False, True):
        by_hash = list(nearest_hashes(hashes, hashes, k=3, same=same))
        stored = store.stored_hashes(rows)
        assert sorted(nearest_hashes(stored, stored, k=3, same=same)) == sorted(by_hash) != []


def row_with(embedding: NDArray[np.float16], drawn: np.random.Generator) -> Row:
    digests = file_digests(embedding.tobytes())
    hashes = drawn.integers(0, 256, HASHES * HASH_SIZE, np.uint8)
    if drawn.random() < 0.5:  # one that others have, too
        hashes[:HASH_SIZE] = 0xAA
    return Row(**digests, pixels=bytes(16), hashes=hashes.tobytes(), embedding=embedding)
