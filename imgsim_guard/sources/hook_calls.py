"""How a hook was called, and whether there may be images to check.

A commit without images runs only this module of `sources`, so it imports nothing that reads LFS or DVC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.sources.selection import OVERLOOKED, has_image_suffix, is_dvc_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imgsim_guard.sources.git import Git

DECIDING_FILES = ("dvc.yaml", ".gitattributes")
"""Files that determine which tracker an image has."""


def is_needed(git: Git, environment: Mapping[str, str], files: Sequence[str]) -> bool:
    """Whether there may be images to check. `files`: the paths on the command line."""
    if pushed(environment) or by_hand(files, environment):
        return True
    return any(_concerns(change.path) or change.behind == "submodule" for change in git.staged_changes())


def pushed(environment: Mapping[str, str]) -> str | None:
    """The revision that is pushed, as pre-commit names it; None if it names none."""
    if environment.get("PRE_COMMIT_FROM_REF") and (revision := environment.get("PRE_COMMIT_TO_REF")):
        return revision
    return environment.get("PRE_COMMIT_LOCAL_BRANCH") or None


def by_hand(files: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether the named files are to be checked: for the hooks of a commit and of a merge, git sets the
    index instead.
    """
    return bool(files) and "GIT_INDEX_FILE" not in environment


def _concerns(path: str) -> bool:
    """Whether a change of this path may add an image, or change a rule."""
    return (
        has_image_suffix(path)
        or OVERLOOKED.search(path) is not None
        or is_dvc_file(path)
        or path.endswith(DECIDING_FILES)
        or "imgsim-guard" in path
        or path.endswith("pyproject.toml")
    )
