"""Perceptual hashes: what they keep, what they tell apart, and the search among them."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import encoded, pixels_of
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsim_guard.images.decode import decode
from imgsim_guard.images.hashes import SIDE, averaged, hashes
from imgsim_guard.model import Unreadable
from imgsim_guard.search import hashes as perceptual
from imgsim_guard.search.hashes import (
    FREQUENCIES,
    HASH_SIZE,
    HASHES,
    MOST_BITS,
    nearest_hashes,
    parities,
    present,
    transposed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    Hashes = NDArray[np.uint8]

BITS = FREQUENCIES**2 - 1

PHOTOGRAPHS = [
    "astronaut.png",
    "brick.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "motorcycle_left.png",
    "rocket.jpg",
]

FEW = 12
"""Bits near 0 that rounding may turn over."""

quick = settings(deadline=None, derandomize=True, max_examples=60)


def signs(packed: Hashes) -> NDArray[np.float32]:
    """Packed hashes [n, 32] as -1 and 1, [n, 256]; the first of each, which only says that there is one, as 0."""
    unpacked = np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1
    unpacked[:, 0] = 0
    return unpacked


def orientations(bits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The signs [8, n, 256] that these signs [n, 256] would be for the picture in each of its 8 orientations."""
    grid = bits.reshape(-1, FREQUENCIES, FREQUENCIES)
    odd = np.where(np.arange(FREQUENCIES) % 2, -1, 1).astype(np.float32)
    turned = [
        side * across * down
        for side in (grid, grid.transpose(0, 2, 1))
        for across in (1, odd[None, None, :])
        for down in (1, odd[None, :, None])
    ]
    return np.stack(turned).reshape(8, -1, FREQUENCIES * FREQUENCIES)


def jpeg(picture: Pixels, quality: int) -> Pixels:
    pixels = decode(encoded(picture, ".jpg", cv2.IMWRITE_JPEG_QUALITY, quality))
    assert not isinstance(pixels, Unreadable)
    return pixels


def eight(picture: Pixels) -> list[Pixels]:
    """A picture in its 8 orientations."""
    return [np.ascontiguousarray(np.rot90(side, turn)) for side in (picture, picture[:, ::-1]) for turn in range(4)]


def whole(picture: Pixels) -> NDArray[np.float32]:
    """The signs [256] of the whole picture."""
    (row,) = signs(hashes(picture)[:1])
    return np.asarray(row, np.float32)


def apart(one: NDArray[np.float32], other: NDArray[np.float32]) -> int:
    """Bits in which signs differ."""
    return int((one != other).sum())


def clipped(values: NDArray[np.floating]) -> Pixels:
    return np.asarray(np.clip(values, 0, 255), np.uint8)


# To the last bit as OpenCV averages


