"""`imgsim-guard accept`: accept pairs with a reason, so that they no longer fail the check."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from imgsim_guard.cli.baseline import stage_accepted
from imgsim_guard.cli.job import in_repository
from imgsim_guard.cli.terminal import say
from imgsim_guard.cli.wiring import opened_pipeline
from imgsim_guard.gate.accepted import accepted_pair, load_accepted, still_there
from imgsim_guard.gate.check import check as run_check
from imgsim_guard.gate.judge import identity_of
from imgsim_guard.gate.look import Looks
from imgsim_guard.model import GuardError
from imgsim_guard.report.escaping import shown
from imgsim_guard.sources import tracked
from imgsim_guard.sources.trackers import Trackers
from imgsim_guard.sources.worktree import with_worktree

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from imgsim_guard.cli.job import Job
    from imgsim_guard.gate.accepted import AcceptedPair
    from imgsim_guard.gate.workspace import Workspace
    from imgsim_guard.model import Match, Result, Selection
    from imgsim_guard.sources.git import Git


def accept(arguments: argparse.Namespace) -> int:
    """`imgsim-guard accept`."""
    _require_sense(arguments)
    with (
        in_repository(arguments) as (git, job),
        with_worktree(git) if arguments.worktree else nullcontext(git) as state,
    ):
        settings = job.workspace.settings
        known = load_accepted(git.root / settings.accepted)
        if arguments.prune:
            kept = _pruned(state, job.workspace, known)
            say(f"removed pairs whose images are gone: {len(known) - len(kept):,}; kept: {len(kept):,}.\n")
        else:
            matches = _to_accept(state, job)
            for match in matches:
                say(f"accepted: {shown(match.query.path)} and {shown(match.gallery.path)}\n")
            say(f"accepted pairs: {len(matches):,}.\n")
            kept = [*known, *(accepted_pair(match, arguments.reason) for match in matches)]
        stage_accepted(git, settings, kept)
    return 0


def _require_sense(arguments: argparse.Namespace) -> None:
    if sum([bool(arguments.new), arguments.all, arguments.prune]) != 1:
        raise GuardError(
            'name the new image, such as imgsim-guard accept data/new.jpg --reason "...", or use --all or --prune'
        )
    if not arguments.prune and not (arguments.reason or "").strip():
        raise GuardError('--reason "..." is required: it tells others later why the pair was accepted')


def _to_accept(git: Git, job: Job) -> list[Match]:
    arguments, is_image = job.arguments, job.workspace.is_image
    if arguments.all:
        result = _result(git, job, tracked.everything(git, is_image))
        for path, why in result.unreadable:
            say(f"{shown(path)}   {'not checked' if why.absent else 'unreadable'}: {shown(why.reason)}\n")
        return [match for match in result.matches if match.blocking]
    selection = tracked.staged(git, is_image)
    new = tracked.below_root(arguments.new, git.root)
    if all(query.path != new for query in selection.queries):
        selection = tracked.everything(git, is_image)
    result = _result(git, job, tracked.restricted(selection, git, [arguments.new]))
    open_ones = [match for match in result.matches if match.counts]
    if arguments.old is None:
        chosen = open_ones
    else:
        old = tracked.below_root(arguments.old, git.root)
        chosen = [match for match in open_ones if match.gallery.path == old]
    if not chosen:
        raise GuardError(_nothing_to_accept(arguments, result))
    return chosen


def _nothing_to_accept(arguments: argparse.Namespace, result: Result) -> str:
    if result.queries == len(result.unreadable):
        return "; ".join(f"{path}: {why.reason}" for path, why in result.unreadable)
    matches = result.matches
    pair = arguments.new if arguments.old is None else f"{arguments.new} and {arguments.old}"
    if any(match.accepted is not None for match in matches):
        return f"{pair}: already accepted"
    others = sorted({match.gallery.path for match in matches if match.counts})
    return f"{pair}: no match to accept" + (f"; {arguments.new} matches {', '.join(others[:5])}" if others else "")


def _result(git: Git, job: Job, selection: Selection) -> Result:
    source = Trackers(git, selection.revision)
    with opened_pipeline(source, job, job.workspace.store, quiet=False) as pipeline:
        return run_check(selection, pipeline, policy=job.workspace.policy, looks=Looks(all_pairs=True))


def _pruned(git: Git, workspace: Workspace, known: Sequence[AcceptedPair]) -> list[AcceptedPair]:
    selection = tracked.everything(git, workspace.is_image)
    unseen = [*selection.notes, *(f"{path}: {why.reason}" for path, why in selection.unreadable)]
    if unseen:
        raise GuardError(f"no pairs were removed, because the list of images is incomplete: {unseen[0]}")
    alike = workspace.store.alike(
        [content for pair in known for content in pair.contents] + [image.content for image in selection.queries]
    )
    return still_there(known, selection.queries, identity_of(alike))
