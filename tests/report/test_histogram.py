from __future__ import annotations

import os
import random
import subprocess
from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsim_guard.model import Image, Match, Rule, Unreadable
from imgsim_guard.report.groups import Group, Proposal, mutual_groups, proposal, removals
from imgsim_guard.report.histogram import histogram
from imgsim_guard.report.pictures import Picture

if TYPE_CHECKING:
    from pathlib import Path

A, B, C, D, E = (Image(f"{name}.png", f"git:{name}") for name in "abcde")


def near(one: Image, other: Image, distance: float = 1.0) -> Match:
    return Match("near-duplicate", one, other, distance)


def same(one: Image, other: Image) -> Match:
    return Match("exact-duplicate", one, other, 0.0)


def test_strangers_are_not_chained_together() -> None:
    assert mutual_groups([near(A, B, 1), near(B, C, 2)]) == (Group((A, B), 1),)


def test_a_group_holds_all_that_match_each_other() -> None:
    matches = [near(A, B, 1), near(B, C, 3), near(A, C, 2), near(D, E, 4), near(D, C, 5)]
    assert mutual_groups(matches) == (Group((A, B, C), 3), Group((D, E), 4))


def test_copies_stand_for_one_another() -> None:
    """A check says of each copy only that it is one of the first."""
    matches = [same(B, A), same(C, A), near(D, A, 2)]
    assert mutual_groups(matches) == (Group((A, B, C, D), 2),)
    assert mutual_groups([same(B, A), near(D, A, 1), near(E, A, 2)]) == (Group((A, B, D), 1),)


def test_copies_of_copies_are_one_group() -> None:
    assert mutual_groups([same(B, A), same(D, C), same(D, A)]) == (Group((A, B, C, D), 0),)


@pytest.mark.parametrize(
    "match",
    [
        Match("look-alike", A, B, 1),
        Match("near-duplicate", A, B, 1, accepted="seen"),
        Match("near-duplicate", A, B, 1, rule=Rule(on_match="ignore")),
    ],
)
def test_what_does_not_count_brings_nothing_together(match: Match) -> None:
    assert mutual_groups([match]) == ()


IMAGES = [Image(f"{index:02}.png", f"git:{index}") for index in range(12)]
PAIRS = st.lists(
    st.tuples(st.sampled_from([*combinations(IMAGES, 2)]), st.booleans(), st.integers(1, 9)), unique_by=lambda x: x[0]
)


@given(pairs=PAIRS, seed=st.integers(0, 9))
def test_any_matches_give_groups_of_mutual_duplicates(
    pairs: list[tuple[tuple[Image, Image], bool, int]], seed: int
) -> None:
    matches = [same(*pair) if copies else near(*pair, distance) for pair, copies, distance in pairs]
    groups = mutual_groups(matches)
    grouped = [image for group in groups for image in group.images]
    assert len(grouped) == len({*grouped})
    copies = equal(matches)
    matched = {frozenset((copies[match.query], copies[match.gallery])) for match in matches}
    for group in groups:
        for one, other in combinations(group.images, 2):
            assert copies[one] == copies[other] or frozenset((copies[one], copies[other])) in matched
    random.Random(seed).shuffle(matches)
    assert mutual_groups(matches) == groups


def equal(matches: list[Match]) -> dict[Image, Image]:
    """By image, one that stands for all its copies: found by repeating until nothing changes."""
    stands = {image: image for image in IMAGES}
    for _ in IMAGES:
        for match in matches:
            if match.kind == "exact-duplicate":
                stands[match.query] = stands[match.gallery] = min(stands[match.query], stands[match.gallery])
    return stands


SMALL, LARGE, HEAVY = Picture(10, 10, 500), Picture(20, 10, 300), Picture(20, 10, 301)


@pytest.mark.parametrize(
    ("one", "other", "history", "expected"),
    [
        (SMALL, LARGE, None, Proposal(B, "largest", (A,))),
        (LARGE, SMALL, None, Proposal(A, "largest", (B,))),
        (LARGE, HEAVY, {"a.png": 1, "b.png": 2}, Proposal(B, "least compressed", (A,))),
        (LARGE, LARGE, {"a.png": 2, "b.png": 1}, Proposal(B, "oldest in history", (A,))),
        (LARGE, LARGE, {"b.png": 1}, Proposal(B, "oldest in history", (A,))),
        (LARGE, LARGE, None, Proposal(A, "first by name", (B,))),
        (LARGE, Unreadable("gone"), None, None),
        (LARGE, None, None, None),
    ],
)
def test_which_image_to_keep(
    one: Picture, other: Picture | Unreadable | None, history: dict[str, int] | None, expected: Proposal | None
) -> None:
    pictures: dict[str, Picture | Unreadable] = {A.content: one}
    if other is not None:
        pictures[B.content] = other
    assert proposal(Group((A, B), 1), pictures, history) == expected


def test_the_script_removes_just_what_is_not_kept(tmp_path: Path) -> None:
    names = [
        "keep\nrm -- other.png",
        "-rf",
        "it's $(touch x).png",
        "\x1b[31m.png",
        "caf\u00e9.png",
        os.fsdecode(b"\xff"),
    ]
    for name in [*names, "other.png"]:
        (tmp_path / name).touch()
    keep, *others = [Image(name, f"git:{name}") for name in names]
    script = removals([Proposal(keep, "largest", tuple(others))])
    assert script.startswith("# keep keep\\nrm -- other.png\nrm -- -rf\n")
    subprocess.run(["bash", "-c", script], cwd=tmp_path, check=True)
    assert {path.name for path in tmp_path.iterdir()} == {names[0], "other.png"}


def test_a_histogram_counts_every_distance_once() -> None:
    drawn = histogram([0.0, 0.2, 1.0, 9.999, 10.0, 10.001, 30.0], threshold=10.0)
    assert drawn is not None
    assert [(bar.start, bar.end, bar.images) for bar in drawn.bars] == [
        (0, 1, 3),
        (9, 10, 2),
        (10, 11, 1),
        (29, 30, 1),
    ]
    assert (drawn.within, drawn.total, drawn.most) == (5, 7, 3)
    assert drawn.threshold == pytest.approx(100 * 10 / 31, abs=0.001)
    assert [label for label, _ in drawn.ticks] == ["0", "5", "10", "15", "20", "25", "30"]


def test_a_histogram_of_nothing() -> None:
    assert histogram([], threshold=10.0) is None


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1e4))
def test_any_distances_have_a_histogram(distances: list[float], threshold: float) -> None:
    drawn = histogram(distances, threshold)
    assert drawn is not None
    assert sum(bar.images for bar in drawn.bars) == len(distances)
    assert all(0 <= bar.left <= bar.left + bar.width <= 100.01 and 0 < bar.height <= 100 for bar in drawn.bars)
    assert 0 <= drawn.threshold <= 100
    assert 1 <= len(drawn.ticks) <= 12
