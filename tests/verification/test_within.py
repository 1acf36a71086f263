"""A picture on another one, or on a screenshot, is compared by itself where the whole shows too little of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import pixels_of

from imgsim_guard.verification.pair import verify
from imgsim_guard.verification.prepared import prepare
from imgsim_guard.verification.within import parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

PLACE = 140, 550
"""x and y of the pictures that are pasted."""


def pasted(picture: Pixels, ground: Pixels, *, width: int = 240, place: tuple[int, int] = PLACE) -> Pixels:
    """The picture, so many pixels wide, on a ground of 1400 x 1000."""
    whole = np.asarray(cv2.resize(ground, (1400, 1000)), np.uint8)
    height = round(picture.shape[0] * width / picture.shape[1])
    x, y = place
    whole[y : y + height, x : x + width] = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return whole


def screen() -> Pixels:
    """A page of lines of print, and a photograph at the side that is the same on each."""
    drawn = np.full((1000, 1400, 3), 250, np.uint8)
    for line in range(24):
        cv2.putText(drawn, f"line {line * 37 % 91} of what people wrote", (20, 40 + 40 * line), 0, 0.7, (60, 60, 60), 1)
    drawn[60:310, 1100:1350] = cv2.resize(pixels_of("astronaut.png"), (250, 250), interpolation=cv2.INTER_AREA)
    return drawn


@pytest.mark.parametrize(("name", "ground"), [("rocket.jpg", "astronaut.png"), ("coffee.png", "gravel.png")])
def test_a_small_picture_on_another_is_found_and_where_it_lies_is_said(name: str, ground: str) -> None:
    picture = pixels_of(name)
    copy = pasted(picture, pixels_of(ground))
    for query, gallery in ((copy, picture), (picture, copy)):
        found = verify(prepare(query), prepare(gallery))
        assert (found.outcome, found.transform is not None) == ("confirmed", True), found.reason
        assert found.transform is not None
        matrix = np.vstack([np.reshape(found.transform.matrix, (2, 3)), [0, 0, 1]])
        corner = np.linalg.inv(matrix)[:, 2] if query is copy else matrix[:, 2]
        assert np.abs(corner[:2] - PLACE).max() < 4


def test_another_picture_on_it_is_refuted() -> None:
    copy = pasted(pixels_of("rocket.jpg"), pixels_of("gravel.png"))
    for name in ("coffee.png", "chelsea.png", "astronaut.png"):
        assert verify(prepare(copy), prepare(pixels_of(name))).outcome == "refuted"


def test_pages_that_show_one_photograph_beside_other_pictures_are_other_pages() -> None:
    one, other = (pasted(pixels_of(name), screen()) for name in ("rocket.jpg", "coffee.png"))
    other[200:] = other[200:, ::-1]
    assert verify(prepare(one), prepare(other)).outcome == "refuted"


def test_a_part_is_looked_for_once_and_a_large_one_is_none() -> None:
    image = prepare(pasted(pixels_of("rocket.jpg"), pixels_of("gravel.png")))
    assert len(parts_of(image)) == 1
    assert parts_of(image) is parts_of(image)
    large = pasted(pixels_of("chelsea.png"), pixels_of("gravel.png"), width=1200, place=(20, 20))
    assert parts_of(prepare(large)) == []
    assert parts_of(prepare(pixels_of("gravel.png"))) == []
