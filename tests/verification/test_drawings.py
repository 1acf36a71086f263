"""Drawn pictures are judged by all that is drawn, and photographs of one thing by their details."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import encoded, pixels_of

from imgsim_guard.images.decode import decode
from imgsim_guard.model import Unreadable
from imgsim_guard.verification.pair import verify
from imgsim_guard.verification.paper import drawn
from imgsim_guard.verification.prepared import prepare

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from imgsim_guard.model import Evidence

    Pixels = NDArray[np.uint8]

FONT = cv2.FONT_HERSHEY_DUPLEX
BLACK, RED, GREEN, BLUE, YELLOW = (0, 0, 0), (38, 17, 206), (61, 122, 0), (168, 56, 0), (22, 209, 252)


def judged(one: Pixels, two: Pixels) -> Evidence:
    return verify(prepare(one), prepare(two))


def sheet(width: int, height: int) -> Pixels:
    return np.full((height, width, 3), 255, np.uint8)


def bars(heights: tuple[int, ...]) -> Pixels:
    picture = sheet(450, 324)
    cv2.rectangle(picture, (60, 40), (430, 280), BLACK, 1)
    cv2.putText(picture, "share of votes", (170, 28), FONT, 0.6, BLACK, 1)
    for tick in range(6):
        cv2.putText(picture, str(tick * 20), (20, 285 - tick * 48), FONT, 0.4, BLACK, 1)
    for place, height in enumerate(heights):
        cv2.rectangle(picture, (75 + place * 60, 280 - height), (117 + place * 60, 280), (180, 119, 31), -1)
    return picture


def flag(*stripes: tuple[int, int, int]) -> Pixels:
    picture = sheet(300, 201)
    for row, colour in enumerate(stripes):
        picture[row * 67 : row * 67 + 67] = colour
    return picture


def speed_limit(number: int) -> Pixels:
    picture = np.full((200, 200, 3), (210, 170, 130), np.uint8)
    cv2.circle(picture, (100, 100), 85, (30, 20, 200), -1)
    cv2.circle(picture, (100, 100), 62, (255, 255, 255), -1)
    cv2.putText(picture, str(number), (58, 122), FONT, 2, BLACK, 4)
    return picture


def mask(*blobs: tuple[int, int, int]) -> Pixels:
    picture = np.zeros((256, 256, 3), np.uint8)
    for x, y, radius in blobs:
        cv2.circle(picture, (x, y), radius, (255, 255, 255), -1)
    return picture


CHART, OTHER_CHART = bars((120, 60, 200, 90, 150, 40)), bars((60, 180, 90, 200, 110, 130))
FLAG = flag(RED, GREEN, BLUE)
SIGN = speed_limit(30)
MASK = mask((80, 90, 25))
DRAWINGS = {"chart": CHART, "flag": FLAG, "sign": SIGN, "mask": MASK}


def jpeg(picture: Pixels) -> Pixels:
    pixels = decode(encoded(picture, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 80))
    assert not isinstance(pixels, Unreadable)
    return pixels


def smaller(picture: Pixels) -> Pixels:
    return np.asarray(cv2.resize(picture, None, fx=2 / 3, fy=2 / 3, interpolation=cv2.INTER_AREA), np.uint8)


def cropped(picture: Pixels) -> Pixels:
    return np.ascontiguousarray(picture[6:-6, 6:-6])


def grey(picture: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)


def slightly_warmer(picture: Pixels) -> Pixels:
    return np.asarray(np.clip(picture * np.array([0.93, 0.97, 1.0]) + 3, 0, 255), np.uint8)


@pytest.mark.parametrize("name", DRAWINGS)
@pytest.mark.parametrize("change", [jpeg, smaller, cropped, grey, slightly_warmer])
def test_a_drawing_saved_again_is_a_copy(name: str, change: Callable[[Pixels], Pixels]) -> None:
    assert judged(change(DRAWINGS[name]), DRAWINGS[name]).outcome == "confirmed"


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (CHART, OTHER_CHART),
        (FLAG, flag(BLUE, GREEN, RED)),
        (FLAG, flag(RED, GREEN, YELLOW)),
        (FLAG, np.ascontiguousarray(cv2.resize(np.rot90(FLAG), (300, 201)))),
        (SIGN, speed_limit(50)),
        (SIGN, speed_limit(80)),
        (MASK, mask((170, 150, 25))),
        (MASK, mask((80, 90, 25), (180, 160, 30))),
    ],
)
def test_another_drawing_of_the_same_kind_is_no_copy(one: Pixels, two: Pixels) -> None:
    assert judged(one, two).outcome == "refuted"
    assert judged(jpeg(one), jpeg(two)).outcome == "refuted"


def test_a_drawing_with_a_logo_on_plain_ground_is_a_copy() -> None:
    with_logo = CHART.copy()
    cv2.putText(with_logo, "ACME", (320, 68), FONT, 0.8, (0, 0, 200), 4)
    assert judged(with_logo, CHART).outcome == "confirmed"


def test_a_flag_in_other_colours_is_said_to_be_one() -> None:
    badge = np.full((120, 120, 3), (90, 200, 90), np.uint8)
    cv2.rectangle(badge, (20, 20), (100, 100), BLACK, 3)
    cv2.circle(badge, (60, 60), 25, BLACK, 3)
    other = badge.copy()
    other[(badge == (90, 200, 90)).all(axis=2)] = (200, 130, 200)
    assert judged(badge, other).reason == "the same drawing in other colours"


def test_a_recoloured_photograph_stays_a_copy() -> None:
    photograph = pixels_of("chelsea.png")
    recoloured = np.ascontiguousarray(photograph[..., ::-1])
    assert judged(recoloured, photograph).outcome == "confirmed"


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png", "astronaut.png", "rocket.jpg"])
def test_photographs_are_not_taken_for_drawings(name: str) -> None:
    assert not drawn(pixels_of(name))


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings_are_taken_for_drawings_after_jpeg_too(name: str) -> None:
    assert drawn(DRAWINGS[name])
    assert drawn(jpeg(DRAWINGS[name]))


def test_a_photograph_of_32_pixels_moved_by_two_is_a_copy() -> None:
    tiny = np.asarray(
        cv2.resize(pixels_of("chelsea.png")[:300, :300], (34, 34), interpolation=cv2.INTER_AREA), np.uint8
    )
    assert judged(np.ascontiguousarray(tiny[:32, :32]), np.ascontiguousarray(tiny[2:, 2:])).outcome == "confirmed"


def test_the_same_thing_with_its_details_elsewhere_is_another_picture() -> None:
    """As two photographs of one face: everything is nearly where it was, and nothing exactly."""
    photograph = pixels_of("astronaut.png")[:400, 100:420]
    height, width = photograph.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    x, y = columns + 2 * np.sin(rows / 25), rows + 2 * np.sin(columns / 25)
    moved = np.asarray(cv2.remap(photograph, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.uint8)
    evidence = judged(moved, np.ascontiguousarray(photograph))
    assert evidence.outcome == "refuted"
    assert evidence.reason == "they show the same kind of thing in the same place, but the details differ"


def test_the_evidence_says_how_two_pictures_belong_together() -> None:
    photograph = pixels_of("astronaut.png")
    left, right = (np.ascontiguousarray(part) for part in (photograph[:, :360], photograph[:, 150:]))
    assert judged(left, right).relation == "overlapping view"
    assert judged(left, photograph).relation == "copy"
    assert judged(jpeg(photograph), photograph).relation == "copy"
    assert judged(photograph, pixels_of("coffee.png")).relation is None
