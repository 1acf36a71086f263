"""Moving the files of a manifest away, and back. No file is ever overwritten, and none is lost at any moment."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.gate.cleaning.linking import part, share, tidy_up
from imgsim_guard.model import GuardError
from imgsim_guard.system.files import PIECE, copy_new

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from imgsim_guard.gate.cleaning.manifest import Manifest, Move


class Problem(NamedTuple):
    """A file that stays where it is, and why."""

    path: str
    why: str


def move_away(manifest: Manifest, folder: Path, done: Callable[[], object]) -> Iterator[Problem]:
    """Move what the manifest says; `done` is called after each. Yields what could not be moved."""
    for move in manifest.moves:
        source, target = Path(manifest.root, move.source), folder / move.target
        if move.way == "move":
            why = _why_not(source, move) or _moved(source, target, within=folder)
        else:
            why = _why_not(source, move) or _shared(
                source, Path(os.path.realpath(Path(manifest.root, move.kept))), move
            )
        if why:
            yield Problem(str(source), why)
        done()


def move_back(manifest: Manifest, folder: Path, done: Callable[[], object]) -> Iterator[Problem]:
    """Put everything back where it was. What a killed process did half is put right, too."""
    for move in reversed(manifest.moves):
        source, target = Path(manifest.root, move.source), folder / move.target
        why = _put_back(source, target, root=Path(manifest.root)) if move.way == "move" else _parted(source, move)
        if why:
            yield Problem(str(target if move.way == "move" else source), why)
        done()


def tidy(manifest: Manifest, folder: Path) -> None:
    """Undo the one move that a killed process may have half done."""
    for move in manifest.moves:
        source, target = Path(manifest.root, move.source), folder / move.target
        if move.way != "move":
            tidy_up(source)
        elif os.path.lexists(source) and os.path.lexists(target) and _is_half_done(source, target):
            target.unlink()


def remove_empty_folders(folder: Path) -> None:
    """Remove a folder and those below it, as far as nothing is in them."""
    for below, _, _ in os.walk(folder, topdown=False):
        try:
            Path(below).rmdir()
        except OSError:
            continue


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex; of a symbolic link, what it points to."""
    if path.is_symlink():
        return os.readlink(path)  # noqa: PTH115  a text, not a path
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _why_not(source: Path, move: Move) -> str:
    try:
        return "" if digest_of(source) == move.digest else "it changed since it was looked at"
    except OSError as error:
        return (error.strerror or str(error)).lower()


def _shared(source: Path, kept: Path, move: Move) -> str:
    """Let a file share the bytes of the kept one; why that was not possible, or nothing."""
    try:
        if source.stat().st_nlink > 1 and not source.samefile(kept):
            return "it has a further name (a hard link) under which its bytes would stay"
        if digest_of(kept) != move.digest:
            return "the image that is kept changed since it was looked at"
        share(source, kept, move.way)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _parted(source: Path, move: Move) -> str:
    """Give a file its own bytes again; why that was not possible, or nothing."""
    try:
        return part(source, move)
    except OSError as error:
        return (error.strerror or str(error)).lower()


def _moved(source: Path, target: Path, *, within: Path) -> str:
    """Move a file; why that was not possible, or nothing. `within`: where the target has to be, links followed."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not Path(os.path.realpath(target.parent)).is_relative_to(os.path.realpath(within)):
            return f"{target.parent} leads out of {within}"
        _put(source, target)
    except FileExistsError:
        return f"{target} is there already"
    except OSError as error:
        return (error.strerror or str(error)).lower()
    try:
        source.unlink()
    except OSError as error:
        target.unlink()
        return (error.strerror or str(error)).lower()
    return ""


def _put(source: Path, target: Path) -> None:
    """Make the file known under the new name, too; raise FileExistsError if something has it."""
    if source.is_symlink():
        target.symlink_to(os.readlink(source))  # noqa: PTH115  as it is
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:  # another file system, or one without links
        copy_new(source, target)


def _put_back(source: Path, target: Path, *, root: Path) -> str:
    """Put one file back; why that was not possible, or nothing."""
    try:
        if not os.path.lexists(target):
            return "" if os.path.lexists(source) else f"it is neither here nor at {source}"
        if not os.path.lexists(source):
            return _moved(target, source, within=root)
        if _is_half_done(source, target):
            target.unlink()
            return ""
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return f"{source} is there again, so this one stays"


def _is_half_done(source: Path, target: Path) -> bool:
    """Whether the second is what a process that was killed in between had made of the first."""
    if source.is_symlink() or target.is_symlink():
        return source.is_symlink() and target.is_symlink() and digest_of(source) == digest_of(target)
    return source.samefile(target) or _begins_with(source, target)


def _begins_with(source: Path, target: Path) -> bool:
    with source.open("rb") as whole, target.open("rb") as part:
        while piece := part.read(PIECE):
            if whole.read(len(piece)) != piece:
                return False
    return True


def require_outside(folder: Path, named: Iterable[str], option: str = "--to") -> None:
    """Raise GuardError if files would be put where images are looked for. `option`: the one that names the folder."""
    for path in named:
        if Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(path)):
            raise GuardError(f"{folder} is within {path}, so what is put there would be in the dataset; see {option}")
