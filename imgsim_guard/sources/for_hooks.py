"""What a hook has to check, for each program that runs it: git itself, pre-commit, prek, lefthook, husky or
lint-staged.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from imgsim_guard.model import GuardError, Selection
from imgsim_guard.sources import tracked
from imgsim_guard.sources.hook_calls import DECIDING_FILES
from imgsim_guard.sources.not_checked import not_followed
from imgsim_guard.sources.selection import ImageFilter, is_dvc_file
from imgsim_guard.sources.worktree import with_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from imgsim_guard.sources.git import Git
    from imgsim_guard.sources.git_records import Change
    from imgsim_guard.sources.hook_calls import HookCall

DVC_SUFFIXES = (".dvc", "dvc.lock")
"""Git pathspecs that match all of DVC's pointers, and possibly other files."""


@contextmanager
def for_hook(
    git: Git,
    is_image: Callable[[str], bool],
    call: HookCall,
    *,
    split: Callable[[str], str] = lambda _path: "",
    list_all: bool = False,
) -> Iterator[tuple[Git, Selection]]:
    """The selection that a hook has to check, and the repository to read it from. `list_all`: also list the images of
    the dataset if no image changed.

    During a commit or merge, this is the index, whatever files are named: pre-commit leaves out files that merged
    without a conflict, and files that are not in a sparse checkout. During a push, it is the revisions that pre-commit
    names; if it names only a branch, the whole history of the branch is pushed, so all of it is new. Otherwise somebody
    runs the hook by hand: then it is the files that were named, as they are in the worktree, or else what is staged.
    """
    base, revision = call.environment.get("PRE_COMMIT_FROM_REF"), call.environment.get("PRE_COMMIT_TO_REF")
    if base and revision:
        yield git, tracked.between(git, is_image, base=base, revision=revision)
    elif branch := call.environment.get("PRE_COMMIT_LOCAL_BRANCH"):
        commit = git.commit(branch)
        if commit is None:
            raise GuardError(f"cannot judge the push: this clone has no commit {branch!r}")
        yield git, tracked.everything(git, is_image, revision=commit)
    elif call.staged is None:
        with with_files(git, call.files) as state:
            yield state, tracked.named(state, is_image, call.files)
    else:
        moves = not list_all and _only_moves(call.staged, is_image, split)
        yield git, _staged(git, is_image, call.staged, only_moves=moves)


def _staged(git: Git, is_image: Callable[[str], bool], changes: Sequence[Change], *, only_moves: bool) -> Selection:
    # If the index has no images, the patterns may match nothing. Only a full listing notices that.
    if only_moves and (found := _counted(git, is_image)) is not None and found.unlisted:
        return replace(found, notes=(*found.notes, *not_followed(git, changes, is_image)))
    return tracked.staged(git, is_image, changes)


def _only_moves(changes: Sequence[Change], is_image: Callable[[str], bool], split: Callable[[str], str]) -> bool:
    """Whether no image can be new, whatever tracks it: at most, images were removed, or renamed within a split."""
    if any(is_dvc_file(change.path) or change.path.endswith(DECIDING_FILES) for change in changes):
        return False
    ours = [change for change in changes if is_image(change.path)]
    gained = Counter((change.new, split(change.path)) for change in ours if change.new)
    return gained <= Counter((change.old, split(change.path)) for change in ours if change.old)


def _counted(git: Git, is_image: Callable[[str], bool]) -> Selection | None:
    """A selection without queries from the index; its gallery is only counted. None if DVC tracks further images, or if
    a conflict is unresolved.
    """
    paths = git.index_paths()
    if paths is None:
        return None
    joined = "\0".join([*paths, ""])
    if any(f"{suffix}\0" in joined for suffix in DVC_SUFFIXES):
        return None
    count = is_image.count(paths) if isinstance(is_image, ImageFilter) else sum(map(is_image, paths))
    return Selection("staged", (), (), unlisted=count)
