from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from conftest import Files, encoded, image_of, pixels_of

from imgsim_guard.images.decode import decode
from imgsim_guard.model import Image, Match, Unreadable
from imgsim_guard.report import pictures as illustrating
from imgsim_guard.report.pictures import Picture, Pictures, illustrate
from imgsim_guard.verification.pair import verify
from imgsim_guard.verification.prepared import prepare

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.report.pictures import Laid

PHOTOGRAPH = pixels_of("astronaut.png")
CROP = np.ascontiguousarray(PHOTOGRAPH[60:400, 100:500])


def pair(query: NDArray[np.uint8], gallery: NDArray[np.uint8]) -> tuple[Match, Files]:
    """Two images and what verification says of them."""
    files = Files({"new.png": encoded(query), "old.png": encoded(gallery)})
    first, second = files.images()
    return Match("near-duplicate", first, second, 1.0, verify(prepare(query), prepare(gallery))), files


def pixels(preview: str) -> NDArray[np.uint8]:
    decoded = decode(base64.b64decode(preview.removeprefix("data:image/webp;base64,")))
    assert not isinstance(decoded, Unreadable)
    return decoded


def picture_of(pictures: Pictures, image: Image) -> Picture:
    picture = pictures.images[image.content]
    assert isinstance(picture, Picture)
    return picture


def laid_of(pictures: Pictures, match: Match) -> Laid:
    return pictures.laid[match.query.content, match.gallery.content]


def moved(pictures: Pictures, match: Match) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """What a browser shows when the query lies over the gallery image, and the gallery image."""
    gallery = pixels(picture_of(pictures, match.gallery).preview)
    size, laid = (gallery.shape[1], gallery.shape[0]), laid_of(pictures, match)
    if laid.preview:
        return pixels(laid.preview), gallery
    a, b, c, d, e, f = laid.matrix
    matrix = np.array([[a, c, e + (a + c - 1) / 2], [b, d, f + (b + d - 1) / 2]])  # it counts from pixels' corners
    query = pixels(picture_of(pictures, match.query).preview)
    return np.asarray(cv2.warpAffine(query, matrix, size, flags=cv2.INTER_LINEAR), np.uint8), gallery


def test_a_preview_is_a_small_picture_of_the_image() -> None:
    match, files = pair(CROP, PHOTOGRAPH)
    found = picture_of(illustrate([match], files), match.gallery)
    assert (found.width, found.height, found.size) == (512, 512, len(encoded(PHOTOGRAPH)))
    shown = pixels(found.preview)
    assert shown.shape[:2] == found.preview_size == (480, 480)
    assert np.abs(cv2.resize(PHOTOGRAPH, (480, 480), interpolation=cv2.INTER_AREA) - shown.astype(float)).mean() < 5


def test_the_same_images_give_the_same_previews() -> None:
    match, files = pair(CROP, PHOTOGRAPH)
    assert illustrate([match], files) == illustrate([match], files)


@pytest.mark.parametrize(
    "edited",
    [
        CROP,
        np.ascontiguousarray(np.rot90(CROP)),
        np.ascontiguousarray(CROP[:, ::-1]),
        cv2.copyMakeBorder(PHOTOGRAPH, 40, 90, 0, 60, cv2.BORDER_CONSTANT, value=(255, 255, 255)),
        cv2.resize(PHOTOGRAPH, (200, 200), interpolation=cv2.INTER_AREA),
    ],
    ids=["cropped", "turned", "mirrored", "framed", "small"],
)
def test_the_query_lies_where_it_shows_the_gallery_image(edited: NDArray[np.uint8]) -> None:
    match, files = pair(edited, PHOTOGRAPH)
    over, gallery = moved(illustrate([match], files), match)
    covered = over.any(axis=2)
    assert covered.mean() > 0.4
    assert np.abs(over.astype(float) - gallery)[covered].mean() < 12


def test_a_query_of_which_the_gallery_image_is_a_detail_is_laid_from_its_own_pixels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(illustrating, "SIDES", ((2, 160),))
    detail = np.ascontiguousarray(PHOTOGRAPH[50:300, 100:350])
    match, files = pair(PHOTOGRAPH, detail)
    pictures = illustrate([match], files)
    assert laid_of(pictures, match).preview
    over, gallery = moved(pictures, match)
    assert np.abs(over.astype(float) - gallery).mean() < 8


def test_what_disagrees_is_outlined_where_it_is() -> None:
    covered = PHOTOGRAPH.copy()
    covered[300:400, 50:150] = (0, 255, 255)
    match, files = pair(covered, PHOTOGRAPH)
    marks = laid_of(illustrate([match], files), match).marks
    assert marks is not None
    assert re.fullmatch(r"(M\d+ \d+(L\d+ \d+)*Z)+", marks)
    points = np.array(re.findall(r"(\d+) (\d+)", marks), float) * 512 / 480
    assert (points.min(axis=0) > (25, 275)).all()
    assert (points.max(axis=0) < (175, 425)).all()


def test_pictures_that_agree_have_no_marks() -> None:
    match, files = pair(CROP, PHOTOGRAPH)
    assert laid_of(illustrate([match], files), match).marks == ""


def test_an_image_is_read_for_all_its_matches_at_once() -> None:
    files = Files({name: encoded(PHOTOGRAPH + np.uint8(index)) for index, name in enumerate("abcd")})
    first, *others = files.images()
    steps: list[int] = []
    illustrate([Match("near-duplicate", first, other, 1.0) for other in others], files, lambda: steps.append(1))
    assert (files.reads, len(steps)) == (["a", "b", "c", "d"], 3)


def test_copies_share_a_preview() -> None:
    data = encoded(PHOTOGRAPH)
    files = Files({"a.png": data, "b.png": data})
    pictures = illustrate([Match("exact-duplicate", image_of("a.png", data), image_of("b.png", data), 0.0)], files)
    assert len(pictures.images) == 1
    assert files.reads == ["a.png"]


def test_what_is_not_at_hand_or_damaged_is_said() -> None:
    match, files = pair(CROP, PHOTOGRAPH)
    files.contents = {"new.png": b"no image"}
    pictures = illustrate([match], files)
    assert pictures.images[match.query.content] == Unreadable(
        "not an image in a supported format, or its header is damaged"
    )
    assert pictures.images[match.gallery.content] == Unreadable("its pixels are not on this machine", absent=True)
    assert pictures.laid == {}
    assert files.reads == ["new.png"]


def test_many_images_have_small_previews_and_more_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(illustrating, "SIDES", ((1, 100), (3, 64)))
    data = {f"{index}.png": encoded(PHOTOGRAPH[: 500 + index]) for index in range(5)} | {"5.png": b"no image"}
    files = Files(data)
    images = files.images()
    matches = [Match("near-duplicate", images[0], other, 1.0) for other in images[1:]]
    pictures = illustrate(matches, files)
    found = [picture_of(pictures, image) for image in images[:5]]
    assert [max(picture.preview_size) for picture in found] == [64, 64, 64, 0, 0]
    assert [(picture.width, picture.height) for picture in found] == [(512, 500 + index) for index in range(5)]
    assert [picture.size for picture in found] == [len(data[f"{index}.png"]) for index in range(5)]
    assert pictures.images[images[5].content] == Unreadable("its header is damaged")


def test_only_the_first_pairs_are_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(illustrating, "MOST_COMPARED", 0)
    match, files = pair(CROP, PHOTOGRAPH)
    laid = laid_of(illustrate([match], files), match)
    assert laid.marks is None
    assert laid.matrix[0] == pytest.approx(480 / 512, abs=0.001)
