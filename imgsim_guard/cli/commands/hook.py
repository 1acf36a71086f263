"""`imgsim-guard hook`: the command that git hooks run."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

from imgsim_guard.cli.terminal import say
from imgsim_guard.sources.git import Git
from imgsim_guard.sources.hook_calls import HookCall

if TYPE_CHECKING:
    import argparse

    from imgsim_guard.gate.workspace import Workspace
    from imgsim_guard.model import Selection


def hook(arguments: argparse.Namespace) -> int:
    """`imgsim-guard hook`."""
    with closing(Git.here()) as git:
        call = HookCall.read(git, os.environ, arguments.files)
        if not call.may_add_images:
            if arguments.verbose:
                say("no new images.\n")
            return 0
        return _judged(arguments, git, call)


def _judged(arguments: argparse.Namespace, git: Git, call: HookCall) -> int:
    from imgsim_guard.cli.job import job_in
    from imgsim_guard.cli.verdict import judge
    from imgsim_guard.sources.for_hooks import for_hook
    from imgsim_guard.sources.trackers import Trackers

    job = job_in(git, arguments, index=not call.by_hand, revision=call.pushed)
    here = job.workspace
    with for_hook(git, here.is_image, call, split=here.policy.split) as (state, selection):
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
