"""Verify candidates: fetch both images' pixels, look, and keep what was computed of an image for its next pair."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

import cv2

from imgsim_guard.images.decode import decode, read_picture
from imgsim_guard.images.headers import MAX_PIXELS, read_header
from imgsim_guard.model import Candidate, Evidence, GuardError, Image, Unreadable
from imgsim_guard.system.crash import naming
from imgsim_guard.system.threads import Room, cores
from imgsim_guard.verification.looks import Seen, seen, verify_looks
from imgsim_guard.verification.picture import side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from imgsim_guard.images.picture import Picture
    from imgsim_guard.model import Match
    from imgsim_guard.sources.source import Source

PREPARED_KEPT = 512
"""Looks of images: of up to 1 MB each."""

PIXELS_AT_ONCE = MAX_PIXELS
"""Of all images that are decoded at once, as when embedding."""

NOT_AT_HAND = Evidence("skipped", 0, 0.0, 0.0, None, "its pixels are not at hand")


T = TypeVar("T")


class _Kept(Generic[T]):
    """What was made of the images asked for last, up to a size. Two threads that ask for one image at once get it from
    one making.
    """

    def __init__(self, make: Callable[[Image], T], size: int, size_of: Callable[[T], int] = lambda _made: 1) -> None:
        self._make, self._size, self._size_of = make, size, size_of
        self._choosing = Lock()
        self._kept: OrderedDict[Image, _Once[T]] = OrderedDict()
        self._sizes: dict[Image, int] = {}
        self._total = 0

    def of(self, image: Image) -> T:
        with self._choosing:
            once = self._kept.setdefault(image, _Once(lambda: self._make(image)))
            self._kept.move_to_end(image)
        value = once.value()
        with self._choosing:
            if image in self._kept and image not in self._sizes:
                self._sizes[image] = self._size_of(value)
                self._total += self._sizes[image]
            while self._total > self._size and len(self._sizes) > 1:
                oldest, _ = self._kept.popitem(last=False)
                self._total -= self._sizes.pop(oldest, 0)
        return value


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
        self._room = Room(PIXELS_AT_ONCE)
        self._prepared = _Kept(self._prepare, PREPARED_KEPT, _looks_of)

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
        query, gallery = self._prepared.of(candidate.query), self._prepared.of(candidate.gallery)
        return NOT_AT_HAND if query is None or gallery is None else verify_looks(query, gallery)

    def _prepare(self, image: Image) -> Seen | None:
        def prepared(picture: Picture) -> Seen:
            self.pixels[image] = picture.digest
            return seen(picture)

        return self._made_of(image, prepared)

    def _made_of(self, image: Image, make: Callable[[Picture], T]) -> T | None:
        """What is made of an image's picture, which is in memory only meanwhile; None without one."""
        with self._reading:  # a source answers one question at a time
            data = self._source.read(image)
        if isinstance(data, Unreadable):
            return None
        header = read_header(data)
        with self._room.taken(header.width * header.height if header else 0):
            picture = naming(image.path, read_picture, data)
            return None if isinstance(picture, Unreadable) else make(picture)


def _looks_of(image: Seen | None) -> int:
    return 1 if image is None else max(1, len(image.frames)) + (image.other is not None)


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
