"""The pipeline that every command sends images through, with its progress on the terminal."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from imgsim_guard.augnet import fingerprint, least_side, load
from imgsim_guard.cli.terminal import progress_display
from imgsim_guard.gate.embed import at_once, embed_missing, missing
from imgsim_guard.gate.pipeline import Pipeline
from imgsim_guard.model import GuardError, Unreadable
from imgsim_guard.system.threads import Early

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from imgsim_guard.config.settings import Settings
    from imgsim_guard.gate.pipeline import Workers
    from imgsim_guard.model import Image
    from imgsim_guard.sources.place import Place
    from imgsim_guard.sources.source import Source
    from imgsim_guard.store.store import Store


def workers_of(
    arguments: argparse.Namespace, settings: Settings, store: Store, place: Place | None
) -> AbstractContextManager[Workers | None]:
    """Who else does the work while this is open, of images at a place: the workers of --ray, or nobody."""
    if place is None or arguments.ray is None:
        if place is not None and arguments.shards is not None:
            raise GuardError("--shards says where the workers of --ray write: without it there are none")
        return nullcontext()
    from imgsim_guard.distributed.workers import workers_at

    return workers_at(arguments.ray, shards=arguments.shards, place=place, settings=settings, store=store)


@contextmanager
def pipeline_of(  # noqa: PLR0913  where all parts meet
    source: Source,
    store: Store,
    settings: Settings,
    *,
    quiet: bool,
    pictures: Source | None = None,
    queries: Sequence[Image] = (),
) -> Iterator[Pipeline]:
    """A pipeline whose progress is shown while it is in use.

    The model begins to load at once if any of the `queries` will have to be embedded: meanwhile the rest is prepared.
    """
    model = Early(partial(load, settings.engine, preprocessing=settings.preprocessing, device=settings.device))
    if wanted := sum(source.at_hand(image) for image in missing(queries, store)):
        model.begin(at_once(wanted))
    with progress_display(quiet=quiet) as progress:
        yield Pipeline(source, store, model, progress, pictures, least_side(settings.preprocessing))


def embed_images(  # noqa: PLR0913  where all parts meet
    images: Sequence[Image],
    source: Source,
    settings: Settings,
    store: Store,
    *,
    quiet: bool,
    workers: Workers | None = None,
) -> dict[str, Unreadable]:
    """Embed what the store lacks of these; by path, which of them are unreadable."""
    with pipeline_of(source, store, settings, quiet=quiet) as pipeline:
        reasons = embed_missing(missing(images, store), pipeline._replace(workers=workers))
    reasons |= {content: Unreadable(reason) for content, reason in store.unreadable.items()}
    return {image.path: reasons[image.content] for image in images if image.content in reasons}


def details(arguments: argparse.Namespace, settings: Settings, store: Store) -> str:
    """What --verbose adds."""
    if not arguments.verbose:
        return ""
    model = fingerprint(settings.engine, settings.preprocessing)
    return f"model {model}, {len(store):,} embeddings in {store.folder}\n"
