from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsim_guard.model import (
    Bounds,
    Evidence,
    Group,
    Image,
    Limits,
    Match,
    Member,
    Result,
    Scope,
    Transform,
    Unreadable,
)
from imgsim_guard.report.as_json import compare_json, json_report
from imgsim_guard.report.escaping import shell_word, shown
from imgsim_guard.report.group_text import group_lines
from imgsim_guard.report.text import compare_report, headline, text_report

if TYPE_CHECKING:
    from conftest import Repository

ALLOW_MORE = (
    "  change the rules:  threshold, max_near_duplicates, unreadable and images in .imgsim-guard.yaml, "
    "then git add .imgsim-guard.yaml\n"
)
SKIP_IT = "  skip this once:    SKIP=imgsim-guard git commit    (with a plain git hook: git commit --no-verify)\n"
KEEP_IT = '  keep it:           imgsim-guard accept data/train/cat-7.png --reason "..."\n'
KEEP_MORE = KEEP_IT.removesuffix("\n") + "    (and 1 more)\n"

CAT = Image("data/train/cat-7.png", "git:" + "7" * 40)
CAT_2 = Image("data/test/cat-2.png", "git:" + "2" * 40)
DOG = Image("dog.jpg", "git:" + "d" * 40)
NEAR = Match("near-duplicate", CAT, CAT_2, 4.3125)
SAME_BYTES = Match("exact-duplicate", DOG, Image("old/dog.jpg", DOG.content), 0.0)
SAME_PIXELS = Match("exact-duplicate", CAT, DOG, 0.0)


def result(
    *matches: Match,
    scope: Scope = "staged",
    limits: Limits = Limits(),
    queries: int = 12,
    unreadable: dict[str, str] | None = None,
    notes: tuple[str, ...] = (),
) -> Result:
    reasons = tuple((path, Unreadable(reason)) for path, reason in (unreadable or {}).items())
    return Result(scope, Bounds(), limits, queries, 8412, matches, reasons, notes)


def test_nothing_found() -> None:
    assert text_report(result()) == "no near-duplicates among 12 new images, checked against 8,412.\n"


def test_the_time_it_took_is_told_when_known() -> None:
    assert text_report(result(), seconds=1.234) == (
        "no near-duplicates among 12 new images, checked against 8,412 in 1.2 s.\n"
    )


@pytest.mark.parametrize(
    ("scope", "queries", "expected"),
    [
        ("staged", 0, "no near-duplicates among 0 new images, checked against 8,412.\n"),
        ("staged", 1, "no near-duplicates among 1 new image, checked against 8,412.\n"),
        ("revisions", 2, "no near-duplicates among 2 new images, checked against 8,412.\n"),
        ("all", 1, "no near-duplicates among 1 image, checked against 8,412.\n"),
        ("folders", 1234, "no near-duplicates among 1,234 images, checked against 8,412.\n"),
    ],
)
def test_what_was_checked_is_told_in_words(scope: Scope, queries: int, expected: str) -> None:
    assert text_report(result(scope=scope, queries=queries)) == expected


def test_one_near_duplicate_is_staged() -> None:
    assert text_report(result(NEAR)) == (
        "data/train/cat-7.png   near-duplicate of    data/test/cat-2.png   distance 4.31 (threshold 10)\n"
        "1 near-duplicate among 12 new images, checked against 8,412.\n"
        "  drop it:           git reset -- data/train/cat-7.png\n" + KEEP_IT + ALLOW_MORE
    )


def test_exact_duplicates_say_what_is_the_same() -> None:
    assert text_report(result(SAME_PIXELS, SAME_BYTES)) == (
        "data/train/cat-7.png   exact duplicate of   dog.jpg       same pixels\n"
        "dog.jpg                exact duplicate of   old/dog.jpg   same bytes\n"
        "2 exact duplicates among 12 new images, checked against 8,412.\n"
        "  drop it:           git reset -- data/train/cat-7.png dog.jpg\n" + KEEP_MORE + ALLOW_MORE
    )


