"""Verification confirms copies of a picture and refutes others, whichever of the two is the query."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import encoded, pixels_of
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsim_guard.images.decode import decode
from imgsim_guard.images.regions import shrunk
from imgsim_guard.model import Unreadable
from imgsim_guard.verification import closer
from imgsim_guard.verification.agreement import STEP, WINDOW, agreement
from imgsim_guard.verification.overlay import Overlay, overlay, refined
from imgsim_guard.verification.pair import verify
from imgsim_guard.verification.paper import toned
from imgsim_guard.verification.picture import GAP, MARK, SHOWN_SIDE, side_by_side
from imgsim_guard.verification.prepared import FEATURE_SIDE, GREY_SIDE, mirrored, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from imgsim_guard.model import Evidence, Outcome, Transform
    from imgsim_guard.verification.prepared import Prepared

    Pixels = NDArray[np.uint8]

WHITE = (255, 255, 255)
FONT = cv2.FONT_HERSHEY_DUPLEX

quick = settings(deadline=None, derandomize=True, max_examples=12)


@pytest.fixture(scope="module")
def cat() -> Pixels:
    return pixels_of("chelsea.png")


@pytest.fixture(scope="module")
def coffee() -> Pixels:
    return pixels_of("coffee.png")


@pytest.fixture(scope="module")
def prepared_cat(cat: Pixels) -> Prepared:
    return prepare(cat)


@pytest.fixture(scope="module")
def prepared_coffee(coffee: Pixels) -> Prepared:
    return prepare(coffee)


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    """Sets how many threads OpenCV uses, for one test."""
    before = cv2.getNumThreads()
    yield cv2.setNumThreads
    cv2.setNumThreads(before)


def judged(query: Pixels, gallery: Pixels) -> Evidence:
    return verify(prepare(query), prepare(gallery))


def outcome(query: Pixels, gallery: Pixels) -> Outcome:
    return judged(query, gallery).outcome


# Edits


def jpeg(picture: Pixels, quality: int = 40) -> Pixels:
    pixels = decode(encoded(picture, ".jpg", cv2.IMWRITE_JPEG_QUALITY, quality))
    assert not isinstance(pixels, Unreadable)
    return pixels


def mirrored_copy(picture: Pixels) -> Pixels:
    return np.ascontiguousarray(picture[:, ::-1])


def turned(picture: Pixels) -> Pixels:
    return np.ascontiguousarray(np.rot90(picture, -1))


def tilted(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -10, 1)
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height)), np.uint8)


def cropped(picture: Pixels) -> Pixels:
    return np.ascontiguousarray(picture[30:-10, 25:-40])


def scaled(picture: Pixels, across: float, down: float) -> Pixels:
    return np.asarray(cv2.resize(picture, None, fx=across, fy=down, interpolation=cv2.INTER_AREA), np.uint8)


def grey(picture: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)


def cast(picture: Pixels) -> Pixels:
    return np.asarray(np.clip(picture * np.array([0.7, 1.0, 1.3]), 0, 255), np.uint8)


def lighter(picture: Pixels, by: float) -> Pixels:
    return np.asarray(np.clip(picture + np.float32(by), 0, 255), np.uint8)


def framed(picture: Pixels) -> Pixels:
    return np.asarray(cv2.copyMakeBorder(picture, 30, 30, 60, 60, cv2.BORDER_CONSTANT, value=WHITE), np.uint8)


def captioned(picture: Pixels) -> Pixels:
    copy = picture.copy()
    cv2.putText(copy, "WHEN YOU SEE IT", (20, 60), FONT, 1.5, WHITE, 4)
    return copy


def stamped(picture: Pixels) -> Pixels:
    copy = picture.copy()
    cv2.circle(copy, (copy.shape[1] - 50, 50), 35, (0, 140, 255), -1)
    cv2.putText(copy, "TV", (copy.shape[1] - 72, 62), FONT, 1, WHITE, 3)
    return copy


def patched(picture: Pixels) -> Pixels:
    copy = picture.copy()
    copy[100:170, 150:260] = 0
    return copy


def watermarked(picture: Pixels) -> Pixels:
    mark = np.zeros_like(picture)
    for row in range(40, picture.shape[0], 90):
        cv2.putText(mark, "SAMPLE  SAMPLE  SAMPLE", (5, row), FONT, 1.1, WHITE, 2)
    return np.asarray(cv2.addWeighted(picture, 1, mark, 0.3, 0), np.uint8)


def on_a_page(picture: Pixels) -> Pixels:
    page = np.full((900, 700, 3), 250, np.uint8)
    for row in range(20):
        cv2.putText(page, "some words of a text on the page", (60, 480 + 20 * row), FONT, 0.7, (30, 30, 30), 1)
    height, width = picture.shape[:2]
    page[60 : 60 + height, 120 : 120 + width] = picture
    return page


COPIES: dict[str, tuple[Callable[[Pixels], Pixels], str]] = {
    "the same": (np.copy, "the same picture, saved again"),
    "saved again": (jpeg, "the same picture, saved again"),
    "mirrored": (mirrored_copy, "mirrored"),
    "turned": (turned, "rotated 90 degrees clockwise"),
    "turned back": (lambda picture: np.ascontiguousarray(np.rot90(picture)), "rotated 90 degrees anticlockwise"),
    "upside down": (lambda picture: np.ascontiguousarray(picture[::-1, ::-1]), "rotated 180 degrees"),
    "tilted": (tilted, "rotated 10 degrees clockwise"),
    "cropped": (cropped, "cropped to 74%"),
    "halved": (lambda picture: scaled(picture, 0.5, 0.5), "scaled to 50%"),
    "squeezed": (lambda picture: scaled(picture, 0.8, 1), "aspect changed"),
    "grey": (grey, "made grey"),
    "another cast": (cast, "recoloured"),
    "brighter": (lambda picture: lighter(picture, 40), "brighter"),
    "darker": (lambda picture: lighter(picture, -30), "darker"),
    "framed": (framed, "framed"),
    "captioned": (captioned, "partly covered by something"),
    "with a logo": (stamped, "partly covered by something"),
    "patched": (patched, "partly covered by something"),
    "watermarked": (watermarked, ""),
    "on a page": (on_a_page, "part of a larger picture"),
    "all at once": (lambda picture: jpeg(captioned(scaled(mirrored_copy(cropped(picture)), 0.9, 0.9)), 80), "mirrored"),
}

edits = pytest.mark.parametrize("edit", COPIES)


@cache
def prepared_copy(edit: str) -> Prepared:
    """The cat's."""
    return prepare(COPIES[edit][0](pixels_of("chelsea.png")))


