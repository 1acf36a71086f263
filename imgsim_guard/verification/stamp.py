"""The largest region in which two drawn pictures differ: a caption, a stamp or a logo laid over one, or content?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.verification.prepared import Floats

    Marks = NDArray[np.bool_]

GAP = 9
"""Letters that lie no further apart than this many pixels are one region."""

MOST_EDGES_IN_PLAIN = 0.15
"""A region is plain with fewer edges than this part of it."""

EDGE = 30.0
"""A 3 x 3 neighbourhood that spans more grey values than this shows an edge."""

NEIGHBOURS = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What lies in one region of two pictures on one grid."""

    region: Marks  # (h, w), gaps between letters closed
    edges: float  # the part of all edges in either picture that are in it
    on_plain: (
        bool  # one of the pictures is plain there, and lacks edges that the other has: not only its colour differs
    )
    repeated: bool  # what the one picture shows there, the other shows elsewhere: a piece, a pip, a stone
    grown: bool  # in both pictures a flat area goes on into it, without an edge between: a bar that is longer
    added: bool  # the one picture has edges there that the other lacks: not only its colour differs
    foreign: bool  # a line in a colour that is nowhere else in either picture

    @property
    def area(self) -> float:
        """Its share of the grid."""
        return float(self.region.mean())


def stamp(
    marked: Marks, pictures: tuple[Floats, Floats], edges: tuple[Marks, Marks], colours: tuple[Floats, Floats] | None
) -> Stamp:
    """The largest connected region of what is marked. All arrays are (h, w), colours (h, w, 3)."""
    region = largest_region(marked)
    inside = [_part(one, region) for one in edges]
    either = edges[0] | edges[1]
    written = int(inside[1] > inside[0])  # the picture with more in it
    added = _added(edges[written] & region, edges[1 - written])
    return Stamp(
        region=region,
        edges=float((either & region).sum()) / max(1, int(either.sum())),
        on_plain=min(inside) < MOST_EDGES_IN_PLAIN and added and not _gone(pictures[1 - written], marked, region),
        repeated=_repeated(pictures[written], pictures[1 - written], marked & region),
        added=added,
        grown=all(_goes_on(picture, marked & region) for picture in pictures),
        foreign=added
        and colours is not None
        and any(_foreign(*pair, marked & region) for pair in (colours, colours[::-1])),
    )


def largest_region(marked: Marks) -> Marks:
    """(h, w) the largest connected region of what is marked, gaps between letters closed."""
    closed = cv2.dilate(marked.view(np.uint8), np.ones((GAP, GAP), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    if len(stats) == 1:
        return np.zeros(marked.shape, np.bool_)
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def _part(marked: Marks, region: Marks) -> float:
    return float((marked & region).sum()) / max(1, int(region.sum()))


LEAST_ADDED = 0.3
"""Edges that the other picture lacks; where a region only has another colour, its border is in both."""


def _added(edges: Marks, others: Marks) -> bool:
    near = cv2.dilate(others.view(np.uint8), NEIGHBOURS) > 0
    return float((edges & ~near).sum()) > LEAST_ADDED * float(edges.sum())


MOST_GONE = 0.1
"""Of a region; an overlay may hide a letter."""


def _gone(picture: Floats, marked: Marks, region: Marks) -> bool:
    """Whether something that a picture has in a region only is not in the other: in its place, not upon it."""
    ring = region & ~(cv2.erode(region.view(np.uint8), SOLID) > 0)
    around = np.bincount(picture[ring].astype(np.uint8), minlength=256) > 0
    around = cv2.dilate(around.view(np.uint8)[None], np.ones((1, 2 * int(FLAT) + 1), np.uint8))[0] > 0
    inside = marked & region
    return float((~around[picture[inside].astype(np.uint8)]).sum()) > MOST_GONE * float(region.sum())


SAME_ELEMENT = 0.9
"""Normalised correlation of two pieces, pips or digits of one kind; other ones of a kind stay below."""

AROUND = 3
"""Pixels of its surroundings that belong to an element."""

LARGEST_ELEMENT = 0.08
"""An element is no larger than this part of the picture: one bar of a battery."""


def _repeated(picture: Floats, other: Floats, marked: Marks) -> bool:
    """Whether what is marked in a picture is an element that the other has elsewhere."""
    box = _box(marked)
    if box is None:
        return False
    x0, y0, x1, y1 = box
    x0, y0 = max(0, x0 - AROUND), max(0, y0 - AROUND)
    patch = picture[y0 : y1 + AROUND, x0 : x1 + AROUND]
    if patch.size > LARGEST_ELEMENT * picture.size or float(patch.std()) < 1:
        return False
    found = cv2.matchTemplate(other, patch, cv2.TM_CCOEFF_NORMED)
    height, width = patch.shape
    found[max(0, y0 - height + 1) : y0 + height, max(0, x0 - width + 1) : x0 + width] = 0
    return bool(found.max(initial=0) > SAME_ELEMENT)


SOLID = np.ones((5, 5), np.uint8)
"""A shape is no line: so many pixels of it lie beside and above one another."""

FLAT = 12.0
"""Grey values by which it may differ from its own."""

NEARLY_ALL, LEAST_CONTINUED = 0.85, 0.03
"""Of the shape, and of what surrounds it."""


def _goes_on(picture: Floats, marked: Marks) -> bool:
    """Whether what is marked is of one flat colour, which goes on outside."""
    core = marked.view(np.uint8)
    solid = cv2.erode(core, SOLID) > 0
    if not solid.any():
        return False
    colour = float(np.median(picture[solid]))
    flat = np.abs(picture - colour) < FLAT
    if _part(flat, solid) < NEARLY_ALL:
        return False
    around = (cv2.dilate(core, SOLID) > 0) & ~(cv2.dilate(core, NEIGHBOURS) > 0)
    return _part(cv2.erode(flat.view(np.uint8), NEIGHBOURS) > 0, around) > LEAST_CONTINUED


NEAR = 60.0
"""Small letters are blended with what is beneath them, so that they differ by up to this from their colour."""

LEAST_IN_COLOUR = 0.6
"""... and its clearest half, the strokes, is nearly all in it."""

MOST_ELSEWHERE, MOST_OF_OWN = 0.008, 1.0
"""Of the picture, and of the line, in that colour and not in the line: a tick or a needle may be as red as a caption. A
line of thin black letters among others of a page is not foreign, however little of the page is black.
"""

LEAST_WIDTH = 3.0
"""A line of text is so many times as wide as it is high."""


def _foreign(one: Floats, other: Floats, marked: Marks) -> bool:
    """Whether what is marked is a line of one colour in `one`, which is a colour of neither picture elsewhere."""
    box = _box(marked)
    if box is None:
        return False
    sides = sorted((box[2] - box[0], box[3] - box[1]))
    if sides[1] < LEAST_WIDTH * sides[0]:
        return False
    differing = np.abs(one - other).max(axis=2)
    clear = marked & (differing >= np.median(differing[marked]))
    colour = np.median(one[clear], axis=0)
    near, also = (np.abs(picture - colour).max(axis=2) < NEAR for picture in (one, other))
    elsewhere = max(float((near & ~marked).mean()), float(also.mean()))
    most = min(MOST_ELSEWHERE, MOST_OF_OWN * float((near & marked).mean()))
    return _part(near, clear) > LEAST_IN_COLOUR and elsewhere < most


def _box(marked: Marks) -> tuple[int, int, int, int] | None:
    """x0, y0, x1, y1 around what is marked."""
    if not marked.any():
        return None
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
