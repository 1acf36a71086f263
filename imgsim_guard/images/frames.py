"""The frames of a film and the pages of a document: read one after the other, of which a few are chosen.

Two films that begin alike are not the same film. So all frames are read, up to a limit, and those that differ most from
each other are chosen. An empty frame or a title is not chosen to stand for the others.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import cv2
import numpy as np

from imgsim_guard.images import tiff_directories as tiff
from imgsim_guard.images.claims import has_room_for_frames
from imgsim_guard.images.picture import Picture, digest_of_frames, still
from imgsim_guard.images.stills import raw_of, read_page
from imgsim_guard.images.structure import structure_of_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from imgsim_guard.images.headers import Header
    from imgsim_guard.images.picture import Pixels, Raw
    from imgsim_guard.images.structure import Structure

Kind: TypeAlias = Literal["film", "document", "pictures"]
"""`pictures`: several pictures of one moment, such as of a stereo camera, of which the first is shown."""

MOST_FRAMES = 256
"""Most frames or pages that are read: ten seconds of film, but not a whole book."""

MOST_PIXELS = 2**27
"""Pixels of all frames that are read: two seconds of work."""

MOST_DECODED = 3 * 2**26
"""Pixels that are decoded for that: a film is decoded from its beginning for every AT_ONCE pixels."""

AT_ONCE = 2**25
"""Pixels of the frames in memory, and of those that were chosen: 100 MB each."""

MOST_CHOSEN = 16
"""Most frames that stand for a film. Each is embedded."""

LARGEST_PAGE = 2**26
"""Most pixels of a page after the first: an A3 page at 600 dpi has 70 million."""

TINY = 32
"""Side of the small grey picture by which frames are compared."""

ALIKE, SAME = 10.0, 1.0
"""Mean difference in grey levels of the small pictures of two frames of a film, or of two pages: below it, one stands
for both. Pages of text differ little.
"""

EMPTY = 3.0
"""Standard deviation in grey levels of a frame that shows nothing."""


class _Chosen(NamedTuple):
    number: int
    tiny: NDArray[np.float32]
    pixels: Pixels


def read_frames(data: bytes, header: Header, structure: Structure) -> Picture | None:
    """The picture of a file with several frames; None if not even the first can be decoded."""
    kind: Kind = "document" if header.format == "TIFF" else "film"
    largest = _largest_page(data, header) if kind == "document" else header
    most = most_frames(largest) if has_room_for_frames(largest, data, structure.frames) else 1
    read = _pages(data, header, most) if kind == "document" else _frames(data, header, structure, most)
    unseen = data if structure.behind else b""
    return chosen(read, largest, data, total=structure.frames, kind=kind, unseen=unseen)


def most_frames(header: Header) -> int:
    """How many frames of such a file are read."""
    return max(2, min(MOST_FRAMES, MOST_PIXELS // (header.width * header.height)))


def chosen(  # noqa: PLR0913
    raws: Iterable[Raw], header: Header, data: bytes, *, total: int, kind: Kind, unseen: bytes = b""
) -> Picture | None:
    """The picture of the frames of a file; None if there are none. `total`: how many frames the file has. `unseen`:
    what else it has.
    """
    choice = _Choice(AT_ONCE // (header.width * header.height), ALIKE if kind == "film" else SAME)
    digests, sound = [], True
    for raw in raws:
        picture = still(raw)
        digests.append(picture.digest)
        sound &= picture.sound
        choice.add(picture.pixels)
    if not digests:
        return None
    frames = choice.frames()
    digest = digest_of_frames(digests, data if len(digests) < total else unseen)
    main = choice.typical() if kind == "film" else frames[0]
    seen = len(digests)
    return Picture(main, digest, frames=frames, total=total, seen=seen, pages=kind == "document", sound=sound)


class _Choice:
    """Chooses the frames that differ most, from a sequence (Gonzalez's k centres, in one pass)."""

    def __init__(self, most: int, alike: float) -> None:
        self._most = max(2, min(MOST_CHOSEN, most))
        self._alike = alike
        self._chosen: list[_Chosen] = []
        self._empty: list[_Chosen] = []
        self._sum: NDArray[np.float32] = np.zeros((TINY, TINY), np.float32)
        self._number = 0

    def add(self, pixels: Pixels) -> None:
        grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
        tiny = np.asarray(cv2.resize(grey, (TINY, TINY), interpolation=cv2.INTER_AREA), np.float32)
        self._number += 1
        one = _Chosen(self._number, tiny, pixels)
        if float(tiny.std()) < EMPTY:
            self._empty = self._empty or [one]
            return
        self._sum += tiny
        if all(_apart(tiny, other.tiny) > self._alike for other in self._chosen):
            self._chosen.append(one)
            if len(self._chosen) > self._most:
                self._thin_out()

    def frames(self) -> tuple[Pixels, ...]:
        """The chosen frames, in order; an empty one only if there are no others."""
        return tuple(one.pixels for one in self._chosen or self._empty)

    def typical(self) -> Pixels:
        """The frame nearest to the mean of all frames that show something."""
        chosen = self._chosen or self._empty
        mean = self._sum / max(1, self._number)
        return min(chosen, key=lambda one: _apart(one.tiny - one.tiny.mean(), mean - mean.mean())).pixels

    def _thin_out(self) -> None:
        """Remove the later one of the two most similar frames. From now on, frames must differ by more than
        these two.
        """
        distance, _, later = min(
            (_apart(one.tiny, other.tiny), index, at)
            for at, other in enumerate(self._chosen)
            for index, one in enumerate(self._chosen[:at])
        )
        self._alike = max(self._alike, distance)
        del self._chosen[later]


def _apart(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(np.abs(one - other).mean())


def _frames(data: bytes, header: Header, structure: Structure, most: int) -> Iterator[Raw]:
    size = header.width * header.height
    step, decoded, most = max(1, AT_ONCE // size), 0, min(structure.frames, most)
    for start in range(0, most, step):
        count = min(step, most - start)
        decoded += (start + count) * size
        if start and decoded > MOST_DECODED:
            return
        found, film = cv2.imdecodeanimation(np.frombuffer(data, np.uint8), start, count)
        if not found:
            return
        for frame in film.frames[:count]:
            usual = frame if frame.ndim == 3 and frame.shape[2] == 3 and frame.dtype == np.uint8 else None  # noqa: PLR2004
            yield raw_of(frame, usual, data, header, structure)


def _largest_page(data: bytes, header: Header) -> Header:
    """The header as if the first page of a document had the size of the largest one that is read."""
    pages = tiff.pages(data)[:MOST_FRAMES]
    sizes = [(page.get(tiff.WIDTH, 0), page.get(tiff.HEIGHT, 0)) for page in pages]
    read = takewhile(lambda size: size[0] * size[1] <= LARGEST_PAGE, sizes[1:])
    width, height = max([(header.width, header.height), *read], key=lambda size: size[0] * size[1])
    return header._replace(width=width, height=height)


def _pages(data: bytes, header: Header, most: int) -> Iterator[Raw]:
    """The pages of a TIFF, up to the first that cannot be read."""
    buffer = bytearray(data)
    for page in tiff.pages(data)[:most]:
        tiff.begin_with(page, buffer)
        size = page.get(tiff.WIDTH, 0) * page.get(tiff.HEIGHT, 0)
        raw = read_page(buffer, header, structure_of_page(page)) if size <= LARGEST_PAGE else None
        if raw is None:
            return
        yield raw
