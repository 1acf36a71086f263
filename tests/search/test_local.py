"""Retrieval by local features: parts of pictures are found at any place, scale and turn, mirrored or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import open_store, pixels_of

from imgsim_guard.gate.retrieve import many_votes, retrieve_among, retrieve_between
from imgsim_guard.images.hashes import hashes
from imgsim_guard.images.local_features import local_features
from imgsim_guard.model import Bounds
from imgsim_guard.search.local import UNIT, votes
from imgsim_guard.search.words import NO_FEATURES, WORDS, features_in
from imgsim_guard.store.shard import Row, file_digests

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from imgsim_guard.store.store import Store

    Pixels = NDArray[np.uint8]

NAMES = ("astronaut.png", "brick.png", "chelsea.png", "coffee.png", "grass.png", "hubble_deep_field.jpg", "rocket.jpg")
BOUNDS = Bounds(threshold=0.0, reach=0.0, candidates=1)
"""AugNet's road finds nothing, and the pictures are not all alike by hash."""

EVEN = np.ones(WORDS)


def small(name: str) -> Pixels:
    pixels = pixels_of(name)
    factor = 384 / max(pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def within(picture: Pixels, other: Pixels) -> Pixels:
    """A small copy of a picture upon another."""
    whole = cv2.resize(other, (480, 360))
    copy = cv2.resize(picture, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    whole[40 : 40 + copy.shape[0], 230 : 230 + copy.shape[1]] = copy
    return np.asarray(whole, np.uint8)


def turned(picture: Pixels, degrees: float, scale: float) -> Pixels:
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height)), np.uint8)


CAT = small("chelsea.png")
COPIES: Mapping[str, Pixels] = {
    "as it is": CAT,
    "mirrored": np.ascontiguousarray(CAT[:, ::-1]),
    "upside down": np.ascontiguousarray(CAT[::-1, ::-1]),
    "turned": turned(CAT, 33, 0.8),
    "a crop": np.ascontiguousarray(CAT[60:200, 100:300]),
    "within another": within(CAT, small("coffee.png")),
    "mirrored within another": within(np.ascontiguousarray(CAT[:, ::-1]), small("brick.png")),
    "grey and dark": np.asarray(cv2.cvtColor(cv2.cvtColor(CAT // 2, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8),
}


def row(pixels: Pixels, *, features: bytes | None = None) -> Row:
    data = pixels.tobytes()
    embedding = np.random.default_rng(len(data)).choice(np.array([-1, 1], np.float16), 768)
    kept = local_features(pixels) if features is None else features
    return Row(
        **file_digests(data), pixels=bytes(16), hashes=hashes(pixels).tobytes(), embedding=embedding, features=kept
    )


def content(pixels: Pixels) -> str:
    return "sha256:" + file_digests(pixels.tobytes())["sha256"].hex()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Photographs in several shards, and the copies in another."""
    kept = open_store(tmp_path_factory.mktemp("store"))
    for names in (NAMES[:3], NAMES[3:]):
        kept.add([row(small(name)) for name in names])
    kept.add([row(copy) for name, copy in COPIES.items() if name != "as it is"])
    return kept


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_or_a_part_has_the_most_votes(store: Store, name: str) -> None:
    contents = [content(small(other)) for other in NAMES]
    rows = store.find(contents)
    found = {}
    query = features_in(local_features(COPIES[name]))
    for file, part in store.feature_files([rows[one] for one in contents]):
        for at, counted in votes(query, inverted=file.inverted, rows=part.rows, weights=EVEN, k=3):
            found[contents[part.places[list(part.rows).index(at)]]] = counted
    ranked = sorted(found, key=lambda one: -found[one])
    assert content(CAT) in ranked[: 1 + ("another" in name)]


def test_votes_count_where_they_agree_on_a_place(store: Store) -> None:
    tiles = [CAT[y : y + 64, x : x + 64] for y in range(0, 192, 64) for x in range(0, 384, 64)]
    order = np.random.default_rng(0).permutation(18).reshape(3, 6)
    shuffled = np.vstack([np.hstack([tiles[at] for at in row]) for row in order])
    rows = store.find([content(CAT)])
    whole, parts = (
        max(
            counted
            for file, part in store.feature_files([*rows.values()])
            for _, counted in votes(
                features_in(local_features(picture)), inverted=file.inverted, rows=part.rows, weights=EVEN, k=1
            )
        )
        for picture in (CAT, np.asarray(shuffled, np.uint8))
    )
    assert parts < whole / 4


def test_a_picture_within_another_is_retrieved_which_no_other_road_finds(store: Store) -> None:
    query = content(COPIES["mirrored within another"])
    gallery = store.find([content(small(other)) for other in NAMES])
    found = retrieve_between({query: store.find([query])[query]}, gallery, store, bounds=BOUNDS)
    assert found[query, content(CAT)].likely
    everything = store.find([query, *gallery])
    among = retrieve_among(everything, store, bounds=BOUNDS)
    pair = max(query, content(CAT), key=list(everything).index), min(query, content(CAT), key=list(everything).index)
    assert among[pair].likely


def test_a_pair_is_compared_thoroughly_if_its_votes_stand_out() -> None:
    few, some, plenty = 1 * UNIT, 4 * UNIT, 12 * UNIT
    assert few < many_votes([some, few, few]) <= some
    assert few < many_votes([some, *[few] * 9]) <= some
    assert many_votes([some] * 10) > some  # by chance, in a large gallery
    assert many_votes([plenty] * 10) <= plenty  # copies, all of them


def test_without_features_there_are_no_votes(store: Store, tmp_path: Path) -> None:
    empty = open_store(tmp_path)
    nothing = np.zeros((50, 50, 3), np.uint8)
    empty.add([row(CAT, features=NO_FEATURES), row(nothing)])
    contents = {content(CAT): 0, content(nothing): 1}
    assert all(not len(features) for features in empty.features([*empty.find(contents).values()]))
    for file, part in empty.feature_files([0, 1]):
        assert votes(features_in(local_features(CAT)), inverted=file.inverted, rows=part.rows, weights=EVEN, k=3) == []
    for file, part in store.feature_files([0, 1, 2]):
        assert votes(features_in(NO_FEATURES), inverted=file.inverted, rows=part.rows, weights=EVEN, k=3) == []
