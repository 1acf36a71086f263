"""Publish the embeddings of this machine to the tracked store."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.images.decode import decode, preview
from imgsim_guard.model import Unreadable
from imgsim_guard.store.previews import ROWS_OF_A_SHARD
from imgsim_guard.store.shared import publish, published

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from imgsim_guard.gate.pipeline import Progress
    from imgsim_guard.model import Image
    from imgsim_guard.sources.source import Source
    from imgsim_guard.store.previews import Previews
    from imgsim_guard.store.store import Store


class Published(NamedTuple):
    """Numbers of images: embeddings that were added, that were already published, and that are missing
    on this machine.
    """

    new: int
    held: int
    missing: int


def publish_missing(images: Iterable[Image], store: Store, folder: Path) -> Published:
    """Add the store's embeddings of these images to a folder of shards, as far as it lacks them.

    Raises GuardError if a shard there is damaged: it would be published with the others.
    """
    there = published(folder, fingerprint=store.fingerprint)
    contents = {image.content for image in images}
    known = store.find(contents)
    digests = store.sha256(known)
    rows = store.rows(content for content, digest in digests.items() if digest not in there)
    publish(rows, folder, fingerprint=store.fingerprint)
    return Published(len(rows), len(there & {*digests.values()}), len(contents - known.keys()))


def unpublished(images: Iterable[Image], folder: Path, *, fingerprint: str) -> int:
    """How many contents of these images the tracked store in a folder lacks. Only its content ids are read."""
    from imgsim_guard.images.decode import DECODER
    from imgsim_guard.store.store import Store

    team = Store(folder / "no cache", fingerprint=fingerprint, decoder=lambda: DECODER, tracked=folder, lazy=True)
    contents = {image.content for image in images}
    return len(contents - team.find(contents).keys())


def add_previews(images: Sequence[Image], source: Source, store: Store, previews: Previews, progress: Progress) -> int:
    """Make the missing previews of images that are on this machine; returns how many. An interruption loses none."""
    lacking = _without_preview(images, store, previews)
    made: dict[bytes, bytes] = {}
    count = 0
    try:
        for digest, picture in _made(lacking, source, progress(len(lacking), "previews")):
            made[digest] = picture
            count += 1
            if len(made) == ROWS_OF_A_SHARD:
                previews.add(made)
                made = {}
    finally:
        previews.add(made)
    return count


def _without_preview(images: Sequence[Image], store: Store, previews: Previews) -> dict[bytes, Image]:
    """One image for each stored content without a preview, by digest."""
    lacking: dict[bytes, Image] = {}
    known = store.sha256(image.content for image in images)
    for image in images:
        digest = known.get(image.content)
        if digest is not None and digest not in previews:
            lacking.setdefault(digest, image)
    return lacking


def _made(images: Mapping[bytes, Image], source: Source, done: Callable[[], object]) -> Iterator[tuple[bytes, bytes]]:
    for digest, image in images.items():
        data = source.read(image) if source.at_hand(image) else Unreadable("it is not here", absent=True)
        pixels = data if isinstance(data, Unreadable) else decode(data)
        if not isinstance(pixels, Unreadable):
            yield digest, preview(pixels)
        done()
