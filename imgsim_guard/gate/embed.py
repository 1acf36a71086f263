"""Embed the images that are not in the store."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.images.headers import MAX_PIXELS, read_header
from imgsim_guard.model import Image, Unreadable
from imgsim_guard.system.crash import naming
from imgsim_guard.system.threads import Room, cores, worked_ahead

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence
    from concurrent.futures import Future

    from imgsim_guard.augnet import Embedder
    from imgsim_guard.gate.pipeline import Pipeline
    from imgsim_guard.store.shard import Row
    from imgsim_guard.store.store import Store

ROWS_A_SHARD = 512
"""Rows of a shard: an interruption loses at most two minutes of work, and a shard is 0.8 MB."""

SECONDS_A_SHARD = 30
"""A shard is written after this time even with fewer rows, so that ^C loses no more."""

PIXELS_AT_ONCE = MAX_PIXELS
"""Pixels of all images in memory, with any number of threads: as many as one image may have."""


class _Failed(NamedTuple):
    image: Image
    why: Unreadable
    lasting: bool
    """Whether the bytes are the cause, so that another try does not help."""


def missing(images: Iterable[Image], store: Store) -> list[Image]:
    """One image for each content without an embedding, and without a reason why there is none, in the store."""
    by_content: dict[str, Image] = {}
    for image in images:
        by_content.setdefault(image.content, image)
    known = store.find(by_content)
    return [image for content, image in by_content.items() if content not in known and content not in store.unreadable]


def embed_missing(images: Sequence[Image], pipeline: Pipeline) -> dict[str, Unreadable]:
    """Embed each image and add it to the store. Returns the unreadable images, by content id, with the reason.

    The images must be `missing`. Finished embeddings are kept after an error and after ^C.
    """
    if images:
        from imgsim_guard.store.journal import take_over

        if take_over(pipeline.store.folder, pipeline.store.add):
            images = missing(images, pipeline.store)
    if not images:
        return {}
    if pipeline.workers is not None:
        return pipeline.workers.embed(images, pipeline)
    store, done = pipeline.store, pipeline.progress(len(images), doing(pipeline.store))
    rows = _Rows(store)
    failed: list[_Failed] = []
    try:
        with closing(_outcomes(images, pipeline)) as outcomes:
            for outcome in outcomes:
                if isinstance(outcome, _Failed):
                    failed.append(outcome)
                else:
                    rows.extend(outcome)
                rows.write_if_due()
                done()
    finally:
        rows.close()
        if lasting := {failure.image.content: failure.why.reason for failure in failed if failure.lasting}:
            store.add_unreadable(lasting)
    return {failure.image.content: failure.why for failure in failed}


def doing(store: Store) -> str:
    """The word for processing an image that the store lacks."""
    return "embedding" if store.has_embeddings else "hashing"


class _Rows:
    """Rows that will be added to the store; until then they are in the journal."""

    def __init__(self, store: Store) -> None:
        from imgsim_guard.store.journal import Journal

        self._store = store
        self._journal = Journal(store.folder)
        self._rows: list[Row] = []
        self._written = time.monotonic()

    def extend(self, rows: Sequence[Row]) -> None:
        """Add the rows of one image. The row by which it is found is the last, so that it is never there without the
        others.
        """
        for row in reversed(rows):
            self._rows.append(row)
            self._journal.write(row)

    def write_if_due(self) -> None:
        waited = time.monotonic() - self._written
        if len(self._rows) >= ROWS_A_SHARD or (self._rows and waited > SECONDS_A_SHARD):
            self._write()

    def close(self) -> None:
        if self._rows:
            self._write()
        self._journal.close()

    def _write(self) -> None:
        self._store.add(self._rows)
        self._journal.clear()
        self._rows, self._written = [], time.monotonic()


def at_once(images: int) -> int:
    """How many images the model embeds at once. If there are at least as many images as cores, each core has one image,
    which is faster than all cores on one image.
    """
    return cores() if images >= cores() else 1


def _outcomes(images: Sequence[Image], pipeline: Pipeline) -> Generator[list[Row] | _Failed, None, None]:
    """The result for each image, in order."""
    threads = cores()
    room = Room(PIXELS_AT_ONCE)
    # The model loads while the first images are read and decoded.
    with ThreadPoolExecutor(1, "load") as loader:
        model = loader.submit(pipeline.load, at_once(len(images))) if pipeline.store.has_embeddings else None

        def work(image: Image, data: bytes | Unreadable) -> list[Row] | _Failed:
            if isinstance(data, Unreadable):
                return _Failed(image, data, lasting=False)
            header = read_header(data)
            with room.taken(header.width * header.height if header else 0):
                return _embedded(image, data, pipeline, model)

        yield from worked_ahead(images, pipeline.source.read, work, threads=max(2, threads))


def _embedded(image: Image, data: bytes, pipeline: Pipeline, model: Future[Embedder] | None) -> list[Row] | _Failed:
    import numpy as np

    from imgsim_guard.images.decode import decode_whole
    from imgsim_guard.images.figures import pasted
    from imgsim_guard.images.hashes import hashes
    from imgsim_guard.images.light import in_light
    from imgsim_guard.images.local_features import SIDE, SMALL_SIDE, local_features
    from imgsim_guard.images.regions import lying_on
    from imgsim_guard.store.shard import Row, file_digests, look_digests

    picture = naming(image.path, decode_whole, data, pipeline.least_side)
    if isinstance(picture, Unreadable):
        return _Failed(image, picture, lasting=not picture.passing)
    digests = file_digests(data)
    names = [digests, *(look_digests(digests["sha256"], number + 1) for number in range(len(picture.looks)))]
    further = bytes([len(picture.looks), picture.seen < picture.total])
    side = SMALL_SIDE if model is None else SIDE
    rows = []
    for name, pixels in zip(names, (picture.pixels, *picture.looks), strict=True):
        shown, small = in_light(pixels)
        found = pasted(small)
        part = next((box.cut(shown) for box in reversed(lying_on(small, found))), None)
        hashed, features = hashes(shown, small, found).tobytes(), local_features(small, side, part=part)
        embedding = np.empty(0, np.float16) if model is None else model.result().embed([pixels])[0].astype(np.float16)
        rows.append(
            Row(**name, pixels=picture.digest, hashes=hashed, embedding=embedding, looks=further, features=features)
        )
        further = bytes(2)
    return rows
