"""What a command was asked, and where: the repository or the folders around it, and their settings."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager, nullcontext
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.gate.workspace import nearest_root, open_store, settings_at
from imgsim_guard.sources.git import Git
from imgsim_guard.sources.worktree import with_worktree

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from imgsim_guard.config.settings import Settings
    from imgsim_guard.store.store import Store


class Job(NamedTuple):
    """What a command was asked, where, and when it began. `root`: the folder of the configuration."""

    arguments: argparse.Namespace
    root: Path
    settings: Settings
    started: float


@contextmanager
def in_repository(arguments: argparse.Namespace) -> Iterator[tuple[Git, Job]]:
    """The repository around the working directory; with --worktree, as if everything there had been staged."""
    started = time.monotonic()
    with closing(Git.here()) as git:
        job = Job(arguments, git.root, settings_at(git.root, arguments.config), started)
        with with_worktree(git) if getattr(arguments, "worktree", False) else nullcontext(git) as state:
            yield state, job


def in_folders(arguments: argparse.Namespace) -> Job:
    """No repository is needed: the configuration is the nearest one, if there is one."""
    started, root = time.monotonic(), nearest_root()
    return Job(arguments, root, settings_at(root, arguments.config), started)


def store_of(job: Job, *, lazy: bool = False) -> Store:
    """The embeddings that the job reads and adds to."""
    return open_store(job.settings, job.root / job.settings.store, lazy=lazy)