@pytest.mark.parametrize(
    "shape",
    [
        *((1512, 2016), (1080, 1920), (500, 333), (375, 500)),  # in quarters, by their height or else their width
        *((784, 391), (3376, 90), (391, 501)),  # 64 / 784 and 64 / 3376 are not exact; nor are there quarters of 391
        *((128, 128), (64, 64), (256, 640), (128, 320)),  # whole numbers, which OpenCV averages in another way
        *((60, 200), (200, 60), (40, 40), (1, 400)),  # it does not average what must grow
    ],
)
def test_quarters_are_averaged_as_the_whole(shape: tuple[int, int]) -> None:
    grey = np.random.default_rng(shape[0]).integers(0, 256, shape, np.uint8)
    assert np.array_equal(averaged(grey), cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


@quick
@given(st.integers(1, 200), st.integers(1, 700), st.integers(0, 9), st.sampled_from([0, 1]))
def test_pictures_of_any_size_are_averaged_as_by_opencv(quarter: int, width: int, seed: int, axis: int) -> None:
    grey = np.random.default_rng(seed).integers(0, 256, (4 * quarter, width), np.uint8).swapaxes(0, axis)
    assert np.array_equal(averaged(grey), cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


# What is kept


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_the_hash_of_a_picture_tells_those_of_its_8_orientations(name: str) -> None:
    picture = pixels_of(name)
    told = orientations(whole(picture)[None])[:, 0]
    nearest = [min((apart(whole(turned), each), at) for at, each in enumerate(told)) for turned in eight(picture)]
    assert max(bits for bits, _ in nearest) <= FEW
    assert sorted(at for _, at in nearest) == list(range(8))


EDITS: dict[str, Callable[[Pixels], Pixels]] = {
    "jpeg": lambda picture: jpeg(picture, 10),
    "half the size": lambda picture: np.asarray(cv2.resize(picture, None, fx=0.5, fy=0.5), np.uint8),
    "a thumbnail": lambda picture: np.asarray(cv2.resize(picture, (96, 96), interpolation=cv2.INTER_AREA), np.uint8),
    "twice the size": lambda picture: np.asarray(cv2.resize(picture, None, fx=2, fy=2), np.uint8),
    "another aspect": lambda picture: np.asarray(cv2.resize(picture, None, fx=0.6, fy=1), np.uint8),
    "brighter": lambda picture: clipped(picture + np.float32(40)),
    "darker": lambda picture: clipped(picture * np.float32(0.6)),
    "less contrast": lambda picture: clipped(picture * np.float32(0.5) + 64),
    "gamma": lambda picture: clipped(255 * (picture / np.float32(255)) ** 1.5),
    "grey": lambda picture: clipped(np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2)),
    "cast": lambda picture: clipped(picture * np.array([0.6, 1.0, 1.4])),
    "blur": lambda picture: np.asarray(cv2.GaussianBlur(picture, (0, 0), 2), np.uint8),
    "noise": lambda picture: clipped(picture + np.random.default_rng(0).normal(0, 12, picture.shape)),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_copy_in_other_colours_or_another_size_keeps_its_hash(edit: str) -> None:
    for name in PHOTOGRAPHS:
        picture = pixels_of(name)
        assert apart(whole(EDITS[edit](picture)), whole(picture)) <= MOST_BITS, name


def test_unrelated_photographs_are_told_apart_in_any_orientation() -> None:
    found = {name: hashes(pixels_of(name)) for name in PHOTOGRAPHS}
    for one, other in combinations(PHOTOGRAPHS, 2):
        assert list(nearest_hashes(found[one][None], found[other][None], k=1)) == [], (one, other)


@pytest.mark.parametrize("level", [0, 99, 255])
def test_a_blank_picture_has_no_hash_and_no_neighbours(level: int) -> None:
    blank = np.full((60, 80, 3), level, np.uint8)
    faint = clipped(np.random.default_rng(1).normal(level, 2, (60, 80, 3)))
    for picture in (blank, faint, blank[:1, :1]):
        packed = hashes(picture)
        assert not present(packed).any()
        assert not packed.any()
        assert list(nearest_hashes(packed[None], packed[None], k=5)) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (2, 3), (3, 4000)])
def test_odd_shapes_are_hashed(shape: tuple[int, int]) -> None:
    packed = hashes(np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8))
    assert packed.shape == (HASHES, HASH_SIZE)
    assert packed.dtype == np.uint8
    assert not present(packed)[1:].any()


def framed(picture: Pixels) -> Pixels:
    return np.asarray(
        cv2.copyMakeBorder(picture, 60, 60, 120, 120, cv2.BORDER_CONSTANT, value=(255, 255, 255)), np.uint8
    )


