"""Drawn pictures are judged by all that is drawn, and photographs of one thing by their details."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import encoded, pixels_of

from imgsim_guard.images.decode import decode
from imgsim_guard.model import Unreadable
from imgsim_guard.verification.agreement import agreement
from imgsim_guard.verification.judging import PLAIN_FEATURES
from imgsim_guard.verification.overlay import Refined, overlay, slid
from imgsim_guard.verification.pair import verify
from imgsim_guard.verification.paper import drawn
from imgsim_guard.verification.prepared import prepare
from imgsim_guard.verification.shot import same_shot
from imgsim_guard.verification.stamp import EDGE, stamp

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


def jpeg(picture: Pixels, quality: int = 80) -> Pixels:
    pixels = decode(encoded(picture, ".jpg", cv2.IMWRITE_JPEG_QUALITY, quality))
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


def silhouettes() -> Pixels:
    """Trees before the evening sky and a moon: few colours, with the grain of film."""
    picture = np.linspace((110.0, 55, 45), (150, 85, 75), 321)[:, None] * np.ones((1, 481, 1))
    for x in range(10, 481, 45):
        cv2.fillPoly(picture, [np.array([[x, 120 + x * 37 % 120], [x - 14, 321], [x + 16, 321]])], (35, 38, 12))
    cv2.circle(picture, (180, 110), 14, (235, 250, 255), -1)
    grain = np.random.default_rng(0).normal(0, 1.2, picture.shape)
    return np.asarray(np.clip(picture + grain, 0, 255), np.uint8)


def test_a_photograph_of_few_colours_is_not_taken_for_a_drawing() -> None:
    photograph = silhouettes()
    assert not drawn(photograph)
    assert not drawn(jpeg(photograph))
    brighter = np.asarray(cv2.convertScaleAbs(photograph, beta=40), np.uint8)
    assert judged(brighter, photograph).outcome == "confirmed"


def test_what_jpeg_adds_around_lines_makes_no_photograph() -> None:
    assert drawn(jpeg(walker(1)))
    assert drawn(jpeg(face(), 25))


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings_are_taken_for_drawings_after_jpeg_too(name: str) -> None:
    assert drawn(DRAWINGS[name])
    assert drawn(jpeg(DRAWINGS[name]))


def test_a_photograph_of_32_pixels_moved_by_two_is_a_copy() -> None:
    tiny = np.asarray(
        cv2.resize(pixels_of("chelsea.png")[:300, :300], (34, 34), interpolation=cv2.INTER_AREA), np.uint8
    )
    assert judged(np.ascontiguousarray(tiny[:32, :32]), np.ascontiguousarray(tiny[2:, 2:])).outcome == "confirmed"


def wobbled(photograph: Pixels, pixels: float, *, wave: int = 25) -> Pixels:
    """Everything is nearly where it was, and nothing exactly."""
    height, width = photograph.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    x, y = columns + pixels * np.sin(rows / wave), rows + pixels * np.sin(columns / wave)
    return np.asarray(cv2.remap(photograph, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.uint8)


def test_the_same_thing_with_its_details_elsewhere_is_another_picture() -> None:
    """As two photographs of one face."""
    photograph = np.ascontiguousarray(pixels_of("astronaut.png")[:400, 100:420])
    evidence = judged(wobbled(photograph, 4), photograph)
    assert evidence.outcome == "refuted"
    assert evidence.reason == "they show the same kind of thing in the same place, but the details differ"


def test_in_a_small_picture_another_photograph_is_less_than_a_pixel_away() -> None:
    photograph = np.asarray(
        cv2.resize(pixels_of("astronaut.png")[40:264, 140:324], (92, 112), interpolation=cv2.INTER_AREA), np.uint8
    )
    evidence = judged(wobbled(photograph, 0.6, wave=12), photograph)
    assert evidence.outcome == "refuted"
    assert evidence.reason == "they show the same kind of thing in the same place, but the details differ"
    for copy in (
        np.ascontiguousarray(photograph[4:-4, 4:-4]),
        np.asarray(cv2.GaussianBlur(photograph, (0, 0), 1.2), np.uint8),
        jpeg(photograph),
    ):
        assert judged(copy, photograph).outcome == "confirmed"


def test_details_that_moved_a_little_are_the_same_scene() -> None:
    """As in the next frame of a film, by a camera that moves."""
    photograph = np.ascontiguousarray(pixels_of("astronaut.png")[:400, 100:420])
    evidence = judged(wobbled(photograph, 2), photograph)
    assert (evidence.outcome, evidence.relation) == ("confirmed", "same scene")


def test_the_evidence_says_how_two_pictures_belong_together() -> None:
    photograph = pixels_of("astronaut.png")
    left, right = (np.ascontiguousarray(part) for part in (photograph[:, :360], photograph[:, 150:]))
    assert judged(left, right).relation == "overlapping view"
    assert judged(left, photograph).relation == "copy"
    assert judged(jpeg(photograph), photograph).relation == "copy"
    assert judged(photograph, pixels_of("coffee.png")).relation is None


def negative(picture: Pixels) -> Pixels:
    return np.asarray(255 - picture, np.uint8)


def dark_theme(heights: tuple[int, ...]) -> Pixels:
    """The same chart on a dark ground: white axes, and bars in a colour of their own."""
    light = bars(heights)
    picture = np.full_like(light, 30)
    picture[(light == BLACK).all(axis=2)] = 255
    picture[(light == (180, 119, 31)).all(axis=2)] = (199, 211, 141)
    return picture


HEIGHTS = (120, 60, 200, 90, 150, 40)


@pytest.mark.parametrize("other_theme", [negative(CHART), jpeg(dark_theme(HEIGHTS)), smaller(dark_theme(HEIGHTS))])
def test_a_chart_in_its_dark_theme_is_a_copy(other_theme: Pixels) -> None:
    for one, two in ((other_theme, CHART), (CHART, other_theme)):
        evidence = judged(one, two)
        assert evidence.outcome == "confirmed"
        assert "light and dark swapped" in evidence.reason


def test_another_chart_in_a_dark_theme_is_no_copy() -> None:
    assert judged(negative(OTHER_CHART), CHART).outcome == "refuted"
    assert judged(dark_theme((120, 60, 200, 90, 190, 40)), CHART).outcome == "refuted"


def test_a_sign_in_negative_is_another_sign() -> None:
    assert judged(negative(MASK), MASK).outcome == "refuted"


def domino(*pips: tuple[int, int]) -> Pixels:
    picture = np.full((160, 280, 3), (50, 90, 30), np.uint8)
    cv2.rectangle(picture, (20, 20), (260, 140), (240, 250, 250), -1)
    cv2.line(picture, (140, 30), (140, 130), BLACK, 2)
    for x, y in pips:
        cv2.circle(picture, (x, y), 10, BLACK, -1)
    return picture


CORNERS = ((50, 50), (110, 110), (170, 50), (170, 110), (230, 50), (230, 110))


def test_one_more_of_what_a_drawing_has_already_is_content_and_no_stamp() -> None:
    assert judged(domino(*CORNERS), domino(*CORNERS, (200, 80))).outcome == "refuted"


def test_a_caption_in_a_colour_of_its_own_may_cover_what_is_drawn() -> None:
    with_caption = CHART.copy()
    cv2.putText(with_caption, "DRAFT 2024", (70, 290), FONT, 1.0, (0, 0, 220), 2)
    assert judged(with_caption, CHART).outcome == "confirmed"
    assert judged(with_caption, OTHER_CHART).outcome == "refuted"


def display(digits: str) -> Pixels:
    """Seven-segment digits, of which the unlit segments are seen."""
    segments = {"8": "abcdefg", "0": "abcdef", "6": "afgedc"}
    places = {
        "a": ((8, 0), (62, 10)),
        "b": ((60, 8), (70, 46)),
        "c": ((60, 54), (70, 92)),
        "d": ((8, 90), (62, 100)),
        "e": ((0, 54), (10, 92)),
        "f": ((0, 8), (10, 46)),
        "g": ((8, 45), (62, 55)),
    }
    picture = np.full((140, 420, 3), 15, np.uint8)
    for place, digit in enumerate(digits):
        for name, ((x0, y0), (x1, y1)) in places.items():
            left = 25 + 98 * place
            colour = (30, 30, 255) if name in segments[digit] else (20, 20, 45)
            cv2.rectangle(picture, (left + x0, 20 + y0), (left + x1, 20 + y1), colour, -1)
    return picture


@pytest.mark.parametrize("digits", ["8868", "0868", "8806", "6808"])
@pytest.mark.parametrize("change", [jpeg, smaller, cropped])
def test_a_display_that_also_fits_after_a_shift_is_found(digits: str, change: Callable[[Pixels], Pixels]) -> None:
    assert judged(change(display(digits)), display(digits)).outcome == "confirmed"


def test_tiles_with_many_borders_are_copies_after_a_crop() -> None:
    rng = np.random.default_rng(5)
    colours = [(80, 180, 120), (200, 120, 60), (120, 200, 220), (150, 150, 150), (50, 110, 40)]
    picture = sheet(440, 400)
    for row in range(11):
        for column in range(11):
            centre = (30 + column * 38 + row % 2 * 19, 25 + row * 33)
            turns = np.arange(6) * np.pi / 3
            corners = np.rint(np.stack([centre[0] + 21 * np.sin(turns), centre[1] + 21 * np.cos(turns)], axis=1))
            cv2.fillPoly(picture, [corners.astype(np.int32)], colours[rng.integers(5)])
            cv2.polylines(picture, [corners.astype(np.int32)], isClosed=True, color=BLACK)
    assert judged(cropped(picture), picture).outcome == "confirmed"


@pytest.mark.filterwarnings("error")
def test_large_pale_drawings_are_compared_without_a_warning() -> None:
    pale = np.full((380, 380, 3), 250, np.uint8)
    for place in range(20, 370, 25):
        cv2.line(pale, (place, 10), (370 - place // 2, 370), (244, 244, 244), 2)
    cv2.putText(pale, "pale", (100, 200), FONT, 2, (200, 200, 200), 3)
    assert judged(jpeg(pale), pale).outcome == "confirmed"


def walker(seed: int) -> Pixels:
    """A strip of six small figures, 16 x 96, in four greys, as games have them: a head, hair and legs."""
    rng = np.random.default_rng(seed)
    picture = np.full((96, 16, 3), 255, np.uint8)
    for top in range(0, 96, 16):
        cv2.circle(picture, (8, top + 6), 5, (85, 85, 85), -1)
        half = rng.choice([0, 85, 170, 255], (8, 6, 1))
        picture[top + 2 : top + 10, 2:8] = half
        picture[top + 2 : top + 10, 8:14] = half[:, ::-1]
        cv2.line(picture, (6, top + 11), (6, top + 14), BLACK, 2)
        cv2.line(picture, (10, top + 11), (10, top + 14), BLACK, 2)
    return picture


def test_strips_of_small_figures_are_told_apart() -> None:
    assert judged(walker(1), walker(2)).outcome == "refuted"
    larger = np.asarray(cv2.resize(walker(1), None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST), np.uint8)
    assert judged(larger, walker(1)).outcome == "confirmed"


def coloured_map(*, changed: int | None = None) -> Pixels:
    picture, rng = sheet(420, 340), np.random.default_rng(7)
    shades = rng.choice([40, 90, 140, 190, 235], 30)
    for place, shade in enumerate(shades.tolist()):
        x, y = 20 + place % 6 * 60, 20 + place // 6 * 56
        blue = 255 - shade if place == changed else shade
        cv2.rectangle(picture, (x, y), (x + 60, y + 56), (255, blue, blue), -1)
        cv2.rectangle(picture, (x, y), (x + 60, y + 56), (120, 120, 120), 1)
    return picture


@pytest.mark.parametrize("changed", [0, 8, 15])
def test_a_map_with_one_region_in_another_colour_is_another_map(changed: int) -> None:
    assert judged(coloured_map(changed=changed), coloured_map()).outcome == "refuted"


def test_colours_count_where_little_of_a_drawing_has_any() -> None:
    charts = []
    for colour in ((200, 120, 40), (40, 75, 190)):  # of the same grey
        picture = bars(HEIGHTS)
        picture[(picture == (180, 119, 31)).all(axis=2)] = (128, 128, 128)
        cv2.rectangle(picture, (200, 60), (240, 78), colour, -1)
        cv2.rectangle(picture, (330, 60), (370, 78), colour, -1)
        charts.append(picture)
    assert judged(*charts).reason == "the same drawing in other colours"


def frame(*, seed: int, moved: bool) -> Pixels:
    """A photograph upon a wall with a faint grain; moved: all of it is nearly, but not exactly, in its place."""
    grain = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 8, (420, 640)).astype(np.float32), (0, 0), 2)
    wall = np.clip(120 + 1.6 * grain, 0, 255).astype(np.uint8)
    picture = np.asarray(cv2.cvtColor(wall, cv2.COLOR_GRAY2BGR), np.uint8)
    photograph = pixels_of("astronaut.png")[40:260, 140:360]
    if moved:
        rows, columns = np.mgrid[:220, :220].astype(np.float32)
        x, y = columns + 1.5 * np.sin(rows / 40), rows + 1.5 * np.sin(columns / 40)
        photograph = cv2.remap(photograph, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT).astype(np.uint8)
    picture[100:320, 200:420] = photograph
    return picture


@pytest.mark.parametrize(("seed", "same"), [(1, True), (2, False)])
def test_frames_of_one_shot_are_known_by_what_stays_in_its_place(seed: int, *, same: bool) -> None:
    one, two = (
        np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
        for picture in (frame(seed=1, moved=False), frame(seed=seed, moved=True))
    )
    laid = overlay(one, two, np.eye(3)[:2], side=384)
    assert laid is not None
    followed = Refined(np.eye(3)[:2], bent=False, exact=0.2)
    assert same_shot(agreement(laid), 30, laid, followed=followed, drawn=False) is same


def ledger(changed: int = 0) -> Pixels:
    """A table of 96 numbers, 620 by 400 pixels; so many of them are others than in the first."""
    numbers = np.random.default_rng(5).integers(100, 900, 96)
    numbers[:: 96 // max(1, changed)][:changed] += 37
    picture = sheet(620, 400)
    for place, number in enumerate(numbers):
        x, y = 20 + place % 6 * 100, 18 + place // 6 * 24
        cv2.line(picture, (0, y + 6), (620, y + 6), (205, 205, 205), 1)
        cv2.putText(picture, str(number), (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.55, BLACK, 1, cv2.LINE_AA)
    return picture


@pytest.mark.parametrize("changed", [2, 4])
def test_a_table_with_few_other_numbers_is_another_table(changed: int) -> None:
    assert judged(ledger(), ledger(changed)).outcome == "refuted"
    assert judged(jpeg(ledger()), ledger(changed)).outcome == "refuted"


@pytest.mark.parametrize("change", [jpeg, smaller, cropped, grey, slightly_warmer])
def test_a_table_saved_again_is_a_copy(change: Callable[[Pixels], Pixels]) -> None:
    assert judged(change(ledger()), ledger()).outcome == "confirmed"


def sharpened(picture: Pixels) -> Pixels:
    return np.asarray(cv2.addWeighted(picture, 2.5, cv2.GaussianBlur(picture, (0, 0), 2), -1.5, 0), np.uint8)


@pytest.mark.parametrize("picture", [ledger(), CHART], ids=["table", "chart"])
def test_what_sharpening_adds_around_lines_is_no_other_content(picture: Pixels) -> None:
    assert judged(sharpened(picture), picture).outcome == "confirmed"


def thermometer(level: int) -> Pixels:
    picture = sheet(200, 440)
    cv2.rectangle(picture, (80, 30), (120, 360), BLACK, 3)
    cv2.circle(picture, (100, 375), 35, (0, 0, 208), -1)
    cv2.rectangle(picture, (90, level), (110, 360), (0, 0, 208), -1)
    for tick in range(11):
        cv2.line(picture, (120, 60 + tick * 28), (135, 60 + tick * 28), BLACK, 2)
        cv2.putText(picture, str(50 - tick * 10), (142, 65 + tick * 28), FONT, 0.45, BLACK, 1, cv2.LINE_AA)
    return picture


def test_a_bar_that_goes_on_where_the_other_ends_is_content_and_no_stamp() -> None:
    assert judged(thermometer(60), thermometer(192)).outcome == "refuted"
    assert judged(jpeg(thermometer(126)), smaller(thermometer(258))).outcome == "refuted"
    assert judged(cropped(thermometer(126)), thermometer(126)).outcome == "confirmed"


def arrow(*, right: bool) -> Pixels:
    picture = sheet(128, 128)
    end, start = (91, 37) if right else (37, 91)
    cv2.line(picture, (start, 37), (end, 91), BLACK, 11, cv2.LINE_AA)
    cv2.polylines(picture, [np.array([[start, 91], [end, 91], [end, 37]])], isClosed=False, color=BLACK, thickness=11)
    return picture


def test_an_arrow_that_points_elsewhere_is_another_sign() -> None:
    assert judged(arrow(right=True), arrow(right=False)).outcome == "refuted"
    assert judged(jpeg(arrow(right=True)), arrow(right=True)).outcome == "confirmed"


def face() -> Pixels:
    """A smiley without a corner to follow, 128 pixels high."""
    picture = sheet(128, 128)
    cv2.circle(picture, (64, 64), 63, (77, 204, 255), -1, cv2.LINE_AA)
    for x in (45, 83):
        cv2.ellipse(picture, (x, 50), (8, 12), 0, 0, 360, (0, 69, 102), -1, cv2.LINE_AA)
    cv2.ellipse(picture, (64, 70), (30, 26), 0, 20, 160, (0, 69, 102), 6, cv2.LINE_AA)
    return picture


def test_small_pictures_are_brought_into_line_by_all_their_pixels() -> None:
    whole = prepare(face()).small
    part = np.ascontiguousarray(whole[6:-6, 6:-6])
    frame_on_frame = np.array([[128 / 116, 0, 0.05], [0, 128 / 116, 0.05]])
    found = slid(part, whole, frame_on_frame)
    assert found == pytest.approx(np.array([[1, 0, 6], [0, 1, 6]]), abs=0.1)


@pytest.mark.parametrize("change", [jpeg, smaller, cropped])
def test_a_small_face_saved_again_is_a_copy(change: Callable[[Pixels], Pixels]) -> None:
    assert judged(change(face()), face()).outcome == "confirmed"


def creature(scale: float = 1.0) -> Pixels:
    """A figure of a game, as large as its picture is by a half, on plain ground."""
    picture = sheet(68, 56)
    for x, y, radius, colour in ((34, 30, 9, (60, 160, 90)), (30, 22, 6, (60, 160, 90)), (28, 21, 1, BLACK)):
        cv2.circle(picture, (x, y), round(radius * scale), BLACK, -1)
        cv2.circle(picture, (x, y), max(0, round(radius * scale) - 1), colour, -1)
    cv2.rectangle(picture, (36, 36), (39, 40), (40, 40, 200), -1)
    return picture


def padded(picture: Pixels) -> Pixels:
    return np.asarray(cv2.copyMakeBorder(picture, 12, 12, 12, 12, cv2.BORDER_CONSTANT, value=(255, 255, 255)), np.uint8)


@pytest.mark.parametrize("change", [jpeg, cropped, padded])
def test_plain_ground_cut_off_or_added_around_a_figure_makes_no_other_sign(change: Callable[[Pixels], Pixels]) -> None:
    assert judged(change(creature()), creature()).outcome == "confirmed"


@pytest.mark.parametrize("turn", [np.rot90, lambda picture: picture[:, ::-1], lambda _: creature(1.4)])
def test_a_figure_that_is_turned_or_larger_is_another_sign(turn: Callable[[Pixels], Pixels]) -> None:
    assert judged(cropped(np.ascontiguousarray(turn(creature()))), creature()).outcome == "refuted"


@pytest.mark.parametrize("turn", [np.rot90, lambda chart: chart[:, ::-1]], ids=["turned", "mirrored"])
def test_a_plain_chart_that_is_turned_or_mirrored_stays_a_copy(turn: Callable[[Pixels], Pixels]) -> None:
    picture = sheet(450, 324)
    cv2.rectangle(picture, (60, 40), (430, 280), BLACK, 1)
    for colour, rate in ((BLUE, 40), (RED, 90)):
        curve = [(60 + step, round(270 - 200 * np.exp(-step / rate))) for step in range(0, 371, 10)]
        cv2.polylines(picture, [np.array(curve)], isClosed=False, color=colour, thickness=2, lineType=cv2.LINE_AA)
    for tick in range(6):
        cv2.putText(picture, str(tick), (55 + tick * 74, 302), FONT, 0.45, BLACK, 1, cv2.LINE_AA)
    assert len(prepare(picture).features.points) < PLAIN_FEATURES
    assert judged(np.ascontiguousarray(turn(picture)), picture).outcome == "confirmed"


NUMBERS = (47, 83, 12, 69, 30, 58, 91, 24, 76, 5)


def settings(numbers: tuple[int, ...], grey: int = 170, size: float = 0.36) -> Pixels:
    """The settings of a telephone, with small pale numbers at the right."""
    picture = sheet(360, 640)
    cv2.rectangle(picture, (0, 0), (360, 52), (181, 81, 63), -1)
    for row, number in enumerate(numbers):
        y = 86 + row * 55
        cv2.putText(picture, f"Setting {'ABCDEFGHIJ'[row]}", (16, y), FONT, 0.6, BLACK, 1, cv2.LINE_AA)
        cv2.putText(picture, f"{number:2}", (318, y), cv2.FONT_HERSHEY_SIMPLEX, size, (grey,) * 3, 1, cv2.LINE_AA)
        cv2.line(picture, (0, y + 20), (360, y + 20), (235, 235, 235), 1)
    return picture


@pytest.mark.parametrize(("grey", "size"), [(170, 0.36), (195, 0.36), (110, 0.32)])
def test_settings_with_other_small_pale_numbers_are_other_settings(grey: int, size: float) -> None:
    one, two = settings(NUMBERS, grey, size), settings(NUMBERS[3:] + NUMBERS[:3], grey, size)
    assert (
        judged(one, two).reason == judged(jpeg(one), two).reason == "they have the same layout, but other content in it"
    )


@pytest.mark.parametrize("change", [jpeg, smaller, cropped, grey, slightly_warmer])
def test_settings_saved_again_are_a_copy(change: Callable[[Pixels], Pixels]) -> None:
    assert judged(change(settings(NUMBERS)), settings(NUMBERS)).outcome == "confirmed"


def large_table(seed: int) -> Pixels:
    """Numbers of two digits, 9 pixels high, in 40 rows and 17 columns between lines: 1300 by 920 pixels."""
    numbers = np.random.default_rng(seed).integers(10, 99, (40, 17))
    picture = sheet(1300, 920)
    for row, column in np.ndindex(40, 17):
        x, y = 14 + column * 76, 14 + row * 22
        cv2.rectangle(picture, (x, y), (x + 76, y + 22), (221, 221, 221), 1)
        place = (x + 54, y + 15)
        cv2.putText(picture, str(numbers[row, column]), place, cv2.FONT_HERSHEY_SIMPLEX, 0.36, BLACK, 1, cv2.LINE_AA)
    return picture


def test_a_large_table_with_other_small_numbers_is_another_table() -> None:
    assert judged(large_table(1), large_table(2)).outcome == "refuted"
    assert judged(jpeg(cropped(large_table(1))), large_table(1)).outcome == "confirmed"


def hand(skin: tuple[int, int, int]) -> Pixels:
    """A fist with a shadow in a darker tone of its skin, on white, 136 pixels high."""
    picture = sheet(136, 136)
    shadow = tuple(round(value * 0.78) for value in skin)
    cv2.ellipse(picture, (62, 80), (46, 40), 0, 0, 360, skin, -1, cv2.LINE_AA)
    cv2.rectangle(picture, (56, 12), (80, 80), skin, -1)
    for finger in range(4):
        cv2.ellipse(picture, (98, 56 + finger * 19), (22, 9), 0, 0, 360, shadow, -1, cv2.LINE_AA)
        cv2.ellipse(picture, (100, 54 + finger * 19), (20, 8), 0, 0, 360, skin, -1, cv2.LINE_AA)
    return picture


SKINS = ((185, 220, 247), (150, 185, 222), (104, 142, 185), (68, 107, 165), (70, 82, 110))


@pytest.mark.parametrize(("one", "two"), list(pairwise(SKINS)))
def test_an_icon_in_another_skin_colour_is_another_icon(one: tuple[int, int, int], two: tuple[int, int, int]) -> None:
    assert judged(hand(one), hand(two)).outcome == "refuted"


def darker(picture: Pixels) -> Pixels:
    return np.asarray(picture * 0.7, np.uint8)


@pytest.mark.parametrize("change", [jpeg, smaller, cropped, grey, slightly_warmer, darker])
def test_an_icon_saved_again_is_a_copy(change: Callable[[Pixels], Pixels]) -> None:
    assert judged(change(hand(SKINS[2])), hand(SKINS[2])).outcome == "confirmed"


def battery(bars: int) -> Pixels:
    picture = sheet(256, 128)
    cv2.rectangle(picture, (12, 20), (232, 108), BLACK, 6)
    for bar in range(bars):
        cv2.rectangle(picture, (24 + 33 * bar, 34), (48 + 33 * bar, 94), (44, 160, 44), -1)
    return picture


def forecast(*days: str) -> Pixels:
    """A strip of 640 by 200 pixels with the sun, a cloud or rain for each day."""
    picture = np.full((200, 640, 3), (190, 120, 60), np.uint8)
    for place, day in enumerate(days):
        x, white = 64 + 128 * place, (255, 255, 255)
        cv2.putText(picture, ("Mon", "Tue", "Wed", "Thu", "Fri")[place], (x - 24, 32), FONT, 0.7, white, 1, cv2.LINE_AA)
        cv2.putText(picture, f"{9 + 4 * place} C", (x - 28, 182), FONT, 0.9, white, 1, cv2.LINE_AA)
        if day == "sun":
            cv2.circle(picture, (x - 3, 87), 23, (40, 210, 255), -1, cv2.LINE_AA)
        else:
            for centre, radius in (((x - 16, 104), 18), ((x + 8, 98), 23)):
                cv2.circle(picture, centre, radius, white, -1, cv2.LINE_AA)
        if day == "rain":
            for drop in (-16, 0, 16):
                cv2.line(picture, (x + drop, 126), (x + drop - 6, 142), (255, 220, 190), 3, cv2.LINE_AA)
    return picture


def crossing(*, left: bool) -> Pixels:
    """A yellow sign of 600 pixels with a road that has two others on one side."""
    picture, corners = sheet(600, 600), [(300, 10), (590, 300), (300, 590), (10, 300)]
    cv2.fillPoly(picture, [np.array(corners)], (0, 220, 250))
    cv2.rectangle(picture, (270, 130), (330, 470), BLACK, -1)
    for y in (220, 350):
        cv2.rectangle(picture, (150, y), (270, y + 36), BLACK, -1)
    return picture if left else np.ascontiguousarray(picture[:, ::-1])


def plus(colour: tuple[int, int, int]) -> Pixels:
    picture = sheet(128, 128)
    cv2.circle(picture, (64, 64), 58, (235, 235, 235), -1, cv2.LINE_AA)
    cv2.rectangle(picture, (56, 28), (72, 100), colour, -1)
    cv2.rectangle(picture, (28, 56), (100, 72), colour, -1)
    return picture


@pytest.mark.parametrize(
    ("one", "two"),
    [
        pytest.param(battery(3), battery(4), id="one bar more"),
        pytest.param(
            forecast("sun", "rain", "cloud", "sun", "rain"), forecast("sun", "rain", "rain", "sun", "rain"), id="rain"
        ),
        pytest.param(
            forecast("cloud", "cloud", "cloud", "sun", "rain"),
            forecast("cloud", "cloud", "cloud", "rain", "rain"),
            id="no sun",
        ),
        pytest.param(crossing(left=True), crossing(left=False), id="mirrored sign"),
        pytest.param(plus((60, 80, 120)), plus((20, 20, 20)), id="black instead of brown"),
    ],
)
def test_what_is_in_another_place_or_colour_is_content(one: Pixels, two: Pixels) -> None:
    assert judged(one, two).outcome == "refuted"
    for picture in (one, two):
        for change in (jpeg, smaller, cropped):
            assert judged(change(picture), picture).outcome == "confirmed"


@pytest.mark.parametrize("sun", [False, True])
def test_what_lies_in_the_place_of_something_else_is_no_stamp(*, sun: bool) -> None:
    before, after = (np.full((120, 384), 110, np.float32) for _ in range(2))
    if sun:
        cv2.circle(before, (60, 60), 22, 200, -1)
    cv2.circle(after, (50, 66), 18, 255, -1)
    cv2.circle(after, (74, 60), 23, 255, -1)
    one, two = (
        np.asarray(cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, np.ones((3, 3))) > EDGE) for picture in (before, after)
    )
    assert stamp(before != after, (before, after), (one, two), None).on_plain is not sun


def test_an_icon_in_grey_is_a_copy() -> None:
    icon = plus((60, 80, 120))
    grey = np.asarray(cv2.cvtColor(cv2.cvtColor(icon, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)
    assert judged(grey, icon).outcome == "confirmed"


def ticket(coach: str) -> Pixels:
    """A small one, full of print."""
    picture = sheet(330, 130)
    for row, text in enumerate(("EXPRESS RAILWAYS", "Berlin - Praha", f"Coach {coach}  Seat 54", "not transferable")):
        cv2.putText(picture, text, (8, 28 + 31 * row), FONT, 0.8, BLACK, 1, cv2.LINE_AA)
    return picture


@pytest.mark.parametrize("digits", ["03", "38", "58", "89", "16"])
def test_another_digit_on_a_page_full_of_print_is_content(digits: str) -> None:
    one, two = (ticket(f"26{digit}") for digit in digits)
    assert judged(one, two).outcome == "refuted"
    for change in (jpeg, smaller, cropped):
        assert judged(change(one), one).outcome == "confirmed"


def avatar(letters: str, colour: tuple[int, int, int]) -> Pixels:
    picture = sheet(256, 256)
    cv2.circle(picture, (128, 128), 126, colour, -1, cv2.LINE_AA)
    cv2.putText(picture, letters, (50, 165), FONT, 3.4, (255, 255, 255), 10, cv2.LINE_AA)
    return np.asarray(cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA), np.uint8)


def test_an_icon_of_64_pixels_stays_a_drawing_after_jpeg() -> None:
    one, two = avatar("AB", (99, 30, 233)), avatar("AB", (181, 81, 63))
    assert drawn(jpeg(one, 85))
    assert judged(jpeg(one, 85), jpeg(two, 85)).outcome == "refuted"
    assert judged(one, jpeg(one, 85)).outcome == "confirmed"


def home_screen(*icons: int) -> Pixels:
    """Icons on a sky that goes from one colour to another."""
    sky = np.linspace((130.0, 85, 80), (100, 77, 125), 480)[:, None] * np.ones((1, 320, 1))
    picture = np.asarray(sky, np.uint8)
    for place, icon in enumerate(icons):
        x, y = 24 + place % 4 * 72, 24 + place // 4 * 90
        colour = [(180, 119, 31), (180, 119, 31), (40, 39, 214), (40, 39, 214)][icon % 4]
        cv2.rectangle(picture, (x, y), (x + 56, y + 56), colour, -1)
        cv2.putText(picture, chr(65 + icon), (x + 14, y + 42), FONT, 1.3, (255, 255, 255), 2, cv2.LINE_AA)
    return picture


def test_icons_on_a_gradient_are_a_drawing_after_jpeg_too() -> None:
    one, two = home_screen(*range(20)), home_screen(*range(9), 25, *range(10, 20))
    assert judged(jpeg(one, 85), jpeg(two, 85)).outcome == "refuted"
    assert judged(one, jpeg(one, 75)).outcome == "confirmed"


def share_of_users(verb: str) -> Pixels:
    picture = np.full((600, 600, 3), (86, 52, 18), np.uint8)
    cv2.putText(picture, "73%", (150, 290), FONT, 4.5, (60, 200, 255), 10, cv2.LINE_AA)
    cv2.line(picture, (200, 340), (400, 340), (255, 255, 255), 3)
    text = f"of users {verb} the app daily"
    width = cv2.getTextSize(text, FONT, 0.8, 1)[0][0]
    cv2.putText(picture, text, (300 - width // 2, 398), FONT, 0.8, (255, 255, 255), 1, cv2.LINE_AA)
    return picture


def test_a_line_of_text_that_grew_by_a_letter_is_not_taken_for_perspective() -> None:
    one, two = share_of_users("open"), share_of_users("close")
    assert judged(one, two).outcome == "refuted"
    corners = np.array([[0, 0], [599, 0], [599, 599], [0, 599]], np.float32)
    seen_from_aside = np.array([[5, 4], [594, 0], [599, 596], [2, 599]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, seen_from_aside)
    assert judged(np.asarray(cv2.warpPerspective(one, matrix, (600, 600)), np.uint8), one).outcome == "confirmed"


def test_a_flag_that_lost_its_edges_is_a_copy() -> None:
    flag_with_a_cross = np.full((200, 320, 3), BLUE, np.uint8)
    flag_with_a_cross[80:120] = flag_with_a_cross[:, 100:140] = YELLOW
    assert judged(np.ascontiguousarray(flag_with_a_cross[6:-6, 6:-6]), flag_with_a_cross).outcome == "confirmed"


def panels() -> Pixels:
    """Three panels in pale colours, framed by thin black lines."""
    picture = sheet(720, 260)
    for place, colour in enumerate([(214, 244, 255), (255, 240, 220), (225, 255, 230)]):
        x = 10 + place * 236
        cv2.rectangle(picture, (x, 10), (x + 228, 250), colour, -1)
        cv2.rectangle(picture, (x, 10), (x + 228, 250), BLACK, 4)
        for left, clothes in ((x + 32, (90, 120, 240)), (x + 142, (220, 120, 90))):
            cv2.rectangle(picture, (left, 178), (left + 56, 246), clothes, -1)
            cv2.rectangle(picture, (left, 178), (left + 56, 246), BLACK, 3)
        cv2.putText(picture, "amber delta ember"[place * 6 :], (x + 30, 60), FONT, 0.5, BLACK, 1, cv2.LINE_AA)
    return picture


@pytest.mark.parametrize(("width", "lost"), [(720, 5), (720, 7), (718, 6), (712, 5)])
def test_thin_lines_on_colours_stay_what_they_are_after_a_crop(width: int, lost: int) -> None:
    picture = np.ascontiguousarray(panels()[:, :width])
    assert judged(np.ascontiguousarray(picture[lost:-lost, lost:-lost]), picture).outcome == "confirmed"


def test_pale_rows_beside_white_ones_make_no_photograph() -> None:
    inbox = sheet(760, 470)
    for row in range(11):
        if row % 2:
            inbox[60 + row * 36 : 96 + row * 36] = (251, 247, 244)
        text = "amber umbra review invoice delta ember fjord meadow quartz summit valley"
        cv2.putText(inbox, text[row:] + text[:row], (10, 84 + row * 36), FONT, 0.55, BLACK, 1, cv2.LINE_AA)
    assert drawn(inbox)
    assert drawn(jpeg(inbox, 75))
