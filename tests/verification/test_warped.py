"""A picture is moved onto a grid in the same way, whatever shortcut its move allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import pixels_of

from imgsim_guard.verification.warped import scaled, warped

if TYPE_CHECKING:
    from numpy.typing import NDArray

PICTURE = np.asarray(cv2.cvtColor(pixels_of("coffee.png"), cv2.COLOR_BGR2GRAY)[:200, :300], np.uint8)
HEIGHT, WIDTH = PICTURE.shape


def move(across: float = 0, down: float = 0, turn: float = 0) -> NDArray[np.float64]:
    """(3, 3), in pixels and degrees."""
    cosine, sine = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    return np.array([[cosine, -sine, across], [sine, cosine, down], [0, 0, 1]])


@pytest.mark.parametrize(("across", "down"), [(0, 0), (-7, -12), (-40 + 1e-9, -30), (-7.5, -12), (-7, -12.1)])
def test_a_part_of_a_picture_is_what_interpolation_makes_of_it(across: float, down: float) -> None:
    size = (WIDTH - 60, HEIGHT - 50)
    moved, inside = warped(PICTURE, move(across, down), size)
    np.testing.assert_array_equal(moved, cv2.warpAffine(PICTURE, move(across, down)[:2], size))
    assert inside.all()


@pytest.mark.parametrize("mirror", [(-1, 1), (1, -1), (-1, -1)])
def test_a_mirrored_picture_is_mirrored(mirror: tuple[int, int]) -> None:
    across, down = mirror
    matrix = np.array(
        [[across, 0, WIDTH - 1 if across < 0 else 0], [0, down, HEIGHT - 1 if down < 0 else 0], [0, 0, 1]]
    )
    moved, inside = warped(PICTURE, matrix.astype(np.float64), (WIDTH, HEIGHT))
    np.testing.assert_array_equal(moved, PICTURE[::down, ::across])
    assert inside.all()


@pytest.mark.parametrize("matrix", [move(40, -30), move(-200, 0), move(turn=12), move(20, 50, turn=-4)])
def test_where_the_grid_reaches_beyond_the_picture_that_is_not_inside(matrix: NDArray[np.float64]) -> None:
    _, inside = warped(PICTURE, matrix, (WIDTH, HEIGHT))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    x, y, _ = np.linalg.inv(matrix) @ np.array([columns.ravel(), rows.ravel(), np.ones(PICTURE.size)])
    outside = (x < -0.6) | (x > WIDTH - 0.4) | (y < -0.6) | (y > HEIGHT - 0.4)
    assert not inside.ravel()[outside].any()
    within = (x > -0.4) & (x < WIDTH - 0.6) & (y > -0.4) & (y < HEIGHT - 0.6)
    assert inside.ravel()[within].all()


@pytest.mark.parametrize("size", [(75, 50), (100, 66), (290, 190)])
def test_a_smaller_picture_is_averaged_over_areas(size: tuple[int, int]) -> None:
    matrix = scaled(size[0] / WIDTH, size[1] / HEIGHT)
    moved, inside = warped(PICTURE, matrix, size)
    np.testing.assert_array_equal(moved, cv2.resize(PICTURE, size, interpolation=cv2.INTER_AREA))
    assert inside.all()
