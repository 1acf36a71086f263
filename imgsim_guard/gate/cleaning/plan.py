"""From groups to a plan: which files move, and what each is called in the folder that they move to."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.gate.cleaning.manifest import Move
from imgsim_guard.gate.cleaning.moving import digest_of
from imgsim_guard.gate.cleaning.sidecars import sidecars_of
from imgsim_guard.gate.groups import copies_in
from imgsim_guard.model import GuardError
from imgsim_guard.system.files import free_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from imgsim_guard.gate.cleaning.manifest import Kind, Way
    from imgsim_guard.model import Group, Member

REMOVED = "-removed"
"""What the default folder's name adds to that of the folder that is cleaned."""


class Going(NamedTuple):
    """A file that goes, with the copy because of which it does."""

    path: str
    kind: Kind
    copy: Member


def going(groups: Iterable[Group], links: Sequence[tuple[str, str]], *, sidecars: bool) -> list[Going]:
    """The copies, further names of their files, and their sidecars: these before their image, so that an interrupted
    clean-up leaves no sidecar without its image.
    """
    copies = {member.image.path: member for member in copies_in(groups)}
    found = [Going(path, "image", member) for path, member in copies.items()]
    found += [Going(path, "link", copies[of]) for path, of in links if of in copies]
    if sidecars:
        known = {one.path for one in found}
        found += [Going(path, "sidecar", copies[image]) for path, image in sidecars_of([*copies]) if path not in known]
    return sorted(found, key=lambda one: (one.copy.image, one.kind == "image", one.path))


def sharing(groups: Iterable[Group]) -> list[Going]:
    """The copies that have the very bytes of the image that is kept, so that they can be links to it. Sidecars and
    links stay, as their image does.
    """
    same = [member for member in copies_in(groups) if member.of and member.of.content == member.image.content]
    return [Going(member.image.path, "image", member) for member in same]


def root_of(named: Iterable[str], files: Iterable[Going]) -> Path:
    """The folder that all of these are in. Raises GuardError if they are on several drives of Windows."""
    folders = [path if os.path.isdir(path) else os.path.dirname(path) or "." for path in named]  # noqa: PTH112,PTH120
    folders += [os.path.dirname(one.path) or "." for one in files]  # noqa: PTH120
    try:
        return Path(os.path.commonpath([os.path.abspath(folder) for folder in folders]))  # noqa: PTH100
    except ValueError as error:
        raise GuardError("these folders are on several drives; clean each by itself") from error


def default_folder(named: Sequence[str], repository: Path | None) -> Path:
    """Beside the first folder that is named or, within a repository, beside that: out of the dataset in any case."""
    first = Path(os.path.abspath(named[0]))  # noqa: PTH100  links stay
    folder = first if first.is_dir() else first.parent
    if repository is not None and folder.is_relative_to(repository):
        folder = repository
    return folder.with_name(f"{folder.name or 'images'}{REMOVED}")


def shared_moves(files: Sequence[Going], root: Path, way: Way) -> list[Move]:
    """What a manifest says of files that stay and share the bytes of the image that is kept."""
    moves = []
    for one in files:
        of, status = one.copy.of, os.lstat(one.path)
        moves.append(
            Move(
                os.path.relpath(one.path, root),
                "",
                one.kind,
                one.copy.image.content.removeprefix("sha256:"),
                status.st_size,
                os.path.relpath(of.path, root) if of is not None else "",
                one.copy.why,
                way=way,
                inode=status.st_ino,
                mode=stat.S_IMODE(status.st_mode),
                written=status.st_mtime_ns,
            )
        )
    return moves


def moves_of(files: Sequence[Going], root: Path, folder: Path, staged: Mapping[str, str]) -> list[Move]:
    """The moves of these files into a folder, in which each gets a name that nothing has. `staged`: by path, what git's
    index has.
    """
    taken: set[str] = set()
    moves = []
    for one in files:
        source = os.path.relpath(one.path, root)
        target = free_name(source, folder, taken)
        digest = one.copy.image.content.removeprefix("sha256:") if one.kind == "image" else digest_of(Path(one.path))
        kept = os.path.relpath(one.copy.of.path, root) if one.copy.of is not None else ""
        size = os.lstat(one.path).st_size
        moves.append(Move(source, target, one.kind, digest, size, kept, one.copy.why, staged.get(one.path, "")))
        taken.add(target)
    return moves
