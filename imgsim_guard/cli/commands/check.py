"""`imgsim-guard check`: check for near-duplicates by hand, in CI and as a DVC stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.cli.job import in_judged_state
from imgsim_guard.cli.verdict import judge
from imgsim_guard.gate.entering import settings_before, with_entering
from imgsim_guard.model import GuardError
from imgsim_guard.sources import tracked
from imgsim_guard.sources.trackers import Trackers

if TYPE_CHECKING:
    import argparse


def check(arguments: argparse.Namespace) -> int:
    """`imgsim-guard check`."""
    if arguments.to_ref and not arguments.from_ref:
        raise GuardError("--to-ref needs --from-ref, the revision to compare with, such as origin/main")
    if arguments.worktree and not arguments.all:
        raise GuardError("--worktree needs --all: it checks every image in the worktree")
    judged = (arguments.to_ref or "HEAD") if arguments.from_ref else None
    with in_judged_state(arguments, revision=judged) as (git, job):
        is_image = job.workspace.is_image
        if arguments.from_ref:
            base, revision = arguments.from_ref, arguments.to_ref or "HEAD"
            selection = tracked.between(git, is_image, base=base, revision=revision)
        else:
            selection = tracked.everything(git, is_image) if arguments.all else tracked.staged(git, is_image)
        selection = with_entering(selection, settings_before(git, job.workspace, selection.base), job.workspace)
        if arguments.paths:
            selection = tracked.restricted(selection, git, arguments.paths)
        return judge(selection, Trackers(git, selection.revision), job)
