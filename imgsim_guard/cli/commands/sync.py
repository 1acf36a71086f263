"""`imgsim-guard sync`: publish embeddings to the store that a team shares."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from imgsim_guard.cli.terminal import progress_display, say
from imgsim_guard.config.settings import PREVIEWS
from imgsim_guard.gate.workspace import open_store, previews_at, settings_at
from imgsim_guard.model import GuardError
from imgsim_guard.report.escaping import shown
from imgsim_guard.sources import tracked
from imgsim_guard.sources.git import Git
from imgsim_guard.sources.selection import image_filter
from imgsim_guard.sources.team_store import TeamStore

if TYPE_CHECKING:
    import argparse

    from imgsim_guard.config.settings import Settings
    from imgsim_guard.model import Selection
    from imgsim_guard.store.store import Store


def sync(arguments: argparse.Namespace) -> int:
    """`imgsim-guard sync`."""
    from imgsim_guard.gate.publish import publish_missing

    with closing(Git.here()) as git:
        settings = settings_at(git.root, arguments.config)
        team = TeamStore(git, settings.store)
        team.require_whole()
        selection = _committed(git, settings)
        store = open_store(settings, team.folder)
        published = publish_missing(selection.queries, store, team.folder)
        pointers = [team.pointer] if team.add() else []
        if settings.previews:
            pointers += _sync_previews(git, settings, store, selection, quiet=arguments.quiet)
    if not arguments.quiet:
        not_listed = [f"nothing of {path} was published: {why.reason}" for path, why in selection.unreadable]
        for note in (*selection.notes, *not_listed):
            say(f"note: {shown(note)}\n")
        say(f"published: {published.new:,} embeddings; {published.held:,} were there before.\n")
        if published.missing:
            say(f"note: {published.missing:,} committed images have no embedding yet: imgsim-guard embed, then sync\n")
        if pointers:
            say(f"  commit it:  git commit -m 'Publish embeddings' -- {' '.join(_with_ignores(git, pointers))}\n")
            say(f"  share it:   dvc push {' '.join(pointers)}\n")
    return 0


def _committed(git: Git, settings: Settings) -> Selection:
    head = git.commit("HEAD")
    if head is None:
        raise GuardError("there is no commit yet, so there is nothing to publish; git commit first")
    return tracked.everything(git, image_filter(settings.images), revision=head)


def _sync_previews(git: Git, settings: Settings, store: Store, selection: Selection, *, quiet: bool) -> list[str]:
    from imgsim_guard.gate.publish import add_previews

    team = TeamStore(git, settings.store.rpartition("/")[0] + f"/{PREVIEWS}")
    team.require_whole()
    previews = previews_at(git.root, settings)
    previews.require_undamaged()
    source = tracked.Trackers(git, selection.revision)
    with progress_display(quiet=quiet) as progress:
        add_previews(selection.queries, source, store, previews, progress)
    return [team.pointer] if team.add() else []


def _with_ignores(git: Git, pointers: list[str]) -> list[str]:
    folders = {pointer.rpartition("/")[0] for pointer in pointers}
    ignoring = [f"{folder}/.gitignore" for folder in sorted(folders)]
    return [*pointers, *(path for path in ignoring if (git.root / path).exists())]
