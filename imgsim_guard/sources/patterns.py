"""Patterns of a .gitignore file, matched in time proportional to the lengths of the pattern and the path.

pathspec translates the patterns to regular expressions, in which `*a*a*a*a*b` takes seconds on one long name because of
backtracking. The text between two stars can be matched at its first occurrence, since that leaves the longest rest. So
atomic groups, (?>...), prevent the backtracking without changing what matches.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_STAR, _FIRST_GAP, _GAP = "[^/]*", "^(?:.+/)?", "(?:/.+)?"
"""What pathspec writes for * within a name, for ** at the beginning, and for ** between slashes. No other pattern
translates to these: slashes separate the parts, and a bracket is escaped or precedes text without a slash.
"""

_BETWEEN_STARS = re.compile(r"\[\^/\]\*((?:\[\^/\](?!\*)|[^/[]|\[(?!\^/\]))*?)(?=\[\^/\]\*)")
"""A star and the text up to the next star in the same name."""


def matcher(lines: Iterable[str]) -> Callable[[str], bool]:
    """A function that tells whether a path with slashes matches. The last pattern that matches decides; `!` negates.

    Raises ValueError or re.error for an invalid pattern.
    """
    from pathspec.patterns.gitignore.basic import GitIgnoreBasicPattern

    translated = (GitIgnoreBasicPattern.pattern_to_regex(line) for line in lines)
    deciding = [
        (re.compile(linear(regex), re.DOTALL).search, include) for regex, include in translated if regex is not None
    ]
    deciding.reverse()

    def matches(path: str) -> bool:
        return next((bool(include) for search, include in deciding if search(path)), False)

    return matches


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