@edits
def test_a_copy_is_confirmed_and_the_reason_says_how_it_was_made(prepared_cat: Prepared, edit: str) -> None:
    evidence = verify(prepared_copy(edit), prepared_cat)
    assert (evidence.outcome, COPIES[edit][1] in evidence.reason) == ("confirmed", True), evidence.reason
    assert evidence.transform is not None
    assert evidence.covered == evidence.transform.covered


@edits
def test_either_image_may_be_the_query(prepared_cat: Prepared, prepared_coffee: Prepared, edit: str) -> None:
    copy = prepared_copy(edit)
    for other in (prepared_cat, prepared_coffee):
        there, back = verify(copy, other), verify(other, copy)
        assert without_direction(there) == without_direction(back)
        if there.transform is not None and back.transform is not None:
            there_and_back = square(there.transform) @ square(back.transform) @ [copy.width, copy.height, 1]
            assert np.abs(there_and_back - [copy.width, copy.height, 1]).max() < 0.1


def without_direction(evidence: Evidence) -> tuple[str, int, float, bool]:
    return evidence.outcome, evidence.matching_points, evidence.agreement, evidence.blank


def square(found: Transform) -> NDArray[np.float64]:
    return np.vstack([np.array(found.matrix).reshape(2, 3), [0, 0, 1]])


def test_the_transform_takes_pixels_of_the_copy_to_those_of_the_original(cat: Pixels) -> None:
    """The crop's first pixel is the 25th of the 30th row."""
    found = judged(cropped(cat), cat).transform
    assert found is not None
    places = np.array([[0, 0, 1], [300, 200, 1]])
    moved = places @ np.array(found.matrix).reshape(2, 3).T
    assert np.abs(moved - [[25, 30], [325, 230]]).max() < 0.5
    assert (found.mirrored, found.rotation, found.squeeze, found.shown) == (False, 0.0, found.squeeze, 1.0)
    assert abs(found.scale - 1) < 0.01
    assert abs(found.squeeze - 1) < 0.01
    assert abs(found.covered - 386 * 260 / (451 * 300)) < 0.01


def test_several_edits_at_once_are_named_in_the_order_in_which_they_were_made(cat: Pixels) -> None:
    reason = judged(jpeg(captioned(grey(scaled(turned(mirrored_copy(cropped(cat))), 0.8, 0.8))), 60), cat).reason
    assert reason == (
        "mirrored, rotated 90 degrees clockwise, cropped to 74%, scaled to 80%, made grey, partly covered by something"
    )


def test_different_photographs_are_refuted(cat: Pixels, coffee: Pixels) -> None:
    others = [pixels_of(name) for name in ("astronaut.png", "rocket.jpg", "hubble_deep_field.jpg", "coins.png")]
    prepared = [prepare(picture) for picture in (cat, coffee, *others)]
    evidence = [verify(one, two) for one, two in combinations(prepared, 2)]
    assert {(found.outcome, found.blank) for found in evidence} == {("refuted", False)}


