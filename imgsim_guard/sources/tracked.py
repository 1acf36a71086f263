"""Images that git, git LFS and DVC track: which are new, and which the dataset already has."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.model import (
    GuardError,
    Image,
    Scope,
    Selection,
    content_id,
    digest_of,
    tracker_of,
)
from imgsim_guard.sources import lfs
from imgsim_guard.sources.derived import outputs_of
from imgsim_guard.sources.dvc import Dvc
from imgsim_guard.sources.dvc_states import outs_with_images, tracked_by_dvc
from imgsim_guard.sources.git_records import EMPTY_BLOB, Change
from imgsim_guard.sources.not_checked import not_checked, not_followed
from imgsim_guard.sources.revisions import FETCH, commit_of
from imgsim_guard.sources.selection import NAMED, OVERLOOKED, ImageFilter, has_image_suffix, without_moved
from imgsim_guard.system.garbage_collector import no_collecting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from imgsim_guard.model import ContentId
    from imgsim_guard.sources.git import Git
    from imgsim_guard.sources.git_records import Entry

EMPTY = content_id("git", EMPTY_BLOB)

LARGEST_COMPARED = 2**25
"""Largest file, in bytes, that is compared if git and DVC both track its path. A larger one counts as the same."""


def staged(git: Git, is_image: Callable[[str], bool], changes: Sequence[Change] | None = None) -> Selection:
    """The images that the index adds to HEAD, or to nothing before the first commit. `changes`: the result of
    `Git.staged_changes`.
    """
    known = git.staged_changes() if changes is None else changes
    return _selection("staged", git, git.index(), known, is_image, base="HEAD")


def named(git: Git, is_image: Callable[[str], bool], files: Sequence[str]) -> Selection:
    """Files of the index by name, new or not, against all others. A `.dvc` file stands for the images that it tracks.

    `files` are relative to the working directory. Raises GuardError for an image that git does not track.
    """
    entries = git.index()
    paths = {below_root(path, git.root): path for path in files}
    found = [Change(entry.path, None, entry.blob) for entry in entries if entry.path in paths]
    for path in paths.keys() - {change.path for change in found}:
        if is_image(path):
            raise GuardError(f"{paths[path]}: git does not track it; name the .dvc file of an image that DVC tracks")
    return _selection("named", git, entries, found, is_image)


def between(git: Git, is_image: Callable[[str], bool], *, base: str, revision: str) -> Selection:
    """The images that a revision adds to its merge base with `base`, or to `base` itself if the two have no common
    commit.

    Raises GuardError for a name that is no commit, and if this clone has too little history. Images that `base` gained
    since the merge base are in the gallery: a merge brings them together.
    """
    commits = [commit_of(git, name) for name in (base, revision)]
    merge_base = git.merge_base(*commits)
    if merge_base is None and git.is_shallow():
        raise GuardError(f"{base!r} and {revision!r} have no common ancestor in this clone; {FETCH}")
    merge_base = merge_base or commits[0]  # without a common root, the two states are compared

    def since(commit: str) -> Selection:
        changes = git.changes_between(merge_base, commit)
        return _selection("revisions", git, git.tree(commit), changes, is_image, base=merge_base, revision=commit)

    selection = since(commits[1])
    return selection if merge_base == commits[0] else _beside(selection, since(commits[0]), base)


def _beside(selection: Selection, others: Selection, base: str) -> Selection:
    """A selection with the queries of another one added to its gallery, except at paths that both have."""
    there = {image.path for image in (*selection.queries, *selection.gallery)}
    others = without_moved(others, identity=lambda content: content)
    gained = [image for image in others.queries if image.path not in there]
    notes = [f"{path} of {base} was not compared: {why.reason}" for path, why in others.unreadable]
    return replace(
        selection,
        gallery=tuple(sorted((*selection.gallery, *gained))),
        not_listed=selection.not_listed + len(others.unreadable),
        notes=(*selection.notes, *notes, *(note for note in others.notes if note not in selection.notes)),
    )


def everything(git: Git, is_image: Callable[[str], bool], *, revision: str | None = None) -> Selection:
    """All images of the index, or of a commit, as queries, with an empty gallery: every pair of the dataset is
    compared.
    """
    entries = git.index() if revision is None else git.tree(revision)
    changes = [Change(entry.path, None, entry.blob) for entry in entries]
    changes += git.links_and_submodules(revision)
    selection = _selection("all", git, entries, changes, is_image, revision=revision)
    candidates = any(has_image_suffix(entry.path) or OVERLOOKED.search(entry.path) for entry in entries)
    if candidates and not (selection.queries or selection.unreadable) and isinstance(is_image, ImageFilter):
        why = "; ".join(selection.notes) or "images: leaves all of them out"
        raise GuardError(f"there are images here, but none of them is checked: {why}")
    return selection


def dvc_outs(git: Git, is_image: Callable[[str], bool]) -> list[str]:
    """The paths of DVC's outputs that hold images of the index."""
    return outs_with_images(git, Dvc(git, None), git.index(), is_image)


