"""The use case: which pairs count, and what becomes of what cannot be compared."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conftest import Files, ThumbnailEmbedder, encoded, image_of, open_store, random_picture
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsim_guard.gate.check import SAMPLE, check
from imgsim_guard.gate.embed import embed_missing, missing
from imgsim_guard.gate.pipeline import Pipeline
from imgsim_guard.gate.policy import Policy
from imgsim_guard.images.decode import decode
from imgsim_guard.model import Bounds, GuardError, Image, Kind, Limits, Match, Result, Rule, Selection, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    MakePipeline = Callable[[Files], Pipeline]

BOUNDS = Bounds(threshold=2.0, verify=False)
RULE = Rule(threshold=BOUNDS.threshold)
"""Of thumbnails: what `brighter` makes is nearer, other pictures are about 20 apart. Without verification, which has
tests of its own."""

NO_IMAGE = Unreadable("not an image in a supported format, or its header is damaged")

quick = settings(deadline=None, derandomize=True, max_examples=40)


def brighter(seed: int, by: int) -> NDArray[np.uint8]:
    """A picture in mid-tones, and a little brighter: each step is 27.7 / 127.5 = 0.217 of thumbnails' distance."""
    return (random_picture(seed) // 2 + 64 + by).astype(np.uint8)


def picture(seed: int, by: int = 0, suffix: str = ".png") -> bytes:
    return encoded(brighter(seed, by), suffix)


def selected(
    new: Mapping[str, bytes], held: Mapping[str, bytes] | None = None, *, mutual: bool = True
) -> tuple[Selection, Files]:
    """What is new and what is held, and where to read both."""
    held = held or {}
    queries = tuple(sorted(image_of(path, data) for path, data in new.items()))
    gallery = tuple(sorted(image_of(path, data) for path, data in held.items()))
    return Selection("staged", queries, gallery, mutual=mutual), Files({**new, **held})


def run(selection: Selection, pipeline: Pipeline, max_missing: int | None = None) -> Result:
    return check(selection, pipeline, policy=Policy(BOUNDS, Limits()), max_missing=max_missing)


def found(result: Result) -> list[tuple[str, str, str, float]]:
    return [(match.kind, match.query.path, match.gallery.path, match.distance) for match in result.matches]


def brightness_distance(steps: int) -> float:
    return round(float(np.sqrt(768) * steps / 127.5), 1)


def rounded(result: Result) -> list[tuple[str, str, str, float]]:
    """Thumbnails are rounded to float16, so that their distances are only nearly multiples of a step."""
    return [(kind, query, gallery, round(distance, 1)) for kind, query, gallery, distance in found(result)]


def without_model(files: Files, root: Path) -> Pipeline:
    """A pipeline in which nothing can be embedded."""

    def load(_at_once: int) -> ThumbnailEmbedder:
        raise AssertionError

    return Pipeline(files, open_store(root), load, lambda _total, _doing: lambda: None)


# What is a duplicate


def test_a_copy_of_what_is_held_is_found_without_reading_or_embedding_anything(tmp_path: Path) -> None:
    one, two = picture(1), picture(2)
    selection, files = selected({"new/copy.png": two}, {"a.png": one, "b.png": two, "c.png": two})
    copy, held = image_of("new/copy.png", two), image_of("b.png", two)
    assert run(selection, without_model(files, tmp_path)) == Result(
        scope="staged",
        bounds=BOUNDS,
        limits=Limits(),
        queries=1,
        gallery=3,
        matches=(Match("exact-duplicate", copy, held, 0.0, rule=RULE),),
    )
    assert files.reads == []
    assert not tmp_path.joinpath("thumbnails").exists()


def test_nothing_new_needs_nothing(tmp_path: Path) -> None:
    selection, files = selected({}, {"a.png": picture(1)})
    assert run(selection, without_model(files, tmp_path)) == Result("staged", BOUNDS, Limits(), 0, 1, ())
    assert files.reads == []


def test_the_second_of_two_equal_new_images_duplicates_the_first(
    make_pipeline: MakePipeline, thumbnails: ThumbnailEmbedder
) -> None:
    selection, files = selected({"b.png": picture(1), "a.png": picture(1), "c.png": picture(1)})
    assert found(run(selection, make_pipeline(files))) == [
        ("exact-duplicate", "b.png", "a.png", 0.0),
        ("exact-duplicate", "c.png", "a.png", 0.0),
    ]
    assert (files.reads, thumbnails.embedded) == (["a.png"], 1)


def test_different_images_do_not_match(make_pipeline: MakePipeline) -> None:
    selection, files = selected({"a.png": picture(1), "b.png": picture(2)}, {"c.png": picture(3), "d.png": picture(4)})
    result = run(selection, make_pipeline(files))
    assert result == Result("staged", BOUNDS, Limits(), queries=2, gallery=3, matches=())
    assert not result.failed


def test_near_duplicates_of_what_is_held_are_found_the_nearest_first(make_pipeline: MakePipeline) -> None:
    held = {"far.png": picture(1, 20), "near.png": picture(1, 1), "nearer.png": picture(1, 7), "other.png": picture(2)}
    selection, files = selected({"new.png": picture(1, 5)}, held)
    result = run(selection, make_pipeline(files))
    assert rounded(result) == [
        ("near-duplicate", "new.png", "nearer.png", brightness_distance(2)),
        ("near-duplicate", "new.png", "near.png", brightness_distance(4)),
    ]
    assert result.failed


def test_near_duplicates_among_new_images_are_reported_once_as_the_later_path_near_the_earlier(
    make_pipeline: MakePipeline,
) -> None:
    selection, files = selected({"b.png": picture(1), "a.png": picture(1, 2), "c.png": picture(1, 3)})
    result = run(selection, make_pipeline(files))
    assert rounded(result) == [
        ("near-duplicate", "b.png", "a.png", brightness_distance(2)),
        ("near-duplicate", "c.png", "a.png", brightness_distance(1)),
        ("near-duplicate", "c.png", "b.png", brightness_distance(3)),
    ]
    assert (result.queries, result.gallery) == (3, 2)


def test_new_images_that_are_not_compared_with_one_another_are_only_compared_with_the_gallery(
    make_pipeline: MakePipeline,
) -> None:
    new = {"a.png": picture(1), "b.png": picture(1, 2), "c.png": picture(2)}
    selection, files = selected(new, {"held.png": picture(2, 1)}, mutual=False)
    result = run(selection, make_pipeline(files))
    assert rounded(result) == [("near-duplicate", "c.png", "held.png", brightness_distance(1))]
    assert (result.queries, result.gallery) == (3, 1)


def test_what_another_decoder_could_read_and_embed_is_not_unreadable(make_pipeline: MakePipeline) -> None:
    selection, files = selected({"a.png": picture(1)}, {"b.png": picture(2)})
    pipeline = make_pipeline(files)
    before = run(selection, pipeline)
    pipeline.store.add_unreadable({image.content: "no image" for image in files.images()})
    assert run(selection, pipeline) == before
    assert before.unreadable == ()


def test_every_path_of_a_content_is_reported_when_new_images_are_not_compared_with_one_another(
    make_pipeline: MakePipeline, thumbnails: ThumbnailEmbedder
) -> None:
    one = picture(1)
    new = {"a.png": one, "b.png": one, "c.png": picture(2), "d.png": picture(2), "e.png": b"text", "f.png": b"text"}
    selection, files = selected(new, {"near.png": picture(1, 2), "same.png": picture(2)}, mutual=False)
    result = run(selection, make_pipeline(files))
    assert rounded(result) == [
        ("near-duplicate", "a.png", "near.png", brightness_distance(2)),
        ("near-duplicate", "b.png", "near.png", brightness_distance(2)),
        ("exact-duplicate", "c.png", "same.png", 0.0),
        ("exact-duplicate", "d.png", "same.png", 0.0),
    ]
    assert result.unreadable == (("e.png", NO_IMAGE), ("f.png", NO_IMAGE))
    assert thumbnails.embedded == 3


@pytest.mark.parametrize("suffix", [".bmp", ".tiff", ".ppm"])
def test_the_same_pixels_in_another_encoding_are_an_exact_duplicate(make_pipeline: MakePipeline, suffix: str) -> None:
    selection, files = selected({"a.png": picture(1), "z" + suffix: picture(1, 0, suffix)}, {"held.png": picture(2)})
    result = run(selection, make_pipeline(files))
    assert found(result) == [("exact-duplicate", "z" + suffix, "a.png", 0.0)]
    assert result.matches[0].query.content != result.matches[0].gallery.content

    selection, files = selected({"new" + suffix: picture(2, 0, suffix)}, {"held.png": picture(2)})
    assert found(run(selection, make_pipeline(files))) == [("exact-duplicate", "new" + suffix, "held.png", 0.0)]


def test_another_encoding_that_changes_pixels_is_a_near_duplicate(make_pipeline: MakePipeline) -> None:
    selection, files = selected({"new.jpg": picture(1, 0, ".jpg")}, {"held.png": picture(1)})
    assert [row[:3] for row in found(run(selection, make_pipeline(files)))] == [
        ("near-duplicate", "new.jpg", "held.png")
    ]


def test_equal_thumbnails_of_other_pixels_are_a_near_duplicate_at_no_distance(make_pipeline: MakePipeline) -> None:
    small = np.repeat(np.repeat(random_picture(1, 16, 16), 2, axis=0), 2, axis=1)
    new, held = encoded(small), encoded(np.ascontiguousarray(random_picture(1, 16, 16)))
    selection, files = selected({"new.png": new}, {"held.png": held})
    assert found(run(selection, make_pipeline(files))) == [("near-duplicate", "new.png", "held.png", 0.0)]


def test_embeddings_are_kept_so_that_the_next_check_embeds_only_what_is_new(
    make_pipeline: MakePipeline, thumbnails: ThumbnailEmbedder
) -> None:
    held = {f"{seed}.png": picture(seed) for seed in range(5)}
    selection, files = selected({"new.png": picture(7)}, held)
    first = run(selection, make_pipeline(files))
    assert thumbnails.embedded == 6
    files.reads.clear()
    assert run(selection, make_pipeline(files)) == first
    assert (files.reads, thumbnails.embedded) == ([], 6)
    selection, files = selected({"newer.png": picture(7, 1)}, {**held, "new.png": picture(7)})
    assert [row[:3] for row in found(run(selection, make_pipeline(files)))] == [
        ("near-duplicate", "newer.png", "new.png")
    ]
    assert (files.reads, thumbnails.embedded) == (["newer.png"], 7)


# Limits


@pytest.mark.parametrize(
    ("near", "exact", "failed"), [(0, 0, 1), (2, 0, 1), (1, 3, 1), (0, 3, 1), (2, 2, 1), (2, 3, 0)]
)
def test_limits_count_images_not_pairs_and_each_kind_by_itself(
    make_pipeline: MakePipeline, near: int, exact: int, failed: int
) -> None:
    held = {"near-1.png": picture(1, 1), "near-2.png": picture(1, 2), "same.png": picture(2), "pixels.png": picture(3)}
    new = {
        "a.png": picture(1),  # near two
        "b.png": picture(1, 5),  # near three: the third is new itself
        "c.png": picture(2),
        "d.png": picture(2),
        "e.bmp": picture(3, 0, ".bmp"),
    }
    selection, files = selected(new, held)
    result = check(selection, make_pipeline(files), policy=Policy(BOUNDS, Limits(near, exact)))
    assert [match.query.path for match in result.matches] == ["a.png"] * 2 + ["b.png"] * 3 + ["c.png", "d.png", "e.bmp"]
    assert (result.count("near-duplicate"), result.count("exact-duplicate")) == (2, 3)
    assert result.limits == Limits(near, exact)
    assert result.failed == bool(failed)


def test_the_threshold_decides_by_the_distance_that_is_reported(make_pipeline: MakePipeline) -> None:
    selection, files = selected({"new.png": picture(1, 3)}, {"held.png": picture(1)})
    pipeline = make_pipeline(files)
    (match,) = run(selection, pipeline).matches
    at = check(selection, pipeline, policy=Policy(Bounds(match.distance, verify=False), Limits()))
    below = check(selection, pipeline, policy=Policy(Bounds(match.distance - 1e-4, verify=False), Limits()))
    assert (at.matches, below.matches) == ((replace(match, rule=Rule(threshold=match.distance)),), ())


# Unreadable images


@pytest.mark.parametrize("fails", [True, False])
def test_a_new_image_that_cannot_be_read_fails_the_check_or_is_only_reported(
    make_pipeline: MakePipeline,
    fails: bool,  # noqa: FBT001
) -> None:
    selection, files = selected({"a.png": b"text", "b.png": picture(1), "c.png": b""}, {"held.png": picture(2)})
    selection = replace(selection, unreadable=(("b-gone.png", Unreadable("gone")),))
    limits = Limits(unreadable_fails=fails)
    expected = Result(
        scope="staged",
        bounds=BOUNDS,
        limits=limits,
        queries=4,
        gallery=1,
        matches=(),
        unreadable=(("a.png", NO_IMAGE), ("b-gone.png", Unreadable("gone")), ("c.png", Unreadable("an empty file"))),
    )
    assert check(selection, make_pipeline(files), policy=Policy(BOUNDS, limits)) == expected
    assert check(selection, make_pipeline(files), policy=Policy(BOUNDS, limits)) == expected  # from memory
    assert expected.failed == fails


def test_images_of_the_dataset_that_cannot_be_read_are_a_note_and_fail_nothing(make_pipeline: MakePipeline) -> None:
    held = {"a.png": b"text", "b.png": picture(2), "c.png": b""}
    selection, files = selected({"new.png": picture(1)}, held)
    files.contents = {**files.contents, "b.png": Unreadable("gone")}
    selection = replace(selection, notes=("said before",))
    result = run(selection, make_pipeline(files))
    assert result == Result(
        scope="staged",
        bounds=BOUNDS,
        limits=Limits(),
        queries=1,
        gallery=0,
        uncompared=3,
        matches=(),
        notes=(
            "said before",
            "nothing was compared with images of the dataset that cannot be read: 3 (a.png, b.png, c.png)",
        ),
    )
    assert not result.failed


def test_images_that_cannot_be_read_are_no_images_that_others_were_compared_with(make_pipeline: MakePipeline) -> None:
    selection, files = selected({"a.png": picture(1), "b.png": picture(2), "broken.png": b"text"}, {})
    assert run(selection, make_pipeline(files)).gallery == 1


def test_of_many_images_of_the_dataset_that_cannot_be_read_three_are_named(make_pipeline: MakePipeline) -> None:
    held = {f"{number}.png": b"text %d" % number for number in range(1200)}
    selection, files = selected({"new.png": picture(1)}, held)
    assert run(selection, make_pipeline(files)).notes == (
        "nothing was compared with images of the dataset that cannot be read: 1,200 (0.png, 1.png, 10.png, ...)",
    )


def test_copies_of_an_image_that_cannot_be_read_are_exact_duplicates_still(make_pipeline: MakePipeline) -> None:
    selection, files = selected({"a.png": b"text", "b.png": b"text", "c.png": b""}, {"held.png": b""})
    result = run(selection, make_pipeline(files))
    assert found(result) == [
        ("exact-duplicate", "b.png", "a.png", 0.0),
        ("exact-duplicate", "c.png", "held.png", 0.0),
    ]
    assert result.unreadable == (("a.png", NO_IMAGE),)


def test_a_damaged_part_of_the_store_is_a_note_and_its_images_are_embedded_again(
    make_pipeline: MakePipeline, thumbnails: ThumbnailEmbedder
) -> None:
    selection, files = selected({"new.png": picture(1)}, {"held.png": picture(1, 1)})
    first = make_pipeline(files)
    expected = run(selection, first).matches
    (shard,) = first.store.folder.glob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:-1])
    result = run(selection, make_pipeline(files))
    assert result.matches == expected
    note = f"set aside a damaged part of the store ({shard}: its contents do not match its name)"
    assert result.notes == (note + "; its images are embedded again",)
    assert thumbnails.embedded == 4


