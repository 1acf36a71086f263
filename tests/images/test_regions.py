"""Pictures within a picture are found, and only there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import pixels_of
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsim_guard.images.hashes import hashes
from imgsim_guard.images.local_features import local_features
from imgsim_guard.images.regions import MOST_VIEWS, SIDE, Box, lying_on, shrunk, views

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

    Place = tuple[int, int, int, int]
    """x0, y0, x1, y1 in pixels."""

WHOLE = Box(0, 0, 1, 1)
PHOTOGRAPHS = ["astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png"]

quick = settings(deadline=None, derandomize=True, max_examples=40)


def photograph(name: str, width: int, height: int) -> Pixels:
    return np.asarray(cv2.resize(pixels_of(name), (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def canvas(width: int, height: int, level: int = 255) -> Pixels:
    return np.full((height, width, 3), level, np.uint8)


def placed(sheet: Pixels, names: list[str], places: list[Place]) -> Pixels:
    for name, (x0, y0, x1, y1) in zip(names, places, strict=True):
        sheet[y0:y1, x0:x1] = photograph(name, x1 - x0, y1 - y0)
    return sheet


def off_by(box: Box, place: Place, sheet: Pixels) -> float:
    """By how many of the sheet's pixels a border of the box is off, at most."""
    height, width = sheet.shape[:2]
    found = np.array(box) * [width, height, width, height]
    return float(np.abs(found - place).max())


def assert_found(sheet: Pixels, places: list[Place], *, within: float = 4) -> None:
    """These places, and at most one other: a rectangle in a photograph may look like a picture pasted upon it."""
    boxes = views(sheet)
    assert len(boxes) <= len(places) + 1, boxes
    for place in places:
        assert min(off_by(box, place, sheet) for box in boxes) <= within, (place, boxes)


# What is found


@pytest.mark.parametrize("name", sorted({*PHOTOGRAPHS} - {"motorcycle_left.png"}))  # with a rectangular garage door
def test_a_photograph_that_fills_its_frame_has_no_views(name: str) -> None:
    assert views(pixels_of(name)) == []


@pytest.mark.parametrize("name", sorted({*PHOTOGRAPHS} - {"rocket.jpg"}))  # whose sky is as black as the bars
@pytest.mark.parametrize("level", [0, 128, 255])
def test_letterbox_bars_are_trimmed(name: str, level: int) -> None:
    place = (0, 70, 640, 410)
    assert_found(placed(canvas(640, 480, level), [name], [place]), [place])


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_white_border_is_trimmed_on_all_sides(name: str) -> None:
    place = (30, 40, 570, 420)
    assert_found(placed(canvas(600, 500), [name], [place]), [place])


def test_two_pictures_side_by_side_with_a_narrow_gutter_are_both_found() -> None:
    places = [(0, 0, 397, 400), (403, 0, 800, 400)]
    assert_found(placed(canvas(800, 400), ["astronaut.png", "motorcycle_left.png"], places), places)


def test_two_pictures_one_above_the_other_are_both_found() -> None:
    places = [(6, 6, 394, 297), (6, 303, 394, 594)]
    assert_found(placed(canvas(400, 600, 0), ["astronaut.png", "coffee.png"], places), places)


def test_the_four_pictures_of_a_collage_with_narrow_gutters_are_all_found() -> None:
    places = [(x, y, x + 297, y + 297) for y in (0, 303) for x in (0, 303)]
    names = ["astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png"]
    assert_found(placed(canvas(600, 600), names, places), places)


def test_of_nine_pictures_the_largest_few_are_kept() -> None:
    places = [(x, y, x + 190, y + 190) for y in (0, 205, 410) for x in (0, 205, 410)]
    boxes = views(placed(canvas(600, 600), ["astronaut.png"] * 9, places))
    assert len(boxes) == MOST_VIEWS


def test_the_picture_in_a_phone_s_screenshot_is_found() -> None:
    screen = canvas(540, 1100)
    cv2.rectangle(screen, (0, 0), (540, 90), (60, 60, 60), -1)
    cv2.putText(screen, "12:04        album        87%", (20, 58), cv2.FONT_HERSHEY_DUPLEX, 0.9, (255, 255, 255), 2)
    cv2.putText(screen, "someone shared a picture", (20, 160), cv2.FONT_HERSHEY_SIMPLEX, 1, (30, 30, 30), 2)
    for x in (90, 270, 450):
        cv2.circle(screen, (x, 1040), 28, (90, 90, 90), 4)
    place = (0, 230, 540, 640)
    boxes = views(placed(screen, ["coffee.png"], [place]))
    assert off_by(boxes[0], place, screen) <= 4


def test_the_figure_on_a_page_of_text_is_found() -> None:
    page = canvas(700, 900, 250)
    for row in range(16):
        words = "some words of a text that goes on"[: 20 + row % 5 * 3]
        cv2.putText(page, words, (60, 520 + 22 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (40, 40, 40), 2)
    place = (120, 60, 580, 400)
    boxes = views(placed(page, ["motorcycle_left.png"], [place]))
    assert min(off_by(box, place, page) for box in boxes) <= 4


def test_a_small_logo_on_a_white_sheet_is_no_picture() -> None:
    assert views(placed(canvas(800, 800), ["astronaut.png"], [(20, 20, 120, 120)])) == []


def test_a_saved_border_is_still_plain() -> None:
    place = (48, 48, 592, 432)
    sheet = placed(canvas(640, 480, 230), ["coffee.png"], [place])
    again = cv2.imdecode(cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, 50])[1], cv2.IMREAD_COLOR)
    assert_found(np.asarray(again, np.uint8), [place])


