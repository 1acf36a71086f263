"""The first look at a pair: it lets copies pass, and most strangers not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import pixels_of

from imgsim_guard.images.hashes import hashes
from imgsim_guard.images.local_features import local_features
from imgsim_guard.search.words import features_in
from imgsim_guard.verification.glance import FEW_FEATURES, Glance, worth_verifying

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

PHOTOGRAPHS = "astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"


def glance(pixels: Pixels) -> Glance:
    return Glance(features_in(local_features(pixels)), hashes(pixels))


def on_a_page(picture: Pixels) -> Pixels:
    page = np.full((900, 700, 3), 250, np.uint8)
    for row in range(12):
        cv2.putText(page, f"Line {row} of a letter", (40, 60 + 24 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (40, 40, 40))
    page[400:600, 200:500] = cv2.resize(picture, (300, 200), interpolation=cv2.INTER_AREA)
    return page


COPIES: dict[str, Callable[[Pixels], Pixels]] = {
    "mirrored": lambda picture: np.ascontiguousarray(picture[:, ::-1]),
    "turned": lambda picture: np.ascontiguousarray(np.rot90(picture)),
    "cropped": lambda picture: np.ascontiguousarray(picture[60:-20, 40:-100]),
    "halved": lambda picture: np.asarray(cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)),
    "blurred until no feature is left": lambda picture: np.asarray(cv2.GaussianBlur(picture, (0, 0), 12), np.uint8),
    "mirrored, on a page": lambda picture: on_a_page(np.ascontiguousarray(picture[:, ::-1])),
}


@pytest.fixture(scope="module")
def glances() -> dict[str, Glance]:
    return {name: glance(pixels_of(name)) for name in PHOTOGRAPHS}


@pytest.mark.parametrize("edit", COPIES)
def test_a_copy_passes_whichever_of_the_two_is_the_query(glances: dict[str, Glance], edit: str) -> None:
    copy, original = glance(COPIES[edit](pixels_of("chelsea.png"))), glances["chelsea.png"]
    assert worth_verifying(copy, original)
    assert worth_verifying(original, copy)


def test_strangers_do_not_pass(glances: dict[str, Glance]) -> None:
    passing = {(one, other) for one in glances for other in glances if worth_verifying(glances[one], glances[other])}
    assert passing == {(name, name) for name in PHOTOGRAPHS}


def test_by_few_features_nothing_is_refuted(glances: dict[str, Glance]) -> None:
    cat, coffee = glances["chelsea.png"], glances["coffee.png"]
    assert not worth_verifying(coffee._replace(features=coffee.features[:FEW_FEATURES]), cat)
    simple = coffee._replace(features=coffee.features[: FEW_FEATURES - 1])
    assert worth_verifying(simple, cat)
    assert worth_verifying(cat, simple)


def test_a_copy_passes_by_its_hash_alone(glances: dict[str, Glance]) -> None:
    """Its features are another picture's: so much lies over it."""
    other = glances["coffee.png"]._replace(hashes=glances["chelsea.png"].hashes)
    assert worth_verifying(other, glances["chelsea.png"])
    assert worth_verifying(glances["chelsea.png"], other)


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (20, 20), (40, 7)])
def test_no_size_is_too_small_for_it(glances: dict[str, Glance], size: tuple[int, int]) -> None:
    noise = glance(np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8))
    for other in (noise, glances["chelsea.png"]):
        assert worth_verifying(noise, other) == worth_verifying(other, noise)