def test_everything_at_once() -> None:
    everything = result(
        NEAR,
        Match("near-duplicate", CAT, DOG, 9.99996),
        SAME_BYTES,
        unreadable={"broken.png": "an empty file", "sent.heic": "HEIC, which is not supported"},
        notes=("x.dvc: a note",),
    )
    assert text_report(everything, seconds=0) == (
        "note: x.dvc: a note\n"
        "data/train/cat-7.png   near-duplicate of    data/test/cat-2.png   distance 4.31 (threshold 10)\n"
        "data/train/cat-7.png   near-duplicate of    dog.jpg               distance 10.00 (threshold 10)\n"
        "dog.jpg                exact duplicate of   old/dog.jpg           same bytes\n"
        "broken.png   unreadable: an empty file\n"
        "sent.heic   unreadable: HEIC, which is not supported\n"
        "1 exact duplicate, 1 near-duplicate and 2 unreadable among 12 new images, checked against 8,412 in 0.0 s.\n"
        "  drop it:           git reset -- broken.png data/train/cat-7.png dog.jpg sent.heic\n" + KEEP_MORE + ALLOW_MORE
    )


def test_what_the_configuration_allows_has_no_ways_out() -> None:
    allowed = result(NEAR, unreadable={"broken.png": "an empty file"}, limits=Limits(1, 0, unreadable_fails=False))
    assert text_report(allowed) == (
        "data/train/cat-7.png   near-duplicate of    data/test/cat-2.png   distance 4.31 (threshold 10)\n"
        "broken.png   unreadable: an empty file\n"
        "1 near-duplicate and 1 unreadable among 12 new images, checked against 8,412 (allowed by the configuration).\n"
    )


@pytest.mark.parametrize("scope", ["revisions", "all"])
def test_what_is_committed_is_dropped_by_removing_it(scope: Scope) -> None:
    images = "images" if scope == "all" else "new images"
    assert text_report(result(SAME_PIXELS, scope=scope)) == (
        "data/train/cat-7.png   exact duplicate of   dog.jpg   same pixels\n"
        f"1 exact duplicate among 12 {images}, checked against 8,412.\n"
        "  drop it:           git rm --cached -- data/train/cat-7.png\n" + KEEP_IT + ALLOW_MORE
    )


def test_folders_have_no_commands() -> None:
    assert text_report(result(SAME_PIXELS, scope="folders")) == (
        "data/train/cat-7.png   exact duplicate of   dog.jpg   same pixels\n"
        "1 exact duplicate among 12 images, checked against 8,412.\n"
    )


def unreadable_report(count: int) -> str:
    return text_report(result(unreadable={f"{number}.png": "an empty file" for number in range(count)}))


def test_five_paths_are_written_into_the_command() -> None:
    assert "  drop it:           git reset -- 0.png 1.png 2.png 3.png 4.png\n" in unreadable_report(5)


def test_more_than_five_paths_are_counted() -> None:
    assert unreadable_report(7) == (
        "".join(f"{number}.png   unreadable: an empty file\n" for number in range(7))
        + "7 unreadable among 12 new images, checked against 8,412.\n"
        "  drop it:           git reset -- 0.png 1.png 2.png 3.png 4.png    (and 2 more)\n" + SKIP_IT + ALLOW_MORE
    )