@pytest.mark.parametrize("name", ["astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "coins.png"])
def test_a_framed_picture_finds_the_unframed_one_and_the_other_way_round(name: str) -> None:
    gallery = np.stack([hashes(pixels_of(other)) for other in PHOTOGRAPHS])
    mounted = np.stack([hashes(framed(pixels_of(other))) for other in PHOTOGRAPHS])
    at = PHOTOGRAPHS.index(name)
    assert list(nearest_hashes(mounted[at][None], gallery, k=3)) == [(0, at)]
    assert list(nearest_hashes(gallery[at][None], mounted, k=3)) == [(0, at)]
    turned = hashes(np.ascontiguousarray(np.rot90(framed(pixels_of(name)))[:, ::-1]))
    assert list(nearest_hashes(turned[None], gallery, k=3)) == [(0, at)]


def test_each_picture_of_a_collage_is_found() -> None:
    names = ["astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png"]
    sheet = np.full((606, 606, 3), 255, np.uint8)
    for (y, x), name in zip(((0, 0), (0, 306), (306, 0), (306, 306)), names, strict=True):
        sheet[y : y + 300, x : x + 300] = cv2.resize(pixels_of(name), (300, 300), interpolation=cv2.INTER_AREA)
    gallery = np.stack([hashes(pixels_of(name)) for name in PHOTOGRAPHS])
    found = {row for _, row in nearest_hashes(hashes(sheet)[None], gallery, k=5)}
    assert found == {PHOTOGRAPHS.index(name) for name in names}


# The search


def packed(rows: Iterable[Iterable[NDArray[np.bool_]]]) -> Hashes:
    """Hashes [n, 5, 32] of bits [255] each, those that are left out being none."""
    made = [[np.packbits(np.concatenate([[True], bits])) for bits in row] for row in rows]
    none = np.zeros(HASH_SIZE, np.uint8)
    return np.array([[*row, *[none] * (HASHES - len(row))] for row in made], np.uint8).reshape(-1, HASHES, HASH_SIZE)


def random_bits(seed: int) -> NDArray[np.bool_]:
    return np.asarray(np.random.default_rng(seed).integers(0, 2, BITS), np.bool_)


def flipped(bits: NDArray[np.bool_], number: int) -> NDArray[np.bool_]:
    changed = bits.copy()
    changed[:number] ^= True
    return changed


def test_the_nearest_come_first_and_no_more_than_k() -> None:
    bits = random_bits(0)
    gallery = packed([[flipped(bits, number)] for number in (30, 1, 0, 72, 73, 10, 20)])
    query = packed([[bits]])
    assert list(nearest_hashes(query, gallery, k=9)) == [(0, 2), (0, 1), (0, 5), (0, 6), (0, 0), (0, 3)]
    assert list(nearest_hashes(query, gallery, k=2)) == [(0, 2), (0, 1)]
    assert list(nearest_hashes(query, gallery, k=0)) == []


def test_of_equally_near_ones_the_first_rows_are_taken() -> None:
    bits = random_bits(1)
    gallery = packed([[flipped(bits, number)] for number in (5, 3, 5, 3, 5)])
    assert list(nearest_hashes(packed([[bits]]), gallery, k=4)) == [(0, 1), (0, 3), (0, 0), (0, 2)]


def test_an_image_counts_once_by_its_nearest_hash() -> None:
    bits = random_bits(2)
    gallery = packed([[random_bits(3), flipped(bits, 40), flipped(bits, 2)], [flipped(bits, 9)], [random_bits(4)]])
    query = packed([[random_bits(5), bits, flipped(bits, 1)]])
    assert list(nearest_hashes(query, gallery, k=9)) == [(0, 0), (0, 1)]


def test_an_image_is_not_its_own_neighbour_among_the_same() -> None:
    bits = random_bits(6)
    rows = packed([[bits], [bits, bits], [random_bits(7)], [], [flipped(bits, 3)]])
    among = list(nearest_hashes(rows, rows, k=9, same=True))
    assert among == [(0, 1), (0, 4), (1, 0), (1, 4), (4, 0), (4, 1)]
    assert set(nearest_hashes(rows, rows, k=9)) - set(among) == {(0, 0), (1, 1), (2, 2), (4, 4)}


def test_nothing_is_near_nothing() -> None:
    none, without, some = packed([]), packed([[], []]), packed([[random_bits(8)]])
    for first, second in ((none, some), (some, none), (none, none), (without, some), (some, without)):
        assert list(nearest_hashes(first, second, k=5)) == []


def oracle(first: Hashes, second: Hashes, *, k: int, same: bool) -> list[tuple[int, int]]:
    """Each pair of hashes by itself, in Python's integers."""
    found = []
    for i, ours in enumerate(first):
        near = []
        for j, theirs in enumerate(second):
            bits = [
                apart(turned, signs(other[None])[0])
                for one in ours[present(ours)]
                for turned in orientations(signs(one[None]))[:, 0]
                for other in theirs[present(theirs)]
            ]
            if bits and min(bits) <= MOST_BITS and not (same and i == j):
                near.append((min(bits), j))
        found += [(i, j) for _, j in sorted(near)[:k]]
    return found


def plain(first: Hashes, second: Hashes, *, k: int, same: bool = False) -> list[tuple[int, int]]:
    """The search by products of signs, all of the gallery at once."""
    found: list[tuple[int, int]] = []
    rows, gallery = np.nonzero(present(second))[0], signs(second[present(second)])
    for index, row in enumerate(first):
        views = orientations(signs(row[present(row)])).reshape(-1, BITS + 1)
        if not (len(views) and len(rows)):
            continue
        bits = ((BITS - views @ gallery.T) / 2).min(axis=0)
        least = {at: int(bits[rows == at].min()) for at in rows[bits <= MOST_BITS].tolist()}
        near = sorted((number, at) for at, number in least.items() if not (same and at == index))
        found += [(index, at) for _, at in near[:k]]
    return found


def turned(bits: NDArray[np.bool_], way: int) -> NDArray[np.bool_]:
    """The bits [255] of the picture in one of its 8 orientations."""
    return np.asarray(orientations(signs(packed([[bits]])[0, :1]))[way, 0, 1:] > 0)


def crowd(seed: int, rows: int) -> Hashes:
    """Hashes of a few pictures in any orientation with 0 to 90 bits turned over, up to five a row."""
    random = np.random.default_rng(seed)
    bases = [random_bits(base) for base in range(4)]
    made = []
    for _ in range(rows):
        ways = [(bases[random.integers(4)], int(random.integers(8))) for _ in range(random.integers(HASHES + 1))]
        made.append([turned(base, way) ^ (random.random(BITS) < random.uniform(0, 0.36)) for base, way in ways])
    return packed(made)


@pytest.fixture(params=[(1, 1, 1), (7, 50, 10), (8192, 2**17, 2**20)])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in zip(("BLOCK", "TILE", "MANY"), request.param, strict=True):
        monkeypatch.setattr(perceptual, name, size)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("k", [1, 5, 40])
def test_words_find_in_any_blocks_what_products_of_signs_find(seed: int, k: int) -> None:
    first, second = crowd(seed, 12), crowd(seed + 10, 40)
    expected = plain(first, second, k=k)
    assert len(expected) > 5
    assert list(nearest_hashes(first, second, k=k)) == expected
    assert list(nearest_hashes(second, second, k=k, same=True)) == plain(second, second, k=k, same=True)


def test_a_hash_is_in_its_words_by_parity() -> None:
    for row, column in np.ndindex(FREQUENCIES, FREQUENCIES):
        grid = np.zeros((FREQUENCIES, FREQUENCIES), np.bool_)
        grid[0, 0] = grid[row, column] = True
        words = parities(np.packbits(grid)[None])[:, 0].tolist()
        counts = [word.bit_count() for word in words]
        expected = [1, 0, 0, 0]
        expected[row % 2 * 2 + column % 2] += (row, column) != (0, 0)
        assert counts == expected
        assert (transposed(np.packbits(grid)[None]) == np.packbits(grid.T)[None]).all()


def drawn(rows: list[list[tuple[int, int]]]) -> Hashes:
    return packed([[flipped(random_bits(seed), number) for seed, number in row] for row in rows])


images = st.lists(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 90)), max_size=3), max_size=5).map(drawn)