# Too much to embed while somebody waits


def test_more_missing_embeddings_than_allowed_stop_with_the_way_to_make_them(
    make_pipeline: MakePipeline, thumbnails: ThumbnailEmbedder
) -> None:
    held = {f"{seed}.png": picture(seed) for seed in range(10)}
    selection, files = selected({"new.png": picture(11)}, held)
    with pytest.raises(GuardError) as stopped:
        run(selection, make_pipeline(files), max_missing=10)
    assert re.sub(r"about \d+ seconds", "about ? seconds", str(stopped.value)) == (
        "11 images have no embedding yet. Embedding them once takes about ? seconds.\n"
        "  embed them:  imgsim-guard embed    (shows progress; can be interrupted and resumed)\n"
        "Then try again."
    )
    assert thumbnails.embedded == SAMPLE

    again = make_pipeline(files)
    assert len(again.store) == SAMPLE
    assert embed_missing(missing([*selection.queries, *selection.gallery], again.store), again) == {}
    assert thumbnails.embedded == 11
    assert not run(selection, make_pipeline(files), max_missing=0).failed


def test_as_many_missing_embeddings_as_allowed_are_made_at_once(
    make_pipeline: MakePipeline, thumbnails: ThumbnailEmbedder
) -> None:
    held = {f"{number}.png": picture(number % 4) for number in range(10)}
    selection, files = selected({"new.png": picture(11), "same.png": picture(0)}, held)
    assert found(run(selection, make_pipeline(files), max_missing=5)) == [("exact-duplicate", "same.png", "0.png", 0.0)]
    assert thumbnails.embedded == 5


