"""DVC's cache: where it is, by DVC's configuration, and the objects in it.

Only files are read, so a broken pipeline, a lock that another process holds or the lack of DVC itself do not matter.
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
"""Of DVC 3, and of DVC 2 and before, whose objects stay where they are after an upgrade."""

LARGEST_CONFIGURATION = 1_000_000
"""Bytes. It may be a link to a device that never ends."""


class Caches:
    """The caches behind the paths of a repository.

    `worktrees`: this one, and the main one if this is linked to it: a linked one's own cache is empty at first.
    """

    def __init__(self, worktrees: Sequence[Path]) -> None:
        self._worktrees = worktrees
        self._folders = cache(self._find)

    def object(self, path: str, name: str) -> Path | None:
        """The file in the cache for a path's content, which is named by its MD5, with `.dir` for a list of files."""
        for folder in self._folders(path.rpartition("/")[0]):
            for layout in LAYOUTS:
                found = folder / layout / name[:2] / name[2:]
                if found.is_file():
                    return found
        return None

    def project(self, path: str) -> str:
        """The DVC project that a path belongs to, relative to the root; empty when that is the root itself."""
        return project_of(self._worktrees[0], path)

    def _find(self, folder: str) -> list[Path]:
        project = self.project(f"{folder}/x")
        return [_cache_folder(worktree / project / ".dvc") for worktree in self._worktrees]


def project_of(root: Path, path: str) -> str:
    """The nearest folder above a path that is a DVC project, relative to the root; empty when that is the root."""
    folder = path.rpartition("/")[0]
    while folder and not (root / folder / ".dvc").is_dir():
        folder = folder.rpartition("/")[0]
    return folder


def _cache_folder(dvc_folder: Path) -> Path:
    """Where DVC's configuration says the cache is; the nearest level decides."""
    for file in (dvc_folder / "config.local", dvc_folder / "config", *_users_configurations()):
        chosen = _cache_option(file)
        if chosen is not None:
            return file.parent / _expanded(chosen)
    return dvc_folder / "cache"


def _expanded(chosen: str) -> Path:
    try:
        return Path(chosen).expanduser()
    except RuntimeError:  # ~ of somebody whom this machine does not know
        return Path(chosen)


def _users_configurations() -> Iterator[Path]:
    """Those of the user and of the machine. A user without a home has none: a ~ in the repository is a stranger's."""
    import platformdirs

    for variable, usual in (
        ("DVC_GLOBAL_CONFIG_DIR", platformdirs.user_config_dir),
        ("DVC_SYSTEM_CONFIG_DIR", platformdirs.site_config_dir),
    ):
        folder = ""
        with suppress(RuntimeError):  # where there is no home; older versions give a path that begins with ~
            folder = os.environ.get(variable) or usual("dvc", "iterative")
        if os.path.isabs(folder):  # noqa: PTH117  as given
            yield Path(folder, "config")


def _cache_option(file: Path) -> str | None:
    """`dir` in the section `cache`; None when there is none, or no such file, or one that DVC could not read either."""
    parser = configparser.RawConfigParser(
        strict=False, allow_no_value=True, delimiters=("=",), inline_comment_prefixes=("#",)
    )
    try:
        with file.open("rb") as opened:
            text = opened.read(LARGEST_CONFIGURATION).decode()
        parser.read_string(re.sub(r"^[ \t]+", "", text, flags=re.MULTILINE))  # DVC indents, which means nothing there
    except (OSError, ValueError, configparser.Error):
        return None
    chosen = parser.get("cache", "dir", fallback=None)
    return chosen.strip("'\"") if chosen else None