def test_a_view_cut_out_is_the_picture_that_was_put_there() -> None:
    place = (40, 60, 640, 460)
    (box,) = views(placed(canvas(700, 520), ["coffee.png"], [place]))
    assert box.cut(canvas(700, 520)).shape[:2] == pytest.approx((400, 600), abs=6)


# What must not fail


@pytest.mark.parametrize("level", [0, 7, 128, 255])
def test_a_blank_image_has_no_views(level: int) -> None:
    for width, height in ((1, 1), (300, 200), (2000, 3)):
        assert views(canvas(width, height, level)) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (2, 3), (3, 5000), (5000, 3), (39, 41), (400, 400)])
def test_no_shape_is_too_odd(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert views(noise) == []
    assert_inside(views(np.asarray(cv2.copyMakeBorder(noise, 9, 9, 9, 9, cv2.BORDER_CONSTANT), np.uint8)))


def assert_inside(boxes: list[Box]) -> None:
    assert len(boxes) <= MOST_VIEWS
    for box in boxes:
        assert 0 <= box.left < box.right <= 1
        assert 0 <= box.top < box.bottom <= 1
        assert box != WHOLE


@quick
@given(
    size=st.tuples(st.integers(120, 900), st.integers(120, 900)),
    shares=st.tuples(*[st.floats(0, 0.3)] * 4),
    level=st.integers(0, 255),
    seed=st.integers(0, 9),
)
def test_any_frame_around_noise_is_trimmed(
    size: tuple[int, int], shares: tuple[float, float, float, float], level: int, seed: int
) -> None:
    width, height = size
    left, top, right, bottom = (
        round(share * side) for share, side in zip(shares, (width, height, width, height), strict=True)
    )
    place = (left, top, width - right, height - bottom)
    shape = (place[3] - place[1], place[2] - place[0], 3)
    coarse = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), np.uint8)
    sheet = canvas(width, height, level)
    sheet[place[1] : place[3], place[0] : place[2]] = cv2.resize(
        coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC
    )
    boxes = views(sheet)
    assert_inside(boxes)
    if min(shape[:2]) / max(width, height) > 0.2 and place != (0, 0, width, height):
        pixel = max(1.0, max(width, height) / 384)
        assert len(boxes) <= 1
        assert off_by(boxes[0] if boxes else WHOLE, place, sheet) <= 2 * pixel


@quick
@given(
    rectangles=st.lists(
        st.tuples(*[st.integers(0, 300)] * 4, st.integers(0, 255), st.booleans()),
        max_size=8,
    ),
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
)
def test_boxes_lie_within_the_picture_and_differ_whatever_is_drawn(
    rectangles: list[tuple[int, int, int, int, int, bool]], size: tuple[int, int]
) -> None:
    random = np.random.default_rng(0)
    sheet = canvas(*size)
    for x, y, width, height, level, noisy in rectangles:
        part = sheet[y : y + height, x : x + width]
        part[:] = random.integers(0, 256, part.shape, np.uint8) if noisy else level
    boxes = views(sheet)
    assert_inside(boxes)
    assert boxes == views(sheet.copy())
    assert len(set(boxes)) == len(boxes) <= MOST_VIEWS


@quick
@given(
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_a_cut_has_at_least_one_pixel(size: tuple[int, int], edges: list[float]) -> None:
    left, right = sorted(edges[:2])
    top, bottom = sorted(edges[2:])
    width, height = size
    if round(left * width) < width and round(top * height) < height:
        part = Box(left, top, right, bottom).cut(canvas(width, height))
        assert min(part.shape[:2]) >= 1


@pytest.mark.parametrize("size", [(900, 1400), (384, 200), (20, 30)])
def test_hashes_and_features_are_the_same_of_what_was_shrunk_before(size: tuple[int, int]) -> None:
    pixels = np.asarray(cv2.resize(pixels_of("coffee.png"), size[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    small = shrunk(pixels)
    assert max(small.shape) <= SIDE
    assert (hashes(pixels, small) == hashes(pixels)).all()
    assert local_features(small) == local_features(pixels)


def on_ground(picture: Pixels, *, width: int, place: tuple[int, int]) -> Pixels:
    """The picture, so many pixels wide, on a cat of 384 x 256."""
    whole = np.asarray(cv2.resize(pixels_of("chelsea.png"), (384, 256)), np.uint8)
    (x, y), height = place, round(picture.shape[0] * width / picture.shape[1])
    whole[y : y + height, x : x + width] = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return whole


def test_a_small_picture_on_another_lies_on_it_in_colour_and_in_grey() -> None:
    whole = on_ground(pixels_of("coffee.png"), width=120, place=(100, 90))
    for seen in (whole, np.asarray(cv2.cvtColor(whole, cv2.COLOR_BGR2GRAY), np.uint8)):
        (box,) = lying_on(seen)
        assert np.allclose(np.array(box) * (384, 256, 384, 256), (100, 90, 220, 170), atol=3)
        assert lying_on(seen, []) == []
    assert lying_on(on_ground(pixels_of("coffee.png"), width=350, place=(10, 10))) == []
    assert lying_on(pixels_of("gravel.png")) == []


def test_of_a_picture_between_bars_on_another_the_picture_comes_last() -> None:
    barred = np.asarray(cv2.copyMakeBorder(pixels_of("coffee.png"), 0, 0, 300, 300, cv2.BORDER_CONSTANT), np.uint8)
    boxes = lying_on(on_ground(barred, width=180, place=(60, 60)))
    assert len(boxes) == 2
    assert abs(boxes[0].right - boxes[0].left - 180 / 384) < 0.01
    assert abs(boxes[1].right - boxes[1].left - 90 / 384) < 0.02
