"""Images that stages of a pipeline make from images of the dataset."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from conftest import Files
from test_check import BOUNDS, picture, selected

from imgsim_guard.gate.check import check
from imgsim_guard.gate.derived import maker
from imgsim_guard.gate.policy import Policy
from imgsim_guard.model import Image, Made, Result, Unreadable
from imgsim_guard.sources.selection import pattern_filter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from test_check import MakePipeline

MADE = (Made("test", "split", derived=True), Made("train", "split", derived=True), Made("web", "get", derived=False))
SPLITS = {name: pattern_filter(f"/{name}/**", name="splits") for name in ("train", "test")}


def found(
    make_pipeline: MakePipeline,
    new: Mapping[str, bytes],
    held: Mapping[str, bytes] | None = None,
    *,
    splits: bool = False,
) -> Result:
    selection, files = selected(new, held)
    policy = Policy(BOUNDS, splits=SPLITS if splits else {})
    return check(replace(selection, made=MADE), make_pipeline(files), policy=policy, nearest=True)


def pairs(result: Result) -> list[tuple[str, str]]:
    return [(match.query.path, match.gallery.path) for match in result.matches]


def test_copies_that_a_stage_makes_are_no_duplicates(make_pipeline: MakePipeline) -> None:
    new = {"pool/b.png": picture(2), "train/b.png": picture(2), "test/b.png": picture(2, by=1)}
    result = found(make_pipeline, new, {"pool/a.png": picture(1), "train/a.png": picture(1)})
    assert (pairs(result), result.queries, result.gallery) == ([], 1, 1)
    [note] = result.notes
    assert note == (
        "new images that stages of the pipeline make from images of the dataset: 2 (test, train); "
        "they are derived, and compared only across splits"
    )


def test_a_split_of_derived_images_has_images(make_pipeline: MakePipeline) -> None:
    selection, files = selected({"pool/a.png": picture(1), "train/a.png": picture(1)})
    everything = replace(selection, made=MADE, scope="all")
    notes = check(everything, make_pipeline(files), policy=Policy(BOUNDS, splits=SPLITS)).notes
    assert notes[1:] == ("the split test has no images: check splits.test in the configuration",)


def test_a_new_image_is_compared_with_what_things_are_derived_from(make_pipeline: MakePipeline) -> None:
    held = {"pool/a.png": picture(1), "train/a.png": picture(1, by=1)}
    result = found(make_pipeline, {"pool/b.png": picture(1, by=2)}, held)
    assert (pairs(result), result.notes) == ([("pool/b.png", "pool/a.png")], ())


def test_what_a_stage_makes_of_something_else_is_judged(make_pipeline: MakePipeline) -> None:
    result = found(make_pipeline, {"web/b.png": picture(1, by=2)}, {"pool/a.png": picture(1)})
    assert pairs(result) == [("web/b.png", "pool/a.png")]


def test_leakage_among_derived_images_is_found(make_pipeline: MakePipeline) -> None:
    new = {
        "train/b.png": picture(2),
        "test/c.png": picture(2, by=1),
        "test/d.png": picture(2),
        "pool/b.png": picture(2),
    }
    result = found(make_pipeline, new, splits=True)
    assert pairs(result) == [("train/b.png", "test/d.png"), ("train/b.png", "test/c.png")]
    assert all(match.leakage for match in result.matches)
    assert (result.queries, result.failed) == (4, True)


def test_a_derived_folder_that_cannot_be_listed_matters_only_where_there_are_splits(
    make_pipeline: MakePipeline,
) -> None:
    selection, files = selected({"pool/a.png": picture(1)})
    absent = (("train", Unreadable("not here", absent=True)),)
    for splits, expected in (({}, ()), (SPLITS, absent)):
        asked = replace(selection, made=MADE, unreadable=absent)
        assert check(asked, make_pipeline(files), policy=Policy(BOUNDS, splits=splits)).unreadable == expected


def test_a_folder_that_moved_and_cannot_be_listed_matters_only_where_there_are_splits(
    make_pipeline: MakePipeline,
) -> None:
    selection, files = selected({"pool/a.png": picture(1)})
    absent = (("moved", Unreadable("not here", absent=True)),)
    for splits, expected in (({}, ()), (SPLITS, absent)):
        asked = replace(selection, relocated=absent)
        assert check(asked, make_pipeline(files), policy=Policy(BOUNDS, splits=splits)).unreadable == expected


def test_one_path_with_two_contents_is_no_copy_of_itself(make_pipeline: MakePipeline) -> None:
    selection, files = selected({"a.png": picture(1), "z.png": picture(1, by=2)}, {"b.png": picture(2)})
    [of_git, _] = selection.queries
    both = replace(selection, queries=selection.queries[1:], gallery=(Image("z.png", of_git.content),))
    result = check(both, make_pipeline(Files({**files.contents, "z.png": picture(1, by=2)})), policy=Policy(BOUNDS))
    assert result.matches == ()


def test_a_query_that_gets_neither_an_embedding_nor_a_reason_fails(make_pipeline: MakePipeline) -> None:
    selection, files = selected({"a.png": picture(1)}, {"b.png": picture(2)})
    contents = {**files.contents, "a.png": picture(3)}  # which the content id is not of
    result = check(selection, make_pipeline(Files(contents)), policy=Policy(BOUNDS))
    assert result.failed
    assert [(path, why.absent) for path, why in result.unreadable] == [("a.png", True)]
    assert "it got neither an embedding nor a reason why not, so it was not compared" in result.unreadable[0][1].reason


@pytest.mark.parametrize(("path", "stage"), [("train/deep/a.png", "split"), ("web", "get"), ("trains/a.png", "")])
def test_the_stage_that_makes_an_image_is_known(path: str, stage: str) -> None:
    assert maker(path, MADE) == stage
