"""What a match means: splits, rules with thresholds and limits of their own, and leakage."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import Files, ThumbnailEmbedder, open_store
from hypothesis import given
from hypothesis import strategies as st
from test_check import POOL, decoded, picture, quick, selected

from imgsim_guard.config.reader import parse_settings
from imgsim_guard.gate.accepted import AcceptedPair, accepted_pair
from imgsim_guard.gate.check import check
from imgsim_guard.gate.pipeline import Pipeline
from imgsim_guard.gate.policy import Policy, policy_of
from imgsim_guard.model import Bounds, GuardError, Image, Limits, Match, Result, Rule, Share, allowed
from imgsim_guard.report.text import text_report
from imgsim_guard.search import distances

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from imgsim_guard.model import Limit, Selection

    MakePipeline = Callable[[Files], Pipeline]

SPLITS = "threshold: 2\nverify: never\nsplits: {raw: raw/**, train: train/**, test: [test/**, old-test/**]}\n"
"""Of thumbnails: `picture(1)` and `picture(1, by)` are 0.217 apart for each step, other pictures about 20."""


def policy(rules: str = "", *accepted: AcceptedPair) -> Policy:
    return policy_of(parse_settings(f"{SPLITS}{rules}", name="f"), accepted)


@pytest.fixture
def judge(make_pipeline: MakePipeline) -> Callable[..., Result]:
    """Judges new images against held ones by a policy."""

    def run(policy: Policy, new: Mapping[str, bytes], held: Mapping[str, bytes] | None = None) -> Result:
        selection, files = selected(new, held)
        return check(selection, make_pipeline(files), policy=policy)

    return run


def pairs(result: Result) -> list[tuple[str, str]]:
    return [(match.query.path, match.gallery.path) for match in result.matches]


# Which rule is for a pair


def test_a_rule_is_for_both_directions_and_the_general_threshold_for_the_rest() -> None:
    rules = "rules: [{between: [train, test], threshold: 12, on_match: warn, limit: 3}, {within: train, limit: 2%}]"
    found = policy(rules)
    between, within = Rule(("train", "test"), 12.0, "warn", 3), Rule(("train", "train"), 2.0, "fail", Share(2.0))
    assert [found.rule(pair) for pair in (("train", "test"), ("test", "train"))] == [between, between]
    assert found.rule(("train", "train")) == within
    for pair in (("test", "test"), ("raw", "train"), ("", "train"), ("", "")):
        assert found.rule(pair) == Rule(threshold=2.0)
    assert found.retrieved == Bounds(threshold=12.0, verify=False)
    assert found.bounds == Bounds(threshold=2.0, verify=False)


def test_a_split_is_known_by_its_patterns_and_an_image_in_two_is_an_error() -> None:
    found = policy()
    assert [found.split(path) for path in ("train/a/b.png", "old-test/a.png", "other/train.png", "")] == [
        "train",
        "test",
        "",
        "",
    ]
    overlapping = policy_of(parse_settings("splits: {all: data/**, test: data/test/**}", name="f"))
    assert overlapping.split("data/a.png") == "all"
    with pytest.raises(GuardError) as caught:
        overlapping.split("data/test/a.png")
    assert str(caught.value) == (
        "data/test/a.png is in two splits, all and test; "
        "change their patterns in the configuration so that no image is in both"
    )


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (None, [("test/near.png", "train/a.png")]),
        (4, [("test/far.png", "train/a.png"), ("test/near.png", "train/a.png")]),
        (0.3, []),
    ],
)
def test_the_threshold_of_a_rule_holds_for_its_pairs_only(
    judge: Callable[..., Result], threshold: float | None, expected: list[tuple[str, str]]
) -> None:
    rules = "" if threshold is None else f"rules: [{{between: [test, train], threshold: {threshold}}}]"
    new = {"test/near.png": picture(1, 3), "test/far.png": picture(1, 14), "raw/far.png": picture(2, 14)}
    result = judge(policy(rules), new, {"train/a.png": picture(1), "train/b.png": picture(2)})
    assert pairs(result) == expected
    assert {match.rule.threshold for match in result.matches} <= {threshold or 2.0}


@pytest.mark.parametrize(
    ("rule", "failed", "count", "exceeded"),
    [
        ("{within: train}", True, 2, (("near-duplicates", 2, 0),)),
        ("{within: train, on_match: warn}", False, 2, ()),
        ("{within: train, on_match: ignore}", False, 0, ()),
        ("{within: train, limit: 2}", False, 2, ()),
        ("{within: train, limit: 1}", True, 2, (("train - train", 2, 1),)),
        ("{within: train, limit: 50%}", False, 2, ()),
        ("{within: train, limit: 49%}", True, 2, (("train - train", 2, Share(49.0)),)),
        ("{within: test, on_match: ignore}", True, 2, (("near-duplicates", 2, 0),)),
    ],
)
def test_a_rule_says_what_becomes_of_its_matches(
    judge: Callable[..., Result],
    rule: str,
    failed: bool,  # noqa: FBT001
    count: int,
    exceeded: tuple[tuple[str, int, Limit], ...],
) -> None:
    new = {"train/b.png": picture(1, 1), "train/c.png": picture(1, 2), "train/d.png": picture(3), "e.png": picture(4)}
    result = judge(policy(f"rules: [{rule}]"), new, {"train/a.png": picture(1)})
    assert len(result.matches) == 3  # c.png has two
    assert (result.failed, result.count("near-duplicate"), result.exceeded) == (failed, count, exceeded)


def test_what_has_a_limit_of_its_own_does_not_count_against_the_general_one(judge: Callable[..., Result]) -> None:
    new = {"train/b.png": picture(1, 1), "train/copy.png": picture(1), "raw/b.png": picture(2, 1)}
    held = {"train/a.png": picture(1), "raw/a.png": picture(2)}
    rules = "max_near_duplicates: 1\nrules: [{within: train, limit: 2}]"
    assert judge(policy(rules), new, held).exceeded == ()
    assert judge(policy(rules.replace("2", "1")), new, held).exceeded == (("train - train", 2, 1),)


@pytest.mark.parametrize(
    ("limit", "queries", "expected"),
    [
        (3, 10, 3),
        (Share(0.57), 10_000, 57),
        (Share(0.29), 10_000, 29),
        (Share(2), 149, 2),
        (Share(2), 150, 3),
        (Share(2), 49, 0),
        (Share(100), 7, 7),
        (Share(0), 7, 0),
        (Share(50), 0, 0),
    ],
)
def test_a_limit_is_a_number_or_a_share_of_all_new_images_rounded_down(
    limit: Limit, queries: int, expected: int
) -> None:
    assert allowed(limit, queries) == expected


def test_shares_are_of_all_that_is_new_what_cannot_be_read_included(judge: Callable[..., Result]) -> None:
    new = {"b.png": picture(1), "bad.png": b"text", "c.png": picture(2), "d.png": picture(3)}
    rules = "unreadable: warn\nmax_exact_duplicates: 25%"
    result = judge(policy(rules), new, {"a.png": picture(1)})
    assert (result.queries, result.exceeded, result.failed) == (4, (), False)
    assert judge(policy(rules.replace("25", "24")), new, {"a.png": picture(1)}).failed


# Leakage


def test_a_match_across_splits_is_leakage_from_the_new_image_to_the_held(judge: Callable[..., Result]) -> None:
    new = {"train/a.png": picture(1, 1), "test/b.png": picture(2), "train/c.png": picture(3), "d.png": picture(4)}
    held = {"test/a.png": picture(1), "train/b.png": picture(2), "train/old.png": picture(3), "test/d.png": picture(4)}
    result = judge(policy(), new, held)
    assert [(match.query.path, match.splits, match.leakage) for match in result.matches] == [
        ("d.png", ("", "test"), False),
        ("test/b.png", ("test", "train"), True),
        ("train/a.png", ("train", "test"), True),
        ("train/c.png", ("train", "train"), False),
    ]


def test_an_exact_copy_is_said_of_each_split_that_has_it(judge: Callable[..., Result]) -> None:
    held = {"test/1.png": picture(1), "test/2.png": picture(1), "train/1.png": picture(1), "x.png": picture(1)}
    new = {"raw/1.png": picture(1), "train/2.png": picture(1)}
    assert pairs(judge(policy(), new, held)) == [
        ("raw/1.png", "test/1.png"),
        ("raw/1.png", "train/1.png"),
        ("raw/1.png", "x.png"),
        ("train/2.png", "raw/1.png"),
        ("train/2.png", "test/1.png"),
        ("train/2.png", "train/1.png"),
        ("train/2.png", "x.png"),
    ]


def test_copies_among_new_images_are_said_of_each_split(judge: Callable[..., Result]) -> None:
    new = dict.fromkeys(["test/a.png", "test/b.png", "train/a.png", "train/b.png"], picture(1))
    assert pairs(judge(policy(), new)) == [
        ("test/b.png", "test/a.png"),
        ("train/a.png", "test/a.png"),
        ("train/b.png", "test/a.png"),
        ("train/b.png", "train/a.png"),
    ]


IGNORED = "rules: [{between: [raw, train], on_match: ignore}, {between: [raw, test], on_match: ignore}]"


@pytest.mark.parametrize("held", [(), ("raw/x.png",), ("test/near.png",), ("raw/x.png", "test/near.png")])
def test_a_copy_that_is_allowed_does_not_hide_leakage(judge: Callable[..., Result], held: tuple[str, ...]) -> None:
    """The pool may be copied from; what was copied into one split must not be near another."""
    all_of_them = {"raw/x.png": picture(1), "test/near.png": picture(1, 2), "train/x.png": picture(1)}
    new = {path: data for path, data in all_of_them.items() if path not in held}
    result = judge(policy(IGNORED), new, {path: all_of_them[path] for path in held})
    blocking = [(match.query.path, match.gallery.path) for match in result.matches if match.blocking]
    assert blocking == [("train/x.png", "test/near.png")]


def test_an_image_in_two_splits_stops_the_check(judge: Callable[..., Result]) -> None:
    overlapping = policy_of(parse_settings("verify: never\nsplits: {one: '*.png', two: a/}", name="f"))
    with pytest.raises(GuardError, match=r"^a/x\.png is in two splits, one and two; "):
        judge(overlapping, {"a/x.png": picture(1)}, {"b.png": picture(1)})


# Accepted pairs


def test_what_was_accepted_passes_and_the_next_does_not(judge: Callable[..., Result]) -> None:
    new = {"train/b.png": picture(1, 1), "train/copy.png": picture(2)}
    held = {"test/a.png": picture(1), "test/copy.png": picture(2), "train/old.png": picture(2)}
    found = judge(policy(), new, held).matches
    assert len(found) == 3
    known = [accepted_pair(match, "known") for match in found]
    result = judge(policy("", *known), new, held)
    assert (result.failed, result.count("exact-duplicate"), result.count("near-duplicate")) == (False, 0, 0)
    assert {match.accepted for match in result.matches} == {"known"}
    for left_out in known:
        assert judge(policy("", *[pair for pair in known if pair != left_out]), new, held).failed
    assert judge(policy("", *known), {**new, "train/more.png": picture(2)}, held).failed


def test_a_copy_that_was_accepted_when_it_came_is_accepted_when_all_is_judged(judge: Callable[..., Result]) -> None:
    """Whatever the order of names, which decides what is called a copy of what."""
    (match,) = judge(policy(), {"0.png": picture(1)}, {"a.png": picture(1)}).matches
    known = policy("", accepted_pair(match, "known"))
    both = {"0.png": picture(1), "a.png": picture(1)}
    assert [match.accepted for match in judge(known, both).matches] == ["known"]
    assert pairs(judge(known, {"z.png": picture(1)}, both)) == [("z.png", "a.png")]
    assert judge(known, {"z.png": picture(1)}, both).failed
    assert judge(known, {**both, "z.png": picture(1)}).failed


# Properties

PATHS = [f"{split}/{name}.png" for split in ("raw", "train", "test", "other") for name in "ab"]
RULED = policy("rules: [{between: [train, test], threshold: 4}, {within: train, threshold: 0.5}]")
dictionaries = st.dictionaries(st.sampled_from(PATHS), st.sampled_from(POOL), max_size=6)
Key = frozenset[tuple[str, str]]


def run_afresh(selection: Selection, files: Files, *, nearest: bool = False) -> Result:
    with tempfile.TemporaryDirectory() as root:
        store = open_store(Path(root))
        pipeline = Pipeline(files, store, ThumbnailEmbedder, lambda _total, _doing: lambda: None)
        return check(selection, pipeline, policy=RULED, nearest=nearest)


def distance(one: Image, other: Image, files: Files) -> float:
    pixels = [decoded(image, files) for image in (one, other)]
    first, second = ThumbnailEmbedder().embed([each for each in pixels if each is not None])
    return float(distances(first[None], second[None])[0])


def key(one: Image, other: Image) -> Key:
    """What of a pair a policy can tell from others: contents and splits."""
    return frozenset((image.content, RULED.split(image.path)) for image in (one, other))


def is_match(one: Image, other: Image, files: Files) -> bool:
    threshold = RULED.rule((RULED.split(one.path), RULED.split(other.path))).threshold
    return distance(one, other, files) <= threshold


def others(query: Image, selection: Selection) -> Sequence[Image]:
    more = [image for image in selection.queries if image != query] if selection.mutual else []
    return [*selection.gallery, *more]


@quick
@given(dictionaries, dictionaries, st.booleans())
def test_no_pair_of_splits_is_left_out_that_comparing_every_pair_finds(
    new: dict[str, bytes],
    held: dict[str, bytes],
    mutual: bool,  # noqa: FBT001
) -> None:
    selection, files = selected(new, {path: data for path, data in held.items() if path not in new}, mutual=mutual)
    there = {(image.content, RULED.split(image.path)) for image in selection.gallery}
    expected = {
        key(query, other)
        for query in selection.queries
        for other in others(query, selection)
        if query.content == other.content
        or ((query.content, RULED.split(query.path)) not in there and is_match(query, other, files))
    }
    result = run_afresh(selection, files)
    assert {key(match.query, match.gallery) for match in result.matches} == expected
    found = pairs(result)
    assert len({frozenset(pair) for pair in found}) == len(found)


@quick
@given(dictionaries, dictionaries, st.booleans())
def test_the_nearest_is_what_comparing_every_pair_finds(
    new: dict[str, bytes],
    held: dict[str, bytes],
    mutual: bool,  # noqa: FBT001
) -> None:
    selection, files = selected(new, {path: data for path, data in held.items() if path not in new}, mutual=mutual)
    expected = {
        query.path: min(distance(query, other, files) for other in compared)
        for query in selection.queries
        if (compared := others(query, selection))
    }
    assert dict(run_afresh(selection, files, nearest=True).nearest) == expected
    assert run_afresh(selection, files).nearest == ()


# What a person reads

CAT, OLD_CAT = Image("train/cat.png", "git:" + "1" * 40), Image("test/cat.png", "git:" + "2" * 40)
DOG, OLD_DOG = Image("train/dog.png", "git:" + "3" * 40), Image("train/old.png", "git:" + "3" * 40)


def report(*matches: Match, look_alikes: bool = False) -> str:
    return text_report(Result("staged", Bounds(), Limits(), 5, 9, matches), look_alikes=look_alikes)


def test_leakage_is_said_with_its_direction_and_counted() -> None:
    leak = Match("near-duplicate", CAT, OLD_CAT, 4.31, rule=Rule(("train", "test"), 12.0), splits=("train", "test"))
    copy = Match("exact-duplicate", DOG, OLD_DOG, 0.0, splits=("train", "train"))
    assert report(leak, copy).splitlines()[:3] == [
        "train/cat.png   near-duplicate of    test/cat.png    distance 4.31 (threshold 12), leakage: train -> test",
        "train/dog.png   exact duplicate of   train/old.png   same bytes",
        "1 exact duplicate and 1 near-duplicate among 5 new images, checked against 9. 1 is leakage between splits.",
    ]


def test_warnings_are_shown_and_what_is_ignored_or_accepted_is_counted() -> None:
    warned = Match("near-duplicate", CAT, OLD_CAT, 4.31, rule=Rule(on_match="warn"))
    ignored = Match("exact-duplicate", DOG, OLD_DOG, 0.0, rule=Rule(("train", "train"), on_match="ignore"))
    allowed_one = Match("near-duplicate", DOG, OLD_CAT, 2.0, accepted="twins\x1b[31m")
    assert report(warned, ignored, allowed_one) == (
        "train/cat.png   near-duplicate of    test/cat.png   distance 4.31 (threshold 10), a warning only\n"
        "1 near-duplicate among 5 new images, checked against 9 (allowed by the configuration). "
        "1 accepted (--verbose lists them). 1 ignored by a rule (--verbose lists them).\n"
    )
    assert report(warned, ignored, allowed_one, look_alikes=True).splitlines()[1:3] == [
        "train/dog.png   exact duplicate of   train/old.png   same bytes, ignored by a rule",
        "train/dog.png   near-duplicate of    test/cat.png    distance 2.00 (threshold 10), accepted: twins\\x1b[31m",
    ]


def test_what_only_a_rule_ignores_is_no_near_duplicate() -> None:
    ignored = Match("near-duplicate", CAT, OLD_CAT, 4.31, rule=Rule(on_match="ignore"), splits=("train", "test"))
    assert report(ignored) == (
        "no near-duplicates among 5 new images, checked against 9. 1 is leakage between splits. "
        "1 ignored by a rule (--verbose lists them).\n"
    )


def test_a_split_without_images_is_said_where_all_are_judged(make_pipeline: MakePipeline) -> None:
    selection, files = selected({"train/a.png": picture(1), "test/b.png": picture(2)})
    said = ("the split raw has no images: check splits.raw in the configuration",)
    everything = replace(selection, scope="all")
    assert check(everything, make_pipeline(files), policy=policy()).notes == said
    assert check(selection, make_pipeline(files), policy=policy()).notes == ()  # a commit need not have some of each
