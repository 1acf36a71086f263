"""What moving files means to the repository around them: they leave git's index, and DVC wants to be told."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.model import GuardError
from imgsim_guard.sources.git import Git
from imgsim_guard.sources.tracked import below_root

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imgsim_guard.gate.cleaning.manifest import Manifest


@contextmanager
def repository_around() -> Iterator[Git | None]:
    """The git repository around the working directory; None where there is none."""
    try:
        git = Git.here()
    except GuardError:
        yield None
        return
    try:
        yield git
    finally:
        git.close()


def staged(paths: Iterable[str], git: Git | None) -> dict[str, str]:
    """By path, mode and blob of those files that are in the index."""
    names = _names(paths, git)
    if git is None or not names:
        return {}
    found = {}
    for record in filter(None, git.run("ls-files", "--stage", "-z").split(b"\0")):
        described, _, name = record.partition(b"\t")
        mode, blob, stage = described.split()
        if stage == b"0":
            found[os.fsdecode(name)] = f"{mode.decode()} {blob.decode()}"
    return {path: found[name] for name, path in names.items() if name in found}


def unstage(paths: Iterable[str], git: Git | None) -> None:
    """Take these files out of the index, as `git rm --cached` does."""
    names = _names(paths, git)
    if git is not None and names:
        given = b"".join(b"0 %s\t%s\0" % (b"0" * 40, os.fsencode(name)) for name in names)
        git.run("update-index", "-z", "--index-info", given=given)


def stage_again(manifest: Manifest, git: Git | None) -> None:
    """Put back into the index what was there, of the files that are where they were."""
    back = {
        str(path): move.staged
        for move in manifest.moves
        if move.staged and os.path.lexists(path := Path(manifest.root, move.source))
    }
    names = _names(back, git)
    if git is not None and names:
        there = {os.fsdecode(name) for name in git.run("ls-files", "-z").split(b"\0")}
        lines = (
            f"{back[path]}\t".encode() + os.fsencode(name) + b"\0" for name, path in names.items() if name not in there
        )
        git.run("update-index", "-z", "--index-info", given=b"".join(lines))


def dvc_targets(paths: Iterable[str]) -> list[str]:
    """What of these DVC tracks, to be given to `dvc add`: a folder or a file that has a .dvc file beside it."""
    found = set()
    known: dict[Path, bool] = {}
    for path in map(Path, paths):
        for place in (path, *path.parents):
            if place not in known:
                known[place] = place.name != "" and place.with_name(f"{place.name}.dvc").is_file()
            if known[place]:
                found.add(str(place))
    return sorted(found)


def _names(paths: Iterable[str], git: Git | None) -> dict[str, str]:
    """The paths by what git calls them; those outside of the repository are left out."""
    names = {}
    for path in paths if git is not None else ():
        with suppress(GuardError):
            names[below_root(path, git.root)] = path  # type: ignore[union-attr]  # there is one
    return names
