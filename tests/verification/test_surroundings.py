"""Photographs of one printed thing on other ground differ; a picture that lies on other ground is a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import pixels_of

from imgsim_guard.verification.overlay import Overlay
from imgsim_guard.verification.pair import verify
from imgsim_guard.verification.paper import printed
from imgsim_guard.verification.prepared import prepare

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.model import Evidence

    Pixels = NDArray[np.uint8]

SIDE = 640


def card() -> Pixels:
    """A printed card: pips, digits and a face on white."""
    drawn = np.full((420, 300, 3), 245, np.uint8)
    for row in range(4):
        for column in (60, 240):
            cv2.circle(drawn, (column, 75 + 90 * row), 22 - 3 * row, (30, 30, 200), -1)
            cv2.putText(drawn, str(7 * row + column // 9), (column - 45, 60 + 90 * row), 0, 0.7, (20, 20, 20), 2)
    drawn[130:290, 85:215] = cv2.resize(pixels_of("astronaut.png")[20:200, 150:300], (130, 160))
    return drawn


def ground(name: str) -> Pixels:
    return np.asarray(cv2.resize(pixels_of(name), (SIDE, SIDE)), np.uint8)


def laid_on(under: Pixels, thing: Pixels, *, scale: float, degrees: float, at: tuple[int, int]) -> Pixels:
    """The thing lies turned on the ground, its middle at x and y."""
    height, width = thing.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
    matrix[:, 2] += np.array(at) - (width / 2, height / 2)
    moved = cv2.warpAffine(thing, matrix, (SIDE, SIDE), flags=cv2.INTER_AREA)
    inside = cv2.warpAffine(np.full((height, width), 255, np.uint8), matrix, (SIDE, SIDE)) / 255
    soft = cv2.GaussianBlur(inside, (0, 0), 0.8)[..., None]
    return np.asarray(moved * soft + under * (1 - soft)).astype(np.uint8)


def photographed(scene: NDArray[np.generic]) -> Pixels:
    """The scene a little unsharp, and with noise."""
    shown = cv2.GaussianBlur(scene.astype(np.float32), (0, 0), 0.7)
    noise = np.random.default_rng(1).normal(0, 2, shown.shape)
    return np.asarray(np.clip(shown + noise, 0, 255).astype(np.uint8))


def judged(one: Pixels, other: Pixels) -> Evidence:
    return verify(prepare(one), prepare(other))


@pytest.mark.parametrize(
    ("name", "scale", "degrees", "at"),
    [
        ("brick.png", 0.55, 178.0, (250, 200)),
        ("grass.png", 0.8, 12.0, (300, 330)),
        ("coffee.png", 0.6, 70.0, (380, 250)),
    ],
)
def test_a_thing_on_other_ground_is_another_picture(
    name: str, scale: float, degrees: float, at: tuple[int, int]
) -> None:
    one = photographed(0.9 * laid_on(ground("gravel.png"), card(), scale=1.0, degrees=-5, at=(330, 310)))
    other = photographed(laid_on(ground(name), card(), scale=scale, degrees=degrees, at=at))
    evidence = judged(one, other)
    assert (evidence.outcome, evidence.reason) == ("refuted", "they show the same thing in other surroundings")


def test_a_photograph_cropped_to_the_thing_is_a_copy() -> None:
    one = photographed(laid_on(ground("gravel.png"), card(), scale=0.8, degrees=-5, at=(330, 310)))
    assert judged(one, np.ascontiguousarray(one[120:500, 170:490])).outcome == "confirmed"


@pytest.mark.parametrize(
    ("name", "under"), [("chelsea.png", "gravel.png"), ("chelsea.png", "brick.png"), ("astronaut.png", "brick.png")]
)
def test_a_cropped_photograph_on_other_ground_is_a_copy(name: str, under: str) -> None:
    picture = pixels_of(name)
    height, width = picture.shape[:2]
    part = picture[height // 6 : height - height // 7, width // 6 : width - width // 7]
    pasted = photographed(laid_on(ground(under), part, scale=0.9 * SIDE / width, degrees=0, at=(330, 310)))
    assert judged(pasted, picture).outcome == "confirmed"


def test_dark_shapes_before_a_wall_are_no_print() -> None:
    side = 900
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    film = 140 + 100 * x - 10 * y
    for across, down, wide, high in ((0.5, 0.45, 0.09, 0.2), (0.3, 0.3, 0.03, 0.03), (0.8, 0.8, 0.08, 0.06)):
        apart = ((x - across) / wide) ** 2 + ((y - down) / high) ** 2
        film += (20 - film) * np.clip(1.5 - apart, 0, 1)
    text = np.full((side, side), 255, np.uint8)
    for line in range(60, side, 40):
        cv2.putText(text, "some words on a shaded page, line by line", (30, line), 0, 1.0, 40, 2)
    page = np.array((140 + 100 * x) * (text / 255), np.float32)
    everywhere = np.ones((side, side), np.bool_)
    assert not printed(Overlay(film, film, everywhere, np.eye(3)))
    assert printed(Overlay(page, page, everywhere, np.eye(3)))


def test_a_page_that_shows_through_a_photograph_does_not_surround_a_thing_in_it() -> None:
    """What agrees is scattered, but lies exactly in its place all over."""
    picture = pixels_of("camera.png")
    page = cv2.resize(pixels_of("page.png"), picture.shape[1::-1])
    assert judged(np.asarray(cv2.addWeighted(picture, 0.5, page, 0.5, 0), np.uint8), picture).outcome == "confirmed"
