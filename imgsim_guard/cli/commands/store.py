"""`imgsim-guard store`: inspect and maintain the store that a team shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.cli.job import in_repository
from imgsim_guard.cli.terminal import say
from imgsim_guard.model import GuardError
from imgsim_guard.report.escaping import shown
from imgsim_guard.sources import tracked
from imgsim_guard.sources.git import Git
from imgsim_guard.system.cache_folder import cache_folder

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from imgsim_guard.gate.workspace import Workspace
    from imgsim_guard.model import Image
    from imgsim_guard.sources.git import Git
    from imgsim_guard.sources.team_store import TeamStore


def store(arguments: argparse.Namespace) -> int:
    """`imgsim-guard store`."""
    actions: dict[str, Callable[[Git, Workspace], int]] = {
        "info": _info,
        "verify": _verify,
        "compact": _compact,
        "prune": _prune,
    }
    with in_repository(arguments) as (git, job):
        return actions[arguments.action](git, job.workspace)


def _layers(workspace: Workspace) -> dict[str, Path]:
    return {"tracked store": workspace.store_folder, "cache of this user": cache_folder()}


def _info(git: Git, workspace: Workspace) -> int:
    from imgsim_guard.store.shared import inspect, other_fingerprints

    model = workspace.fingerprint
    say(f"model: {model}\n")
    for name, folder in _layers(workspace).items():
        found = inspect(folder, fingerprint=model)
        say(f"{name}: {found.rows:,} embeddings in {found.shards:,} files, {found.size / 1e6:,.1f} MB ({folder})\n")
        for other in other_fingerprints(folder, fingerprint=model):
            say(f"  of another model, not used: {shown(other)}\n")
    if lacking := workspace.team_store(git).lacking():
        say(f"note: {lacking}; run {workspace.team_store(git).command('pull')}\n")
    return 0


def _verify(git: Git, workspace: Workspace) -> int:
    from imgsim_guard.store.shared import inspect

    damaged = workspace.previews.damaged()
    for folder in _layers(workspace).values():
        damaged |= inspect(folder, fingerprint=workspace.fingerprint).damaged
    for path, reason in damaged.items():
        say(f"{shown(str(path))}   damaged: {shown(reason)}\n")
    lacking = workspace.team_store(git).lacking()
    if lacking:
        say(f"{lacking}; run {workspace.team_store(git).command('pull')}\n")
    if not damaged and not lacking:
        say("no damage found.\n")
    elif damaged:
        say("delete the damaged files: dvc checkout restores the tracked store's, and the others are embedded again.\n")
    return int(bool(damaged or lacking))


def _compact(git: Git, workspace: Workspace) -> int:
    from imgsim_guard.store.shared import inspect, rewritten

    team, model = workspace.team_store(git), workspace.fingerprint
    team.require_whole()
    before = inspect(team.folder, fingerprint=model).shards
    # DVC tracks old and new files before the old ones are deleted, so `dvc checkout` restores them after a crash.
    rewritten(team.folder, fingerprint=model, between=team.add)
    say(f"{before:,} files are now {inspect(team.folder, fingerprint=model).shards:,}.\n")
    return _tracked_again(team)


def _prune(git: Git, workspace: Workspace) -> int:
    from imgsim_guard.store.shared import rewritten

    team, model = workspace.team_store(git), workspace.fingerprint
    team.require_whole()
    contents = {image.content for image in _of_all_branches(git, workspace)}
    kept = {row.sha256 for row in workspace.store.rows(contents)}
    before, after = rewritten(team.folder, fingerprint=model, keep=lambda row: row.sha256 in kept, between=team.add)
    say(f"kept {after:,} of {before:,} embeddings: those of images that a branch or a tag still has.\n")
    return _tracked_again(team)


def _of_all_branches(git: Git, workspace: Workspace) -> set[Image]:
    """The images at the tips of all branches and tags. Raises GuardError if they cannot be listed."""
    images: set[Image] = set()
    for commit in sorted({"HEAD", *git.text("for-each-ref", "--format=%(objectname)").split()}):
        tip = git.commit(commit)
        if tip is None:
            continue  # a tag of something that is no commit
        selection = tracked.everything(git, workspace.is_image, revision=tip)
        if selection.unreadable:
            path, why = selection.unreadable[0]
            raise GuardError(
                f"cannot list the images of every branch: {path}: {why.reason}; or run dvc fetch --all-commits"
            )
        images |= {*selection.queries, *selection.gallery}
    return images


def _tracked_again(team: TeamStore) -> int:
    if team.add():
        say(f"  commit it:  git commit -m 'Tidy the store' -- {team.pointer}\n  share it:   {team.command('push')}\n")
    return 0
