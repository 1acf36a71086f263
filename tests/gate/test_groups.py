from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsim_guard.gate.groups import Wishes, copies_in, groups_of
from imgsim_guard.gate.keep import Facts
from imgsim_guard.model import Evidence, Image, Keep, Match, Relation, Rule, Transform

A, B, C, D, E = (Image(f"{name}.png", f"git:{name}") for name in "abcde")
PLAIN = Facts(100, 100, 5000)


def near(one: Image, other: Image, distance: float = 1.0, **more: object) -> Match:
    return replace(Match("near-duplicate", one, other, distance), **more)  # type: ignore[arg-type]


def same(one: Image, other: Image) -> Match:
    return Match("exact-duplicate", one, other, 0.0)


def said(matches: list[Match], facts: dict[Image, Facts] | None = None, wishes: Wishes | None = None) -> list[str]:
    """Each group in a word: what is kept, then the others with what becomes of them."""
    known = dict.fromkeys([A, B, C, D, E], PLAIN) | (facts or {})
    groups = groups_of(matches, known, wishes or Wishes())
    return [" ".join(f"{member.image.path[0]}:{member.role}" for member in group.members) for group in groups]


def test_an_image_moves_only_in_favour_of_one_that_it_matches() -> None:
    assert said([near(A, B), near(B, C)]) == ["a:keep b:copy"]
    assert said([near(A, B), near(B, C)], {B: Facts(200, 100, 5000)}) == ["b:keep a:copy c:copy"]


def test_exact_duplicates_stand_for_one_another() -> None:
    """A check says of each copy only that it is one of the first."""
    assert said([same(B, A), same(C, A), near(D, C)]) == ["a:keep b:copy c:copy d:copy"]
    assert said([same(B, A), same(D, C), same(D, A)]) == ["a:keep b:copy c:copy d:copy"]


@pytest.mark.parametrize(
    "match",
    [
        Match("look-alike", A, B, 1),
        near(A, B, accepted="seen"),
        near(A, B, rule=Rule(on_match="ignore")),
    ],
)
def test_what_does_not_count_brings_nothing_together(match: Match) -> None:
    assert said([match]) == []


@pytest.mark.parametrize(
    ("keep", "better", "why"),
    [
        ("best", Facts(100, 100, 5000, protected=True), "in a protected folder"),
        ("best", Facts(10, 10, 500, held=True), "in the dataset already"),
        ("best", Facts(200, 100, 500), "most pixels"),
        ("best", Facts(100, 100, 9000), "least compressed"),
        ("best", Facts(100, 100, 5100, age=1), "oldest"),
        ("best", Facts(100, 100, 5000), "first by name"),
        ("largest", Facts(200, 100, 500), "most pixels"),
        ("oldest", Facts(10, 10, 5000, age=1), "oldest"),
        ("first", Facts(10, 10, 500, order=-1), "named first"),
        ("least-compressed", Facts(10, 10, 500), "least compressed"),
    ],
)
def test_which_image_is_kept_and_why(keep: Keep, better: Facts, why: str) -> None:
    [group] = groups_of([near(B, A)], {A: better, B: PLAIN}, Wishes(keep))
    assert (group.kept.image, group.kept.why) == (A, why)


def test_a_page_is_no_better_version_of_a_picture_in_it() -> None:
    small = Transform(mirrored=False, rotation=0, scale=1, squeeze=1, covered=1.0, shown=0.3, matrix=(1, 0, 0, 0, 1, 0))
    on_page = near(A, B, evidence=Evidence("confirmed", 99, 1.0, 1.0, small, "part of a larger picture"))
    page = Facts(1000, 1000, 50000, page=True)
    assert said([on_page], {A: page}) == ["b:keep a:copy"]
    [group] = groups_of([on_page], {A: page, B: PLAIN})
    assert group.kept.why == "the picture itself, not a page around it"
    assert said([on_page], {A: replace_held(page)}) == ["a:keep b:left"]


def replace_held(facts: Facts) -> Facts:
    return facts._replace(held=True)


def test_copies_across_splits_stay_unless_that_is_asked_for() -> None:
    matches = [near(A, B, splits=("train", "test")), same(C, B), near(A, D, splits=("train", "val"))]
    matches[1] = replace(matches[1], splits=("test", "test"))
    assert said(matches) == ["a:keep b:leakage c:copy d:leakage"]
    assert said(matches, wishes=Wishes(resolve=("test",))) == ["b:keep c:copy a:copy"]
    assert said(matches, wishes=Wishes(resolve=("train",))) == ["a:keep b:copy c:copy d:copy"]


