"""The commands that judge and embed, a function each: wire the parts together, print, and return the exit code."""

from __future__ import annotations

import os
import time
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.check import check as run_check
from imgsim_guard.check import compare_with, nothing_new
from imgsim_guard.cli.reports import say_verdict, taken, write_reports
from imgsim_guard.cli.terminal import STANDARD_OUTPUT, progress_display, say, write_report
from imgsim_guard.cli.wiring import details, embed_images, pipeline_of, workers_of
from imgsim_guard.embedding import missing
from imgsim_guard.errors import GuardError
from imgsim_guard.opening import nearest_root, open_store, pictures_at, policy_at, settings_at
from imgsim_guard.report.escaping import shown
from imgsim_guard.report.text import compare_report, text_report
from imgsim_guard.sources import folders, tracked
from imgsim_guard.sources.elsewhere import Place
from imgsim_guard.sources.git import Git
from imgsim_guard.sources.selecting import image_filter
from imgsim_guard.sources.worktree import with_worktree

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from imgsim_guard.model import Result, Selection
    from imgsim_guard.pipeline import Source
    from imgsim_guard.settings import Settings
    from imgsim_guard.store import Store


class Job(NamedTuple):
    """What a command was asked, where, and when it began. `root`: the folder of the configuration."""

    arguments: argparse.Namespace
    root: Path
    settings: Settings
    started: float


def hook(arguments: argparse.Namespace) -> int:
    """`imgsim-guard hook`."""
    with _in_repository(arguments) as (git, job):
        selection = tracked.for_hook(git, image_filter(job.settings.images), os.environ)
        source = tracked.Trackers(git, selection.revision)
        return _judge(selection, source, job, max_missing=job.settings.max_missing_embeddings)


def check(arguments: argparse.Namespace) -> int:
    """`imgsim-guard check`."""
    if arguments.to_ref and not arguments.from_ref:
        raise GuardError("--to-ref needs --from-ref: what the revision is compared with, such as origin/main")
    if arguments.worktree and not arguments.all:
        raise GuardError("--worktree needs --all: it judges every pair of what is in the worktree")
    with _in_repository(arguments) as (git, job):
        is_image = image_filter(job.settings.images)
        if arguments.from_ref:
            base, revision = arguments.from_ref, arguments.to_ref or "HEAD"
            selection = tracked.between(git, is_image, base=base, revision=revision)
        else:
            selection = tracked.everything(git, is_image) if arguments.all else tracked.staged(git, is_image)
        if arguments.paths:
            selection = tracked.restricted(selection, git, arguments.paths)
        return _judge(selection, tracked.Trackers(git, selection.revision), job)


def scan(arguments: argparse.Namespace) -> int:
    """`imgsim-guard scan`."""
    job = _in_folders(arguments)
    selection = folders.in_folders(arguments.paths, arguments.against)
    return _judge(selection, folders.Folders(), job, place=Place(str(Path.cwd())))


def compare(arguments: argparse.Namespace) -> int:
    """`imgsim-guard compare`."""
    if arguments.image is not None and len(arguments.others) > 1:
        raise GuardError("--image shows one pair: name two images")
    job = _in_folders(arguments)
    first, *others = [folders.identified(path) for path in (arguments.first, *arguments.others)]
    source, store = folders.Folders(), _store(job)
    for path, why in embed_images([first, *others], source, job.settings, store, quiet=True).items():
        raise GuardError(f"{path}: {why.reason}")
    with pipeline_of(source, store, job.settings, quiet=True) as pipeline:
        matches = compare_with(first, others, pipeline, bounds=policy_at(job.root, job.settings).bounds)
    if arguments.json != STANDARD_OUTPUT:
        say(compare_report(matches))
    if arguments.json is not None:
        from imgsim_guard.report.as_json import compare_json

        write_report(compare_json(matches), arguments.json)
    if arguments.image is not None:
        from imgsim_guard.verifying import side_by_side_png

        write_report(side_by_side_png(matches[0], source), arguments.image)
    return 0


def embed(arguments: argparse.Namespace) -> int:
    """`imgsim-guard embed`."""
    if arguments.paths:
        if arguments.publish or arguments.worktree:
            raise GuardError("--publish and --worktree are for the images of a repository: name no paths")
        job = _in_folders(arguments)
        return _embed_selection(
            folders.in_folders(arguments.paths, None), folders.Folders(), job, Place(str(Path.cwd()))
        )
    if arguments.worktree and arguments.ray is not None:
        raise GuardError(
            "--ray reads what is in the index, which --worktree does not write to: git add, or one of them"
        )
    with _in_repository(arguments) as (git, job):
        selection = tracked.everything(git, image_filter(job.settings.images))
        place = Place(str(git.root), tracked=True, revision=selection.revision)
        return _embed_selection(selection, tracked.Trackers(git, selection.revision), job, place)


