"""Films, documents and transparent pictures are judged by all that they show, not by a frame or a ground they share."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from conftest import Files, image_of, photograph
from encoders import saved
from PIL import Image, ImageDraw, ImageOps

from imgsim_guard.gate.check import check
from imgsim_guard.gate.policy import Policy
from imgsim_guard.model import Bounds, Limits, Result, Selection

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgsim_guard.gate.pipeline import Pipeline

    MakePipeline = Callable[[Files], Pipeline]

BOUNDS = Bounds(threshold=1.0, reach=60.0)
SIZE = 240, 160
NAMES = ("coffee.png", "chelsea.png", "astronaut.png", "rocket.jpg", "motorcycle_left.png", "brick.png")
PHOTOS = [Image.open(io.BytesIO(photograph(name))).convert("RGB").resize(SIZE) for name in NAMES]
BLACK = Image.new("RGB", SIZE)
TITLE = BLACK.copy()
ImageDraw.Draw(TITLE).text((40, 60), "A FILM", fill="white", font_size=40)


def film(frames: list[Image.Image], kind: str = "GIF", **options: Any) -> bytes:
    first, *rest = [frame.copy() for frame in frames]  # Pillow keeps what it was last saved as
    return saved(first, kind, save_all=True, append_images=rest, **options)


def panned(steps: int) -> list[Image.Image]:
    """A camera that moves over a photograph, then over another."""
    large = [photo.resize((480, 320)) for photo in PHOTOS[:2]]
    return [photo.crop((4 * at, 2 * at, 4 * at + 240, 2 * at + 160)) for photo in large for at in range(0, 60, steps)]


def judged(make_pipeline: MakePipeline, query: bytes, gallery: bytes) -> Result:
    files = Files({"query": query, "gallery": gallery})
    selection = Selection("staged", (image_of("query", query),), (image_of("gallery", gallery),))
    return check(selection, make_pipeline(files), policy=Policy(BOUNDS, Limits()))


def kinds(result: Result) -> list[str]:
    return [match.kind for match in result.matches if match.blocking]


PAGES = [*PHOTOS[:4]]

DIFFERENT = {
    "after a black frame": (film([BLACK, *PHOTOS[:2]]), film([BLACK, *PHOTOS[2:4]])),
    "after a title": (film([TITLE, *PHOTOS[:2]]), film([TITLE, *PHOTOS[2:4]])),
    "after the same first frame": (film([PHOTOS[0], PHOTOS[1]], "WEBP"), film([PHOTOS[0], PHOTOS[2]], "WEBP")),
    "after the same first page": (film([PHOTOS[0], PHOTOS[1]], "TIFF"), film([PHOTOS[0], PHOTOS[2]], "TIFF")),
    "pages but for the first two": (
        film([*PHOTOS[:2], *PHOTOS[2:4]], "TIFF"),
        film([*PHOTOS[:2], *PHOTOS[4:6]], "TIFF"),
    ),
}


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=DIFFERENT)
def test_films_that_differ_are_no_copies(make_pipeline: MakePipeline, pair: tuple[bytes, bytes]) -> None:
    assert kinds(judged(make_pipeline, *pair)) == []


SAME = {
    "other timing": (film(panned(6), duration=40), film(panned(6), duration=90)),
    "another format": (film(panned(6)), film(panned(6), "WEBP", quality=70)),
    "smaller": (film(panned(6)), film([frame.resize((160, 106)) for frame in panned(6)])),
    "cropped": (film(panned(6)), film([frame.crop((20, 10, 230, 150)) for frame in panned(6)])),
    "every second frame": (film(panned(3)), film(panned(6))),
    "mirrored": (film(panned(6)), film([ImageOps.mirror(frame) for frame in panned(6)])),
    "with a title": (film(PAGES), film([TITLE, *PAGES])),
    "pages as a film": (film(PAGES, "TIFF"), film(PAGES, "WEBP", quality=80)),
    "pages in another order": (film(PAGES, "TIFF"), film(PAGES[::-1], "TIFF")),
}


@pytest.mark.parametrize("pair", SAME.values(), ids=SAME)
def test_films_of_the_same_frames_are_copies(make_pipeline: MakePipeline, pair: tuple[bytes, bytes]) -> None:
    assert len(kinds(judged(make_pipeline, *pair))) == 1


@pytest.mark.parametrize("number", [0, 3])
def test_a_page_of_a_document_is_called_one(make_pipeline: MakePipeline, number: int) -> None:
    page = saved(PAGES[number].copy(), "JPEG", quality=80)
    (match,) = judged(make_pipeline, page, film(PAGES, "TIFF")).matches
    assert (match.kind, match.blocking) == ("near-duplicate", True)
    assert match.evidence is not None
    assert match.evidence.reason.startswith("a page of the gallery image; ")
    (match,) = judged(make_pipeline, film(PAGES, "TIFF"), page).matches
    assert match.evidence is not None
    assert match.evidence.reason.startswith("has the gallery image as a page; ")


def test_a_frame_of_a_film_is_called_one(make_pipeline: MakePipeline) -> None:
    frame = saved(PHOTOS[1].copy(), "PNG")
    (match,) = judged(make_pipeline, frame, film([BLACK, *PHOTOS[:3]])).matches
    assert match.evidence is not None
    assert match.evidence.reason.startswith("a frame of the gallery image; ")


def drawing(seed: int, ink: str) -> Image.Image:
    found = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    draw = ImageDraw.Draw(found)
    for at in range(7):
        x, y = (seed * 37 + at * 53) % 220, (seed * 71 + at * 89) % 220
        draw.ellipse((x, y, x + 40 + 5 * seed, y + 60), outline=ink, width=6)
        draw.line((x, y, (x * 3) % 300, (y * 7) % 300), fill=ink, width=5)
    return found


def flattened(picture: Image.Image, ground: str) -> bytes:
    whole = Image.new("RGB", picture.size, ground)
    whole.paste(picture.convert("RGB"), mask=picture.getchannel("A"))
    return saved(whole, "JPEG", quality=90)


@pytest.mark.parametrize(
    ("ink", "ground"), [("navy", "white"), ("navy", "black"), ("orange", "white"), ("ivory", "black")]
)
def test_a_transparent_picture_is_found_on_either_ground(make_pipeline: MakePipeline, ink: str, ground: str) -> None:
    clear, flat = saved(drawing(1, ink), "PNG"), flattened(drawing(1, ink), ground)
    assert kinds(judged(make_pipeline, clear, flat)) == ["near-duplicate"]


def test_drawings_that_share_their_ink_are_different(make_pipeline: MakePipeline) -> None:
    for one in range(3):
        query, gallery = (saved(drawing(seed, "black"), "PNG") for seed in (one, one + 1))
        assert kinds(judged(make_pipeline, query, gallery)) == []


def test_it_is_said_of_which_films_not_all_was_looked_at(make_pipeline: MakePipeline) -> None:
    frames = [Image.new("L", (8, 8), at % 250) for at in range(300)]
    files = Files({"long.gif": film(frames), "short.gif": film(frames[:20])})
    result = check(Selection("staged", (*files.images(),), ()), make_pipeline(files), policy=Policy(BOUNDS, Limits()))
    assert result.notes == (
        "films and documents of which no more than the first 256 frames or pages were looked at: 1 (long.gif)",
    )


def test_the_looks_of_an_image_are_stored_and_published_with_it(make_pipeline: MakePipeline) -> None:
    data = film(PAGES, "TIFF")
    files = Files({"query": data, "other": saved(PHOTOS[5].copy(), "PNG")})
    pipeline = make_pipeline(files)
    check(Selection("staged", (*files.images(),), ()), pipeline, policy=Policy(BOUNDS, Limits()))
    content = image_of("query", data).content
    assert len(pipeline.store.rows([content])) == len(PAGES)
    assert [*pipeline.store.looks(pipeline.store.find([content]))] == [content]
