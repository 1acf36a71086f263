"""What does not agree in photographs of a thing that was moved is in both of them, elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from conftest import pixels_of

from imgsim_guard.verification.agreement import agreement
from imgsim_guard.verification.moved import moved_around
from imgsim_guard.verification.overlay import overlay
from imgsim_guard.verification.prepared import prepare

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

MOVE = 60


def scene(ground: str, *, left: int) -> Pixels:
    """A part of a photograph, 190 pixels wide, before another one of 384 x 288 pixels."""
    shown = np.asarray(cv2.resize(pixels_of(ground), (384, 288), interpolation=cv2.INTER_AREA), np.uint8)
    shown[60:230, left : left + 190] = cv2.resize(pixels_of("astronaut.png")[:340, 60:440], (190, 170))
    return shown


def moved(first: Pixels, second: Pixels) -> bool:
    """Judged where the thing lies on itself."""
    matrix = np.array([[1.0, 0, MOVE], [0, 1, 0]])
    one, two = prepare(first), prepare(second)
    laid = overlay(one.small, two.small, matrix, side=384)
    assert laid is not None
    return moved_around(one, two, matrix, laid, agreement(laid))


def test_before_the_same_ground_a_thing_was_moved() -> None:
    assert moved(scene("coffee.png", left=40), scene("coffee.png", left=40 + MOVE))


def test_before_other_ground_nothing_says_so() -> None:
    assert not moved(scene("coffee.png", left=40), scene("chelsea.png", left=40 + MOVE))


def test_something_laid_over_a_picture_is_in_it_alone() -> None:
    whole = scene("coffee.png", left=40)
    covered = np.asarray(np.roll(whole, MOVE, axis=1), np.uint8)
    covered[:150, :160] = cv2.resize(pixels_of("chelsea.png"), (160, 150))
    assert not moved(whole, covered)