def demo(arguments: argparse.Namespace) -> int:
    """`imgsim-guard demo`."""
    from imgsim_guard.demo import run_demo

    run_demo(say=lambda line: None if arguments.quiet else say(line + "\n"))
    return 0


@contextmanager
def _in_repository(arguments: argparse.Namespace) -> Iterator[tuple[Git, Job]]:
    """The repository around the working directory; with --worktree, as if everything there had been staged."""
    started = time.monotonic()
    with closing(Git.here()) as git:
        job = Job(arguments, git.root, settings_at(git.root, arguments.config), started)
        with with_worktree(git) if getattr(arguments, "worktree", False) else nullcontext(git) as state:
            yield state, job


def _in_folders(arguments: argparse.Namespace) -> Job:
    started, root = time.monotonic(), nearest_root()
    return Job(arguments, root, settings_at(root, arguments.config), started)


def _store(job: Job, *, lazy: bool = False) -> Store:
    return open_store(job.settings, job.root / job.settings.store, lazy=lazy)


def _judge(
    selection: Selection,
    source: Source,
    job: Job,
    *,
    max_missing: int | None = None,
    place: Place | None = None,
) -> int:
    arguments, settings = job.arguments, job.settings
    taken(arguments)  # before any work: two reports that want standard output are refused
    if selection.unlisted and not (arguments.verbose or arguments.html):
        return _say_nothing_new(selection, job)
    store = _store(job, lazy=True)
    pictures = pictures_at(job.root, settings, source, store)
    here = () if place is not None and arguments.ray is not None else selection.queries
    with (
        pipeline_of(source, store, settings, quiet=arguments.quiet, pictures=pictures, queries=here) as pipeline,
        workers_of(arguments, settings, store, place) as workers,
    ):
        result = run_check(
            selection,
            pipeline._replace(workers=workers),
            policy=policy_at(job.root, settings),
            max_missing=max_missing,
            nearest=arguments.plots is not None or arguments.html is not None,
        )
    if result.failed or not arguments.quiet:
        text = text_report(result, seconds=time.monotonic() - job.started, look_alikes=arguments.verbose)
        say_verdict(text + details(arguments, settings, store), arguments)
    # Folders compared with themselves are there to be cleaned; what is in a repository has ways out of its own.
    clean_up = selection.scope == "folders" and selection.mutual
    write_reports(result, arguments, lambda: _page(result, pictures, clean_up=clean_up, quiet=arguments.quiet))
    return int(result.failed)


def _say_nothing_new(selection: Selection, job: Job) -> int:
    """The verdict where there are no queries: no store is read for it, which would load NumPy."""
    arguments = job.arguments
    result = nothing_new(selection, policy_at(job.root, job.settings))
    if not arguments.quiet:
        say_verdict(text_report(result, seconds=time.monotonic() - job.started), arguments)
    write_reports(result, arguments, lambda: "")
    return int(result.failed)


def _page(result: Result, source: Source, *, clean_up: bool, quiet: bool) -> str:
    from imgsim_guard.illustrating import illustrate
    from imgsim_guard.report.as_html import html_report
    from imgsim_guard.report.showing import by_importance

    matches = by_importance(result.matches)
    with progress_display(quiet=quiet) as progress:
        pictures = illustrate(matches, source, progress(len(matches), "drawing"))
    history = _history({image.path for match in matches for image in (match.query, match.gallery)}) if clean_up else {}
    return html_report(result, pictures, clean_up=clean_up, history=history)


def _history(paths: set[str]) -> dict[str, int]:
    """When each of these files was added to the repository around, as a count of commits; nothing without one."""
    found: dict[str, int] = {}
    with suppress(GuardError), closing(Git.here()) as git:
        seen = git.first_seen()
        for path in paths:
            with suppress(GuardError):
                name = tracked.below_root(path, git.root)
                found |= {path: seen[name]} if name in seen else {}
    return found


def _embed_selection(selection: Selection, source: Source, job: Job, place: Place) -> int:
    quiet, store = job.arguments.quiet, _store(job)
    count = len(missing(selection.queries, store))
    unreadable = dict(selection.unreadable)
    with workers_of(job.arguments, job.settings, store, place) as workers:
        unreadable |= embed_images(selection.queries, source, job.settings, store, quiet=quiet, workers=workers)
    for path, why in sorted(unreadable.items()):
        say(f"{shown(path)}   {'not embedded' if why.absent else 'unreadable'}: {shown(why.reason)}\n")
    if job.arguments.publish:
        from imgsim_guard.syncing import publish_missing

        publish_missing(selection.queries, store, job.root / job.settings.store)
    if not quiet:
        took = time.monotonic() - job.started
        say(f"new to the store: {count:,}; embeddings it now holds: {len(store):,}; {took:.1f} s.\n")
        say(details(job.arguments, job.settings, store))
    return 0
