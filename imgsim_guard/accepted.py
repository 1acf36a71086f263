"""Pairs that a person has allowed, with the reason: read, applied, added to, pruned.

The file is for people and for git: one line a pair, sorted, no clock, so that two branches that accept different pairs
merge line by line (`merge=union` in .gitattributes). Pairs are named by content ids, since paths change.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.errors import GuardError
from imgsim_guard.yaml_marks import YamlError, parse_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from imgsim_guard.model import Match

FILE = ".imgsim-guard/accepted.yaml"

MAX_FILE_SIZE = 2**26
"""Bytes. A baseline of a hundred thousand pairs is a third of that."""

_HEADER = """\
# Pairs of images that imgsim-guard lets pass. `imgsim-guard accept` adds lines; any line may be deleted by hand.
"""
_CONTENT = re.compile(r"(git:[0-9a-f]{40}|md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})")
_AS_WRITTEN = re.compile(
    r'- \{images: \[([a-z0-9]+:[0-9a-f]+), ([a-z0-9]+:[0-9a-f]+)\], (?:path: "([^"\\]*)", )?reason: "([^"\\]*)"\}'
    r"(?:  # (.*))?"
)
"""A line as it is written here; a thousand of them take a hundredth of the time of the YAML parser."""


class AcceptedPair(NamedTuple):
    """Two content ids, sorted, and why the pair may stay.

    The two are the same where one image is a copy of the other; then `path` is that of the copy, so that the next
    copy is not allowed with it. Else it is empty. `shown`: the paths, for people.
    """

    contents: tuple[str, str]
    path: str
    reason: str
    shown: str = ""


def accepted_pair(match: Match, reason: str) -> AcceptedPair:
    """What accepts a match."""
    first, second = sorted([match.query.content, match.gallery.content])
    path = match.query.path if first == second else ""
    return AcceptedPair((first, second), path, reason, f"{match.query.path} and {match.gallery.path}")


def load_accepted(path: Path) -> list[AcceptedPair]:
    """The pairs in a file; none when there is no such file. Raises GuardError with a line for every mistake."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise GuardError(f"cannot read the accepted pairs in {path}: {error.strerror}") from error
    if len(data) > MAX_FILE_SIZE:
        raise GuardError(f"{path}: {len(data):,} bytes are too many for accepted pairs")
    try:
        return parse_accepted(data.decode("utf-8-sig"), name=str(path))
    except UnicodeDecodeError as error:
        raise GuardError(f"{path}: not a text file in UTF-8 ({error.reason} at byte {error.start})") from error


def parse_accepted(text: str, *, name: str) -> list[AcceptedPair]:
    """The pairs in a text; `name` is what messages call it. Raises GuardError as `load_accepted` does."""
    pairs, mistakes = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        pair = _parsed(line)
        if isinstance(pair, str):
            mistakes.append(f"{name}:{number}: {pair}")
        else:
            pairs.append(pair)
    if mistakes:
        raise GuardError("\n".join(["the accepted pairs have mistakes:", *mistakes]))
    return pairs


def write_accepted(pairs: Iterable[AcceptedPair]) -> str:
    """The text of the file: each pair once, sorted."""
    by_key = {(pair.contents, pair.path): pair for pair in sorted(pairs, reverse=True)}
    return _HEADER + "".join(_line(by_key[key]) for key in sorted(by_key))


def marked(matches: Sequence[Match], pairs: Sequence[AcceptedPair], identity: Callable[[str], str]) -> list[Match]:
    """The matches, those that are accepted with the reason. Contents are the same when their `identity` is."""
    if not pairs:
        return list(matches)
    reasons = {_key(pair.contents, pair.path, identity): pair.reason for pair in pairs}
    keys = [_key((match.query.content, match.gallery.content), match.query.path, identity) for match in matches]
    return [replace(match, accepted=reasons.get(key)) for match, key in zip(matches, keys, strict=True)]


def still_there(
    pairs: Sequence[AcceptedPair], contents: Iterable[str], identity: Callable[[str], str]
) -> list[AcceptedPair]:
    """The pairs of which both images are among these contents."""
    known = {identity(content) for content in contents}
    return [pair for pair in pairs if all(identity(content) in known for content in pair.contents)]


def _key(contents: tuple[str, str], path: str, identity: Callable[[str], str]) -> tuple[str, str, str]:
    first, second = sorted(identity(content) for content in contents)
    return first, second, path if first == second else ""


def _parsed(line: str) -> AcceptedPair | str:
    """The pair on a line, or what is wrong with it."""
    if usual := _AS_WRITTEN.fullmatch(line):
        one, other, path, reason, shown = usual.groups()
        return _pair({"images": [one, other], "reason": reason} | ({"path": path} if path else {}), shown or "")
    try:
        value = parse_yaml(line).value
    except YamlError as error:
        return str(error)
    if not isinstance(value, list) or len(value) != 1:
        return 'expected one line a pair: - {images: [CONTENT, CONTENT], reason: "TEXT"}'
    return _pair(value[0], line.rpartition("}  # ")[2] if "}  # " in line else "")


def _pair(entry: object, shown: str) -> AcceptedPair | str:
    if not isinstance(entry, dict) or not {"images", "reason"} <= entry.keys() <= {"images", "reason", "path"}:
        return "expected the keys images and reason, and path for the copy of an image"
    images, reason, path = entry["images"], entry["reason"], entry.get("path", "")
    if not isinstance(images, list) or len(images) != 2:  # noqa: PLR2004  a pair
        return "images: expected two content ids"
    for content in images:
        if not isinstance(content, str) or not _CONTENT.fullmatch(content):
            return f"images: expected git:, md5: or sha256: and a digest, not {str(content)[:60]!r}"
    if not isinstance(reason, str) or not reason.strip():
        return "reason: expected why the pair may stay"
    if not isinstance(path, str) or bool(path) != (images[0] == images[1]):
        return "path: expected that of the copy when the content ids are the same, and only then"
    first, second = sorted(images)
    return AcceptedPair((first, second), path, reason, shown)


def _line(pair: AcceptedPair) -> str:
    path = f"path: {_quoted(pair.path)}, " if pair.path else ""
    comment = f"  # {_on_one_line(pair.shown)}" if pair.shown else ""
    return f"- {{images: [{', '.join(pair.contents)}], {path}reason: {_quoted(pair.reason)}}}{comment}\n"


def _quoted(text: str) -> str:
    """As a double-quoted word of YAML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_on_one_line(escaped)}"'


def _on_one_line(text: str) -> str:
    """With what cannot be printed escaped as in YAML."""
    return "".join(character if character.isprintable() else f"\\U{ord(character):08x}" for character in text)
