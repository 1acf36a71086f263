"""`imgsim-guard hook`: the command that git hooks run."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from imgsim_guard.cli.terminal import say
from imgsim_guard.model import GuardError
from imgsim_guard.sources.git import Git
from imgsim_guard.sources.hook_calls import HookCall, calls_of_push

if TYPE_CHECKING:
    import argparse

    from imgsim_guard.gate.workspace import Workspace
    from imgsim_guard.model import Selection

NOTHING_STAGED = "no images are staged, so none were checked; a pre-push hook needs imgsim-guard hook --push\n"
"""For who runs it by hand, or in a pre-push hook, which git gives no index."""


def hook(arguments: argparse.Namespace) -> int:
    """`imgsim-guard hook`."""
    with closing(Git.here()) as git:
        if arguments.push:
            return max((_judged(arguments, git, call) for call in _pushed(arguments, git)), default=0)
        call = HookCall.read(git, os.environ, arguments.files)
        if not (call.may_add_images or _changes_named(git, call, arguments.config)):
            if arguments.verbose:
                say("no new images.\n")
            elif not arguments.quiet and not {"GIT_INDEX_FILE", "PRE_COMMIT"} & os.environ.keys():
                say(NOTHING_STAGED)
            return 0
        return _judged(arguments, git, call)


def _changes_named(git: Git, call: HookCall, config: str | None) -> bool:
    """Whether a configuration that was named with --config is to be committed."""
    if config is None:
        return False
    from imgsim_guard.gate.rule_files import path_below

    path = path_below(git.root, config)
    return any(change.path == path for change in call.staged or ())


def _pushed(arguments: argparse.Namespace, git: Git) -> list[HookCall]:
    """A call for each branch and tag that is pushed."""
    if sys.stdin is None or sys.stdin.isatty():
        raise GuardError("--push is for a pre-push hook, which is told by git what is pushed; by hand, use --from-ref")
    told = sys.stdin.read()
    if not told and not arguments.quiet:
        say("git named nothing that is pushed, so nothing was checked (lefthook passes that on with use_stdin: true)\n")
    return list(calls_of_push(git, told, next(iter(arguments.files), "")))


def _judged(arguments: argparse.Namespace, git: Git, call: HookCall) -> int:
    from imgsim_guard.cli.job import job_in
    from imgsim_guard.cli.verdict import judge
    from imgsim_guard.gate.entering import settings_before, with_entering
    from imgsim_guard.gate.rule_files import RULE_SUFFIXES
    from imgsim_guard.sources.for_hooks import for_hook
    from imgsim_guard.sources.trackers import Trackers

    job = job_in(git, arguments, index=not call.by_hand, revision=call.pushed)
    here = job.workspace
    edited = any(change.path.endswith(RULE_SUFFIXES) for change in call.staged or ())
    before = settings_before(git, here, "HEAD") if edited else None
    with for_hook(git, here.is_image, call, split=here.policy.split, list_all=before is not None) as (state, found):
        if call.staged is None:
            before = settings_before(git, here, found.base)
        selection = with_entering(found, before, here)
        source = Trackers(state, selection.revision)
        most = here.settings.max_missing_embeddings
        code = judge(selection, source, job, max_missing=most, page=not (arguments.no_page or arguments.github))
        if call.pushed and selection.queries and not code and not arguments.quiet:
            _remind_of_sync(git, here, selection)
        return code


def _remind_of_sync(git: Git, workspace: Workspace, selection: Selection) -> None:
    """A note to who pushes images without their embeddings, if the team has a store and it is on this machine."""
    team = workspace.team_store(git)
    if not (git.root / team.pointer).is_file() or team.lacking():
        return
    from imgsim_guard.gate.publish import unpublished

    count = unpublished(selection.queries, team.folder, fingerprint=workspace.fingerprint)
    if count:
        say(
            f"note: images are pushed whose embeddings are not in the tracked store: {count:,}; others will have to "
            "embed them: run imgsim-guard sync, commit, then dvc push and git push\n"
        )
