"""Verification of candidates, and what becomes of them: the decision rule from pixels to matches."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np
import pytest
from conftest import Files, ThumbnailEmbedder, encoded, image_of, open_store, photograph, pixels_of

from imgsim_guard.gate.check import check
from imgsim_guard.gate.embed import embed_missing
from imgsim_guard.gate.first_look import NOT_WORTH_IT
from imgsim_guard.gate.judge import judge
from imgsim_guard.gate.matching import compare_with
from imgsim_guard.gate.pipeline import Pipeline
from imgsim_guard.gate.policy import Policy
from imgsim_guard.images.decode import decode
from imgsim_guard.model import (
    Bounds,
    Candidate,
    Evidence,
    GuardError,
    Image,
    Kind,
    Limits,
    Match,
    Outcome,
    Result,
    Selection,
    Unreadable,
)
from imgsim_guard.verification import looks, verifier
from imgsim_guard.verification.pair import verify
from imgsim_guard.verification.picture import GAP
from imgsim_guard.verification.prepared import prepare
from imgsim_guard.verification.verifier import NOT_AT_HAND, Verifier, side_by_side_png

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from imgsim_guard.verification.prepared import Prepared

    Pixels = NDArray[np.uint8]

BOUNDS = Bounds(threshold=2.0, reach=10.0, candidates=20)
"""Of thumbnails: copies saved again and pages of one layout are nearer than 2, crops about 5, others above 13."""

BARE = Bounds(threshold=2.0, reach=10.0, verify=False)

NOT_PULLED = Unreadable("not in the cache: run `dvc pull`")


def page(*words: str) -> Pixels:
    """One layout: pages with other words on them are as near to one another as copies."""
    sheet = np.full((600, 480, 3), 250, np.uint8)
    for row, word in enumerate(words):
        y = 70 + 90 * row
        cv2.putText(sheet, f"Line {row + 1}, in full:", (30, y), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (60, 60, 60), 1)
        cv2.rectangle(sheet, (30, y + 10), (450, y + 56), (0, 0, 0), 1)
        cv2.putText(sheet, word, (45, y + 44), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (120, 30, 20), 2)
    return sheet


def crop(name: str) -> Pixels:
    pixels = pixels_of(name)
    height, width = pixels.shape[:2]
    return np.ascontiguousarray(pixels[height // 10 : -height // 30, width // 18 : -width // 11])


def blank(level: int) -> bytes:
    return encoded(np.full((60, 80, 3), level, np.uint8))


CAT, COFFEE = photograph("chelsea.png"), photograph("coffee.png")
CAT_AGAIN = encoded(pixels_of("chelsea.png"), ".jpg", cv2.IMWRITE_JPEG_QUALITY, 80)
CAT_SAME_PIXELS = encoded(pixels_of("chelsea.png"), ".bmp")
CAT_CROPPED = encoded(crop("chelsea.png"))
FORM = encoded(page("Anna", "Berlin", "1 May 1990", "blue", "Smith", "often"))
OTHER_FORM = encoded(page("Jonas", "Paris", "7 June 1974", "green", "Novak", "never"))
FORM_AGAIN = encoded(page("Anna", "Berlin", "1 May 1990", "blue", "Smith", "often"), ".jpg")


def nothing() -> None:
    """Where nobody watches."""


def pair_of(files: Files, query: str, gallery: str, *, near: bool = True) -> Candidate:
    return Candidate(image_at(files, query), image_at(files, gallery), 1.0, near=near)


def image_at(files: Files, path: str) -> Image:
    data = files.contents[path]
    return image_of(path, data if isinstance(data, bytes) else path.encode())


# The verifier


@pytest.fixture(scope="module")
def photographs() -> Mapping[str, bytes]:
    return {
        "cat.png": CAT,
        "again.jpg": CAT_AGAIN,
        "cropped.png": CAT_CROPPED,
        "coffee.png": COFFEE,
        "rocket.jpg": photograph("rocket.jpg"),
    }


def test_evidence_comes_in_the_order_of_the_candidates_and_is_that_of_each_pair_alone(
    photographs: Mapping[str, bytes],
) -> None:
    files = Files(photographs)
    pairs = [pair_of(files, one, other) for one in photographs for other in photographs if one > other]
    steps: list[int] = []
    evidence = list(Verifier(files).verify(pairs, lambda: steps.append(1)))
    prepared = {path: prepare(pixels(data)) for path, data in photographs.items()}
    assert evidence == [verify(prepared[pair.query.path], prepared[pair.gallery.path]) for pair in pairs]
    assert len(steps) == len(pairs)
    assert {found.outcome for found in evidence} == {"confirmed", "refuted"}


def pixels(data: bytes) -> Pixels:
    decoded = decode(data)
    assert not isinstance(decoded, Unreadable)
    return decoded


def test_no_candidates_have_no_evidence() -> None:
    files = Files({})
    assert list(Verifier(files).verify([], nothing)) == []
    assert files.reads == []


@pytest.mark.parametrize("near", [True, False])
@pytest.mark.parametrize("gone", ["query", "gallery"])
def test_a_pair_is_skipped_when_either_image_s_pixels_are_not_at_hand(gone: str, *, near: bool) -> None:
    for missing in (NOT_PULLED, b"no image at all", CAT[:4000]):
        contents: dict[str, bytes | Unreadable] = {"query": CAT_AGAIN, "gallery": CAT}
        files = Files({**contents, gone: missing})
        assert list(Verifier(files).verify([pair_of(files, "query", "gallery", near=near)], nothing)) == [NOT_AT_HAND]
    assert NOT_AT_HAND.outcome == "skipped"


@pytest.mark.parametrize("near", [True, False])
def test_each_image_is_decoded_once(photographs: Mapping[str, bytes], *, near: bool) -> None:
    files = Files(photographs)
    pairs = [pair_of(files, one, other, near=near) for one in photographs for other in photographs if one > other]
    list(Verifier(files).verify(pairs, nothing))
    assert sorted(files.reads) == sorted(photographs)


def test_workers_that_want_one_image_at_once_wait_for_one_of_them_to_prepare_it(
    photographs: Mapping[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bytes] = []
    asked = threading.Barrier(4)

    def slowly(pixels: Pixels) -> Prepared:
        made.append(pixels.tobytes())
        time.sleep(0.2)
        return prepare(pixels)

    class Together(Files):
        def at_hand(self, image: Image) -> bool:
            asked.wait(60)
            return super().at_hand(image)

    monkeypatch.setattr(verifier, "cores", lambda: 4)
    monkeypatch.setattr(looks, "prepare", slowly)
    files = Together(photographs)
    pairs = [pair_of(files, "cat.png", other) for other in photographs if other != "cat.png"]
    assert len(list(Verifier(files).verify(pairs, nothing))) == 4
    assert len(made) == len(set(made)) == len(photographs)


def workers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("verify")]


def many(files: Files) -> list[Candidate]:
    return [pair_of(files, path, "first.png") for path in sorted(files.contents) if path != "first.png"]


@pytest.fixture
def sixty_tiles(monkeypatch: pytest.MonkeyPatch) -> Files:
    """Enough that two workers are not done with all of them when the first answer is taken."""
    monkeypatch.setattr(verifier, "cores", lambda: 2)
    whole = pixels_of("gravel.png")
    tiles = {f"{at:02}.png": encoded(np.roll(whole, 8 * at, axis=0)[:400, :400]) for at in range(60)}
    return Files({"first.png": encoded(whole), **tiles})


def test_an_interruption_while_waiting_leaves_no_worker_behind(sixty_tiles: Files) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(Verifier(sixty_tiles).verify(many(sixty_tiles), interrupt))
    assert workers() == []
    assert len(sixty_tiles.reads) < len(sixty_tiles.contents)


def test_whoever_stops_listening_stops_the_work(sixty_tiles: Files) -> None:
    with closing(cast("Generator[Evidence]", Verifier(sixty_tiles).verify(many(sixty_tiles), nothing))) as answers:
        next(answers)
    assert workers() == []
    assert len(sixty_tiles.reads) < len(sixty_tiles.contents)


def test_what_goes_wrong_with_the_source_is_raised_and_leaves_no_worker_behind() -> None:
    class Broken(Files):
        def read(self, image: Image) -> bytes | Unreadable:
            raise GuardError(f"{image.path}: the disk is gone")

    files = Broken({"a.png": CAT, "b.png": COFFEE})
    with pytest.raises(GuardError, match="the disk is gone"):
        list(Verifier(files).verify([pair_of(files, "a.png", "b.png")], nothing))
    assert workers() == []


# The decision rule

ONE, TWO = image_of("one.png", b"1"), image_of("two.png", b"2")


def evidence_of(outcome: Outcome, *, blank: bool = False) -> Evidence:
    return Evidence(outcome, 0, 0.0, 0.0, None, "", blank=blank)


DECISIONS: list[tuple[str, Evidence | None, Kind | None, Kind | None]] = [
    # said by verification, its evidence, and what a pair within the threshold is, and one beyond it
    ("nothing", None, "near-duplicate", None),
    ("confirmed", evidence_of("confirmed"), "near-duplicate", "near-duplicate"),
    ("refuted", evidence_of("refuted"), "look-alike", None),
    ("undecided", evidence_of("undecided"), "near-duplicate", None),
    ("blank", evidence_of("undecided", blank=True), "look-alike", None),
    ("skipped", evidence_of("skipped"), "near-duplicate", None),
]


@pytest.mark.parametrize(
    ("evidence", "within", "beyond"), [row[1:] for row in DECISIONS], ids=[r[0] for r in DECISIONS]
)
def test_verification_decides_where_it_can_and_the_threshold_where_it_cannot(
    evidence: Evidence | None, within: Kind | None, beyond: Kind | None
) -> None:
    for near, kind in ((True, within), (False, beyond)):
        candidate = Candidate(ONE, TWO, 3.5, near=near)
        expected = None if kind is None else Match(kind, ONE, TWO, 3.5, evidence)
        assert judge(candidate, same_pixels=False, evidence=evidence) == expected
        assert judge(candidate, same_pixels=True, evidence=evidence) == Match("exact-duplicate", ONE, TWO, 0.0)


def test_a_look_alike_never_blocks() -> None:
    kinds: tuple[Kind, ...] = ("exact-duplicate", "near-duplicate", "look-alike")
    assert [Match(kind, ONE, TWO, 0.0).blocking for kind in kinds] == [True, True, False]


# From bytes to matches


class Bench:
    """A store in a folder, filled by its own pipelines."""

    def __init__(self, root: Path) -> None:
        self.store = open_store(root)
        self.doing: list[tuple[int, str]] = []

    def pipeline(self, files: Files) -> Pipeline:
        def progress(total: int, doing: str, /) -> Callable[[], object]:
            self.doing.append((total, doing))
            return nothing

        return Pipeline(files, self.store, ThumbnailEmbedder, progress)

    def check(
        self,
        new: Mapping[str, bytes],
        held: Mapping[str, bytes] | None = None,
        *,
        bounds: Bounds = BOUNDS,
        gone: Sequence[str] = (),
    ) -> Result:
        """Check; what is `gone` was embedded before that, and cannot be read any more."""
        contents = {**new, **(held or {})}
        if gone:
            files = Files(contents)
            embed_missing(files.images(), self.pipeline(files))
        self.files = Files({path: NOT_PULLED if path in gone else data for path, data in contents.items()})
        queries = tuple(sorted(image_of(path, data) for path, data in new.items()))
        gallery = tuple(sorted(image_of(path, data) for path, data in (held or {}).items()))
        self.doing.clear()
        return check(Selection("staged", queries, gallery), self.pipeline(self.files), policy=Policy(bounds, Limits()))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "store")


def found(matches: Sequence[Match]) -> list[tuple[Kind, str, str, Outcome | None]]:
    return [
        (match.kind, match.query.path, match.gallery.path, match.evidence.outcome if match.evidence else None)
        for match in matches
    ]


def test_a_cropped_copy_beyond_the_threshold_is_a_near_duplicate(bench: Bench) -> None:
    result = bench.check({"new.png": CAT_CROPPED}, {"coffee.png": COFFEE, "cat.png": CAT})
    assert found(result.matches) == [("near-duplicate", "new.png", "cat.png", "confirmed")]
    (match,) = result.matches
    assert BOUNDS.threshold < match.distance < BOUNDS.reach
    assert match.evidence is not None
    assert match.evidence.reason.startswith("cropped to 7")
    assert (result.failed, result.bounds, result.notes) == (True, BOUNDS, ())


def test_a_look_alike_within_the_threshold_passes_and_is_reported(bench: Bench) -> None:
    result = bench.check({"new.png": OTHER_FORM}, {"form.png": FORM})
    assert found(result.matches) == [("look-alike", "new.png", "form.png", "refuted")]
    assert result.matches[0].distance < BOUNDS.threshold
    assert (result.failed, result.count("near-duplicate"), result.count("look-alike")) == (False, 0, 1)


def test_a_copy_of_the_same_form_does_not_pass(bench: Bench) -> None:
    result = bench.check({"new.jpg": FORM_AGAIN}, {"form.png": FORM, "other.png": OTHER_FORM})
    assert sorted(found(result.matches)) == [
        ("look-alike", "new.jpg", "other.png", "refuted"),
        ("near-duplicate", "new.jpg", "form.png", "confirmed"),
    ]
    assert result.failed


def test_new_images_are_verified_against_one_another(bench: Bench) -> None:
    result = bench.check({"b.png": CAT_CROPPED, "a.png": CAT, "c.png": COFFEE})
    assert found(result.matches) == [("near-duplicate", "b.png", "a.png", "confirmed")]


def test_the_same_pixels_are_an_exact_duplicate_without_verification(bench: Bench) -> None:
    result = bench.check({"new.bmp": CAT_SAME_PIXELS}, {"cat.png": CAT})
    assert found(result.matches) == [("exact-duplicate", "new.bmp", "cat.png", None)]
    assert bench.doing == [(2, "embedding")]


def test_blank_images_are_look_alikes_of_one_another(bench: Bench) -> None:
    result = bench.check({"new.png": blank(252)}, {"a.png": blank(251), "b.png": blank(250)})
    assert found(result.matches) == [
        ("look-alike", "new.png", "a.png", "undecided"),
        ("look-alike", "new.png", "b.png", "undecided"),
    ]
    assert not result.failed


def test_the_threshold_decides_about_what_is_too_small_to_be_verified(bench: Bench) -> None:
    one, other = (encoded(np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)) for seed in (0, 1))
    for threshold, kinds in ((40.0, ["near-duplicate"]), (2.0, [])):
        bounds = replace(BOUNDS, threshold=threshold, reach=40.0)
        matches = bench.check({"new.png": one}, {"tiny.png": other}, bounds=bounds).matches
        assert [match.kind for match in matches] == kinds
        assert [match.evidence and match.evidence.reason for match in matches] == ["too small to compare"] * len(kinds)


def test_without_candidates_the_bare_distance_decides_and_no_pixel_is_looked_at(bench: Bench) -> None:
    held = {"cat.png": CAT, "form.png": FORM, "white.png": blank(252)}
    new = {"crop.png": CAT_CROPPED, "again.jpg": CAT_AGAIN, "form.jpg": OTHER_FORM, "blank.png": blank(250)}
    result = bench.check(new, held, bounds=BARE)
    assert found(result.matches) == [
        ("near-duplicate", "again.jpg", "cat.png", None),
        ("near-duplicate", "blank.png", "white.png", None),
        ("near-duplicate", "form.jpg", "form.png", None),
    ]
    assert bench.doing == [(7, "embedding")]
    assert len(bench.files.reads) == 7


def test_the_threshold_decides_where_pixels_are_not_at_hand_and_that_is_said_once(bench: Bench) -> None:
    held = {"cat.png": CAT, "form.png": FORM}
    new = {"crop.png": CAT_CROPPED, "again.jpg": CAT_AGAIN, "other.jpg": OTHER_FORM}
    result = bench.check(new, held, gone=["cat.png", "form.png"])
    assert found(result.matches) == [
        ("near-duplicate", "again.jpg", "cat.png", "skipped"),
        ("near-duplicate", "crop.png", "again.jpg", "confirmed"),
        ("near-duplicate", "other.jpg", "form.png", "skipped"),
    ]
    assert result.notes == (
        (
            "pairs decided by the distance only, because their pixels are not on this machine: 3; "
            "run dvc pull or git lfs pull"
        ),
    )


def test_the_same_check_says_the_same_again(bench: Bench) -> None:
    new, held = {"a.jpg": CAT_AGAIN, "b.png": CAT_CROPPED, "c.png": OTHER_FORM}, {"cat.png": CAT, "form.png": FORM}
    once = bench.check(new, held)
    assert bench.check(new, held) == once
    assert [doing for _, doing in bench.doing] == ["verifying"]


# One image and others


def compared(bench: Bench, contents: Mapping[str, bytes], *, bounds: Bounds = BOUNDS) -> list[Match]:
    files = Files(contents)
    pipeline = bench.pipeline(files)
    embed_missing(files.images(), pipeline)
    first, *others = (image_at(files, path) for path in contents)
    return compare_with(first, others, pipeline, bounds=bounds)


def test_one_image_is_compared_with_each_of_the_others_in_their_order(bench: Bench) -> None:
    contents = {
        "cat.png": CAT,
        "z.jpg": CAT_AGAIN,
        "coffee.png": COFFEE,
        "crop.png": CAT_CROPPED,
        "b.bmp": CAT_SAME_PIXELS,
    }
    matches = compared(bench, contents)
    assert found(matches) == [
        ("near-duplicate", "cat.png", "z.jpg", "confirmed"),
        ("look-alike", "cat.png", "coffee.png", "refuted"),
        ("near-duplicate", "cat.png", "crop.png", "confirmed"),
        ("exact-duplicate", "cat.png", "b.bmp", None),
    ]
    assert matches[1].distance > BOUNDS.reach
    assert matches[3].distance == 0


def test_a_comparison_looks_at_the_pixels_however_little_a_first_look_finds(bench: Bench) -> None:
    (match,) = compared(bench, {"cat.png": CAT, "coffee.png": COFFEE})
    assert match.distance > BOUNDS.reach
    assert match.evidence is not None
    assert (match.evidence.outcome, match.evidence != NOT_WORTH_IT) == ("refuted", True)


def test_without_candidates_a_comparison_is_of_distances_alone(bench: Bench) -> None:
    matches = compared(bench, {"form.png": FORM, "other.png": OTHER_FORM, "cat.png": CAT}, bounds=BARE)
    assert found(matches) == [
        ("near-duplicate", "form.png", "other.png", None),
        ("look-alike", "form.png", "cat.png", None),
    ]


def test_an_image_compared_with_itself_is_an_exact_duplicate_and_with_none_nothing(bench: Bench) -> None:
    assert compared(bench, {"cat.png": CAT}) == []
    assert found(compared(bench, {"cat.png": CAT, "copy.png": CAT})) == [
        ("exact-duplicate", "cat.png", "copy.png", None)
    ]


# The picture of a pair


def test_the_picture_of_a_match_is_a_png_with_both_side_by_side(bench: Bench) -> None:
    contents = {"crop.png": CAT_CROPPED, "cat.png": CAT, "coffee.png": COFFEE}
    for match, (height, width) in zip(compared(bench, contents), ((300, 451), (400, 600)), strict=True):
        data = side_by_side_png(match, Files(contents))
        assert data.startswith(b"\x89PNG")
        drawn = pixels(data)
        assert drawn.shape == (height, 2 * width + GAP, 3)
        assert (drawn[:, width : width + GAP] == 255).all()


def test_the_copy_is_drawn_where_it_lies_in_the_original(bench: Bench) -> None:
    contents = {"crop.png": CAT_CROPPED, "cat.png": CAT}
    (match,) = compared(bench, contents)
    left = pixels(side_by_side_png(match, Files(contents)))[:, :451]
    inner = (slice(40, 280), slice(40, 400))
    assert np.abs(left[inner].astype(int) - pixels_of("chelsea.png")[inner]).mean() < 4


@pytest.mark.parametrize("gone", ["cat.png", "coffee.png"])
def test_a_picture_cannot_be_drawn_of_an_image_that_is_gone(gone: str) -> None:
    contents: dict[str, bytes | Unreadable] = {"cat.png": CAT, "coffee.png": COFFEE}
    files = Files(contents)
    match = Match("look-alike", image_at(files, "cat.png"), image_at(files, "coffee.png"), 14.0)
    with pytest.raises(GuardError) as raised:
        side_by_side_png(match, Files({**contents, gone: NOT_PULLED}))
    assert str(raised.value) == f"{gone}: {NOT_PULLED.reason}"
    with pytest.raises(GuardError) as raised:
        side_by_side_png(match, Files({**contents, gone: b""}))
    assert str(raised.value) == f"{gone}: an empty file"
