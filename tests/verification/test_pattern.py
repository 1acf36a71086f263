"""A pattern that repeats itself fits anywhere on itself, so that it does not say that two photographs are one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import pixels_of

from imgsim_guard.verification.pair import verify
from imgsim_guard.verification.prepared import prepare

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from imgsim_guard.model import Evidence

    Pixels = NDArray[np.uint8]
    Corners = tuple[tuple[float, float], ...]

WIDTH, HEIGHT, SQUARE = 640, 480, 50


def board() -> Pixels:
    """Squares of a calibration board, on white paper on a wooden board."""
    rows, columns = np.mgrid[: 7 * SQUARE, : 9 * SQUARE] // SQUARE
    squares = np.where((rows + columns) % 2, 225, 25).astype(np.uint8)
    paper = cv2.copyMakeBorder(squares, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=225)
    wood = cv2.copyMakeBorder(paper, 30, 30, 60, 60, cv2.BORDER_CONSTANT, value=95)
    return np.asarray(cv2.cvtColor(wood, cv2.COLOR_GRAY2BGR), np.uint8)


def photographed(corners: Corners, *, behind: str, light: float = 1.0, dim: float = 0.35) -> Pixels:
    """The board with its corners (x, y, clockwise from the upper left) there, before something that is dim."""
    thing = board()
    height, width = thing.shape[:2]
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, np.array(corners, np.float32))
    moved = cv2.warpPerspective(thing, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA)
    inside = cv2.warpPerspective(np.full((height, width), 255, np.uint8), matrix, (WIDTH, HEIGHT)) / 255
    dark = dim * cv2.resize(pixels_of(behind), (WIDTH, HEIGHT))
    shade = np.linspace(0.75, 1.0, WIDTH)[None, :, None] * np.linspace(1.0, 0.85, HEIGHT)[:, None, None]
    scene = (moved * inside[..., None] + dark * (1 - inside[..., None])) * shade * light
    noise = np.random.default_rng(2).normal(0, 2, scene.shape)
    return np.asarray(np.clip(cv2.GaussianBlur(scene, (0, 0), 0.8) + noise, 0, 255), np.uint8)


def judged(one: Pixels, other: Pixels) -> Evidence:
    return verify(prepare(one), prepare(other))


HELD: dict[str, Corners] = {
    "straight": ((120, 90), (520, 100), (510, 390), (125, 380)),
    "askew": ((90, 170), (430, 60), (530, 330), (180, 440)),
    "upright": ((390, 60), (400, 440), (150, 430), (140, 50)),
    "far away": ((330, 200), (560, 250), (520, 410), (300, 370)),
    "beyond the edge": ((260, 150), (700, 260), (610, 560), (180, 440)),
}


@pytest.mark.parametrize(
    ("held", "otherwise"),
    [
        ("straight", "upright"),
        ("askew", "far away"),
        ("far away", "askew"),
        ("upright", "beyond the edge"),
        ("far away", "beyond the edge"),
    ],
)
def test_photographs_of_a_board_that_is_held_otherwise_are_others(held: str, otherwise: str) -> None:
    one = photographed(HELD[held], behind="coffee.png")
    other = photographed(HELD[otherwise], behind="rocket.jpg", light=0.9)
    evidence = judged(one, other)
    assert (evidence.outcome, evidence.reason) == ("refuted", "nothing agrees but a pattern that repeats itself")


def as_large(scale: float, x: float, y: float, *, askew: float = 0.0) -> Corners:
    """Where the corners are of a board that is seen from the front, and neither squeezed nor cut off."""
    height, width = board().shape[:2]
    along, across = scale * np.array([1, askew]), scale * np.array([-askew, 1])
    right, down, corner = along * width, across * height, np.array([x, y])
    return tuple((place[0], place[1]) for place in (corner, corner + right, corner + right + down, corner + down))


@pytest.mark.parametrize("dim", [0.6, 0.8])
@pytest.mark.parametrize(
    ("one", "other"), [("rocket.jpg", "coffee.png"), ("coffee.png", "chelsea.png"), ("chelsea.png", "rocket.jpg")]
)
def test_a_board_before_other_things_is_another_photograph_though_not_squeezed(
    one: str, other: str, dim: float
) -> None:
    here = photographed(as_large(0.55, 90, 60), behind=one, dim=dim)
    there = photographed(as_large(0.53, 100, 70, askew=0.05), behind=other, dim=dim, light=0.9)
    assert judged(here, there).outcome == "refuted"


@pytest.mark.parametrize("askew", [0.05, 0.1])
def test_boards_of_which_each_photograph_shows_another_part_are_others(askew: float) -> None:
    here = photographed(as_large(0.8, -180, 30), behind="rocket.jpg")
    there = photographed(as_large(0.8, 100, 30, askew=askew), behind="rocket.jpg", light=0.9)
    assert judged(here, there).outcome == "refuted"


def turned(picture: Pixels) -> Pixels:
    matrix = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 7, 1)
    return np.ascontiguousarray(cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT))[70:-70, 70:-70])


def captioned(picture: Pixels) -> Pixels:
    written = picture.copy()
    for at in (50, 430):
        cv2.putText(written, "WHEN THE CAMERA IS", (40, at), cv2.FONT_HERSHEY_DUPLEX, 1.5, (255, 255, 255), 3)
    return written


def squeezed(picture: Pixels) -> Pixels:
    return np.asarray(cv2.resize(picture, (WIDTH, 400), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.mark.parametrize("change", [turned, captioned, squeezed])
def test_an_edited_photograph_of_a_board_is_a_copy(change: Callable[[Pixels], Pixels]) -> None:
    picture = photographed(HELD["askew"], behind="coffee.png")
    assert judged(change(picture), picture).outcome == "confirmed"
