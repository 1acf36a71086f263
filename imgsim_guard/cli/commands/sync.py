"""`imgsim-guard sync`: publish embeddings to the store that a team shares."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from imgsim_guard.cli.job import in_repository
from imgsim_guard.cli.terminal import progress_display, say
from imgsim_guard.cli.wiring import embed_images
from imgsim_guard.config.settings import PREVIEWS
from imgsim_guard.report.escaping import shell_word, shown
from imgsim_guard.sources import tracked
from imgsim_guard.sources.team_store import TeamStore
from imgsim_guard.sources.trackers import Trackers
from imgsim_guard.system.reader import as_reader_writes

if TYPE_CHECKING:
    import argparse

    from imgsim_guard.gate.workspace import Workspace
    from imgsim_guard.model import Selection
    from imgsim_guard.sources.git import Git


def sync(arguments: argparse.Namespace) -> int:
    """`imgsim-guard sync`."""
    from imgsim_guard.gate.publish import publish_missing

    with in_repository(arguments) as (git, job):
        workspace = job.workspace
        team = workspace.team_store(git)
        team.require_whole()
        selection = tracked.everything(git, workspace.is_image)
        store = workspace.store
        staged = tracked.staged(git, workspace.is_image)
        embed_images(staged.queries, Trackers(git, staged.revision), job)
        published = publish_missing(selection.queries, store, team.folder)
        pointers = [team.pointer] if team.add() else []
        if workspace.settings.previews:
            pointers += _sync_previews(git, workspace, selection, quiet=arguments.quiet)
    if not arguments.quiet:
        left_out = [f"the embeddings of {path} were not published: {why.reason}" for path, why in selection.unreadable]
        for note in (*selection.notes, *left_out):
            say(f"note: {shown(note)}\n")
        say(f"published embeddings: {published.new:,}; already published: {published.held:,}.\n")
        if published.missing:
            todo = "staged or committed images have no embedding yet: run imgsim-guard embed, then sync"
            say(f"note: {published.missing:,} {todo}\n")
        if pointers:
            own = _with_ignores(git, pointers)
            words = " ".join(shell_word(as_reader_writes(path, git.root)) for path in own)
            if {change.path for change in git.staged_changes()} - {*own}:
                say("  commit it:  git commit    (with what else is staged)\n")
            else:
                say(f"  commit it:  git commit -m 'Publish embeddings' -- {words}\n")
            place = as_reader_writes(team.project or ".", git.root)
            below = "" if place == "." else f"--cd {shell_word(place)} "
            targets = [shell_word(posixpath.relpath(pointer, team.project or ".")) for pointer in pointers]
            say(f"  share it:   dvc {below}push {' '.join(targets)}\n")
    return 0


def _sync_previews(git: Git, workspace: Workspace, selection: Selection, *, quiet: bool) -> list[str]:
    from imgsim_guard.gate.publish import add_previews

    team = TeamStore(git, workspace.settings.store.rpartition("/")[0] + f"/{PREVIEWS}")
    team.require_whole()
    previews = workspace.previews
    previews.require_undamaged()
    source = Trackers(git, selection.revision)
    with progress_display(quiet=quiet) as progress:
        add_previews(selection.queries, source, workspace.store, previews, progress)
    return [team.pointer] if team.add() else []


def _with_ignores(git: Git, pointers: list[str]) -> list[str]:
    folders = {pointer.rpartition("/")[0] for pointer in pointers}
    ignoring = [f"{folder}/.gitignore" for folder in sorted(folders)]
    return [*pointers, *(path for path in ignoring if (git.root / path).exists())]
