"""Patterns of a .gitignore file, matched in time proportional to the lengths of the pattern and the path.

pathspec translates the patterns to regular expressions, in which `*a*a*a*a*b` takes seconds on one long name because of
backtracking. The text between two stars can be matched at its first occurrence, since that leaves the longest rest. So
atomic groups, (?>...), prevent the backtracking without changing what matches.
"""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_STAR, _FIRST_GAP, _GAP = "[^/]*", "^(?:.+/)?", "(?:/.+)?"
"""What pathspec writes for * within a name, for ** at the beginning, and for ** between slashes. No other pattern
translates to these: slashes separate the parts, and a bracket is escaped or precedes text without a slash.
"""

_BETWEEN_STARS = re.compile(r"\[\^/\]\*((?:\[\^/\](?!\*)|[^/[]|\[(?!\^/\]))*?)(?=\[\^/\]\*)")
"""A star and the text up to the next star in the same name."""

_OPENING = re.compile(r"\\.|\[", re.DOTALL)
"""What begins a set of characters, or an escaped character, which does not."""

_SET = re.compile(r"\[[!^]?\]?(?:\[:[a-z]*:\]|[^]])*+\]")
"""A set of characters, which may name classes as in [[:alpha:]_]."""

_CLASS = re.compile(r"\[:([a-z]*):\]")

_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": " \t",
    "cntrl": "\0-\x1f\x7f",
    "digit": "0-9",
    "graph": '"-~!',
    "lower": "a-z",
    "print": " -~",
    "punct": '"-.!:-@[-`{-~',
    "space": " \t-\r",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}
"""Git's classes, all of ASCII. pathspec does not know them: it would take the letters of their names. None
here begins with !, which negates a set, or has a slash.
"""


def matcher(lines: Iterable[str]) -> Callable[[str], bool]:
    """A function that tells whether a path with slashes matches. The last pattern that matches decides; `!` negates.

    Raises ValueError or re.error for an invalid pattern.
    """
    from pathspec.patterns.gitignore.basic import GitIgnoreBasicPattern

    translated = (GitIgnoreBasicPattern.pattern_to_regex(_for_pathspec(line)) for line in lines)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Python may give "[[" and "--" in sets a meaning some day
        deciding = [
            (re.compile(linear(regex), re.DOTALL).search, include) for regex, include in translated if regex is not None
        ]
    deciding.reverse()

    def matches(path: str) -> bool:
        return next((bool(include) for search, include in deciding if search(path)), False)

    return matches


def _for_pathspec(line: str) -> str:
    """The same pattern without named classes, and with brackets that open no set escaped: pathspec would look for the
    end of each in all of the rest.
    """
    parts, at = [], 0
    while found := _OPENING.search(line, at):
        parts.append(line[at : found.start()])
        one = _SET.match(line, found.start()) if found[0] == "[" else found
        if one is None:
            rest = _OPENING.sub(lambda each: r"\[" if each[0] == "[" else each[0], line[found.start() :])
            return "".join([*parts, rest])
        parts.append(_CLASS.sub(_characters, one[0]) if found[0] == "[" else one[0])
        at = one.end()
    return "".join([*parts, line[at:]])


def _characters(found: re.Match[str]) -> str:
    if found[1] not in _CLASSES:
        raise ValueError(f"no class of characters is named {found[0]}")
    return _CLASSES[found[1]]


def linear(regex: str) -> str:
    """A regular expression that matches the same paths as this one of pathspec, without backtracking."""
    regex = _BETWEEN_STARS.sub(lambda found: f"(?>{_STAR}?{found[1]})", regex)
    first, *rest = regex.split(_GAP)
    if not rest:
        return regex
    *middle, last = rest
    if first.startswith(_FIRST_GAP):
        first = f"^(?>(?:.+?/)??{first.removeprefix(_FIRST_GAP)}(?=/))"
    return "".join([first, *(f"(?>(?:/.+?)??{part}(?=/))" for part in middle), _GAP, last])
