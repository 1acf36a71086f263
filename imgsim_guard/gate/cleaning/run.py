"""A clean-up from its plan to the last file, and back."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.gate.cleaning.manifest import (
    Manifest,
    manifests_in,
    next_manifest,
    read_manifest,
    write_manifest,
)
from imgsim_guard.gate.cleaning.moving import (
    Problem,
    digest_of,
    move_away,
    move_back,
    remove_empty_folders,
    tidy,
)
from imgsim_guard.gate.cleaning.plan import moves_of, root_of, shared_moves
from imgsim_guard.model import GuardError
from imgsim_guard.system.cache_folder import cache_folder
from imgsim_guard.system.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imgsim_guard.gate.cleaning.manifest import Way
    from imgsim_guard.gate.cleaning.plan import Going
    from imgsim_guard.gate.pipeline import Progress

LAST = "cleaned.json"
"""In the user's cache: by working directory, the manifest of the last clean-up there."""

MOST_REMEMBERED = 100


class Moved(NamedTuple):
    """What came of it: where the manifest is, and the files that stayed where they were."""

    manifest: Path
    problems: tuple[Problem, ...]


def apply(  # noqa: PLR0913  each of them is needed
    files: Sequence[Going],
    named: Sequence[str],
    folder: Path,
    *,
    staged: Mapping[str, str],
    progress: Progress,
    way: Way = "move",
) -> Moved:
    """Move files into a folder, or let them share the bytes of what is kept. The manifest is written first, into the
    folder; what a run that was killed has done is in it, too.
    """
    interrupted = _interrupted(folder)
    changed = [one for one in files if not _is_there(one)]
    going = [one for one in files if one not in changed]
    staying = [one.copy.of.path for one in going if one.copy.of is not None] if way != "move" else []
    root, path = root_of([*named, *staying], files), next_manifest(folder)
    moves = moves_of(going, root, folder, staged) if way == "move" else shared_moves(going, root, way)
    manifest = Manifest(str(root), tuple(moves), continues=interrupted)
    write_manifest(path, manifest)
    _remember(path)
    problems = list(move_away(manifest, folder, progress(len(going), "moving" if way == "move" else "linking")))
    write_manifest(path, manifest._replace(finished=True))
    stays = [Problem(one.path, "the image that would be kept instead of it changed meanwhile") for one in changed]
    return Moved(path, (*stays, *problems))


def undo(path: Path, progress: Progress) -> tuple[list[Manifest], tuple[Problem, ...]]:
    """Put back what a manifest tells of, and what the interrupted one before it does. A manifest is removed once
    nothing is left to put back. The manifests, and what could not be put back.
    """
    manifest, folder = read_manifest(path), path.parent
    done = [manifest]
    problems = tuple(move_back(manifest, folder, progress(len(manifest.moves), "putting back")))
    if not problems and manifest.continues and (folder / manifest.continues).is_file():
        earlier, problems = undo(folder / manifest.continues, progress)
        done += earlier
    if not problems:
        for name, digest in manifest.made:
            with suppress(OSError):
                if digest_of(Path(name)) == digest:  # else somebody has gone on with it
                    Path(name).unlink()
        path.with_suffix(".csv").unlink(missing_ok=True)
        path.unlink()
        remove_empty_folders(folder)
    return done, problems


def made_with(path: Path, made: Sequence[tuple[str, str]]) -> None:
    """Remember in a manifest which files were made with it, so that undoing removes them."""
    absolute = tuple((os.path.abspath(name), digest) for name, digest in made)  # noqa: PTH100  links stay
    write_manifest(path, read_manifest(path)._replace(made=absolute))


def manifest_at(given: str) -> Path:
    """The manifest that is meant: a file, the last one of a folder, or the last one of this working directory."""
    if not given:
        last = _remembered().get(str(Path.cwd()))
        if last is None or not Path(last).is_file():
            raise GuardError(
                "nothing was cleaned here, or it was put back already; name the manifest: "
                "imgsim-guard clean --undo FOLDER/manifest-1.json"
            )
        return Path(last)
    path = Path(given)
    if not path.is_dir():
        return path
    found = manifests_in(path)
    if not found:
        raise GuardError(f"there is no manifest in {given}, so there is nothing to put back")
    return found[-1]


def _interrupted(folder: Path) -> str:
    """The name of the last manifest, if its moves were interrupted; what was half done is undone."""
    for path in manifests_in(folder)[-1:]:
        manifest = read_manifest(path)
        if not manifest.finished:
            tidy(manifest, folder)
            return path.name
    return ""


def _is_there(one: Going) -> bool:
    """Whether the image is still there that is kept instead."""
    kept = one.copy.of
    with suppress(OSError):
        return kept is not None and digest_of(Path(os.path.realpath(kept.path))) == kept.content.removeprefix("sha256:")
    return False


def _remember(path: Path) -> None:
    known = _remembered()
    known.pop(str(Path.cwd()), None)
    known[str(Path.cwd())] = os.path.abspath(path)  # noqa: PTH100  links stay
    last = dict([*known.items()][-MOST_REMEMBERED:])
    with suppress(OSError):  # a convenience: the manifest can be named
        cache_folder().mkdir(parents=True, exist_ok=True)
        replace_file(cache_folder() / LAST, json.dumps(last, indent=1).encode())


def _remembered() -> dict[str, str]:
    try:
        known = json.loads((cache_folder() / LAST).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return {str(key): str(value) for key, value in known.items()} if isinstance(known, dict) else {}
