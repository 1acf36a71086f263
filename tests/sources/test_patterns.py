"""Patterns match what they match in a .gitignore file, however long a name and however many stars."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pathspec.patterns.gitignore.basic import GitIgnoreBasicPattern

from imgsim_guard.sources.patterns import linear, matcher

if TYPE_CHECKING:
    from conftest import Repository

NAMES = st.text("ab*?", min_size=1, max_size=6) | st.sampled_from(["**", "*", "[ab]", "[!a]*", "a[b-]?*", r"\*a*"])
PATTERNS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "/", "**/"]),
    st.lists(NAMES, min_size=1, max_size=5).map("/".join),
    st.sampled_from(["", "/", "/**"]),
)
PATHS = st.lists(st.text("ab*", min_size=1, max_size=5), min_size=1, max_size=6).map("/".join)


@settings(deadline=None, derandomize=True, max_examples=600)
@given(PATTERNS, PATHS)
@example("**/a/**/b/**/a", "a/b/b/a")
@example("a*b*a", "a/bba")
@example("**/*a*/**/b*a", "aa/b/ba")
@example("***a", "ba")
@example("a/**/a/**", "a/a/a")
def test_a_pattern_matches_what_pathspec_says(pattern: str, path: str) -> None:
    regex, _ = GitIgnoreBasicPattern.pattern_to_regex(pattern)
    if regex is not None:
        assert bool(re.search(linear(regex), path)) == bool(re.search(regex, path))


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    st.lists(PATTERNS | PATTERNS.map("!{}".format), min_size=1, max_size=3), st.lists(PATHS, min_size=1, max_size=20)
)
def test_the_last_pattern_that_matches_decides(patterns: list[str], paths: list[str]) -> None:
    matches = matcher(patterns)
    for path in paths:
        alone = [(matcher([pattern.removeprefix("!")])(path), not pattern.startswith("!")) for pattern in patterns]
        assert matches(path) == next((include for found, include in reversed(alone) if found), False)


GIT_PATTERNS = ["*.png", "data/**/*a*.png", "**/x*y*z/**", "[ab]*/?.png", "/data/*/a", "a b", "*é*"]
GIT_PATTERNS += [
    "[[:alpha:]]*.png",
    "[![:upper:][:digit:]_]*",
    "[[:punct:]x]*",
    "[]_]*",
    r"\[[[:alpha:]]*",
    "[^[:alnum:]-]*",
]
GIT_PATHS = ["a.png", "data/a.png", "data/x/y/bab.png", "xayz/q", "q/xyz/r/s", "a/b.png", "data/q/a", "a b", "né.png"]
GIT_PATHS += ["Z.png", "_9.png", "7.png", "[a", "]", "b-", "é.png", ";.png", "[.png", "p"]


@pytest.mark.parametrize("pattern", GIT_PATTERNS)
def test_git_ignores_what_a_pattern_matches(pattern: str, repository: Repository) -> None:
    repository.write({".gitignore": pattern})
    listed = repository.git(
        "-c",
        "core.quotePath=false",
        "-c",
        "core.ignoreCase=false",
        "check-ignore",
        "--no-index",
        "-v",
        "-n",
        *GIT_PATHS,
    )
    ignored = [line.partition("\t")[2] for line in listed.splitlines() if not line.startswith("::")]
    assert [path for path in GIT_PATHS if matcher([pattern])(path)] == ignored


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a*a*a*b", "a" * 4000),
        ("*a" * 40 + "*b", "a" * 4000),
        ("*" * 40 + "b", "a" * 4000),
        ("*?" * 40 + "b", "a" * 4000),
        ("*[ab]" * 40 + "c", "ab" * 2000),
        ("**/" + "a/**/" * 20 + "b", "a/" * 2000 + "a"),
        ("**/" + "*a*/**/" * 20 + "b", "aa/" * 1300 + "a"),
        ("x/**/" * 20 + "b", "x/" * 2000 + "a"),
        ("**/*a*a*a*/**/*a*a*b", "aaaa/" * 800 + "a"),
        ("*[[:alpha:]]" * 40 + "9", "a" * 4000),
        ("[" * 50_000, "a" * 4000),
        ("[[:alpha:]" * 5000, "a" * 4000),
        ("[!]" * 20_000, "a" * 4000),
        ("a" + "/**" * 20_000 + "/b", "a/" * 2000),
        ("*é" * 20_000, "é" * 4000),
        ("{a,b}*" * 8000, "{a,b}" * 800),
    ],
)
def test_no_pattern_takes_long(pattern: str, path: str) -> None:
    """The first took 9 s for a name of 106 characters, and each a hundred times as long for one a little longer."""
    started = time.process_time()
    assert not matcher([pattern])(path)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("[[:letter:]]", r"no class of characters is named \[:letter:\]"),
        ("[z-a]", "bad character range z-a"),
        ("a\\", "Invalid git pattern"),
    ],
)
def test_an_invalid_pattern_is_told(pattern: str, why: str) -> None:
    with pytest.raises((ValueError, re.error), match=why):
        matcher([pattern])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("pattern", ["[[a]*", "[+--a]*", "[a&&b]*", "[a||b]*", "[a~~b]*"])
def test_pythons_plans_for_sets_are_no_concern(pattern: str) -> None:
    assert matcher([pattern])("a.png")


def test_a_name_with_a_line_end_is_a_name_as_any() -> None:
    assert matcher(["data/*.png"])("data/a\nb.png")
    assert matcher(["c.png"])("a\nb/c.png")
    assert matcher(["**/x/*.png"])("a\nb/x/\udce9.png")
