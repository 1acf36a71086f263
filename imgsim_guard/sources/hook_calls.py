"""How a hook was called, and whether there may be images to check.

A commit without images runs only this module of `sources`, so it imports nothing that reads LFS or DVC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.sources.selection import OVERLOOKED, has_image_suffix, is_dvc_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from imgsim_guard.sources.git import Git
    from imgsim_guard.sources.git_records import Change

DECIDING_FILES = ("dvc.yaml", ".gitattributes")
"""Files that determine which tracker an image has."""


class HookCall(NamedTuple):
    """How a hook was called.

    `files`: the paths on the command line. `staged`: what the index changes, if the index is what is to be checked.
    """

    environment: Mapping[str, str]
    files: Sequence[str]
    staged: Sequence[Change] | None

    @classmethod
    def read(cls, git: Git, environment: Mapping[str, str], files: Sequence[str] = ()) -> HookCall:
        """How the hook was called with this environment and these paths."""
        call = cls(environment, files, None)
        return call if call.pushed or call.by_hand else call._replace(staged=git.staged_changes())

    @property
    def pushed(self) -> str | None:
        """The revision that is pushed, as pre-commit names it; None if it names none."""
        if self.environment.get("PRE_COMMIT_FROM_REF") and (revision := self.environment.get("PRE_COMMIT_TO_REF")):
            return revision
        return self.environment.get("PRE_COMMIT_LOCAL_BRANCH") or None

    @property
    def by_hand(self) -> bool:
        """Whether the named files are to be checked: for the hooks of a commit and of a merge, git sets the
        index instead.
        """
        return bool(self.files) and "GIT_INDEX_FILE" not in self.environment

    @property
    def may_add_images(self) -> bool:
        """Whether there may be images to check."""
        if self.staged is None:
            return True
        return any(_concerns(change.path) or change.behind == "submodule" for change in self.staged)


def calls_of_push(git: Git, told: str, remote: str) -> Iterator[HookCall]:
    """A call for each branch and tag that is pushed, as pre-commit would make it. `told`: what git writes to a pre-push
    hook: a line `local-name local-id remote-name remote-id` for each.
    """
    for line in told.splitlines():
        _, pushed, _, there = line.rsplit(" ", 3)
        commit = git.commit(pushed)  # None if the branch is deleted, or for a tag of something else
        if commit is None:
            continue
        base = git.commit(there) or _branched_off(git, commit, remote)
        if base is None:
            yield HookCall({"PRE_COMMIT_LOCAL_BRANCH": commit}, (), None)
        elif base != commit:
            yield HookCall({"PRE_COMMIT_FROM_REF": base, "PRE_COMMIT_TO_REF": commit}, (), None)


def _branched_off(git: Git, commit: str, remote: str) -> str | None:
    """The last commit before those that the remote lacks; None if it lacks all, as far as this clone knows."""
    known = f"--remotes={remote}" if remote else "--remotes"
    lacking = git.text("rev-list", "--topo-order", "--reverse", commit, "--not", known).split()
    return git.commit(f"{lacking[0]}^") if lacking else commit


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
