"""The worktree as if it had been staged: what a stage of a DVC pipeline has to judge before anybody runs git add."""

from __future__ import annotations

import os
import shutil
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from imgsim_guard.sources.dvc import PIPELINE
from imgsim_guard.sources.git import Git
from imgsim_guard.sources.selection import has_image_suffix, is_dvc_file

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def with_worktree(git: Git) -> Iterator[Git]:
    """The repository with all that is tracked staged as it is in the worktree, and images and DVC's files that are new.

    Neither the index nor the repository is written to: what git, and git LFS, would add to them goes to a temporary
    folder.
    """
    index = Path(git.text("rev-parse", "--path-format=absolute", "--git-path", "index"))
    objects = git.text("rev-parse", "--path-format=absolute", "--git-path", "objects")
    alternates = [_quoted(objects), os.environ.get("GIT_ALTERNATE_OBJECT_DIRECTORIES", "")]
    with TemporaryDirectory(prefix="imgsim-guard-") as folder:
        if index.exists():
            shutil.copy(index, Path(folder, "index"))
        Path(folder, "objects").mkdir()
        environment = {
            **os.environ,
            "GIT_INDEX_FILE": str(Path(folder, "index")),
            "GIT_OBJECT_DIRECTORY": str(Path(folder, "objects")),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": os.pathsep.join(filter(None, alternates)),
        }
        with closing(Git(git.root, environment)) as staged:
            _stage(staged, Path(folder))
            yield staged


def _stage(git: Git, folder: Path) -> None:
    apart = ("-c", f"lfs.storage={folder / 'lfs'}", "-c", "core.splitIndex=false")
    git.run(*apart, "add", "--update")
    untracked = git.run("ls-files", "--others", "--exclude-standard", "-z").split(b"\0")[:-1]
    if chosen := [name for name in untracked if _counts(os.fsdecode(name))]:
        names = b"".join(name + b"\0" for name in chosen)
        git.run(*apart, "--literal-pathspecs", "add", "--pathspec-from-file=-", "--pathspec-file-nul", given=names)


def _counts(path: str) -> bool:
    return has_image_suffix(path) or is_dvc_file(path) or path.rpartition("/")[2] in {PIPELINE, ".gitattributes"}


def _quoted(path: str) -> str:
    """As git reads it in a list with colons between (git(1), GIT_ALTERNATE_OBJECT_DIRECTORIES)."""
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
