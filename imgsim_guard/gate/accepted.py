"""The accepted pairs, each with a reason: reading, applying, writing and pruning them.

The file has one line for each pair, sorted and without times, so that two branches that accept different pairs merge
line by line (`merge=union` in .gitattributes). Pairs are stored by content ids, since paths change.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.config.strict_yaml import Value, YamlError, parse_yaml
from imgsim_guard.model import GuardError, tracker_of
from imgsim_guard.system.files import read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from imgsim_guard.model import Image, Match

FILE = ".imgsim-guard/accepted.yaml"

WHAT = "accepted pairs"
"""The name of the file's content in messages."""

MAX_FILE_SIZE = 2**26
"""Bytes. A hundred thousand pairs take a third of that."""

_HEADER = """\
# Pairs of images that imgsim-guard lets pass. `imgsim-guard accept` adds lines; any line may be deleted by hand.
"""
_CONTENT = re.compile(r"(git:[0-9a-f]{40}|md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})")
_LINE_END = re.compile(r"\r\n|\r|\n")
"""Not str.splitlines(), which also ends a line at characters that a reason may contain."""

_TEXT = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
_AS_WRITTEN = re.compile(
    rf"- \{{images: \[([a-z0-9]+:[0-9a-f]+), ([a-z0-9]+:[0-9a-f]+)\], (?:path: {_TEXT}, )?(?:of: {_TEXT}, )?"
    rf"reason: {_TEXT}\}}(?:  # (.*))?"
)
"""A line as `write_accepted` writes it. A thousand of them take a hundredth of the time of the YAML parser."""


class AcceptedPair(NamedTuple):
    """Two content ids, sorted, and the reason why the pair is allowed.

    Both ids may be of the same bytes. Then `path` is the path of the copy, so that a further copy is not allowed, and
    `of` is the path of the original, so that a copy of it in another split is not allowed. Otherwise both are empty.
    `shown`: the paths for the reader.
    """

    contents: tuple[str, str]
    path: str
    reason: str
    shown: str = ""
    of: str = ""


def accepted_pair(match: Match, reason: str) -> AcceptedPair:
    """The pair that accepts a match."""
    query, gallery = match.query, match.gallery
    first, second = sorted([query.content, gallery.content])
    path, of = (query.path, gallery.path) if _may_be_the_same(first, second) else ("", "")
    return AcceptedPair((first, second), path, reason, f"{query.path} and {gallery.path}", of)


def load_accepted(path: Path) -> list[AcceptedPair]:
    """The pairs in a file; empty if there is no such file. Raises GuardError with a line for every mistake."""
    if not os.path.lexists(path):
        return []
    return parse_accepted(read_text(path, what=WHAT, largest=MAX_FILE_SIZE), name=str(path))


