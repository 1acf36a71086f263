"""The previews of the images in a result, for the HTML report."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from imgsim_guard.images.decode import decode
from imgsim_guard.images.headers import read_header
from imgsim_guard.images.regions import shrunk
from imgsim_guard.model import Image, Unreadable
from imgsim_guard.verification.picture import laid_over, outlines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from imgsim_guard.model import Match, Transform
    from imgsim_guard.sources.source import Source

SIDES = ((120, 480), (800, 320), (3000, 192), (10000, 128))
"""Up to how many images, and the long side of their previews: few are shown large, and a report stays below 40 MB.
Images beyond the last number have no preview.
"""

MOST_COMPARED = 400
"""Pairs whose disagreement is looked for: it takes both images' pixels at once, a tenth of a second each."""

QUALITY = 78
"""Of WebP: no difference is seen at this size, and another 10 would double the bytes."""

MAGNIFIED = 1.25
"""A preview that would be enlarged by more than this to be laid over another is made anew, from the pixels."""

NOT_AT_HAND = Unreadable("its pixels are not on this machine", absent=True)


class Picture(NamedTuple):
    """An image: its size in pixels and in bytes, and its preview: a data URI, empty if there is none, and its size."""

    width: int
    height: int
    size: int
    preview: str = ""
    preview_size: tuple[int, int] = (0, 0)


class Laid(NamedTuple):
    """How the query's preview is laid over the gallery image's.

    `matrix`: the six numbers of SVG's `matrix()`, from the query's preview to the gallery image's. `preview`: a data
    URI of the query where it already lies on the gallery image's preview; empty where the query's own will do. `marks`:
    the outlines of what disagrees, as the `d` of an SVG path on the gallery image's preview; None where nobody looked.
    """

    matrix: tuple[float, ...]
    preview: str = ""
    marks: str | None = None


class Pictures(NamedTuple):
    """By content id, the images, or why there is nothing to show; by the content ids of a pair, how it is laid."""

    images: Mapping[str, Picture | Unreadable]
    laid: Mapping[tuple[str, str], Laid]


def illustrate(matches: Sequence[Match], source: Source, done: Callable[[], object] = lambda: None) -> Pictures:
    """Pictures of these matches, those of the first ones if they are many; `done` is called after each match.

    Each image is drawn once, however many matches it has. Pixels that are not on this machine are not fetched.
    """
    contents = {image.content for image in _images(matches)}
    side = next((side for count, side in SIDES if len(contents) <= count), SIDES[-1][1])
    drawing = _Drawing(source, side)
    for index, match in enumerate(matches):
        drawing.add(match, compared=index < MOST_COMPARED)
        done()
    return Pictures(drawing.images, drawing.laid)


def _images(matches: Iterable[Match]) -> Iterable[Image]:
    return (image for match in matches for image in (match.query, match.gallery))


class _Drawing:
    """Holds the pixels of one pair at a time."""

    def __init__(self, source: Source, side: int) -> None:
        self.images: dict[str, Picture | Unreadable] = {}
        self.laid: dict[tuple[str, str], Laid] = {}
        self._source, self._side, self._previews = source, side, 0
        self._pixels = lru_cache(2)(self._read)

    def add(self, match: Match, *, compared: bool) -> None:
        """Draw the two images of a match, and lay one over the other."""
        for image in (match.query, match.gallery):
            if image.content not in self.images:
                self.images[image.content] = self._picture(image)
        query, gallery = (self.images[image.content] for image in (match.query, match.gallery))
        key = match.query.content, match.gallery.content
        found = match.evidence.transform if match.evidence is not None else None
        if found is None or key in self.laid or isinstance(query, Unreadable) or isinstance(gallery, Unreadable):
            return
        if query.preview and gallery.preview:
            self.laid[key] = self._laid(match, (query, gallery), found, compared=compared)

    def _picture(self, image: Image) -> Picture | Unreadable:
        if self._previews >= SIDES[-1][0]:
            return self._facts(image)
        data, pixels = self._pixels(image)
        if isinstance(pixels, Unreadable):
            return pixels
        self._previews += 1
        small = shrunk(pixels, self._side)
        size = small.shape[1], small.shape[0]
        return Picture(pixels.shape[1], pixels.shape[0], data, _data_uri(small), size)

    def _facts(self, image: Image) -> Picture | Unreadable:
        """What is known without decoding."""
        data = self._source.read(image) if self._source.at_hand(image) else NOT_AT_HAND
        header = None if isinstance(data, Unreadable) else read_header(data)
        if isinstance(data, Unreadable) or header is None:
            return data if isinstance(data, Unreadable) else Unreadable("its header is damaged")
        return Picture(header.width, header.height, len(data))

    def _laid(self, match: Match, pair: tuple[Picture, Picture], found: Transform, *, compared: bool) -> Laid:
        query, gallery = pair
        matrix = _between_previews(found, query, gallery)
        first, second = (self._pixels(image)[1] if compared else None for image in (match.query, match.gallery))
        if first is None or second is None or isinstance(first, Unreadable) or isinstance(second, Unreadable):
            return Laid(matrix)
        laid = laid_over(first, second, found)
        marks = _path(laid.marks, gallery.preview_size[0] / laid.gallery.shape[1])
        if abs(matrix[0] * matrix[3] - matrix[1] * matrix[2]) < MAGNIFIED**2:
            return Laid(matrix, marks=marks)
        clear = np.dstack([laid.query, np.where(laid.inside, np.uint8(255), np.uint8(0))])
        return Laid(matrix, _data_uri(shrunk(clear, self._side)), marks)

    def _read(self, image: Image) -> tuple[int, NDArray[np.uint8] | Unreadable]:
        """The number of bytes, and the pixels."""
        data = self._source.read(image) if self._source.at_hand(image) else NOT_AT_HAND
        return (0, data) if isinstance(data, Unreadable) else (len(data), decode(data))


def _data_uri(pixels: NDArray[np.uint8]) -> str:
    data = cv2.imencode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])[1].tobytes()
    return "data:image/webp;base64," + base64.b64encode(data).decode()


def _between_previews(found: Transform, query: Picture, gallery: Picture) -> tuple[float, ...]:
    """SVG counts from pixels' corners, the transform from their centres."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    whole = half @ np.vstack([np.array(found.matrix).reshape(2, 3), [0, 0, 1]]) @ np.linalg.inv(half)
    enlarge = np.diag([query.width / query.preview_size[0], query.height / query.preview_size[1], 1.0])
    reduce = np.diag([gallery.preview_size[0] / gallery.width, gallery.preview_size[1] / gallery.height, 1.0])
    matrix = reduce @ whole @ enlarge
    return tuple(float(round(value, 5)) + 0.0 for value in matrix[:2].T.ravel())


def _path(marks: NDArray[np.bool_], factor: float) -> str:
    """Outlines as an SVG path."""
    return "".join(
        "M" + "L".join(f"{x * factor:.0f} {y * factor:.0f}" for x, y in outline.reshape(-1, 2).tolist()) + "Z"
        for outline in outlines(marks)
    )