def test_textures_of_one_kind_are_no_copies_of_one_another() -> None:
    """Neighbouring tiles of grass and gravel: any two are near in every statistic."""
    for name in ("grass.png", "gravel.png", "brick.png"):
        whole = pixels_of(name)
        tiles = [prepare(np.ascontiguousarray(whole[y : y + 250, x : x + 250])) for y in (0, 260) for x in (0, 260)]
        assert "confirmed" not in {verify(one, two).outcome for one, two in combinations(tiles, 2)}, name


def test_parts_of_one_picture_that_hardly_overlap_are_no_copies(cat: Pixels) -> None:
    left, right = (np.ascontiguousarray(part) for part in (cat[:, :250], cat[:, 220:]))
    assert outcome(left, right) != "confirmed"


# Determinism


def test_the_same_pair_gives_the_same_evidence_on_any_number_of_threads(
    cat: Pixels, coffee: Pixels, threads: Callable[[int], None]
) -> None:
    pictures = [cat, captioned(mirrored_copy(cat)), jpeg(cropped(cat)), coffee, TEMPLATES[0]]
    seen = set()
    for number in (1, 4, 4):
        threads(number)
        original, *others = (prepare(picture) for picture in pictures)
        seen.add(tuple(verify(other, original) for other in others))
    assert len(seen) == 1


def test_what_was_verified_before_does_not_show(cat: Pixels, prepared_cat: Prepared, prepared_coffee: Prepared) -> None:
    copy, original, other = prepare(captioned(cat)), prepared_cat, prepared_coffee
    alone = verify(copy, original)
    assert [verify(copy, other), verify(other, original), verify(copy, original)][-1] == alone


@quick
@given(
    margins=st.tuples(*[st.integers(0, 40)] * 3),
    mirror=st.booleans(),
    quarters=st.integers(0, 3),
    quality=st.integers(40, 95),
)
def test_any_crop_in_any_orientation_is_confirmed_from_either_side(
    prepared_cat: Prepared,
    margins: tuple[int, int, int],
    mirror: bool,  # noqa: FBT001  drawn by hypothesis
    quarters: int,
    quality: int,
) -> None:
    left, top, right = margins
    part = np.rot90(pixels_of("chelsea.png")[top:, left : 451 - right], quarters)
    copy = prepare(jpeg(np.ascontiguousarray(part[:, ::-1] if mirror else part), quality))
    there, back = verify(copy, prepared_cat), verify(prepared_cat, copy)
    assert there.outcome == "confirmed"
    assert there.transform is not None
    assert there.transform.mirrored is mirror
    assert without_direction(there) == without_direction(back)


# Nothing to see


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_image_is_never_confirmed_and_says_so(cat: Pixels, level: int) -> None:
    blank = np.full((200, 300, 3), level, np.uint8)
    speck = blank.copy()
    speck[90:94, 100:104] = 255 - level
    faint = np.asarray(np.clip(np.random.default_rng(1).normal(level, 1, blank.shape), 0, 255), np.uint8)
    for one in (blank, speck, faint):
        both = judged(one, blank)
        assert (both.outcome, both.blank, both.transform) == ("undecided", True, None)
        assert judged(one, one).outcome == "undecided"
        assert both.reason == "both images are blank or nearly so: nothing to compare"
        assert judged(one, cat).reason == "only the query is blank or nearly so"
        only = judged(cat, one)
        assert (only.outcome, only.blank, only.reason) == (
            "refuted",
            False,
            "only the gallery image is blank or nearly so",
        )


def in_a_tenth_of_the_light(pixels: Pixels, quality: int = 90) -> Pixels:
    return recompressed(np.asarray(pixels * 0.1, np.uint8), quality)


def recompressed(pixels: Pixels, quality: int) -> Pixels:
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def test_a_very_dark_photograph_is_not_blank(cat: Pixels, coffee: Pixels) -> None:
    dark = in_a_tenth_of_the_light(cat)
    for copy in (recompressed(dark[10:, 15:], 75), in_a_tenth_of_the_light(mirrored_copy(cat)), cat):
        assert judged(copy, dark).outcome == "confirmed"
    other = judged(in_a_tenth_of_the_light(coffee), dark)
    assert (other.outcome, other.blank) == ("refuted", False)