def parse_accepted(text: str, *, name: str) -> list[AcceptedPair]:
    """The pairs in a text; `name` is its name in messages. Raises GuardError as `load_accepted` does."""
    pairs, mistakes = [], []
    for number, line in enumerate(_LINE_END.split(text), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        pair = _parsed(line)
        if isinstance(pair, str):
            mistakes.append(f"{name}:{number}: {pair}")
        else:
            pairs.append(pair)
    if mistakes:
        raise GuardError("\n".join(["the accepted pairs have mistakes; fix or delete these lines:", *mistakes]))
    return pairs


def write_accepted(pairs: Iterable[AcceptedPair]) -> str:
    """The text of the file: each pair once, sorted."""
    by_key = {(pair.contents, pair.path, pair.of): pair for pair in sorted(pairs, reverse=True)}
    return _HEADER + "".join(_line(by_key[key]) for key in sorted(by_key))


def marked(
    matches: Sequence[Match],
    pairs: Sequence[AcceptedPair],
    identity: Callable[[str], str],
    split: Callable[[str], str] = lambda _path: "",
) -> list[Match]:
    """The matches; those that were accepted have the reason. `identity` is equal for content ids of the same bytes."""
    if not pairs:
        return list(matches)
    reasons = {_key(pair.contents, pair.path, split(pair.of), identity): pair.reason for pair in pairs}
    # Which of two copies is the query depends on the check: the staged one, or, if all are checked, the later path.
    either = {frozenset((pair.path, pair.of)): pair for pair in pairs if pair.path}

    def reason(match: Match) -> str | None:
        contents, (ours, theirs) = (match.query.content, match.gallery.content), match.splits
        found = reasons.get(_key(contents, match.query.path, theirs, identity))
        if found is None and ours != theirs:  # between two splits, only the order of adding tells which one is the copy
            found = reasons.get(_key(contents, match.gallery.path, ours, identity))
        same = either.get(frozenset((match.query.path, match.gallery.path))) if found is None else None
        if same is not None and {*map(identity, same.contents)} == {*map(identity, contents)}:
            return same.reason
        return found

    return [replace(match, accepted=reason(match)) for match in matches]


def still_there(
    pairs: Sequence[AcceptedPair], images: Iterable[Image], identity: Callable[[str], str]
) -> list[AcceptedPair]:
    """The pairs of which both images are among these."""
    paths: dict[str, set[str]] = {}
    for image in images:
        paths.setdefault(identity(image.content), set()).add(image.path)

    def is_there(pair: AcceptedPair) -> bool:
        first, second = (paths.get(identity(content), set()) for content in pair.contents)
        return bool(first and second) and (first is not second or (pair.path in first and len(first) > 1))

    return [pair for pair in pairs if is_there(pair)]


def _key(contents: tuple[str, str], path: str, split: str, identity: Callable[[str], str]) -> tuple[str, ...]:
    """The key of a pair: for a copy, its path and the split of the original; for other pairs, the contents."""
    first, second = sorted(identity(content) for content in contents)
    return (first, path, split) if first == second else (first, second)


def _may_be_the_same(content: str, other: str) -> bool:
    """Whether two content ids can name the same bytes: each tracker has one id for them."""
    return content == other or tracker_of(content) != tracker_of(other)


def _parsed(line: str) -> AcceptedPair | str:
    """The pair on a line, or what is wrong with it."""
    try:
        if usual := _AS_WRITTEN.fullmatch(line):
            one, other, path, of, reason, shown = usual.groups()
            texts = {"path": path, "of": of, "reason": reason}
            entry: object = {"images": [one, other]} | {key: _unquoted(text) for key, text in texts.items() if text}
            return _pair(entry, shown or "")
        value = parse_yaml(line).value
    except YamlError as error:
        return str(error)
    if not isinstance(value, list) or len(value) != 1:
        return 'expected one line per pair: - {images: [CONTENT, CONTENT], reason: "TEXT"}'
    return _pair(value[0], _comment(line, value))


def _comment(line: str, value: Value) -> str:
    """The comment of a line: the text after the first # that is not in quotes."""
    for mark in re.finditer(r"\s#", line):
        try:
            if parse_yaml(line[: mark.start()]).value == value:
                return line[mark.end() :].strip()
        except YamlError:
            continue
    return ""


def _unquoted(text: str) -> Value:
    return parse_yaml(f'"{text}"').value if "\\" in text else text


def _pair(entry: object, shown: str) -> AcceptedPair | str:
    if not isinstance(entry, dict) or not {"images", "reason"} <= entry.keys() <= {"images", "reason", "path", "of"}:
        return "expected the keys images and reason, and for a copy of the same bytes path and of"
    images, reason, path, of = entry["images"], entry["reason"], entry.get("path", ""), entry.get("of", "")
    if not isinstance(images, list) or len(images) != 2:  # noqa: PLR2004  a pair
        return "images: expected two content ids"
    if wrong := [content for content in images if not isinstance(content, str) or not _CONTENT.fullmatch(content)]:
        return f"images: expected git:, md5: or sha256: and a digest, not {str(wrong[0])[:60]!r}"
    if not isinstance(reason, str) or not reason.strip():
        return "reason: expected a text that says why the pair was accepted"
    first, second = sorted(images)
    if not isinstance(path, str) or not isinstance(of, str) or not _fitting(first, second, path, of):
        return "path and of: expected the paths of the copy and its original, because both ids may be of the same bytes"
    return AcceptedPair((first, second), path, reason, shown, of)


def _fitting(first: str, second: str, path: str, of: str) -> bool:
    """Whether `path` and `of` are given only if both ids may be of the same bytes, and `path` if the ids are equal."""
    return bool(path) if first == second else _may_be_the_same(first, second) or not path + of


def _line(pair: AcceptedPair) -> str:
    copy = "".join(f"{key}: {_quoted(path)}, " for key, path in (("path", pair.path), ("of", pair.of)) if path)
    comment = f"  # {_on_one_line(pair.shown)}" if pair.shown else ""
    return f"- {{images: [{', '.join(pair.contents)}], {copy}reason: {_quoted(pair.reason)}}}{comment}\n"


def _quoted(text: str) -> str:
    """The text as a double-quoted string of YAML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_on_one_line(escaped)}"'


def _on_one_line(text: str) -> str:
    """The text with unprintable characters escaped as in YAML."""
    return "".join(character if character.isprintable() else f"\\U{ord(character):08x}" for character in text)