@quick
@given(images, images, st.integers(0, 4))
def test_the_search_finds_what_comparing_each_pair_finds(first: Hashes, second: Hashes, k: int) -> None:
    assert list(nearest_hashes(first, second, k=k)) == oracle(first, second, k=k, same=False)
    assert list(nearest_hashes(first, first, k=k, same=True)) == oracle(first, first, k=k, same=True)


@quick
@given(images, images, st.integers(1, 4))
def test_a_query_alone_finds_what_it_finds_in_a_crowd(first: Hashes, second: Hashes, k: int) -> None:
    alone = [(i, j) for i in range(len(first)) for _, j in nearest_hashes(first[i : i + 1], second, k=k)]
    assert alone == list(nearest_hashes(first, second, k=k))


@quick
@given(st.integers(0, 99), st.integers(0, 99))
def test_the_8_orientations_are_a_group(seed: int, other: int) -> None:
    """So that it does not matter which of the two is turned."""
    one, two = (signs(packed([[random_bits(number)]])[0, :1]) for number in (seed, other))
    there = min(apart(turned, two[0]) for turned in orientations(one)[:, 0])
    assert there == min(apart(turned, one[0]) for turned in orientations(two)[:, 0])
    assert apart(orientations(one)[0, 0], one[0]) == 0
