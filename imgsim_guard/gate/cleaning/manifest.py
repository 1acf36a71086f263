"""The manifest of a clean-up: which file moves where. It is written before the first file moves, and read by undoing.

It says what is intended, not what was done: whether a file has moved is seen from where it is. So a process that is
killed at any moment leaves nothing that the manifest does not tell.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from imgsim_guard.model import GuardError
from imgsim_guard.system.files import read_text, replace_file

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT = 1
LARGEST = 2**30
"""Bytes: two million moves."""

MADE = ".json"
"""What files are that undoing removes, since they were made with the clean-up: annotations."""

NAME = re.compile(r"manifest-(\d{1,9})\.json")

Kind = Literal["image", "sidecar", "link"]

Way = Literal["move", "hardlink", "reflink"]
"""What becomes of a file: it moves, or it stays and shares the bytes of the image that is kept."""


class Move(NamedTuple):
    """A file that moves. `source` is below the manifest's root and `target` below its folder, both with slashes.

    `digest`: SHA-256 of the bytes, in hex; of a symbolic link, what it points to. `kept`: the image that stays instead,
    below the root. `staged`: mode and blob of the file in git's index, if it is there.

    `way`: where it is not "move", there is no target, and `inode`, `mode` and `written` (nanoseconds since 1970) are
    those of the file before.
    """

    source: str
    target: str
    kind: Kind
    digest: str
    size: int
    kept: str
    why: str
    staged: str = ""
    way: Way = "move"
    inode: int = 0
    mode: int = 0
    written: int = 0


class Manifest(NamedTuple):
    """`root`: the absolute path that sources begin at. `finished`: whether all that could move has.
    `continues`: the name of the manifest of an interrupted run that this one goes on from; empty for none. `made`:
    files that were written anew, by absolute path, with their SHA-256.
    """

    root: str
    moves: tuple[Move, ...]
    finished: bool = False
    continues: str = ""
    made: tuple[tuple[str, str], ...] = ()


def manifests_in(folder: Path) -> list[Path]:
    """The manifests in a folder, the oldest first."""
    found = {int(match[1]): path for path in folder.glob("manifest-*.json") if (match := NAME.fullmatch(path.name))}
    return [found[number] for number in sorted(found)]


def next_manifest(folder: Path) -> Path:
    """The path of a further one."""
    numbers = [int(match[1]) for path in manifests_in(folder) if (match := NAME.fullmatch(path.name))]
    return folder / f"manifest-{max(numbers, default=0) + 1}.json"


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write it, and the same as a table beside it. It is on the disk when this returns. Raises GuardError."""
    document = {
        "format": FORMAT,
        "root": manifest.root,
        "finished": manifest.finished,
        "continues": manifest.continues,
        "made": manifest.made,
        "moves": [move._asdict() for move in manifest.moves],
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, (json.dumps(document, indent=1) + "\n").encode())
        with path.open("rb") as file:
            os.fsync(file.fileno())
        replace_file(path.with_suffix(".csv"), _table(manifest.moves))  # second: no undoing would find it alone
    except OSError as error:
        raise GuardError(f"cannot write the manifest {path}: {error.strerror}; nothing was moved") from error


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file. Raises GuardError for what is none, or names files outside of its folders."""
    text = read_text(path, what="manifest", largest=LARGEST)
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise GuardError(f"{path}: format {document['format']} is not known to this version of imgsim-guard")
        moves = tuple(_move(one) for one in document["moves"])
        root, continues = document["root"], document["continues"]
        made = tuple((str(name), str(digest)) for name, digest in document.get("made", ()))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise GuardError(f"{path}: no manifest of imgsim-guard clean ({type(error).__name__}: {error})") from error
    names = [name for move in moves for name in (move.source, move.target) if name or move.way == "move"]
    names += [move.kept for move in moves if move.way != "move"]
    outside = [name for name in names if not _is_below(name)]
    outside += [name for name, _ in made if not name.endswith(MADE)]
    if outside or not isinstance(root, str) or not Path(root).is_absolute():
        raise GuardError(f"{path}: names a file outside of its folders: {(outside or [root])[0]}")
    if continues and not (isinstance(continues, str) and NAME.fullmatch(continues)):
        raise GuardError(f"{path}: continues {continues!r}, which is no manifest")
    return Manifest(root, moves, bool(document["finished"]), continues, made)


def _move(one: dict[str, object]) -> Move:
    move = Move(**one)  # type: ignore[arg-type]  # it is looked at below
    texts = (move.source, move.target, move.kind, move.digest, move.kept, move.why, move.staged)
    known = move.kind in get_args(Kind) and move.way in get_args(Way)
    if not known or not all(isinstance(text, str) for text in texts) or not all(isinstance(n, int) for n in move[-3:]):
        raise ValueError(f"not a move: {one}")
    return move


def _is_below(name: str) -> bool:
    return bool(name) and not Path(name).is_absolute() and ".." not in Path(name).parts


def _table(moves: Iterable[Move]) -> bytes:
    """As CSV in UTF-8; what is not valid Unicode in a name is escaped."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "moved to", "kind", "kept", "why", "bytes", "sha256 or link", "way"])
    for move in moves:
        row = (move.source, move.target, move.kind, move.kept, move.why, move.size, move.digest, move.way)
        writer.writerow([_cell(cell) for cell in row])
    return text.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: str | int) -> str | int:
    """No cell begins as a formula does: a path may have ./ before it."""
    return f"./{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value
