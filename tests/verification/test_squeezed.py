"""A picture that was squeezed lies on the original all the same; only pictures of other aspects are looked at so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import pixels_of

from imgsim_guard.verification.pair import verify
from imgsim_guard.verification.prepared import prepare
from imgsim_guard.verification.squeezed import by_squeezing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


def squeezed(picture: Pixels, degrees: float) -> Pixels:
    """A landscape made a portrait, then turned, and cropped to where nothing is missing."""
    height, width = picture.shape[:2]
    narrow = cv2.resize(picture, (int(height * 0.7), int(width * 0.9)), interpolation=cv2.INTER_AREA)
    high, wide = narrow.shape[:2]
    turn = cv2.getRotationMatrix2D((wide / 2, high / 2), degrees, 1.35)
    return np.asarray(cv2.warpAffine(narrow, turn, (wide, high)), np.uint8)


@pytest.mark.parametrize("degrees", [0, 12])
@pytest.mark.parametrize("name", ["rocket.jpg", "coffee.png", "chelsea.png"])
def test_a_landscape_that_was_made_a_portrait_is_found_and_where_it_lies_is_said(name: str, degrees: int) -> None:
    picture = pixels_of(name)
    copy = squeezed(picture, degrees)
    middle = np.array([picture.shape[1] / 2, picture.shape[0] / 2])
    for query, gallery in ((copy, picture), (picture, copy)):
        found = verify(prepare(query), prepare(gallery))
        assert found.outcome == "confirmed", found.reason
        assert "aspect changed" in found.reason
        assert found.transform is not None
        matrix = np.vstack([np.reshape(found.transform.matrix, (2, 3)), [0, 0, 1]])
        onto = matrix if query is copy else np.linalg.inv(matrix)
        placed = onto @ [copy.shape[1] / 2, copy.shape[0] / 2, 1]
        assert np.abs(placed[:2] - middle).max() < 3


def test_another_picture_of_another_aspect_is_refuted() -> None:
    copy = squeezed(pixels_of("rocket.jpg"), 12)
    for name in ("coffee.png", "chelsea.png", "astronaut.png"):
        assert verify(prepare(copy), prepare(pixels_of(name))).outcome == "refuted"


def test_pictures_of_one_aspect_are_not_squeezed() -> None:
    size = (400, 300)
    one, other = (
        prepare(np.asarray(cv2.resize(pixels_of(name), size), np.uint8)) for name in ("coffee.png", "chelsea.png")
    )
    assert list(by_squeezing(one, other)) == []
    assert not one.made
    assert not other.made
