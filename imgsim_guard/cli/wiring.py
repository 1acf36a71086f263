"""Make the pipeline of a command, with its progress bars."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from imgsim_guard.cli.terminal import progress_display
from imgsim_guard.gate.embed import at_once, embed_missing, missing
from imgsim_guard.gate.pipeline import loader, pipeline_of
from imgsim_guard.model import GuardError, Unreadable
from imgsim_guard.sources.folders import in_folders

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from imgsim_guard.cli.job import Job
    from imgsim_guard.gate.pipeline import Pipeline, Workers
    from imgsim_guard.model import Image, Selection
    from imgsim_guard.sources.place import Place
    from imgsim_guard.sources.source import Source
    from imgsim_guard.store.store import Store


def workers_of(job: Job, store: Store, place: Place | None) -> AbstractContextManager[Workers | None]:
    """The workers of --ray, or None without --ray. They end with the context."""
    arguments = job.arguments
    if place is None or arguments.ray is None:
        if place is not None and arguments.shards is not None:
            raise GuardError("--shards needs --ray: it says where Ray's workers write embeddings")
        return nullcontext()
    from imgsim_guard.distributed.workers import workers_at

    settings = job.workspace.settings
    return workers_at(arguments.ray, shards=arguments.shards, place=place, settings=settings, store=store)


def images_in(arguments: argparse.Namespace, *, mutual: bool = False) -> Selection:
    """The images in the folders that the arguments name; `mutual` as for `in_folders`."""
    with progress_display(quiet=arguments.quiet) as progress:
        return in_folders(arguments.paths, getattr(arguments, "against", None), mutual=mutual, progress=progress)


@contextmanager
def opened_pipeline(
    source: Source, job: Job, store: Store, *, quiet: bool | None = None, queries: Sequence[Image] = ()
) -> Iterator[Pipeline]:
    """A pipeline whose progress is shown while it is in use; `quiet`: as --quiet has it, unless it is given.

    The model begins to load at once if any of the `queries` will have to be embedded: meanwhile the rest is prepared.
    """
    settings = job.workspace.settings
    model = loader(settings.model)
    if store.has_embeddings and (wanted := sum(source.at_hand(image) for image in missing(queries, store))):
        model.begin(at_once(wanted))
    pictures = job.workspace.pictures(source, store)
    with progress_display(quiet=job.arguments.quiet if quiet is None else quiet) as progress:
        yield pipeline_of(source, store, settings.model, load=model, progress=progress, pictures=pictures)


def embed_images(
    images: Sequence[Image], source: Source, job: Job, *, quiet: bool | None = None, workers: Workers | None = None
) -> dict[str, Unreadable]:
    """Embed the images that have no embedding; returns the unreadable ones by path."""
    store = job.workspace.store
    with opened_pipeline(source, job, store, quiet=quiet) as pipeline:
        reasons = embed_missing(missing(images, store), pipeline._replace(workers=workers))
    reasons |= {content: Unreadable(reason) for content, reason in store.unreadable.items()}
    return {image.path: reasons[image.content] for image in images if image.content in reasons}


def details(job: Job, store: Store) -> str:
    """The lines that --verbose adds."""
    if not job.arguments.verbose:
        return ""
    held = "embeddings" if store.has_embeddings else "hashed images"
    return f"model {job.workspace.fingerprint}, {len(store):,} {held} in {store.folder}\n"
