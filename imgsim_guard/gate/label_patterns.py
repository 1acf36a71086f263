"""Patterns of paths that name the part which is the label, matched in time proportional to the pattern and the path.

A regular expression with several stars would try all ways to divide a path among them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgsim_guard.model import GuardError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LABEL = "{label}"

_TOKENS = re.compile(r"(\{label\}|\*\*/|\*\*|\*|\?)")

_SIMPLE = re.compile(r"(?:\*\*/)?[^*?]*(?:/\*\*|/\*[^*?/]*)?")
"""Patterns with one way to divide a path, apart from the folders at the beginning: a regular expression is faster."""


def label_pattern(text: str) -> Callable[[str], str]:
    """A function that returns the label of a path; empty if the path does not match. * matches a part of a name, **
    any folders, and ? one character. Of several possible labels it is the last, as long as possible.

    Raises GuardError for a pattern without `{label}`, or with two.
    """
    if text.count(LABEL) != 1:
        raise GuardError(f"labels: {text} has to name {LABEL} once")
    if _SIMPLE.fullmatch(text):
        return _by_regular_expression(text)
    before, _, after = text.partition(LABEL)
    forwards = [_step(token) for token in _TOKENS.split(before) if token]
    backwards = [_step(token, reverse=True) for token in reversed(_TOKENS.split(after)) if token]

    def label(path: str) -> str:
        starts = _reached(forwards, _Path(path))
        ends = _mirrored(_reached(backwards, _Path(path[::-1])), len(path))
        while starts:
            start = starts.bit_length() - 1
            slash = path.find("/", start)
            last = (ends & (1 << (len(path) if slash < 0 else slash) + 1) - 1).bit_length() - 1
            if last > start:
                return path[start:last]
            starts ^= 1 << start
        return ""

    return label


def _by_regular_expression(text: str) -> Callable[[str], str]:
    words = {LABEL: r"(?P<label>[^/]+)", "**/": r"(?:.*/)?", "**": r".*", "*": r"[^/]*"}
    pattern = re.compile("".join(words.get(part, re.escape(part)) for part in _TOKENS.split(text)), re.DOTALL)

    def label(path: str) -> str:
        found = pattern.fullmatch(path)
        return found["label"] if found else ""

    return label


class _Path:
    """A path, and as bits of a number its places, of which there is one more than characters: `all`, those before a
    character that is no slash, and those behind a slash and before one.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.all = (1 << len(text) + 1) - 1
        self.before_slash = _places(text, "/")
        self.behind_slash = self.before_slash << 1
        self.in_name = self.all >> 1 & ~self.before_slash


def _step(token: str, *, reverse: bool = False) -> Callable[[int, _Path], int]:
    """From the places that are reached, to those that are reached behind a token; in reverse, from the path's end."""
    steps: dict[str, Callable[[int, _Path], int]] = {
        "*": _through_a_name,
        "**": _through_everything,
        "?": lambda places, path: (places & path.in_name) << 1,
        "**/": _through_folders_in_reverse if reverse else _through_folders,
    }
    literal = token[::-1] if reverse else token
    return steps.get(token) or (lambda places, path: (places & _places(path.text, literal)) << len(literal))


def _through_a_name(places: int, path: _Path) -> int:
    # The sum carries from each place through the rest of its name, which changes the bits on the way.
    return places | ((path.in_name + (places & path.in_name)) ^ path.in_name) & path.all


def _through_everything(places: int, path: _Path) -> int:
    return path.all & ~((places & -places) - 1) if places else 0


def _through_folders(places: int, path: _Path) -> int:
    return places | (_through_everything(places, path) & ~(places & -places) & path.behind_slash)


def _through_folders_in_reverse(places: int, path: _Path) -> int:
    behind = (places & path.before_slash) << 1
    return places | _through_everything(behind, path)


def _reached(steps: Sequence[Callable[[int, _Path], int]], path: _Path) -> int:
    places = 1
    for step in steps:
        places = step(places, path)
        if not places:
            break
    return places


def _places(text: str, part: str) -> int:
    """Where the part begins in the text."""
    found = bytearray(len(text) // 8 + 1)
    at = text.find(part)
    while at >= 0:
        found[at >> 3] |= 1 << (at & 7)
        at = text.find(part, at + 1)
    return int.from_bytes(found, "little")


def _mirrored(places: int, length: int) -> int:
    return int(f"{places:0{length + 1}b}"[::-1], 2)