def test_what_needs_no_embedding_is_judged_however_many_are_missing(tmp_path: Path) -> None:
    held = {f"{seed}.png": picture(seed) for seed in range(10)}
    selection, files = selected({"new.png": picture(3)}, held)
    result = run(selection, without_model(files, tmp_path), max_missing=0)
    assert found(result) == [("exact-duplicate", "new.png", "3.png", 0.0)]


def test_the_estimate_leaves_out_what_loading_the_model_takes(
    make_pipeline: MakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock on which loading takes 1,000 seconds, and each image 36."""
    held = {f"{seed:03}.png": picture(seed) for seed in range(500)}
    selection, files = selected({"new.png": picture(1000)}, held)
    ticks = iter([0.0, 1036.0, 1072.0, 1108.0, 1144.0])
    monkeypatch.setattr("imgsim_guard.gate.check.time", SimpleNamespace(monotonic=lambda: next(ticks)))
    said = r"^501 images have no embedding yet\. Embedding them once takes about 5\.0 hours\.\n"
    with pytest.raises(GuardError, match=said):
        run(selection, make_pipeline(files), max_missing=0)


# Properties

POOL = [picture(seed, by, suffix) for seed in range(3) for by in (0, 3, 12) for suffix in (".png", ".bmp")]
contents = st.sampled_from([*POOL, b"text"])


def folder_of(prefix: str, most: int = 7) -> st.SearchStrategy[dict[str, bytes]]:
    return st.dictionaries(st.sampled_from([f"{prefix}/{name}" for name in "abcdefgh"]), contents, max_size=most)


def run_afresh(selection: Selection, files: Files) -> Result:
    """With a store of its own."""
    with tempfile.TemporaryDirectory() as root:
        embedder = ThumbnailEmbedder()
        store = open_store(Path(root))
        return run(selection, Pipeline(files, store, lambda _at_once: embedder, lambda _total, _doing: lambda: None))


def one_by_one(selection: Selection, files: Files) -> set[Match]:
    """What is expected, by comparing each query with each image before it."""
    expected: set[Match | None] = set()
    seen = list(selection.gallery)
    for query in selection.queries:
        same = [image for image in seen if image.content == query.content]
        if same:
            expected.add(Match("exact-duplicate", query, same[0], 0.0, rule=RULE))
        else:
            expected.update(compared(query, image, files) for image in firsts(seen))
        if selection.mutual:
            seen.append(query)
    return {match for match in expected if match}


def firsts(images: Iterable[Image]) -> list[Image]:
    """The first image of each content."""
    by_content: dict[str, Image] = {}
    for image in images:
        by_content.setdefault(image.content, image)
    return list(by_content.values())


def compared(query: Image, image: Image, files: Files) -> Match | None:
    one, other = decoded(query, files), decoded(image, files)
    if one is None or other is None:
        return None
    first, second = ThumbnailEmbedder().embed([one, other]).astype(np.float64)
    distance = round(float(np.linalg.norm(first - second)), 4)
    if distance > BOUNDS.threshold:
        return None
    kind: Kind = "exact-duplicate" if np.array_equal(one, other) else "near-duplicate"
    return Match(kind, query, image, distance, rule=RULE)


def decoded(image: Image, files: Files) -> NDArray[np.uint8] | None:
    data = files.read(image)
    pixels = decode(data) if isinstance(data, bytes) else data
    return None if isinstance(pixels, Unreadable) else pixels


@quick
@given(folder_of("new"), folder_of("held"), st.booleans())
def test_what_is_found_is_what_comparing_every_pair_finds(
    new: dict[str, bytes],
    held: dict[str, bytes],
    mutual: bool,  # noqa: FBT001
) -> None:
    selection, files = selected(new, held, mutual=mutual)
    result = run_afresh(selection, files)
    assert set(result.matches) == one_by_one(selection, files)
    assert len(set(result.matches)) == len(result.matches)


@quick
@given(folder_of("a"), folder_of("b"), folder_of("held"), st.booleans())
def test_each_new_image_matches_the_gallery_as_it_would_alone(
    first: dict[str, bytes],
    second: dict[str, bytes],
    held: dict[str, bytes],
    mutual: bool,  # noqa: FBT001
) -> None:
    """Together, or in two parts, or image by image. Where new images are compared with one another, equal ones are told
    apart from the gallery, so each content is new only once there.
    """
    if mutual:
        second = {path: data for path, data in second.items() if data not in first.values()}

    def against_gallery(new: dict[str, bytes]) -> set[Match]:
        selection, files = selected(new, held, mutual=mutual)
        return {match for match in run_afresh(selection, files).matches if match.gallery in selection.gallery}

    together = against_gallery({**first, **second})
    assert together == against_gallery(first) | against_gallery(second)
    if not mutual:
        alone = [against_gallery({path: data}) for path, data in {**first, **second}.items()]
        assert together == set().union(*alone)


@quick
@given(folder_of("new"), folder_of("held"), st.data())
def test_the_result_is_sorted_and_the_same_whatever_the_store_holds_already(
    new: dict[str, bytes], held: dict[str, bytes], data: st.DataObject
) -> None:
    selection, files = selected(new, held)
    expected = run_afresh(selection, files)
    order = [(match.query.path, match.distance, match.kind, match.gallery.path) for match in expected.matches]
    assert order == sorted(order)
    assert list(expected.unreadable) == sorted(expected.unreadable, key=lambda item: item[0])

    images = [*selection.queries, *selection.gallery]
    with tempfile.TemporaryDirectory() as root:
        store = open_store(Path(root))
        pipeline = Pipeline(files, store, ThumbnailEmbedder, lambda _total, _doing: lambda: None)
        for image in data.draw(st.permutations(images))[: data.draw(st.integers(0, len(images)))]:
            embed_missing(missing([image], store), pipeline)
        assert run(selection, pipeline) == expected


@quick
@given(folder_of("new"), folder_of("held"), st.data())
def test_the_result_is_the_same_whatever_order_images_are_selected_in(
    new: dict[str, bytes], held: dict[str, bytes], data: st.DataObject
) -> None:
    """Of several paths with one content the first in order is named, so each content of the gallery has one here."""
    held = {path: content for content, path in {content: path for path, content in held.items()}.items()}
    selection, files = selected(new, held, mutual=False)
    moved = replace(
        selection,
        queries=tuple(data.draw(st.permutations(selection.queries))),
        gallery=tuple(data.draw(st.permutations(selection.gallery))),
    )
    expected, result = run_afresh(selection, files), run_afresh(moved, files)
    assert replace(result, notes=()) == replace(expected, notes=())
    assert bool(result.notes) == bool(expected.notes)
