"""Local features: what is kept of a picture, and what its mirror image would have."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from conftest import pixels_of

from imgsim_guard.images.local_features import OF_A_PART, detected, local_features
from imgsim_guard.search.words import (
    FEATURE,
    FEATURES_SIZE,
    MIRRORED,
    MOST_FEATURES,
    NO_FEATURES,
    WORDS,
    features_in,
    mirrored,
    quantised,
    vocabulary,
)


def test_a_photograph_has_as_many_features_as_are_kept_and_the_same_ones_again() -> None:
    kept = local_features(pixels_of("chelsea.png"))
    found = features_in(kept)
    assert (len(kept), len(found)) == (FEATURES_SIZE, MOST_FEATURES)
    assert local_features(pixels_of("chelsea.png")) == kept
    assert found.dtype == FEATURE
    assert found["words"].max() < WORDS
    assert all(len(set(words)) == len(words) for words in found["words"].tolist())


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png", "rocket.jpg"])
def test_large_features_are_kept_beside_the_many_small_ones(name: str) -> None:
    """They are what a blurred or a much smaller copy has in common with a picture."""
    grey = cv2.resize(cv2.cvtColor(pixels_of(name), cv2.COLOR_BGR2GRAY), (384, 256), interpolation=cv2.INTER_AREA)
    chosen, strongest, every = (
        np.array([point.size for point in detected(np.asarray(grey), most, of_all_sizes=sizes)[0]])
        for most, sizes in ((MOST_FEATURES, True), (MOST_FEATURES, False), (10**6, False))
    )
    for size in (5, 10):
        assert (chosen > size).sum() >= min((every > size).sum(), 1.2 * (strongest > size).sum())


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png", "rocket.jpg", "astronaut.png"])
@pytest.mark.parametrize("most", [40, 600])
def test_features_are_the_same_whether_they_are_chosen_before_they_are_described_or_after(
    name: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = np.asarray(cv2.resize(cv2.cvtColor(pixels_of(name), cv2.COLOR_BGR2GRAY), (384, 256)), np.uint8)
    found = []
    for limit in (-(10**6), 10**6):
        monkeypatch.setattr("imgsim_guard.images.local_features.AS_LONG_AS_A_LOOK", limit)
        points, descriptors = detected(grey, most)
        found.append(({(point.pt, point.size, point.angle) for point in points}, descriptors))
    (before, described), (after, also) = found
    assert before == after
    assert (described == also).all()


def test_a_picture_on_another_has_features_of_its_own_beside_those_of_the_whole() -> None:
    whole, part = pixels_of("coffee.png"), pixels_of("rocket.jpg")
    both = features_in(local_features(whole, part=part))
    alone, own = (features_in(local_features(picture)) for picture in (whole, part))
    assert (both[:-OF_A_PART]["signature"] == alone[: MOST_FEATURES - OF_A_PART]["signature"]).all()
    assert (both[-OF_A_PART:]["signature"] == own[:OF_A_PART]["signature"]).all()
    plain = np.full((50, 60, 3), 90, np.uint8)
    assert local_features(whole, part=plain) == local_features(whole)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (3, 7), (40, 40), (2000, 3)])
def test_what_shows_nothing_has_no_features(size: tuple[int, int]) -> None:
    assert local_features(np.full((*size, 3), 90, np.uint8)) == NO_FEATURES


def test_the_words_and_signatures_of_a_mirrored_feature_follow_from_those_of_the_feature() -> None:
    grey = np.asarray(cv2.cvtColor(pixels_of("coffee.png"), cv2.COLOR_BGR2GRAY), np.uint8)
    descriptors = detected(grey, 200)[1]
    features = np.zeros(len(descriptors), FEATURE)
    features["words"], features["signature"] = quantised(descriptors)
    words, signatures = quantised(np.ascontiguousarray(descriptors[:, MIRRORED]))
    turned = mirrored(features)
    assert (turned["words"] == words).mean() > 0.99  # but for words that are equally near
    assert (turned["signature"] == signatures).all()
    assert (mirrored(turned) == features).all()


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 250])
def test_words_and_signatures_are_those_of_products_as_a_whole(count: int) -> None:
    known = vocabulary()
    descriptors = np.random.default_rng(count).integers(0, 256, (count, 128), np.uint8)
    wide = descriptors.astype(np.float32)
    nearness = 2 * (wide @ known.words.T) - (known.words**2).sum(axis=1)
    bits = np.packbits(wide @ known.directions.T > known.middles, axis=1, bitorder="little")
    words, signatures = quantised(descriptors)
    assert (words == np.argsort(-nearness, axis=1, kind="stable")[:, :3]).all()
    assert signatures.tobytes() == bits.tobytes()


def test_the_vocabulary_tells_features_apart_evenly() -> None:
    known = vocabulary()
    assert (known.words.shape, known.directions.shape, known.usual.shape) == ((WORDS, 128), (64, 128), (WORDS,))
    assert (known.usual > 0).all()
    grey = np.asarray(cv2.cvtColor(pixels_of("rocket.jpg"), cv2.COLOR_BGR2GRAY), np.uint8)
    words, signatures = quantised(detected(grey, 500)[1])
    assert len(np.unique(words[:, 0])) > 200
    bits = np.unpackbits(signatures.view(np.uint8)).mean()
    assert 0.4 < bits < 0.6
