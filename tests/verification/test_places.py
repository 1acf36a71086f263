"""In a copy what is not hidden is found exactly in its place; in another photograph of the same thing only nearby."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
from conftest import pixels_of

from imgsim_guard.images.regions import shrunk
from imgsim_guard.verification.overlay import overlay
from imgsim_guard.verification.places import EVERY, LARGE, LEAST_SHARE, places
from imgsim_guard.verification.prepared import FEATURE_SIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.verification.places import Places

    Pixels = NDArray[np.uint8]

NAMES = "chelsea.png", "coffee.png", "astronaut.png"


def picture_of(name: str) -> Pixels:
    """A photograph in grey, as large as pictures are compared."""
    return shrunk(np.asarray(cv2.cvtColor(pixels_of(name), cv2.COLOR_BGR2GRAY), np.uint8), FEATURE_SIDE)


def found(one: Pixels, other: Pixels) -> Places:
    """What is found where both pictures lie exactly on one another."""
    laid = overlay(one, other, np.eye(2, 3), side=FEATURE_SIDE)
    assert laid is not None
    return places(laid)


def moved_here_and_there(picture: Pixels, far: float) -> Pixels:
    """As if taken anew: each part lies a little elsewhere."""
    height, width = picture.shape
    draw = np.random.default_rng(1)
    x, y = (
        cv2.resize(draw.uniform(-far, far, (9, 12)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        for _ in range(2)
    )
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return np.asarray(cv2.remap(picture, columns + x, rows + y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))


def noisy(picture: Pixels, spread: float) -> Pixels:
    noise = np.random.default_rng(2).normal(0, spread, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", NAMES)
def test_noise_blur_and_another_picture_leave_what_they_do_not_hide_in_its_place(name: str) -> None:
    picture, other = picture_of(name), picture_of("rocket.jpg")
    height, width = picture.shape
    half = picture.copy()
    half[:, : width // 2] = cv2.resize(other, (width, height))[:, : width // 2]
    for copy in (noisy(picture, 20), np.asarray(cv2.GaussianBlur(picture, (0, 0), 2.5), np.uint8), half):
        assert found(copy, picture).many


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_that_lies_a_pixel_off_is_one_all_the_same(name: str) -> None:
    picture = picture_of(name)
    assert found(np.roll(picture, (1, -1), (0, 1)), picture).many


@pytest.mark.parametrize("name", NAMES)
def test_what_lies_a_little_elsewhere_in_each_part_is_another_photograph(name: str) -> None:
    picture = picture_of(name)
    other = found(moved_here_and_there(picture, 5), picture)
    assert not other.many
    assert other.sharpness < found(picture, picture).sharpness


def test_strangers_are_in_place_by_chance_at_most() -> None:
    stranger = np.asarray(cv2.resize(picture_of("coffee.png"), picture_of("chelsea.png").shape[::-1]), np.uint8)
    chance = found(stranger, picture_of("chelsea.png"))
    assert chance.tried
    assert chance.in_place < LEAST_SHARE / 3 * chance.tried
    assert not chance.many


def test_of_strangers_only_some_patches_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = picture_of("chelsea.png")
    stranger = np.asarray(cv2.resize(picture_of("coffee.png"), picture.shape[::-1]), np.uint8)
    search = Mock(wraps=cv2.matchTemplate)
    monkeypatch.setattr(cv2, "matchTemplate", search)
    found(picture, picture)
    copy = search.call_count
    found(stranger, picture)
    assert search.call_count - copy <= copy / EVERY + 1


@pytest.mark.parametrize("shape", [(8, 200), (36, 36), (35, 60), (37, 200)])
def test_no_size_is_too_small_to_be_asked(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(3).integers(0, 256, shape).astype(np.uint8)
    assert not found(noise, noise).many


@pytest.mark.parametrize("name", NAMES)
def test_in_strong_noise_only_large_patches_are_found_in_their_places(name: str) -> None:
    picture = picture_of(name)
    copy = noisy(np.asarray(cv2.GaussianBlur(picture, (0, 0), 2.0), np.uint8), 45)
    laid = overlay(copy, picture, np.eye(2, 3), side=FEATURE_SIDE)
    assert laid is not None
    small, large = places(laid), places(laid, LARGE)
    assert large.sharpness > small.sharpness
    assert large.share > small.share
