"""The worktree as if it were staged, for a stage of a DVC pipeline, which runs before git add."""

from __future__ import annotations

import os
import shutil
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from imgsim_guard.sources.git import Git
from imgsim_guard.sources.pipelines import PIPELINE
from imgsim_guard.sources.selection import has_image_suffix, is_dvc_file
from imgsim_guard.system.files import relative_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@contextmanager
def with_worktree(git: Git) -> Iterator[Git]:
    """The repository with an index that has the tracked files as they are in the worktree, and new images and DVC
    files.

    The real index and the repository are not changed: new objects of git and git LFS are written to a temporary folder.
    """
    with _apart(git) as (staged, options):
        staged.run(*options, "add", "--update")
        untracked = staged.run("ls-files", "--others", "--exclude-standard", "-z").split(b"\0")[:-1]
        _add(staged, options, [name for name in untracked if _counts(os.fsdecode(name))])
        yield staged


@contextmanager
def with_files(git: Git, files: Sequence[str]) -> Iterator[Git]:
    """The repository with only these files staged, except those that git ignores. They are relative to the working
    directory.
    """
    with _apart(git) as (staged, options):
        names = [relative_path(os.path.abspath(file), git.root) for file in files]  # noqa: PTH100  links stay
        listed = ("ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *names)
        found = staged.run("--literal-pathspecs", *listed).split(b"\0")[:-1]
        _add(staged, options, [name for name in found if os.path.lexists(git.root / os.fsdecode(name))])
        yield staged


@contextmanager
def _apart(git: Git) -> Iterator[tuple[Git, tuple[str, ...]]]:
    """The repository with an index, objects and LFS objects in a temporary folder; and the options of
    git to add to it.
    """
    index = Path(git.text("rev-parse", "--path-format=absolute", "--git-path", "index"))
    objects = git.text("rev-parse", "--path-format=absolute", "--git-path", "objects")
    alternates = [_quoted(objects), git.environment.get("GIT_ALTERNATE_OBJECT_DIRECTORIES", "")]
    with TemporaryDirectory(prefix="imgsim-guard-") as folder:
        if index.exists():
            shutil.copy(index, Path(folder, "index"))
        Path(folder, "objects").mkdir()
        environment = {
            **git.environment,
            "GIT_INDEX_FILE": str(Path(folder, "index")),
            "GIT_OBJECT_DIRECTORY": str(Path(folder, "objects")),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": os.pathsep.join(filter(None, alternates)),
        }
        with closing(Git(git.root, environment)) as staged:
            yield staged, ("-c", f"lfs.storage={Path(folder, 'lfs')}", "-c", "core.splitIndex=false")


def _add(git: Git, options: tuple[str, ...], names: list[bytes]) -> None:
    if names:
        given = b"".join(name + b"\0" for name in names)
        add = ("add", "--sparse", "--pathspec-from-file=-", "--pathspec-file-nul")
        git.run(*options, "--literal-pathspecs", *add, given=given)


def _counts(path: str) -> bool:
    return has_image_suffix(path) or is_dvc_file(path) or path.rpartition("/")[2] in {PIPELINE, ".gitattributes"}


def _quoted(path: str) -> str:
    """A path as git reads it in a list separated by colons (git(1), GIT_ALTERNATE_OBJECT_DIRECTORIES)."""
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