NAMES = {
    "plain.png": ("plain.png", "plain.png"),
    "a name with spaces.png": ("a name with spaces.png", "'a name with spaces.png'"),
    "-rf.png": ("-rf.png", "-rf.png"),
    'it\'s "quoted".png': ('it\'s "quoted".png', "'it'\"'\"'s \"quoted\".png'"),
    "$(reboot)`id`;&|*?[a]\\.png": ("$(reboot)`id`;&|*?[a]\\.png", "'$(reboot)`id`;&|*?[a]\\.png'"),
    "caf\u00e9/\u732b.png": ("caf\u00e9/\u732b.png", "'caf\u00e9/\u732b.png'"),
    "two\nlines.png": (r"two\nlines.png", r"$'two\012lines.png'"),
    "tab\there.png": (r"tab\there.png", r"$'tab\011here.png'"),
    "\x1b[31mred.png": (r"\x1b[31mred.png", r"$'\033\13331mred.png'"),
    "\x9b31mred.png": (r"\x9b31mred.png", r"$'\302\23331mred.png'"),
    "\u202egnp.exe": (r"\u202egnp.exe", r"$'\342\200\256gnp.exe'"),
    "zero\u200bwidth.png": (r"zero\u200bwidth.png", r"$'zero\342\200\213width.png'"),
    "not utf-8 \udcff.png": (r"not utf-8 \udcff.png", r"$'not utf-8 \377.png'"),
    "'\n7.png": (r"'\n7.png", r"$'\047\0127.png'"),
    "\U000e0001tag.png": (r"\U000e0001tag.png", r"$'\363\240\200\201tag.png'"),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_strange_name_is_shown_and_can_be_typed(name: str) -> None:
    displayed, typed = NAMES[name]
    staged = result(Match("near-duplicate", Image(name, "git:1"), Image(name, "git:2"), 1.0))
    assert text_report(staged) == (
        f"{displayed}   near-duplicate of    {displayed}   distance 1.00 (threshold 10)\n"
        "1 near-duplicate among 12 new images, checked against 8,412.\n"
        f"  drop it:           git reset -- {literal(typed)}\n"
        f'  keep it:           imgsim-guard accept {"./" * name.startswith("-")}{typed} --reason "..."\n' + ALLOW_MORE
    )


def test_the_state_of_all_is_accepted_at_once() -> None:
    report = text_report(result(SAME_PIXELS, SAME_BYTES, scope="all"))
    assert '\n  keep it:           imgsim-guard accept --all --reason "..."\n' in report


def literal(typed: str) -> str:
    """Names with characters that git would read as a pattern are marked as no pattern."""
    if not set(typed) & set("*?[") and "\\133" not in typed:
        return typed
    opening = typed.index("'") + 1
    return f"{typed[:opening]}:(literal){typed[opening:]}"


@pytest.mark.parametrize("name", ["a[1].png", ":x.png", "*.png", "back\\slash.png", "new\nline[1].png"])
def test_the_way_out_takes_back_that_file_and_no_other(repository: Repository, name: str) -> None:
    repository.write({"base.txt": "x"})
    repository.git("add", "base.txt")
    repository.git("commit", "--quiet", "-m", "base")
    repository.write({name: "1", "a1.png": "2", "x.png": "3"})
    repository.git("add", "--all")
    report = text_report(result(Match("near-duplicate", Image(name, "git:1"), Image("x.png", "git:2"), 1.0)))
    [command] = re.findall(r"drop it:           (.*)", report)
    repository.run("bash", "-c", command)
    staged = repository.git("diff", "--cached", "--name-only", "-z").split("\0")[:-1]
    assert staged == ["a1.png", "x.png"]


def named_by_bash(words: str) -> list[bytes]:
    script = f"printf '%s\\0' {words}".encode()
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    return done.stdout.split(b"\0")[:-1]


def test_the_shell_reads_each_word_as_the_very_name() -> None:
    assert named_by_bash(" ".join(map(shell_word, NAMES))) == [os.fsencode(name) for name in NAMES]


FILE_NAMES = st.binary(min_size=1, max_size=20).filter(lambda octets: b"\0" not in octets).map(os.fsdecode)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(names=st.lists(FILE_NAMES | st.text(min_size=1).filter(lambda name: "\0" not in name), min_size=1))
def test_the_shell_reads_any_name_as_that_name(names: list[str]) -> None:
    assert named_by_bash(" ".join(map(shell_word, names))) == [os.fsencode(name) for name in names]


@settings(derandomize=True, deadline=None)
@given(name=FILE_NAMES | st.text(), reason=st.text())
def test_nothing_comes_out_that_a_terminal_would_obey(name: str, reason: str) -> None:
    report = text_report(
        result(
            Match("near-duplicate", Image(name, "git:1"), Image(name, "git:2"), 1.0),
            unreadable={name: reason},
            notes=(reason,),
        )
    )
    assert len(report.split("\n")) == 8
    assert report.replace("\n", "").isprintable()
    report.encode()


def test_a_name_is_shown_as_it_is_where_nothing_is_hidden() -> None:
    assert shown("caf\u00e9 \u732b/a-b_c.png") == "caf\u00e9 \u732b/a-b_c.png"


TURNED = Evidence(
    "confirmed",
    1214,
    0.987,
    0.82,
    Transform(
        mirrored=True,
        rotation=90.0,
        scale=0.5,
        squeeze=1.0,
        covered=0.82,
        shown=1.0,
        matrix=(0.0, 1.0, 0.0, 1.0, 0.0, 0.0),
    ),
    "mirrored, rotated 90 degrees clockwise, cropped to 82%",
)
OTHER = Evidence("refuted", 12, 0.41, 0.9, None, "they line up, but only 41% of what they show agrees")


def test_compare_lines_up_the_others_and_explains() -> None:
    a = Image("\x1b.png", "git:a")
    matches = [
        Match("near-duplicate", a, Image("b.png", "git:b"), 12.4456, TURNED),
        Match("look-alike", a, Image("a/longer name.png", "git:c"), 10.0, OTHER),
        Match("look-alike", a, Image("two\nlines.png", "git:d"), 31.755, None),
    ]
    assert compare_report(matches) == (
        "\\x1b.png   near-duplicate of    b.png               confirmed by pixels, distance 12.45 (threshold 10)\n"
        "           mirrored, rotated 90 degrees clockwise, cropped to 82%; "
        "1,214 matching points, 99% of the content matches\n"
        "\\x1b.png   look-alike of        a/longer name.png   distance 10.00 (threshold 10)\n"
        "           refuted: they line up, but only 41% of what they show agrees\n"
        "\\x1b.png   different from       two\\nlines.png      distance 31.75 (threshold 10)\n"
    )


def test_compare_in_json() -> None:
    a = Image("a.png", "git:a")
    matches = [
        Match("near-duplicate", a, Image("b.png", "git:b"), 0.4456, TURNED),
        Match("look-alike", a, Image("\udcff.png", "git:c"), 31.75, OTHER),
    ]
    assert json.loads(compare_json(matches)) == {
        "format": 1,
        "pairs": [
            {
                "a": "a.png",
                "b": "b.png",
                "distance": 0.4456,
                "kind": "near-duplicate",
                "verification": {
                    "outcome": "confirmed",
                    "reason": "mirrored, rotated 90 degrees clockwise, cropped to 82%",
                    "matching_points": 1214,
                    "agreement": 0.987,
                    "transform": {"mirrored": True, "rotation": 90.0, "scale": 0.5, "covered": 0.82},
                },
            },
            {
                "a": "a.png",
                "b": "\udcff.png",
                "distance": 31.75,
                "kind": None,
                "verification": {
                    "outcome": "refuted",
                    "reason": "they line up, but only 41% of what they show agrees",
                    "matching_points": 12,
                    "agreement": 0.41,
                },
            },
        ],
    }


def test_what_confirmed_a_match_stands_below_it() -> None:
    assert text_report(result(replace(NEAR, evidence=TURNED))).splitlines()[:2] == [
        "data/train/cat-7.png   near-duplicate of    data/test/cat-2.png   distance 4.31 (threshold 10)",
        f"{'':23}{TURNED.reason}; 1,214 matching points, 99% of the content matches",
    ]


def test_look_alikes_are_counted_pass_and_are_listed_only_when_asked_for() -> None:
    passed = result(replace(NEAR, kind="look-alike", evidence=OTHER))
    summary = "no near-duplicates among 12 new images, checked against 8,412. 1 only look alike"
    assert not passed.failed
    assert text_report(passed) == summary + " (--verbose lists them).\n"
    assert text_report(passed, look_alikes=True) == (
        "data/train/cat-7.png   look-alike of        data/test/cat-2.png   distance 4.31 (threshold 10)\n"
        "                       refuted: they line up, but only 41% of what they show agrees\n" + summary + ".\n"
    )


def test_nothing_found_in_json() -> None:
    assert json_report(result(), 1) == (
        "{\n"
        ' "format": 1,\n'
        ' "verdict": "passed",\n'
        ' "threshold": 10.0,\n'
        ' "reach": 26.0,\n'
        ' "limit": 0,\n'
        ' "exact_limit": 0,\n'
        ' "queries": 12,\n'
        ' "gallery": 8412,\n'
        ' "matches": [],\n'
        ' "unreadable": [],\n'
        ' "unchecked": [],\n'
        ' "uncompared": 0,\n'
        ' "not_looked_at": [],\n'
        ' "notes": []\n'
        "}\n"
    )


def test_everything_in_json() -> None:
    everything = result(
        NEAR, SAME_BYTES, unreadable={"broken.png": "an empty file"}, notes=("a note",), limits=Limits(3, 2)
    )
    assert json.loads(json_report(everything, 1)) == {
        "format": 1,
        "verdict": "failed",
        "threshold": 10.0,
        "reach": 26.0,
        "limit": 3,
        "exact_limit": 2,
        "queries": 12,
        "gallery": 8412,
        "matches": [
            {
                "kind": "near-duplicate",
                "blocking": True,
                "query": "data/train/cat-7.png",
                "gallery": "data/test/cat-2.png",
                "distance": 4.3125,
                "splits": None,
                "accepted": None,
                "verification": {"outcome": "skipped"},
            },
            {
                "kind": "exact-duplicate",
                "blocking": True,
                "query": "dog.jpg",
                "gallery": "old/dog.jpg",
                "distance": 0.0,
                "splits": None,
                "accepted": None,
                "verification": {"outcome": "skipped"},
            },
        ],
        "unreadable": [{"image": "broken.png", "reason": "an empty file"}],
        "unchecked": [],
        "uncompared": 0,
        "not_looked_at": [],
        "notes": ["a note"],
    }


@pytest.mark.parametrize("name", NAMES)
def test_json_is_ascii_and_gives_the_very_name(name: str) -> None:
    report = json_report(result(Match("near-duplicate", Image(name, "git:1"), CAT, 1.0), unreadable={name: name}))
    document = json.loads(report.encode("ascii"))
    assert (document["matches"][0]["query"], document["unreadable"][0]["image"]) == (name, name)


def test_the_same_result_gives_the_same_bytes() -> None:
    first, second = (result(NEAR, SAME_BYTES, unreadable={"b": "x"}, notes=("n",)) for _ in range(2))
    assert text_report(first) == text_report(second)
    assert json_report(first) == json_report(second)


def test_a_match_beyond_the_threshold_gives_its_distance_only_when_asked() -> None:
    far = result(replace(NEAR, distance=29.94, evidence=TURNED))
    assert text_report(far).splitlines()[0].endswith("data/test/cat-2.png   confirmed by pixels")
    asked = text_report(far, look_alikes=True).splitlines()[0]
    assert asked.endswith("data/test/cat-2.png   confirmed by pixels, distance 29.94 (threshold 10)")


def test_an_image_of_a_group_names_what_it_matches_unless_that_is_the_first() -> None:
    train, test, small, other = (Image(f"{name}.png", name) for name in ("train", "test", "small", "other"))
    group = Group(
        (
            Member(train, "keep", "oldest"),
            Member(other, "copy", "mirrored", train),
            Member(test, "leakage", "in test, the other in train", train),
            Member(small, "copy", "scaled to 50%", test),
        )
    )
    assert list(group_lines([group], 100)) == [
        "keep  train.png   oldest",
        "  copy  other.png   mirrored",
        "  LEAKAGE  test.png   in test, the other in train",
        "  copy  small.png   matches test.png; scaled to 50%",
    ]


def test_an_image_that_counts_twice_is_said_to() -> None:
    assert headline(result(NEAR, SAME_PIXELS)) == (
        "1 exact duplicate and 1 near-duplicate (1 image is both) among 12 new images, checked against 8,412."
    )
    dog = Match("near-duplicate", DOG, CAT_2, 4.0)
    both = headline(result(NEAR, SAME_PIXELS, SAME_BYTES, dog, unreadable={"a.png": "no image"}))
    assert both.startswith("2 exact duplicates, 2 near-duplicates (2 images are both) and 1 unreadable among")