def test_perspective_is_taken_out_where_an_affine_move_leaves_all_points_a_little_off() -> None:
    picture = pixels_of("rocket.jpg")
    height, width = picture.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = np.array([[0, 0.22 * height], [width, 0], [0.82 * width, height], [0, height]], np.float32)
    bent = cv2.warpPerspective(picture, cv2.getPerspectiveTransform(corners, moved), (width, height))
    small = cv2.resize(bent, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    framed = cv2.copyMakeBorder(small, 80, 80, 120, 120, cv2.BORDER_CONSTANT)
    assert outcome(np.asarray(framed, np.uint8), picture) == "confirmed"


def blurred_and_noisy(picture: Pixels, spread: float) -> Pixels:
    blurred = cv2.GaussianBlur(picture, (0, 0), 2.5)
    return np.clip(blurred + np.random.default_rng(1).normal(0, spread, picture.shape), 0, 255).astype(np.uint8)


def test_strong_noise_over_a_blurred_copy_leaves_its_larger_parts_in_place(cat: Pixels) -> None:
    assert outcome(blurred_and_noisy(cat, 40), cat) == "confirmed"


def test_a_soft_photograph_in_few_tones_is_compared_as_one(coffee: Pixels) -> None:
    faint = np.rint(140 + 0.35 * (coffee.astype(np.float32) - 128)).astype(np.uint8)
    assert outcome(blurred_and_noisy(faint, 25), faint) == "confirmed"


@pytest.mark.parametrize("spread", [1, 3, 8, 20])
@pytest.mark.parametrize("level", [0, 10, 30])
def test_noise_and_grain_in_the_dark_stay_blank(level: int, spread: int) -> None:
    noise = np.random.default_rng(2).normal(0, 1, (400, 600))
    grain = cv2.GaussianBlur(noise, (0, 0), 3)
    for texture in (noise * spread, grain / grain.std() * spread / 4):
        page = np.clip(level + texture, 0, 255).astype(np.uint8)
        black = recompressed(np.repeat(page[..., None], 3, axis=2), 70)
        assert judged(black, mirrored_copy(black)).blank


def test_a_dark_vignette_is_as_good_as_blank() -> None:
    y, x = np.mgrid[:400, :600]
    light = 25 * np.exp(-(((y - 200) / 150) ** 2) - ((x - 300) / 200) ** 2)
    page = recompressed(np.repeat(light.astype(np.uint8)[..., None], 3, axis=2), 90)
    assert judged(page, mirrored_copy(page)).blank


def test_a_soft_gradient_is_as_good_as_blank() -> None:
    ramp = np.repeat(np.linspace(100, 140, 300, dtype=np.uint8)[None, :, None], 200, axis=0)
    ramp = np.repeat(ramp, 3, axis=2)
    assert judged(ramp, mirrored_copy(ramp)).blank


# Signs


def letter(character: str, size: int = 32) -> Pixels:
    picture = np.full((size, size, 3), 255, np.uint8)
    cv2.putText(picture, character, (size // 6, size * 5 // 6), FONT, size / 32, (0, 0, 0), 2)
    return picture


def test_a_glyph_is_a_copy_of_itself_and_of_no_other() -> None:
    letters = "ABDEGHKMRSWX"
    copies = [prepare(jpeg(letter(character), 70)) for character in letters]
    originals = [prepare(letter(character)) for character in letters]
    confirmed = [
        (a, b)
        for a, copy in zip(letters, copies, strict=True)
        for b, original in zip(letters, originals, strict=True)
        if verify(copy, original).outcome == "confirmed"
    ]
    assert confirmed == [(character, character) for character in letters]


@pytest.mark.parametrize(("one", "other"), [("b", "d"), ("6", "9"), ("p", "q"), ("M", "W")])
def test_a_glyph_mirrored_or_turned_is_another_sign(one: str, other: str) -> None:
    picture = letter(one, 48)
    assert outcome(picture, letter(other, 48)) != "confirmed"
    if one in "b6p":
        assert outcome(mirrored_copy(picture), picture) != "confirmed"
        assert outcome(turned(picture), picture) != "confirmed"


def icon(kind: int) -> Pixels:
    """A flat symbol of two colours, 64 px."""
    picture = np.full((64, 64, 3), 255, np.uint8)
    blue = (200, 90, 20)
    if kind == 0:
        cv2.circle(picture, (27, 27), 16, blue, 5)
        cv2.line(picture, (39, 39), (54, 54), blue, 6)
    elif kind == 1:
        cv2.rectangle(picture, (12, 28), (52, 54), blue, -1)
        cv2.ellipse(picture, (32, 28), (12, 16), 0, 180, 360, blue, 5)
    elif kind == 2:
        cv2.rectangle(picture, (8, 16), (56, 48), blue, 4)
        cv2.line(picture, (8, 16), (32, 36), blue, 4)
        cv2.line(picture, (56, 16), (32, 36), blue, 4)
    else:
        for row in (18, 32, 46):
            cv2.line(picture, (10, row), (54, row), blue, 5)
    return picture


def test_an_icon_is_a_copy_of_itself_and_of_no_other() -> None:
    icons = [prepare(icon(kind)) for kind in range(4)]
    again = [prepare(jpeg(icon(kind), 80)) for kind in range(4)]
    confirmed = [
        (i, j) for i, one in enumerate(again) for j, two in enumerate(icons) if verify(one, two).outcome == "confirmed"
    ]
    assert confirmed == [(kind, kind) for kind in range(4)]


# Templates


def form(answers: tuple[str, ...]) -> Pixels:
    page = np.full((900, 700, 3), 250, np.uint8)
    for row, answer in enumerate(answers):
        y = 80 + 80 * row
        cv2.putText(page, f"Question {row + 1}: please answer", (40, y), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (60, 60, 60), 1)
        cv2.rectangle(page, (40, y + 8), (660, y + 46), (0, 0, 0), 1)
        cv2.putText(page, answer, (60, y + 36), cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, 0.9, (120, 30, 20), 2)
    return page


FORMS = (
    ("Anna", "Berlin", "1 May 1990", "blue", "none", "yes", "Smith", "tea", "often", "no"),
    ("Jonas", "Paris", "7 June 1974", "green", "two", "no", "Novak", "coffee", "never", "yes"),
    ("Mia", "Oslo", "30 March 2001", "red", "one", "perhaps", "Berg", "water", "daily", "twice"),
)


def receipt(number: int) -> Pixels:
    """One shop's receipt: its head and foot are always the same."""
    random = np.random.default_rng(number)
    paper = np.full((820, 420, 3), 245, np.uint8)
    lines = ["CORNER SHOP LTD", "12 High Street", "Tel 555 0134", "-" * 30, f"No {random.integers(10**6, 10**7)}"]
    goods = ["Bread", "Milk 1 l", "Apples", "Rice 500 g", "Soap", "Coffee", "Cheese", "Tomatoes", "Pens", "Butter"]
    lines += [
        f"{good:<14}{random.integers(1, 9)} x  {random.uniform(0.5, 30):6.2f}"
        for good in random.permutation(goods)[:8].tolist()
    ]
    lines += ["-" * 30, f"TOTAL {random.uniform(20, 200):14.2f}", "Thank you for shopping", "Keep this receipt"]
    for row, line in enumerate(lines):
        cv2.putText(paper, line, (20, 50 + 44 * row), cv2.FONT_HERSHEY_PLAIN, 1.5, (40, 40, 40), 2)
    return paper


TEMPLATES = [*(form(answers) for answers in FORMS), *(receipt(number) for number in (1, 2, 3))]


@cache
def prepared_template(page: int) -> Prepared:
    return prepare(TEMPLATES[page])


def with_stamp(picture: Pixels) -> Pixels:
    copy = picture.copy()
    cv2.putText(copy, "RECEIVED", (60, 480), FONT, 1.8, (0, 0, 200), 5)
    return copy


def test_one_layout_filled_in_otherwise_is_no_copy() -> None:
    for same_layout in (range(3), range(3, 6)):
        prepared = [prepared_template(page) for page in same_layout]
        assert {verify(one, two).outcome for one, two in combinations(prepared, 2)} == {"refuted"}


def test_one_layout_filled_in_otherwise_and_saved_again_is_no_copy() -> None:
    for same_layout in (range(3), range(3, 6)):
        originals = [prepared_template(page) for page in same_layout]
        copies = [prepare(jpeg(scaled(TEMPLATES[page], 0.9, 0.9), 60)) for page in same_layout]
        outcomes = [[verify(copy, original).outcome for original in originals] for copy in copies]
        assert [[found == "confirmed" for found in row] for row in outcomes] == np.eye(3, dtype=bool).tolist()


@pytest.mark.parametrize("page", range(len(TEMPLATES)))
@pytest.mark.parametrize("change", [jpeg, with_stamp, lambda page: jpeg(with_stamp(page), 60)])
def test_a_printed_page_saved_again_or_stamped_is_a_copy(page: int, change: Callable[[Pixels], Pixels]) -> None:
    assert verify(prepare(change(TEMPLATES[page])), prepared_template(page)).outcome == "confirmed"


def test_the_refusal_of_another_form_says_that_only_the_layout_is_shared() -> None:
    evidence = verify(prepared_template(0), prepared_template(1))
    assert evidence.reason == "they have the same layout, but other content in it"


@pytest.mark.parametrize("page", range(len(TEMPLATES)))
@pytest.mark.parametrize("corner", [10, 25])
def test_a_printed_page_seen_at_an_angle_is_a_copy(page: int, corner: int) -> None:
    assert verify(prepare(at_an_angle(TEMPLATES[page], corner)), prepared_template(page)).outcome == "confirmed"


def at_an_angle(picture: Pixels, by: float) -> Pixels:
    """One corner moved inwards by so many pixels: no shift, turn, scale or squeeze does that."""
    height, width = picture.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners - np.array([[0, 0], [0, 0], [by, by], [0, 0]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, moved)
    return np.asarray(cv2.warpPerspective(picture, matrix, (width, height), borderValue=WHITE), np.uint8)


CORNERS_MOVED = {
    "from the left": [(0, 0), (-0.2, 0.14), (-0.2, -0.14), (0, 0)],
    "from below": [(0.14, 0.1), (-0.14, 0.1), (0, 0), (0, 0)],
    "askew": [(0.12, 0.16), (-0.04, 0), (-0.12, -0.12), (0.02, 0)],
}


def tilted_back(picture: Pixels, moved: list[tuple[float, float]]) -> Pixels:
    """Each corner moved by parts of the width and the height, on black."""
    height, width = picture.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(
        corners, corners + np.array(moved, np.float32) * np.array([width, height], np.float32)
    )
    return np.asarray(cv2.warpPerspective(picture, matrix, (width, height)), np.uint8)


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png", "rocket.jpg"])
@pytest.mark.parametrize("moved", CORNERS_MOVED.values(), ids=CORNERS_MOVED)
def test_a_photograph_seen_at_a_wide_angle_is_a_copy(name: str, moved: list[tuple[float, float]]) -> None:
    picture = pixels_of(name)
    assert outcome(tilted_back(picture, moved), picture) == "confirmed"
    assert outcome(jpeg(mirrored_copy(tilted_back(captioned(picture), moved))), picture) == "confirmed"


@pytest.mark.parametrize("moved", CORNERS_MOVED.values(), ids=CORNERS_MOVED)
def test_another_page_of_the_same_layout_seen_at_a_wide_angle_is_refuted(moved: list[tuple[float, float]]) -> None:
    assert verify(prepare(tilted_back(TEMPLATES[1], moved)), prepared_template(0)).outcome == "refuted"


def under_stripes(picture: Pixels) -> Pixels:
    """Slanting stripes of one colour hide more than a third."""
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    striped = picture.copy()
    striped[(rows + columns // 2) % 120 < 45] = (60, 160, 30)
    return striped


def under_another(picture: Pixels, other: Pixels) -> Pixels:
    """Another picture hides nearly half."""
    height, width = picture.shape[:2]
    covered = picture.copy()
    covered[height // 4 : -10, width // 3 : -20] = cv2.resize(
        other, (width - 20 - width // 3, height - 10 - height // 4), interpolation=cv2.INTER_AREA
    )
    return covered


@pytest.mark.parametrize(
    ("name", "over"), [("chelsea.png", "coffee.png"), ("coffee.png", "chelsea.png"), ("astronaut.png", "coffee.png")]
)
def test_a_photograph_of_which_much_is_hidden_is_a_copy(name: str, over: str) -> None:
    picture = pixels_of(name)
    assert outcome(jpeg(under_stripes(picture)), picture) == "confirmed"
    assert outcome(jpeg(scaled(grey(under_stripes(mirrored_copy(picture))), 0.8, 0.9)), picture) == "confirmed"
    assert outcome(jpeg(under_another(picture, pixels_of(over))), picture) == "confirmed"


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png", "astronaut.png"])
def test_a_photograph_of_which_more_than_half_is_hidden_is_a_copy(name: str) -> None:
    picture, other = pixels_of(name), pixels_of("rocket.jpg")
    covered, width = picture.copy(), picture.shape[1] * 11 // 20
    covered[:, :width] = cv2.resize(other, (picture.shape[1], picture.shape[0]))[:, :width]
    assert outcome(jpeg(covered), picture) == "confirmed"
    assert outcome(jpeg(mirrored_copy(covered)), picture) == "confirmed"


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png", "astronaut.png"])
def test_a_strongly_blurred_photograph_is_a_copy(name: str) -> None:
    picture = pixels_of(name)
    assert outcome(jpeg(np.asarray(cv2.GaussianBlur(picture, (0, 0), 6), np.uint8)), picture) == "confirmed"


def plate(text: str, shade: float) -> Pixels:
    """A number plate of one make, lit from one side."""
    picture = np.full((200, 400, 3), (225, 228, 230), np.uint8)
    cv2.putText(picture, "WASHINGTON, DC", (80, 32), FONT, 0.9, (150, 60, 30), 2)
    cv2.putText(picture, "TAXATION WITHOUT REPRESENTATION", (8, 190), FONT, 0.68, (150, 60, 30), 1)
    for y in (48, 168):
        cv2.line(picture, (0, y), (400, y), (40, 40, 200), 2)
    cv2.putText(picture, text, (14, 145), FONT, 3.1, (140, 50, 30), 8)
    light = np.linspace(1, shade, 400)[None, :, None]
    return np.asarray(cv2.GaussianBlur(np.clip(picture * light, 0, 255).astype(np.uint8), (0, 0), 0.8), np.uint8)


def test_plates_of_one_make_with_other_numbers_are_refuted() -> None:
    for one, other in (("CW1694", "DD9477"), ("DA9836", "BR1932"), ("CD3503", "CW1694")):
        assert outcome(plate(one, 1.0), plate(other, 0.95)) == "refuted"


@pytest.mark.parametrize("shade", [1, 0.95, 0.7])
def test_photographs_are_rich_in_tones_and_plates_are_not(shade: float) -> None:
    def rich(one: Pixels, other: Pixels) -> bool:
        laid = overlay(prepare(one).small, prepare(other).small, np.eye(2, 3), side=FEATURE_SIDE)
        return laid is not None and toned(laid)

    assert not rich(plate("CW1694", 1.0), plate("DD9477", shade))
    for name in ("chelsea.png", "coffee.png", "rocket.jpg"):
        picture = pixels_of(name)
        assert rich(lighter(picture, 10 * shade), picture)


def test_only_a_page_seen_at_an_angle_moves_as_under_perspective() -> None:
    seen_at_an_angle = shrunk(grey(at_an_angle(TEMPLATES[0], 25))[..., 0], FEATURE_SIDE)
    page, other = (prepared_template(number).small for number in (0, 1))
    still = np.eye(2, 3)
    for one, bent in ((seen_at_an_angle, True), (other, False), (page, False)):
        laid = overlay(one, page, still, side=FEATURE_SIDE)
        assert laid is not None
        assert refined(laid, still).bent is bent


def test_a_mirrored_page_is_a_copy_although_its_ruling_lies_on_itself_unmirrored() -> None:
    page = np.full((600, 800, 3), 255, np.uint8)
    for line in range(20, 800, 76):
        cv2.line(page, (line, 20), (line, 580), (0, 0, 0), 1)
        cv2.line(page, (20, min(580, line)), (780, min(580, line)), (0, 0, 0), 1)
    for row, column in np.ndindex(7, 10):
        text = str((row * 7919 + column * 104729) % 900)
        cv2.putText(page, text, (28 + 76 * column, 72 + 76 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1)
    evidence = judged(mirrored_copy(page), page)
    assert evidence.outcome == "confirmed"
    assert evidence.transform is not None
    assert evidence.transform.mirrored


def test_other_print_is_refuted_before_it_is_read_in_full_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets of one layout are all pairs, and each of them is within the threshold."""
    sides: list[int] = []

    def watched(
        first: Pixels, second: Pixels, matrix: NDArray[np.float64], *, side: int, magnified: float = 1.0
    ) -> Overlay | None:
        sides.append(side)
        return overlay(first, second, matrix, side=side, magnified=magnified)

    monkeypatch.setattr(closer, "overlay", watched)
    for one, two in ((0, 2), (1, 2), (3, 4), (3, 5)):
        verify(prepared_template(one), prepared_template(two))
    assert sides
    assert max(sides) < GREY_SIDE
    verify(prepare(jpeg(TEMPLATES[0])), prepared_template(0))
    assert max(sides) == GREY_SIDE


# Windows


@given(st.integers(15, 60), st.integers(15, 60), st.data())
@quick
def test_windows_lie_five_pixels_apart_and_are_seen_unless_a_pixel_of_them_is_missing(
    height: int, width: int, data: st.DataObject
) -> None:
    y, x = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    picture, both = np.zeros((height, width), np.float32), np.ones((height, width), np.bool_)
    both[y, x] = False
    tops, lefts = np.arange(0, height - WINDOW + 1, STEP), np.arange(0, width - WINDOW + 1, STEP)
    missed = np.outer((tops <= y) & (y < tops + WINDOW), (lefts <= x) & (x < lefts + WINDOW))
    assert agreement(Overlay(picture, picture, both, np.eye(3))).seen.tolist() == (~missed).tolist()


@given(st.integers(0, 2**32 - 1))
@quick
def test_a_picture_agrees_with_itself_and_noise_with_no_other_noise(seed: int) -> None:
    random = np.random.default_rng(seed)
    one, two = random.uniform(0, 255, (2, 90, 120)).astype(np.float32)
    both = np.ones(one.shape, np.bool_)
    assert agreement(Overlay(one, one, both, np.eye(3))).fraction == 1
    assert agreement(Overlay(one, two, both, np.eye(3))).fraction < 0.1


# Odd shapes

SHAPES = [(1, 1), (1, 500), (500, 1), (2, 2), (3, 5), (7, 9), (8, 8), (10, 3000), (3000, 10)]


@pytest.mark.parametrize("shape", SHAPES)
def test_odd_shapes_are_never_confirmed_against_a_photograph(prepared_cat: Prepared, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
    one, other = prepare(noise), prepared_cat
    assert verify(one, other).outcome != "confirmed"
    assert verify(other, one).outcome != "confirmed"
    assert verify(one, one).outcome in ("confirmed", "undecided")


@quick
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 700), st.integers(0, 9))
def test_no_size_is_too_small_or_too_long_to_be_looked_at(height: int, width: int, length: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (height, width, 3), np.uint8)
    strip = random.integers(0, 256, (height, length, 3), np.uint8)
    for one, two in ((small, strip), (small, small), (strip, mirrored_copy(strip))):
        there, back = judged(one, two), judged(two, one)
        assert (there.outcome, there.agreement) == (back.outcome, back.agreement)
        assert 0 <= there.agreement <= 1
        assert 0 <= there.covered <= 1


# What is kept


def test_what_is_kept_of_an_image_is_bounded() -> None:
    kept = prepare(np.asarray(cv2.resize(pixels_of("grass.png"), (3000, 2000)), np.uint8))
    assert (kept.width, kept.height) == (3000, 2000)
    assert (max(kept.grey.shape), max(kept.small.shape)) == (GREY_SIDE, FEATURE_SIDE)
    assert len(kept.features.points) <= 620
    arrays = (kept.grey, kept.small, kept.colour, *kept.thumbnails, kept.features.descriptors, kept.features.points)
    assert sum(array.nbytes for array in arrays) < 2**20


def test_a_small_picture_is_not_enlarged() -> None:
    small = pixels_of("coins.png")[:60, :50, 0]
    assert shrunk(small, FEATURE_SIDE) is small
    assert shrunk(np.zeros((1, 5000), np.uint8), 100).shape == (1, 100)


def test_mirrored_features_are_those_of_the_mirrored_picture(cat: Pixels) -> None:
    small = prepare(cat).small
    turned_over, seen = mirrored(prepare(cat).features, small.shape[1]), prepare(mirrored_copy(cat)).features
    distances = np.linalg.norm(turned_over.points[:, None] - seen.points[None], axis=2)
    assert (distances.min(axis=1) < 1).mean() > 0.9
    again = mirrored(turned_over, small.shape[1])
    assert np.array_equal(again.descriptors, prepare(cat).features.descriptors)
    assert np.allclose(again.points, prepare(cat).features.points, atol=1e-3)


# The picture of a pair


def red(drawn: Pixels) -> NDArray[np.bool_]:
    return np.asarray((drawn == MARK).all(axis=2))


def test_the_picture_of_a_pair_outlines_what_was_covered_in_both_and_nothing_else(cat: Pixels) -> None:
    copy = patched(cat)
    drawn = side_by_side(copy, cat, found=judged(copy, cat).transform)
    assert drawn.shape == (cat.shape[0], 2 * cat.shape[1] + GAP, 3)
    marked = red(drawn)
    for half in (marked[:, : cat.shape[1]], marked[:, cat.shape[1] + GAP :]):
        assert half[80:190, 130:280].any()
        half[80:190, 130:280] = False
        assert not half.any()


def test_the_picture_of_a_pair_fades_what_was_cropped_away(cat: Pixels) -> None:
    copy = cropped(cat)
    drawn = side_by_side(copy, cat, found=judged(copy, cat).transform)
    right = drawn[:, cat.shape[1] + GAP :]
    assert np.array_equal(right[40:280, 40:400], cat[40:280, 40:400])
    assert np.array_equal(right[:20], (cat[:20] * 0.35).astype(np.uint8))
    assert not drawn[:20, : cat.shape[1]].any()


def test_a_mirrored_copy_is_shown_as_the_original_lies(cat: Pixels) -> None:
    copy = mirrored_copy(cat)
    left = side_by_side(copy, cat, found=judged(copy, cat).transform)[:, : cat.shape[1]]
    assert np.abs(left.astype(int) - cat).mean() < 4


def test_strangers_are_shown_as_they_are_on_a_screen_s_size(cat: Pixels) -> None:
    large = np.asarray(cv2.resize(pixels_of("rocket.jpg"), (1600, 1067)), np.uint8)
    drawn = side_by_side(cat, large, found=None)
    assert drawn.shape == (round(1067 * SHOWN_SIDE / 1600), 2 * SHOWN_SIDE + GAP, 3)
    assert not red(drawn).any()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_picture_can_be_drawn_of_any_two_shapes(cat: Pixels, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
    for query, gallery in ((noise, cat), (cat, noise), (noise, noise)):
        drawn = side_by_side(query, gallery, found=judged(query, gallery).transform)
        factor = min(1.0, SHOWN_SIDE / max(gallery.shape[:2]))
        height, width = (max(1, round(side * factor)) for side in gallery.shape[:2])
        assert drawn.shape == (height, 2 * width + GAP, 3)
