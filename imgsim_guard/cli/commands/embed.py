"""`imgsim-guard embed`: embed images and store the embeddings."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.cli.job import in_folders, in_judged_state
from imgsim_guard.cli.terminal import say
from imgsim_guard.cli.wiring import details, embed_images, images_in, workers_of
from imgsim_guard.gate.embed import missing
from imgsim_guard.model import GuardError
from imgsim_guard.report.escaping import shown
from imgsim_guard.sources import folders, tracked
from imgsim_guard.sources.place import Place
from imgsim_guard.sources.trackers import Trackers

if TYPE_CHECKING:
    import argparse

    from imgsim_guard.cli.job import Job
    from imgsim_guard.model import Selection
    from imgsim_guard.sources.source import Source


def embed(arguments: argparse.Namespace) -> int:
    """`imgsim-guard embed`."""
    if arguments.paths:
        if arguments.publish or arguments.worktree:
            raise GuardError("--publish and --worktree work on the images of a repository: do not name paths")
        job = in_folders(arguments)
        return _embed_selection(images_in(arguments), folders.Folders(), job, Place(str(Path.cwd())))
    if arguments.worktree and arguments.ray is not None:
        raise GuardError(
            "--ray and --worktree exclude each other: Ray's workers read git's index, so run git add instead"
        )
    with in_judged_state(arguments) as (git, job):
        selection = tracked.everything(git, job.workspace.is_image)
        place = Place(str(git.root), tracked=True, revision=selection.revision)
        return _embed_selection(selection, Trackers(git, selection.revision), job, place)


def _embed_selection(selection: Selection, source: Source, job: Job, place: Place) -> int:
    quiet, store = job.arguments.quiet, job.workspace.store
    count = len(missing(selection.queries, store))
    unreadable = dict(selection.unreadable)
    with workers_of(job, store, place) as workers:
        unreadable |= embed_images(selection.queries, source, job, workers=workers)
    for path, why in sorted(unreadable.items()):
        say(f"{shown(path)}   {'not embedded' if why.absent else 'unreadable'}: {shown(why.reason)}\n")
    if job.arguments.publish:
        from imgsim_guard.gate.publish import publish_missing

        publish_missing(selection.queries, store, job.workspace.store_folder)
    if not quiet:
        took = time.monotonic() - job.started
        say(f"new images: {count:,}; embeddings in the store: {len(store):,}; took {took:.1f} s.\n")
        say(details(job, store))
    return 0