def test_an_image_under_two_labels_stays() -> None:
    matches = [near(A, B, labels=("cat", "dog")), near(A, C, labels=("cat", "cat")), same(D, B)]
    matches[2] = replace(matches[2], labels=("dog", "dog"))
    assert said(matches) == ["a:keep c:copy b:label-conflict d:copy"]
    assert said(matches, wishes=Wishes(resolve=("train",))) == said(matches)


def test_copies_that_disagree_do_not_all_give_way_to_one_that_has_no_say() -> None:
    """Else an image under two labels, or in two splits, would be gone from both without a word."""
    labels = [near(A, B, labels=("", "cat")), near(A, C, labels=("", "dog")), near(A, D, labels=("", "cat"))]
    assert said([*labels, near(B, D, labels=("cat", "cat"))]) == ["a:keep b:label-conflict d:copy c:label-conflict"]
    [kept, member, *_] = groups_of(labels, dict.fromkeys([A, B, C, D], PLAIN))[0].members
    assert (kept.image, member.why) == (A, "labelled cat, other copies dog")
    assert said(labels[::2]) == ["a:keep b:copy d:copy"]
    splits = [near(A, B, splits=("", "train")), near(A, C, splits=("", "test")), same(D, A)]
    assert said(splits) == ["a:keep d:copy b:leakage c:leakage"]
    assert "in train, other copies in test" in {
        member.why for member in groups_of(splits, dict.fromkeys([A, B, C, D], PLAIN))[0].members
    }
    assert said(splits, wishes=Wishes(resolve=("val",))) == said(splits)
    splits.append(near(B, C, splits=("train", "test")))
    assert said(splits, wishes=Wishes(resolve=("test",))) == ["c:keep a:copy b:copy d:copy"]


def test_what_may_not_be_moved_stays() -> None:
    assert said([near(A, B)], wishes=Wishes(movable=lambda path: path == "a.png")) == ["a:keep b:left"]
    assert said([near(A, B)], {B: PLAIN._replace(protected=True), A: PLAIN._replace(protected=True)}) == [
        "a:keep b:left"
    ]
    assert said([near(A, B)], {B: Facts()}) == ["a:keep b:left"]


IMAGES = [Image(f"{index:02}.png", f"git:{index}") for index in range(12)]
PAIRS = st.lists(
    st.tuples(st.sampled_from([*combinations(IMAGES, 2)]), st.booleans()),
    unique_by=lambda pair: pair[0],
)


TWELVE = st.lists(st.integers(1, 3), min_size=12, max_size=12)


@given(pairs=PAIRS, sizes=TWELVE, places=TWELVE, seed=st.integers(0, 9))
def test_any_matches_give_groups_that_leave_one_of_each(
    pairs: list[tuple[tuple[Image, Image], bool]], sizes: list[int], places: list[int], seed: int
) -> None:
    split = {image: ("", "train", "test")[place - 1] for image, place in zip(IMAGES, places, strict=True)}
    matches = [
        replace(same(*pair) if copies else near(*pair), splits=(split[pair[0]], split[pair[1]]))
        for pair, copies in pairs
    ]
    facts = {image: Facts(size, 1, 10) for image, size in zip(IMAGES, sizes, strict=True)}
    groups = groups_of(matches, facts)
    grouped = [member.image for group in groups for member in group.members]
    assert len(grouped) == len({*grouped})
    moved = {member.image for member in copies_in(groups)}
    for group in groups:
        assert group.kept.role == "keep"
        for member in group.copies:
            assert member.of is not None
            assert member.of not in moved
            assert member.of in grouped
            assert member.match is not None
    random.Random(seed).shuffle(matches)
    assert groups_of(matches, facts) == groups


@pytest.mark.parametrize(
    ("relation", "why"),
    [
        ("same scene", "the same scene, no copy"),
        ("overlapping view", "an overlapping view, no copy: each shows a part that the other lacks"),
    ],
)
def test_a_view_of_its_own_stays_unless_that_is_asked_for(relation: Relation, why: str) -> None:
    evidence = Evidence("confirmed", 90, 0.9, 0.8, None, "cropped to 80%", relation=relation)
    matches = [near(A, B, evidence=evidence), near(A, C)]
    assert said(matches) == ["a:keep c:copy b:left"] or said(matches) == ["a:keep b:left c:copy"]
    [group] = groups_of(matches, dict.fromkeys([A, B, C], PLAIN))
    assert {member.why for member in group.members if member.role == "left"} == {why}
    assert said(matches, wishes=Wishes(views=True)) == ["a:keep b:copy c:copy"]
