"""Images that git tracks: which are new, and which the dataset already holds."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.errors import GuardError
from imgsim_guard.model import Image, Scope, Selection
from imgsim_guard.sources.git import EMPTY_BLOB, EMPTY_TREE
from imgsim_guard.sources.selecting import has_image_suffix, is_dvc_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from imgsim_guard.sources.git import Change, Entry, Git


def staged(git: Git, is_image: Callable[[str], bool]) -> Selection:
    """What the index adds to HEAD, or to nothing before the first commit."""
    return _selection("staged", git.index(), _staged_changes(git), is_image)


def for_hook(git: Git, is_image: Callable[[str], bool], environment: Mapping[str, str]) -> Selection:
    """What a hook has to judge: the revisions that pre-commit names, else what is staged.

    pre-commit starts the hook only when a matching file is staged, or when it was asked for all files (`--all-files`,
    and the first push of a history, which it tells in no other way). So when nothing of ours is staged, all is meant.
    """
    base, revision = environment.get("PRE_COMMIT_FROM_REF"), environment.get("PRE_COMMIT_TO_REF")
    if base and revision:
        return between(git, is_image, base=base, revision=revision)
    changes = _staged_changes(git)
    if "PRE_COMMIT" in environment and not any(_starts_the_hook(change.path) for change in changes):
        return everything(git, is_image)
    return _selection("staged", git.index(), changes, is_image)


def between(git: Git, is_image: Callable[[str], bool], *, base: str, revision: str) -> Selection:
    """What a revision adds to the point where it parted from the base. Raises GuardError when there is none."""
    commits = []
    for name in (base, revision):
        commit = git.commit(name)
        if commit is None:
            raise GuardError(f"{name!r} is not a commit of this clone; in CI, check out with full history")
        commits.append(commit)
    try:
        merge_base = git.text("merge-base", *commits)
    except GuardError as error:
        raise GuardError(
            f"{base!r} and {revision!r} have no common ancestor in this clone; in CI, check out with full history"
        ) from error
    changes = git.changes_between(merge_base, commits[1])
    return _selection("revisions", git.tree(commits[1]), changes, is_image)


def everything(git: Git, is_image: Callable[[str], bool]) -> Selection:
    """All that the index lists is new, and nothing is there yet: every pair of the dataset is judged."""
    return Selection("all", tuple(_images(git.index(), is_image)), ())


def restricted(selection: Selection, git: Git, paths: Sequence[str]) -> Selection:
    """The same, with only the queries at or below these paths; the other new images count as already there.

    `paths` are relative to the working directory. Raises GuardError for one where nothing is tracked.
    """
    wanted = [_below_root(path, git.root) for path in paths]
    known = (*selection.queries, *selection.gallery)
    for path, prefix in zip(paths, wanted, strict=True):
        if not any(_is_at(image, prefix) for image in known):
            raise GuardError(f"{path}: no tracked image there")
    chosen = tuple(image for image in selection.queries if any(_is_at(image, prefix) for prefix in wanted))
    others = set(selection.queries) - set(chosen)
    return Selection(selection.scope, chosen, tuple(sorted({*selection.gallery, *others})), notes=selection.notes)


def _staged_changes(git: Git) -> list[Change]:
    return git.changes_in_index(git.commit("HEAD") or EMPTY_TREE)


def _selection(
    scope: Scope, entries: Iterable[Entry], changes: Sequence[Change], is_image: Callable[[str], bool]
) -> Selection:
    """Queries are the new images of a state, and the gallery is what else it lists.

    A path that gained a content is new only as far as the state holds that content more often than before: so a
    renamed image is not new, a copied one is, and one that is both renamed and copied counts once.
    """
    images = _images(entries, is_image)
    gained = [Image(change.path, f"git:{change.new}") for change in changes if change.new and is_image(change.path)]
    lost = Counter(f"git:{change.old}" for change in changes if change.old and is_image(change.path))
    queries = []
    for image in sorted(gained):
        if lost[image.content] > 0:
            lost[image.content] -= 1
        else:
            queries.append(image)
    new = set(queries)
    held = tuple(image for image in images if image not in new and image.content != f"git:{EMPTY_BLOB}")
    return Selection(scope, tuple(queries), held, notes=tuple(_behind_dvc(changes)))


def _behind_dvc(changes: Iterable[Change]) -> Iterator[str]:
    for change in changes:
        if change.new and is_dvc_file(change.path):
            yield f"{change.path}: images that DVC tracks are not checked by this version"


def _starts_the_hook(path: str) -> bool:
    """Whether `files` in .pre-commit-hooks.yaml matches the path."""
    return has_image_suffix(path) or is_dvc_file(path)


def _images(entries: Iterable[Entry], is_image: Callable[[str], bool]) -> list[Image]:
    return sorted(Image(entry.path, f"git:{entry.blob}") for entry in entries if is_image(entry.path))


def _below_root(path: str, root: Path) -> str:
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  resolve() would follow a tracked link
    if not absolute.is_relative_to(root):
        raise GuardError(f"{path}: outside the repository at {root}")
    return absolute.relative_to(root).as_posix()


def _is_at(image: Image, prefix: str) -> bool:
    return prefix == "." or f"{image.path}/".startswith(f"{prefix}/")
