"""Dark photographs are hashed, and have local features, as in full light."""

from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest
from conftest import photograph

from imgsim_guard.images.decode import decode
from imgsim_guard.images.hashes import hashes
from imgsim_guard.images.light import in_light
from imgsim_guard.images.local_features import local_features
from imgsim_guard.images.regions import shrunk
from imgsim_guard.model import Unreadable
from imgsim_guard.search.words import features_in


def bits_apart(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.bitwise_count(one[0] ^ other[0]).sum())


@pytest.mark.parametrize("name", ["coffee.png", "chelsea.png", "astronaut.png"])
@pytest.mark.parametrize("light", [0.06, 0.1, 0.2])
def test_a_dark_photograph_has_the_hash_and_features_of_the_light_one(name: str, light: float) -> None:
    pixels = decode(photograph(name))
    assert not isinstance(pixels, Unreadable)
    dark = np.rint(pixels * light).astype(np.uint8)
    shown, small = in_light(dark)
    assert bits_apart(hashes(shown, small), hashes(pixels)) < 40
    found, wanted = (len(features_in(local_features(one))) for one in (small, shrunk(pixels)))
    assert found > 0.7 * wanted


def test_other_pictures_are_left_as_they_are() -> None:
    pixels = decode(photograph("coffee.png"))
    assert not isinstance(pixels, Unreadable)
    shown, small = in_light(pixels)
    assert shown is pixels
    np.testing.assert_array_equal(small, shrunk(pixels))


def test_a_large_picture_is_halved_and_shrunk_to_the_same() -> None:
    coffee = decode(photograph("coffee.png"))
    assert not isinstance(coffee, Unreadable)
    large = np.asarray(cv2.resize(coffee, (2400, 1600), interpolation=cv2.INTER_CUBIC), np.uint8)
    shown, small = in_light(large)
    assert shown.shape == (800, 1200, 3)
    assert np.abs(small.astype(int) - shrunk(large)).mean() < 0.5


@pytest.mark.parametrize("noise", [0, 1, 2])
def test_what_is_black_stays_without_a_hash(noise: int) -> None:
    black = np.random.default_rng(0).normal(0, noise, (300, 400, 3)).clip(0, 255).astype(np.uint8)
    shown, small = in_light(black)
    assert not hashes(shown, small)[0].any()


def test_a_large_dark_picture_takes_no_more_memory_than_a_copy_of_it() -> None:
    dark = np.random.default_rng(1).integers(0, 20, (3000, 4000, 3), np.uint8)
    tracemalloc.start()
    try:
        in_light(dark)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1.5 * dark.nbytes
