"""Patterns of a .gitignore file, matched in a time that is no more than the product of a pattern's and a path's length.

pathspec knows what the patterns mean, and turns them into regular expressions. As they are, `*a*a*a*a*b` takes seconds
for one long name, since each star tries all that the ones before it leave. But whatever follows a star up to the next
may be taken where it comes first, since that leaves the most to the rest. Atomic groups do that: (?>...).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_STAR, _FIRST_GAP, _GAP = "[^/]*", "^(?:.+/)?", "(?:/.+)?"
"""What pathspec writes for * within a name, for ** at the beginning and for ** between slashes. Nothing else looks like
that: slashes separate its parts, and a bracket is escaped or stands before something without a slash.
"""

_BETWEEN_STARS = re.compile(r"\[\^/\]\*((?:\[\^/\](?!\*)|[^/[]|\[(?!\^/\]))*?)(?=\[\^/\]\*)")
"""A star with what follows it, up to the next one in the same name."""


def matcher(lines: Iterable[str]) -> Callable[[str], bool]:
    """Whether a path with slashes is matched by patterns: the last one decides that matches, and `!` takes out again.

    Raises ValueError, or re.error, for a pattern that is none.
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
    """What matches the same as this regular expression of pathspec's, without trying again and again."""
    regex = _BETWEEN_STARS.sub(lambda found: f"(?>{_STAR}?{found[1]})", regex)
    first, *rest = regex.split(_GAP)
    if not rest:
        return regex
    *middle, last = rest
    if first.startswith(_FIRST_GAP):
        first = f"^(?>(?:.+?/)??{first.removeprefix(_FIRST_GAP)}(?=/))"
    return "".join([first, *(f"(?>(?:/.+?)??{part}(?=/))" for part in middle), _GAP, last])
