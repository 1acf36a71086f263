"""A pattern finds the label that a regular expression would, however many stars it has."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imgsim_guard.gate.label_patterns import label_pattern
from imgsim_guard.model import GuardError

WORDS = {"{label}": r"(?P<label>[^/]+)", "**/": r"(?:.*/)?", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}
TOKENS = st.lists(st.sampled_from(["*", "**", "**/", "?", "a", "b", "/", "ab", ".", "\n"]), max_size=6).map("".join)
PATTERNS = st.builds("{}{{label}}{}".format, TOKENS, TOKENS)
PATHS = st.text("aab/.\n", max_size=14)


def by_regular_expression(pattern: str, path: str) -> str:
    tokens = re.split(r"(\{label\}|\*\*/|\*\*|\*|\?)", pattern)
    found = re.fullmatch("".join(WORDS.get(token, re.escape(token)) for token in tokens), path, re.DOTALL)
    return found["label"] if found else ""


@settings(max_examples=1000)
@given(PATTERNS, PATHS)
@example("*a*b{label}", "aabab.b")
@example("**/{label}/**", "a/b/a.b")
@example("**/{label}/*.b", "a/b/a.b")
@example("a*/**/{label}a/**/b*", "a/b/aa/b/b")
@example("*_{label}_*", "a_b_a_b")
@example("**/*/{label}", "a//b")
def test_the_label_is_that_of_a_greedy_regular_expression(pattern: str, path: str) -> None:
    assert label_pattern(pattern)(path) == by_regular_expression(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 20 + "*b/{label}/x", "a" * 4000 + "/c/y"),
        ("**/" * 20 + "{label}/x", "a/" * 2000 + "y"),
        ("?*" * 20 + "{label}/x", "a" * 4000 + "/y"),
        ("**a" * 20 + "/{label}", "a" * 4000 + "/c/y"),
        ("{label}" + "/**/*a*" * 20 + "/b", "aa/" * 1300 + "c"),
        ("**a{label}b**c", "ab" * 2000),
        ("**/{label}/*.png", "a/" * 2000),
    ],
)
def test_no_pattern_takes_long(pattern: str, path: str) -> None:
    """A regular expression takes minutes for a path of 200 characters."""
    started = time.process_time()
    assert label_pattern(pattern)(path) == ""
    assert time.process_time() - started < 2


@pytest.mark.parametrize("pattern", ["data/*", "{label}/{label}"])
def test_a_pattern_names_the_label_once(pattern: str) -> None:
    with pytest.raises(GuardError, match=r"has to name \{label\} once"):
        label_pattern(pattern)
