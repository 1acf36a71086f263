"""A command's arguments, and the repository or folders that it works in."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager, nullcontext
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.gate.rule_files import RuleFiles
from imgsim_guard.gate.workspace import Workspace, nearest_root
from imgsim_guard.sources.git import Git
from imgsim_guard.sources.worktree import with_worktree

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from imgsim_guard.model import Retrieve


class Job(NamedTuple):
    """A command's arguments, its workspace, and its start time."""

    arguments: argparse.Namespace
    workspace: Workspace
    started: float


@contextmanager
def in_repository(
    arguments: argparse.Namespace,
    *,
    index: bool = False,
    revision: str | None = None,
    retrieve: Retrieve | None = None,
) -> Iterator[tuple[Git, Job]]:
    """The repository around the working directory, and a job in it as `job_in` makes one."""
    with closing(Git.here()) as git:
        yield git, job_in(git, arguments, index=index, revision=revision, retrieve=retrieve)


def job_in(
    git: Git,
    arguments: argparse.Namespace,
    *,
    index: bool = False,
    revision: str | None = None,
    retrieve: Retrieve | None = None,
) -> Job:
    """A job in this repository, with the rules of its worktree, its index or a revision. `retrieve`: replaces the
    setting.
    """
    started = time.monotonic()
    commit = git.commit(revision) if revision else None
    rules = RuleFiles(git.root, git, index=index, revision=commit, named=arguments.config)
    return Job(arguments, Workspace(git.root, config=arguments.config, rules=rules, retrieve=retrieve), started)


@contextmanager
def in_judged_state(arguments: argparse.Namespace, *, revision: str | None = None) -> Iterator[tuple[Git, Job]]:
    """The repository; with --worktree, as if everything there had been staged. `revision`: the one whose rules hold."""
    with (
        in_repository(arguments, revision=revision) as (git, job),
        with_worktree(git) if arguments.worktree else nullcontext(git) as state,
    ):
        yield state, job


def in_folders(arguments: argparse.Namespace, *, retrieve: Retrieve | None = None) -> Job:
    """No repository is needed: the configuration is the nearest one, if any. `retrieve`: replaces the setting."""
    started = time.monotonic()
    return Job(arguments, Workspace(nearest_root(), config=arguments.config, retrieve=retrieve), started)
