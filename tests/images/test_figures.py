"""Figures among text and pictures pasted upon pictures are found, and text and textures are taken for neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import pixels_of
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsim_guard.images.figures import Part, figures, pasted
from imgsim_guard.images.hashes import hashes
from imgsim_guard.search.hashes import nearest_hashes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

FONT = cv2.FONT_HERSHEY_SIMPLEX
PLACES: list[Part] = [(40, 30, 190, 140), (150, 100, 350, 270), (20, 120, 170, 260)]


def photograph(name: str, width: int, height: int) -> Pixels:
    return np.asarray(cv2.resize(pixels_of(name), (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def upon(background: str, name: str, place: Part) -> Pixels:
    x0, y0, x1, y1 = place
    picture = photograph(background, 384, 288)
    picture[y0:y1, x0:x1] = photograph(name, x1 - x0, y1 - y0)
    return picture


def page(figure: Pixels | None, at: tuple[int, int] = (80, 150)) -> Pixels:
    """A page of text [384, 300], line by line down to a few pixels from the figure."""
    sheet = np.full((768, 600, 3), 252, np.uint8)
    for y in range(24, 760, 20):
        cv2.putText(
            sheet, "when the picture stands among lines of text it"[: 40 + y % 5], (20, y), FONT, 0.55, (20,) * 3
        )
    sheet = np.asarray(cv2.resize(sheet, (300, 384), interpolation=cv2.INTER_AREA), np.uint8)
    if figure is not None:
        (x, y), (height, width) = at, figure.shape[:2]
        sheet[y - 5 : y + height + 5] = 252
        sheet[y : y + height, x : x + width] = figure
    return sheet


def off_by(found: Part, place: Part) -> int:
    return max(abs(one - other) for one, other in zip(found, place, strict=True))


def grey(picture: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


@pytest.mark.parametrize("name", ["astronaut.png", "coffee.png", "motorcycle_left.png"])
def test_a_figure_among_lines_of_text_is_found(name: str) -> None:
    (found,) = figures(grey(page(photograph(name, 140, 100))))
    assert off_by(found, (80, 150, 220, 250)) <= 2


def test_text_and_ruled_lines_are_no_figures() -> None:
    sheet = page(None)
    cv2.rectangle(sheet, (10, 10), (290, 370), (0, 0, 0), 2)
    cv2.line(sheet, (150, 10), (150, 370), (0, 0, 0), 2)
    assert figures(grey(sheet)) == []


def test_what_is_not_surrounded_by_the_ground_is_a_part_of_something_else() -> None:
    sheet = np.full((300, 384), 240, np.uint8)
    sheet[100:200, 100:250] = 90
    assert figures(sheet) == [(100, 100, 250, 200)]
    sheet[60:240:2, 60:290] = 90
    assert figures(sheet) == []


def test_figures_come_largest_first_and_need_a_ground() -> None:
    sheet = np.full((300, 384), 240, np.uint8)
    sheet[20:100, 20:100], sheet[120:280, 150:350] = 50, 120
    assert figures(sheet) == [(150, 120, 350, 280), (20, 20, 100, 100)]
    assert figures(grey(photograph("gravel.png", 384, 384))) == []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("names", [("coffee.png", "astronaut.png"), ("astronaut.png", "rocket.jpg")])
def test_a_picture_pasted_upon_another_is_found(names: tuple[str, str], place: Part) -> None:
    (found,) = pasted(upon(*names, place))
    assert off_by(found, place) <= 2


@pytest.mark.parametrize("place", PLACES)
def test_rows_and_columns_are_treated_alike(place: Part) -> None:
    picture = upon("coffee.png", "astronaut.png", place)
    ((x0, y0, x1, y1),) = pasted(picture)
    assert pasted(np.ascontiguousarray(picture.transpose(1, 0, 2))) == [(y0, x0, y1, x1)]


@pytest.mark.parametrize("name", ["gravel.png", "chelsea.png", "coffee.png"])
def test_photographs_without_rectangles_have_none(name: str) -> None:
    assert pasted(photograph(name, 384, 288)) == []


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_no_size_is_too_small(height: int, width: int, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    for picture in (noise, np.full_like(noise, 200)):
        for x0, y0, x1, y1 in (*figures(grey(picture)), *pasted(picture)):
            assert 0 <= x0 < x1 <= width
            assert 0 <= y0 < y1 <= height


def test_the_original_is_the_nearest_by_hash_of_what_was_made_of_it() -> None:
    names = ["astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"]
    gallery = np.stack([hashes(pixels_of(name)) for name in names])
    inset = hashes(upon("coffee.png", "astronaut.png", PLACES[1]))
    figure = hashes(page(photograph("rocket.jpg", 160, 106)))
    assert (0, 0) in nearest_hashes(inset[None], gallery, k=1)
    assert list(nearest_hashes(figure[None], gallery, k=1)) == [(0, 3)]
