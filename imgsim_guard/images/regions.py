"""Pictures within a picture: the photograph in a frame, the pictures of a collage or a screenshot.

A recursive X-Y cut (Nagy and Seth, Hierarchical representation of optically scanned documents, 1984): rows and columns
of one colour are removed from the border, then the picture is cut at the widest plain gap, and each part is cut in the
same way. Figures among text and pasted pictures, which have no gap around them, come first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from imgsim_guard.images.figures import Part, commonest, figures, pasted
from imgsim_guard.search.hashes import HASHES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

SIDE = 384
"""Long side at which gaps are found: a gutter of 6 pixels between pictures of 500 still has two."""

PLAIN_SPREAD = 4.0
"""Standard deviation in grey levels of a plain row or column, from JPEG compression."""

LEAST_SHARE = 0.06
"""The least share of the whole area: a smaller part is a logo or a line of text."""

LEAST_SIDE = 40
"""The least side in pixels at SIDE, for the same reason."""

ALIKE = 0.95
"""The common area of two parts divided by that of both together, from which they count as one."""

MOST_DEPTH = 6
"""Levels of cuts: a page with a figure in a column needs four."""

MOST_VIEWS = HASHES - 1
"""The largest parts that are kept: a collage of four has so many, and the store keeps a fixed size for each image."""


class Box(NamedTuple):
    """A part of a picture, in shares of its width and height from 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float

    def cut(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The part of pixels [h, w, ...]; at least one pixel."""
        height, width = pixels.shape[:2]
        x, y = round(self.left * width), round(self.top * height)
        return pixels[y : max(y + 1, round(self.bottom * height)), x : max(x + 1, round(self.right * width))]

    def part(self, other: Box) -> Box:
        """The part that is another part of this part."""
        width, height = self.right - self.left, self.bottom - self.top
        return Box(
            self.left + other.left * width,
            self.top + other.top * height,
            self.left + other.right * width,
            self.top + other.bottom * height,
        )


LARGE_SIDE = 2048
"""A picture of so many pixels a side is halved, which takes a fifth of the time of shrinking it to a few hundred, from
which hashes and local features come.
"""


def halved(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture uint8 [h, w, 3], halved while it is large."""
    while max(pixels.shape[:2]) >= LARGE_SIDE and min(pixels.shape[:2]) > 1:
        height, width = (side // 2 for side in pixels.shape[:2])
        even = pixels[: 2 * height, : 2 * width]
        pixels = np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return pixels


def shrunk(pixels: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.uint8]:
    """A picture uint8 [h, w, 3] or [h, w] with a long side of at most `side`; one that is no larger, as it is."""
    height, width = pixels.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


MOST_OF_WHOLE = 0.5
"""A picture that fills more of the whole than this has local features enough there."""

PLAIN_SHARE = 0.4
"""A part that shows one colour on more than this share of it is a page, or has bars."""

MOST_NESTED = 3
"""A picture between bars, in the column of a page, on a screenshot."""


def lying_on(small: NDArray[np.uint8], found: Sequence[Part] | None = None) -> list[Box]:
    """The picture that is pasted onto a small one uint8 [h, w, 3] or [h, w], if it is no more than half of it, and the
    picture on that, if that is a page, or plain at its sides, and so on. `found`: what `pasted` found, if known.
    """
    parts = pasted(small) if found is None else found
    if not parts or _area(parts[0]) > MOST_OF_WHOLE * small.shape[0] * small.shape[1]:
        return []
    height, width = small.shape[:2]
    x0, y0, x1, y1 = parts[0]
    boxes = [Box(x0 / width, y0 / height, x1 / width, y1 / height)]
    while len(boxes) < MOST_NESTED and _plain_share(whole := boxes[-1].cut(small)) > PLAIN_SHARE:
        inner = max(views(whole), key=lambda view: _shown(view.cut(whole)), default=None)
        if inner is None:
            break
        boxes.append(boxes[-1].part(inner))
    return boxes


def _shown(pixels: NDArray[np.uint8]) -> float:
    """How many pixels are not of the commonest colour."""
    return float((1 - _plain_share(pixels)) * pixels.shape[0] * pixels.shape[1])


def _plain_share(pixels: NDArray[np.uint8]) -> float:
    grey = _grey(pixels)
    return commonest(grey)[1] / grey.size


def _grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels if pixels.shape[2:] == () else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)


def views(pixels: NDArray[np.uint8], found: Sequence[Part] | None = None) -> list[Box]:
    """The pictures within a picture uint8 [h, w, 3] or [h, w], pasted ones and figures before parts between gaps, each
    kind largest first; empty if the picture has no border or gap. `found`: what `pasted` found in it, if that is known.
    """
    small = shrunk(pixels)
    size = (small.shape[1], small.shape[0])
    grey = _grey(small)
    whole = (0, 0, *size)
    between = sorted(_parts(grey, whole, depth=0), key=lambda part: (-_area(part), part))
    solid = [part for part in (*(pasted(small) if found is None else found), *figures(grey)) if _large(part, grey)]
    distinct: list[Part] = []
    for part in (*solid, *between):
        if not any(_alike(part, other) for other in (whole, *distinct)):
            distinct.append(part)
    boxes = [Box(x0 / size[0], y0 / size[1], x1 / size[0], y1 / size[1]) for x0, y0, x1, y1 in distinct]
    return boxes[:MOST_VIEWS]


def _large(part: Part, grey: NDArray[np.uint8]) -> bool:
    return _area(part) >= LEAST_SHARE * grey.size and min(part[2] - part[0], part[3] - part[1]) >= LEAST_SIDE


def _alike(one: Part, other: Part) -> bool:
    """Whether both parts would have the same hash."""
    width, height = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    common = max(0, width) * max(0, height)
    return common >= ALIKE * (_area(one) + _area(other) - common)


def _area(part: Part) -> int:
    return (part[2] - part[0]) * (part[3] - part[1])


def _parts(grey: NDArray[np.uint8], part: Part, *, depth: int) -> Iterator[Part]:
    """The parts that are large enough, after trimming and cutting."""
    part = _trimmed(grey, part)
    if not _large(part, grey):
        return
    halves = _halves(grey, part) if depth < MOST_DEPTH else None
    if halves is None:
        yield part
        return
    for half in halves:
        yield from _parts(grey, half, depth=depth + 1)


def _plain(grey: NDArray[np.uint8], axis: int) -> NDArray[np.bool_]:
    """Which columns (axis 0) or rows (axis 1) are of one colour."""
    return np.asarray(grey.std(axis=axis, dtype=np.float32) <= PLAIN_SPREAD)


def _trimmed(grey: NDArray[np.uint8], part: Part) -> Part:
    """The part without plain rows and columns at its border."""
    while True:
        x0, y0, x1, y1 = part
        inner = grey[y0:y1, x0:x1]
        if not inner.size:
            return part
        columns, rows = np.flatnonzero(~_plain(inner, 0)), np.flatnonzero(~_plain(inner, 1))
        if not len(columns) or not len(rows):
            return (x0, y0, x0, y0)
        smaller = (x0 + int(columns[0]), y0 + int(rows[0]), x0 + int(columns[-1]) + 1, y0 + int(rows[-1]) + 1)
        if smaller == part:
            return part
        part = smaller


def _halves(grey: NDArray[np.uint8], part: Part) -> tuple[Part, Part] | None:
    """The two sides of the widest plain gap; None if there is no gap."""
    x0, y0, x1, y1 = part
    inner = grey[y0:y1, x0:x1]
    (column, width), (row, height) = _widest_gap(_plain(inner, 0)), _widest_gap(_plain(inner, 1))
    if not width and not height:
        return None
    if width >= height:
        return (x0, y0, x0 + column, y1), (x0 + column + width, y0, x1, y1)
    return (x0, y0, x1, y0 + row), (x0, y0 + row + height, x1, y1)


def _widest_gap(plain: NDArray[np.bool_]) -> tuple[int, int]:
    """Start and length of the longest run; (0, 0) if there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], plain.astype(np.int8), [0]))))
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    if not len(starts):
        return 0, 0
    longest = int(np.argmax(lengths))
    return int(starts[longest]), int(lengths[longest])
