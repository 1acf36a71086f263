"""Verify candidates: fetch both images' pixels, look, and keep what was computed of an image for its next pair."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

import cv2

from imgsim_guard.images.decode import decode, pixel_digest
from imgsim_guard.model import Candidate, Evidence, GuardError, Image, Unreadable
from imgsim_guard.system.crash import naming
from imgsim_guard.system.threads import cores
from imgsim_guard.verification.glance import Glance, glance, worth_verifying
from imgsim_guard.verification.pair import verify
from imgsim_guard.verification.picture import side_by_side
from imgsim_guard.verification.prepared import Prepared, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from imgsim_guard.model import Match
    from imgsim_guard.sources.source import Source

GLANCES_KEPT = 4096
"""Of 35 kB each."""

PREPARED_KEPT = 512
"""Of up to 1 MB each."""

NOT_AT_HAND = Evidence("skipped", 0, 0.0, 0.0, None, "its pixels are not at hand")

NOT_WORTH_IT = Evidence("refuted", 0, 0.0, 0.0, None, "a first look finds nothing in common")


T = TypeVar("T")


class _Kept(Generic[T]):
    """What was made of the images asked for last. Two threads that ask for one image at once get it from one making."""

    def __init__(self, make: Callable[[Image], T], size: int) -> None:
        self._choosing = Lock()  # lru_cache lets two threads through that miss at once
        self._once = lru_cache(size)(lambda image: _Once(lambda: make(image)))

    def of(self, image: Image) -> T:
        with self._choosing:
            once = self._once(image)
        return once.value()


class _Once(Generic[T]):
    """A value that is made when it is first asked for; who else asks meanwhile waits."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._making = Lock()
        self._made: list[T] = []

    def value(self) -> T:
        with self._making:
            if not self._made:
                self._made.append(self._make())
        return self._made[0]


class Verifier:
    """Looks at pairs on all cores, or so many threads. The same pair gives the same evidence whatever came before.

    `pixels`: the digests of the pixels of those images that were looked at thoroughly.
    """

    def __init__(self, source: Source, *, threads: int | None = None) -> None:
        self.pixels: dict[Image, bytes] = {}
        self._source = source
        self._threads = threads or cores()
        self._reading = Lock()
        self._glances = _Kept(self._glance, GLANCES_KEPT)
        self._prepared = _Kept(self._prepare, PREPARED_KEPT)

    def verify(self, candidates: Sequence[Candidate], done: Callable[[], object]) -> Iterator[Evidence]:
        """The evidence of each candidate, in order; `done` is called after each.

        Candidates of one query should follow one another, so that what is computed of it serves all of them.
        """
        pool = ThreadPoolExecutor(max_workers=self._threads, thread_name_prefix="verify")
        try:
            for evidence in pool.map(self._look, candidates):
                done()
                yield evidence
        finally:
            pool.shutdown(cancel_futures=True)

    def _look(self, candidate: Candidate) -> Evidence:
        if not self._source.at_hand(candidate.gallery):  # a remote may have it, but not for a score of candidates
            return NOT_AT_HAND
        if not (candidate.near or candidate.likely):
            first, second = self._glances.of(candidate.query), self._glances.of(candidate.gallery)
            if first is None or second is None:
                return NOT_AT_HAND
            if not worth_verifying(first, second):
                return NOT_WORTH_IT
        query, gallery = self._prepared.of(candidate.query), self._prepared.of(candidate.gallery)
        return NOT_AT_HAND if query is None or gallery is None else verify(query, gallery)

    def _glance(self, image: Image) -> Glance | None:
        pixels = self._pixels(image)
        return None if pixels is None else glance(pixels)

    def _prepare(self, image: Image) -> Prepared | None:
        pixels = self._pixels(image)
        if pixels is None:
            return None
        self.pixels[image] = pixel_digest(pixels)
        return prepare(pixels)

    def _pixels(self, image: Image) -> NDArray[np.uint8] | None:
        with self._reading:  # a source answers one question at a time
            data = self._source.read(image)
        pixels = _decoded(image, data)
        return None if isinstance(pixels, Unreadable) else pixels


def side_by_side_png(match: Match, source: Source) -> bytes:
    """Both images of a pair as one PNG: the query laid over the gallery image's place, what disagrees outlined."""
    query, gallery = (_shown(image, source) for image in (match.query, match.gallery))
    found = match.evidence.transform if match.evidence is not None else None
    return cv2.imencode(".png", side_by_side(query, gallery, found=found))[1].tobytes()


def _decoded(image: Image, data: bytes | Unreadable) -> NDArray[np.uint8] | Unreadable:
    return data if isinstance(data, Unreadable) else naming(image.path, decode, data)


def _shown(image: Image, source: Source) -> NDArray[np.uint8]:
    pixels = _decoded(image, source.read(image))
    if isinstance(pixels, Unreadable):
        raise GuardError(f"{image.path}: {pixels.reason}")
    return pixels
