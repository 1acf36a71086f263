"""DVC's cache: where it is by DVC's configuration, and the files in it.

Only files are read, so it works with a broken pipeline, with a lock that another process holds, and without DVC.
"""

from __future__ import annotations

import configparser
import os
import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LAYOUTS = ("files/md5", "")
"""The folders of DVC 3 and of DVC 2. An upgrade leaves old files where they are."""

LARGEST_CONFIGURATION = 1_000_000
"""Largest configuration that is read, in bytes. It may be a link to a device that never ends."""


class Caches:
    """The caches for the paths of a repository.

    `worktrees`: this worktree and, if it is a linked one, also the main worktree, since the cache of a linked one is
    empty at first.
    """

    def __init__(self, worktrees: Sequence[Path]) -> None:
        self._worktrees = worktrees
        self._folders = cache(self._find)

    def object(self, path: str, name: str) -> Path | None:
        """The file in the cache for the content of a path. `name` is its MD5, with `.dir` for a list of files."""
        for folder in self._folders(path.rpartition("/")[0]):
            for layout in LAYOUTS:
                found = folder / layout / name[:2] / name[2:]
                if found.is_file():
                    return found
        return None

    def project(self, path: str) -> str:
        """The DVC project of a path, relative to the root of the repository; empty if the project is the root."""
        return project_of(self._worktrees[0], path)

    def _find(self, folder: str) -> list[Path]:
        project = self.project(f"{folder}/x")
        return [_cache_folder(worktree / project / ".dvc") for worktree in self._worktrees]


def project_of(root: Path, path: str) -> str:
    """The nearest folder above a path that is a DVC project, relative to the root; empty if that is the root."""
    folder = path.rpartition("/")[0]
    while folder and not (root / folder / ".dvc").is_dir():
        folder = folder.rpartition("/")[0]
    return folder


def _cache_folder(dvc_folder: Path) -> Path:
    """The cache folder by DVC's configuration files; the most specific file decides."""
    for file in (dvc_folder / "config.local", dvc_folder / "config", *_users_configurations()):
        chosen = _cache_option(file)
        if chosen is not None:
            return file.parent / _expanded(chosen)
    return dvc_folder / "cache"


def _expanded(chosen: str) -> Path:
    try:
        return Path(chosen).expanduser()
    except RuntimeError:  # ~ of a user that this machine does not know
        return Path(chosen)


def _users_configurations() -> Iterator[Path]:
    """DVC's configuration files of the user and of the machine. None for a user without a home folder: `~` would then
    be a folder of the repository, which a stranger may have committed.
    """
    import platformdirs

    for variable, usual in (
        ("DVC_GLOBAL_CONFIG_DIR", platformdirs.user_config_dir),
        ("DVC_SYSTEM_CONFIG_DIR", platformdirs.site_config_dir),
    ):
        folder = ""
        with suppress(RuntimeError):  # no home folder; older versions return a path with ~
            folder = os.environ.get(variable) or usual("dvc", "iterative")
        if os.path.isabs(folder):  # noqa: PTH117  as given
            yield Path(folder, "config")


def _cache_option(file: Path) -> str | None:
    """The option `dir` of the section `cache`; None if it is not set, if there is no such file, or if DVC could not
    read it.
    """
    parser = configparser.RawConfigParser(
        strict=False, allow_no_value=True, delimiters=("=",), inline_comment_prefixes=("#",)
    )
    try:
        with file.open("rb") as opened:
            text = opened.read(LARGEST_CONFIGURATION).decode()
        # DVC indents options, which configparser takes for continuation lines.
        parser.read_string(re.sub(r"^[ \t]+", "", text, flags=re.MULTILINE))
    except (OSError, ValueError, configparser.Error):
        return None
    chosen = parser.get("cache", "dir", fallback=None)
    return chosen.strip("'\"") if chosen else None