def restricted(selection: Selection, git: Git, paths: Sequence[str]) -> Selection:
    """The selection with only the queries at or below these paths; the other new images move to the gallery.

    `paths` are relative to the working directory. Raises GuardError for a path without tracked files.
    """
    wanted = [below_root(path, git.root) for path in paths]
    known = [image.path for image in (*selection.queries, *selection.gallery)]
    unknown = [path for path, _ in selection.unreadable]
    for path, prefix in zip(paths, wanted, strict=True):
        if not any(_is_at(one, prefix) for one in known) and not any(_overlap(one, prefix) for one in unknown):
            raise GuardError(f"{path}: not a tracked image; run git add or dvc add first")
    chosen = tuple(image for image in selection.queries if any(_is_at(image.path, prefix) for prefix in wanted))
    others = set(selection.queries) - set(chosen)
    unreadable = tuple(
        (path, why) for path, why in selection.unreadable if any(_overlap(path, prefix) for prefix in wanted)
    )
    gallery = tuple(sorted({*selection.gallery, *others}))
    return replace(selection, queries=chosen, gallery=gallery, unreadable=unreadable)


@no_collecting()
def _selection(  # noqa: PLR0913  all trackers meet here
    scope: Scope,
    git: Git,
    entries: Sequence[Entry],
    changes: Sequence[Change],
    is_image: Callable[[str], bool],
    *,
    base: str | None = None,
    revision: str | None = None,
) -> Selection:
    """Queries are the new images of a state, which is a revision or the index; the gallery is the rest of its images.

    `base`: the commit that the changes are relative to; None if everything is new.
    """
    images = _images(entries, is_image)
    gained = [_image(change.path, change.new) for change in changes if change.new and is_image(change.path)]
    lost = [_image(change.path, change.old) for change in changes if change.old and is_image(change.path)]
    if lfs.is_used(git, entries, changes):
        behind = lfs.resolved(git, {*images, *gained, *lost})
        images, gained, lost = (
            [image._replace(content=behind.get(image.content, image.content)) for image in some]
            for some in (images, gained, lost)
        )
    dvc = tracked_by_dvc(git, (Dvc(git, base), Dvc(git, revision)), entries, changes, is_image)
    beside, notes = _beside_git(git, (dvc.held, dvc.gained), images)
    were_in_git = {image.path for image in lost}
    held = [*images, *beside[0]]
    queries = {*gained, *beside[1]}
    left_out = not_checked(git, changes, entries, [image.path for image in (*queries, *held)], is_image)
    gone = {*lost, *(image for image in dvc.lost if image.path not in were_in_git)}
    return Selection(
        scope,
        tuple(sorted(queries)),
        tuple(sorted(image for image in held if image not in queries and image.content != EMPTY)),
        unreadable=dvc.unreadable,
        notes=(*dvc.notes, *notes, *not_followed(git, changes, is_image), *left_out),
        lost=tuple(sorted(gone)),
        revision=revision,
        made=outputs_of(dvc.stages, (image.path for image in held)),
        relocated=dvc.relocated,
        pointers=dvc.pointers,
        not_listed=dvc.not_listed,
        base=base,
    )


def _beside_git(
    git: Git, tracked: Sequence[Sequence[Image]], in_git: Sequence[Image]
) -> tuple[list[list[Image]], list[str]]:
    """The images that DVC tracks, without those whose path git tracks with the same bytes; and a note on paths with
    other bytes.
    """
    if not any(tracked):
        return [[], []], []
    contents = {image.path: image.content for image in in_git}
    shared = {image for images in tracked for image in images if image.path in contents}
    blobs = {digest_of(contents[image.path]) for image in shared if tracker_of(contents[image.path]) == "git"}
    texts = git.blobs(blobs, largest=LARGEST_COMPARED) if blobs else {}
    same = {image for image in shared if _md5(texts.get(digest_of(contents[image.path]))) == image.content}
    paths = ", ".join(sorted({image.path for image in shared - same})[:NAMED])
    notes = [f"git and DVC track other bytes at the same path, so both are judged: {paths}"] if shared - same else []
    return [[image for image in images if image not in same] for images in tracked], notes


def _md5(data: bytes | None) -> ContentId | None:
    return None if data is None else content_id("md5", hashlib.md5(data, usedforsecurity=False).hexdigest())


def _image(path: str, blob: str) -> Image:
    return Image(path, content_id("git", blob))


def _images(entries: Iterable[Entry], is_image: Callable[[str], bool]) -> list[Image]:
    return [_image(entry.path, entry.blob) for entry in entries if is_image(entry.path)]


def below_root(path: str, root: Path) -> str:
    """A path relative to the working directory as one relative to the root. Raises GuardError outside the root."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  resolve() would follow a tracked link
    if not absolute.is_relative_to(root):
        raise GuardError(f"{path}: outside the repository at {root}; name a path inside it")
    return absolute.relative_to(root).as_posix()


def _is_at(path: str, prefix: str) -> bool:
    return prefix == "." or f"{path}/".startswith(f"{prefix}/")


def _overlap(path: str, prefix: str) -> bool:
    """Whether one is at or below the other: `path` may be a folder whose images are not known."""
    return _is_at(path, prefix) or _is_at(prefix, path)
