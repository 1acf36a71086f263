"""Embed what the store does not hold yet."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple, Protocol

from imgsim_guard.crash import naming
from imgsim_guard.model import Image, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from imgsim_guard.augnet import Embedder
    from imgsim_guard.store import Store
    from imgsim_guard.store.shard import Row

ROWS_A_SHARD = 512
"""Written at once: what an interruption can lose is two minutes' work at most, and a shard is 0.8 MB."""

SECONDS_A_SHARD = 30
"""Written after this time even when there are fewer rows: ^C loses no more than this."""

READ_AHEAD = 3
"""Images read and decoded while the model is at work: enough to keep it busy, few enough to bound memory."""


class Source(Protocol):
    """Where images' bytes come from."""

    def read(self, image: Image) -> bytes | Unreadable:
        """The image's bytes, or why they cannot be had."""

    def at_hand(self, image: Image) -> bool:
        """Whether its bytes seem to be on this machine, judged without opening a file."""


class Progress(Protocol):
    """Opens a display of so many steps, and returns what advances it by one."""

    def __call__(self, total: int, doing: str, /) -> Callable[[], object]:
        """Open it."""


class Pipeline(NamedTuple):
    """Where bytes come from, where embeddings are kept, what loads the model when it is needed, and who watches.

    `pictures`: where pairs are looked at, if not where bytes come from.
    """

    source: Source
    store: Store
    load: Callable[[], Embedder]
    progress: Progress
    pictures: Source | None = None


class _Decoded(NamedTuple):
    image: Image
    digests: dict[str, bytes]
    pixels: NDArray[np.uint8]
    pixel_digest: bytes
    hashes: bytes


class _Failed(NamedTuple):
    image: Image
    why: Unreadable
    lasting: bool
    """Whether the bytes themselves are at fault, so that asking again is no use."""


def missing(images: Iterable[Image], store: Store) -> list[Image]:
    """One image of each content that the store has neither an embedding of nor a reason why there is none."""
    by_content: dict[str, Image] = {}
    for image in images:
        by_content.setdefault(image.content, image)
    known = store.find(by_content)
    return [image for content, image in by_content.items() if content not in known and content not in store.unreadable]


def embed_missing(images: Sequence[Image], pipeline: Pipeline) -> dict[str, Unreadable]:
    """Embed each image and put it into the store; return, by content id, which were unreadable and why.

    The images must be `missing`. What is done is kept however this ends, on ^C as well.
    """
    if images:
        from imgsim_guard.journal import take_over

        if take_over(pipeline.store.folder, pipeline.store.add):
            images = missing(images, pipeline.store)
    if not images:
        return {}
    store, done = pipeline.store, pipeline.progress(len(images), "embedding")
    rows = _Rows(store)
    failed: list[_Failed] = []
    try:
        # The model loads while the first images are read and decoded.
        with ThreadPoolExecutor(1, "load") as loader, closing(_ahead(images, pipeline.source)) as outcomes:
            embedder = loader.submit(pipeline.load)
            for outcome in outcomes:
                if isinstance(outcome, _Failed):
                    failed.append(outcome)
                else:
                    rows.append(_row(outcome, embedder.result()))
                rows.write_if_due()
                done()
    finally:
        rows.close()
        if lasting := {failure.image.content: failure.why.reason for failure in failed if failure.lasting}:
            store.add_unreadable(lasting)
    return {failure.image.content: failure.why for failure in failed}


class _Rows:
    """On their way into the store; killed meanwhile, they are in the journal."""

    def __init__(self, store: Store) -> None:
        from imgsim_guard.journal import Journal

        self._store = store
        self._journal = Journal(store.folder)
        self._rows: list[Row] = []
        self._written = time.monotonic()

    def append(self, row: Row) -> None:
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


def _row(decoded: _Decoded, embedder: Embedder) -> Row:
    import numpy as np

    from imgsim_guard.store.shard import Row

    embedding = embedder.embed([decoded.pixels])[0].astype(np.float16)
    return Row(**decoded.digests, pixels=decoded.pixel_digest, hashes=decoded.hashes, embedding=embedding)


def _ahead(images: Sequence[Image], source: Source) -> Generator[_Decoded | _Failed, None, None]:
    """Read and decode in one thread, a few images before they are asked for, in order."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="decode") as pool:
        waiting = deque(pool.submit(_decode, image, source) for image in images[:READ_AHEAD])
        try:
            for following in (*images[READ_AHEAD:], *[None] * min(READ_AHEAD, len(images))):
                outcome = waiting.popleft().result()
                if following is not None:
                    waiting.append(pool.submit(_decode, following, source))
                yield outcome
        finally:
            pool.shutdown(cancel_futures=True)


def _decode(image: Image, source: Source) -> _Decoded | _Failed:
    from imgsim_guard.hashing import hashes
    from imgsim_guard.images import decode_whole, pixel_digest
    from imgsim_guard.store.shard import file_digests

    data = source.read(image)
    if isinstance(data, Unreadable):
        return _Failed(image, data, lasting=False)
    pixels = naming(image.path, decode_whole, data)
    if isinstance(pixels, Unreadable):
        return _Failed(image, pixels, lasting=True)
    return _Decoded(image, file_digests(data), pixels, pixel_digest(pixels), hashes(pixels).tobytes())
