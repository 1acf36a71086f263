from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from results import ALLOWED_BY_LIMITS, COPY, EVERYTHING, NAMES, NOTHING, RESULTS

from imgsim_guard.model import Image, Limits, Match, Result, Rule, Unreadable
from imgsim_guard.report.as_github import LARGEST_SUMMARY, fenced, github_report, step_summary

COMMAND = re.compile(r"::(error|warning) file=([^:,]*),title=([^:,]*)::(.*)|::notice title=imgsim-guard::(.*)")


def copies(count: int, rule: Rule) -> tuple[Match, ...]:
    return tuple(
        Match("exact-duplicate", Image(f"{number}.png", "git:1"), Image("a.png", "git:1"), 0.0, rule=rule)
        for number in range(count)
    )


def unescaped(text: str) -> str:
    """As the runner reads it: the percent sign comes last, so that an escaped one begins nothing."""
    for escaped, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escaped, character)
    return text


def test_nothing_found() -> None:
    assert github_report(NOTHING) == (
        "::notice title=imgsim-guard::passed: 0 with errors and 0 with warnings among 3 images, checked against 8,412\n"
    )


def test_everything_at_once() -> None:
    assert github_report(EVERYTHING) == (
        "::error file=train/cat.png,title=near-duplicate::near-duplicate of test/cat 2.png: distance 4.31 "
        "(threshold 10); leakage: train -> test; mirrored, cropped to 82%25; 1,214 matching points, "
        "99%25 of the content matches (and 1 more)\n"
        "::error file=dog.jpg,title=exact duplicate::exact duplicate of old/dog.jpg: same bytes (and 1 more)\n"
        "::error file=broken.png,title=unreadable::unreadable: an empty file\n"
        "::warning file=train/cat.png,title=near-duplicate::near-duplicate of e.png: distance 9.50 (threshold 10); "
        "a warning only\n"
        "::warning file=far.png,title=not checked::not checked: not pulled\n"
        "::notice title=imgsim-guard::failed: 3 with errors and 2 with warnings among 12 images, "
        "checked against 8,412\n"
    )


def test_what_the_limits_allow_is_a_warning() -> None:
    lines = github_report(ALLOWED_BY_LIMITS).splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["::warning", "::warning", "::notice"]


def test_ten_of_each_are_annotated_and_the_rest_is_counted() -> None:
    failing, warned = (
        copies(12, Rule()),
        tuple(
            replace(match, query=match.query._replace(path=f"w{match.query.path}"))
            for match in copies(11, Rule(on_match="warn"))
        ),
    )
    *annotations, summary = github_report(replace(NOTHING, queries=23, matches=failing + warned)).splitlines()
    assert [line.partition(" ")[0] for line in annotations] == ["::error"] * 10 + ["::warning"] * 10
    assert summary == (
        "::notice title=imgsim-guard::failed: 12 with errors and 11 with warnings among 23 images, "
        "checked against 8,412; at most 10 of each are annotated"
    )


def test_a_name_that_spells_commands_is_a_name() -> None:
    name = "a%0A::error file=x,title=y::z\n::add-mask::b.png"
    lines = github_report(replace(NOTHING, unreadable=((name, Unreadable("100% broken\n::error::")),))).splitlines()
    assert lines[0] == (
        "::error file=a%250A%3A%3Aerror file=x%2Ctitle=y%3A%3Az\\n%3A%3Aadd-mask%3A%3Ab.png,title=unreadable"
        "::unreadable: 100%25 broken\\n::error::"
    )


@given(name=NAMES)
def test_the_runner_reads_a_name_that_can_be_printed_as_that_name(name: str) -> None:
    unreadable = replace(NOTHING, unreadable=((name, Unreadable("x")),), limits=Limits())
    found = COMMAND.fullmatch(github_report(unreadable).splitlines()[0])
    assert found is not None
    assert unescaped(found[2]) == name or not name.isprintable()


@given(result=RESULTS)
def test_any_result_gives_commands_of_our_own_only_and_the_same_bytes_again(result: Result) -> None:
    report = github_report(result)
    lines = report.split("\n")[:-1]
    assert all(line.isprintable() and COMMAND.fullmatch(line) for line in lines)
    levels = [line.partition(" ")[0] for line in lines]
    assert ("::error" in levels) == result.failed
    assert max(levels.count("::error"), levels.count("::warning")) <= 10
    assert report == github_report(replace(result, matches=(*result.matches,)))


def test_a_fence_keeps_commands_from_being_run() -> None:
    word = "37f929447ff5aadfa0ba6f5bfe4c8bacca12b10c63ec4029d1c7dae81dff0cdd"
    assert fenced("::error::owned.png\n") == f"::stop-commands::{word}\n::error::owned.png\n::{word}::\n"


@given(text=st.text() | NAMES)
def test_no_text_holds_the_word_that_ends_its_fence(text: str) -> None:
    first, *_, last = fenced(f"{text}\n").splitlines()
    word = first.removeprefix("::stop-commands::")
    assert last == f"::{word}::"
    assert word not in text


def test_a_pair_is_annotated_at_the_new_image() -> None:
    assert "file=dog.jpg," in github_report(replace(NOTHING, matches=(COPY,)))


def test_no_name_is_markdown_or_html_in_the_summary_of_a_step() -> None:
    text = "</pre><img src=x> [a](http://b) `c`.png   unreadable\n\n# heading\n"
    summary = step_summary(text, failed=True)
    assert summary == (
        "### imgsim-guard failed\n\n<pre>\n"
        "&lt;/pre&gt;&lt;img src=x&gt; [a](http://b) `c`.png   unreadable\n\n# heading\n</pre>\n\n"
    )


def test_a_long_summary_is_cut_at_a_line() -> None:
    summary = step_summary("<a picture>.png\n" * 100_000, failed=True)
    assert len(summary) < LARGEST_SUMMARY + 100
    assert summary.endswith("&lt;a picture&gt;.png\n... and more\n</pre>\n\n")


def test_a_label_conflict_is_named() -> None:
    conflict = replace(COPY, labels=("cat", "dog"))
    first, *_ = github_report(replace(NOTHING, matches=(conflict,), limits=Limits(0, 0))).splitlines()
    assert "; label conflict: cat and dog" in first
    assert "label conflict" not in github_report(replace(NOTHING, matches=(replace(COPY, labels=("cat", "cat")),)))
