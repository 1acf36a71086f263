"""Pictures on a page among text, and pictures pasted onto another picture: those that an X-Y cut does not separate."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from cv2.typing import MatLike
    from numpy.typing import NDArray

Part = tuple[int, int, int, int]
"""x0, y0, x1, y1: a part of a picture, in pixels."""

PLAIN_SPAN = 17
"""Grey values within this span are one plain colour."""

LEAST_GROUND = 0.2
"""The least share of a page's area that is plain."""

INK = 16
"""Grey levels that ink differs from the ground."""

STROKE = 9
"""Pixels, on a page of 384: the strokes of letters and the lines of a table are thinner."""

SOLID = 0.6
"""The least share of its box that a figure fills."""

MARGIN, BARE = 3, 0.7
"""So many pixels around a figure, this share must be ground: otherwise it is a part of a picture."""


def commonest(grey: NDArray[np.uint8]) -> tuple[int, int]:
    """The commonest grey value of a picture [h, w], and how many pixels are within PLAIN_SPAN around it."""
    counts = np.bincount(grey.ravel(), minlength=256)
    within = np.convolve(counts, np.ones(PLAIN_SPAN, np.intp), "same")
    return int(within.argmax()), int(within.max())


def figures(grey: NDArray[np.uint8]) -> list[Part]:
    """The boxes of solid parts on the plain ground of a picture [h, w], largest first; empty without such a ground."""
    ground, plain = commonest(grey)
    if plain < LEAST_GROUND * grey.size:
        return []
    inked = (np.abs(grey.astype(np.int16) - ground) > INK).astype(np.uint8)
    solid = cv2.morphologyEx(inked, cv2.MORPH_OPEN, np.ones((STROKE, STROKE), np.uint8))
    _, _, found, _ = cv2.connectedComponentsWithStats(solid)
    filled = [
        (x, y, x + width, y + height)
        for x, y, width, height, area in found[1:].tolist()
        if area > SOLID * width * height
    ]
    boxes = [box for box in filled if _surroundings(inked, box) < 1 - BARE]
    return sorted(boxes, key=lambda box: (-(box[2] - box[0]) * (box[3] - box[1]), box))


def _surroundings(inked: NDArray[np.uint8], box: Part) -> float:
    """The share of inked pixels around a box; 0 if the box is the whole picture."""
    x0, y0, x1, y1 = box
    around = inked[max(0, y0 - MARGIN) : y1 + MARGIN, max(0, x0 - MARGIN) : x1 + MARGIN]
    inside = inked[y0:y1, x0:x1]
    return (int(around.sum()) - int(inside.sum())) / max(1, around.size - inside.size)


STEP = 8
"""Least difference of an edge in levels of one colour, between pixels two apart: a scaled border is two pixels wide."""

SURROUNDINGS, STANDING_OUT = 13, 2.0
"""An edge differs by so many times the mean step within so many pixels: in grass or gravel, no step stands out."""

CANDIDATES = 12
"""Columns, and rows, with the longest edges that are tried as sides of a pasted picture."""

DENSE = 0.5
"""The share of a line that must be an edge. On a long side, some pixels are as bright as those beside them."""

LEAST_SIDE = 40
"""Pixels of 384: a smaller picture would not be compared."""

DRAWN, DRAWN_ALL_ROUND = 0.5, 0.72
"""The share of each side of a rectangle, and of all four together, that must be an edge: pasted pictures have at least
0.62 and 0.78, a random column 0.13.
"""


def pasted(picture: NDArray[np.uint8]) -> list[Part]:
    """The rectangle in a picture uint8 [h, w, 3], or [h, w] in grey, with edges on all four sides, the most distinct
    if there are several.
    """
    if min(picture.shape[:2]) < LEAST_SIDE:
        return []
    columns, rows = _edges(picture), _edges(cv2.transpose(picture))
    x, y = _candidates(columns), _candidates(rows)
    if not len(x) or not len(y):
        return []
    left, right = np.triu_indices(len(x), 1)
    top, bottom = np.triu_indices(len(y), 1)
    upright, level = _drawn(columns, y, top, bottom)[:, x], _drawn(rows, x, left, right)[:, y].T
    sides = np.stack([upright[:, left], upright[:, right], level[top], level[bottom]])
    fits = (sides.min(axis=0) > DRAWN) & (sides.mean(axis=0) > DRAWN_ALL_ROUND)
    if not fits.any():
        return []
    around = (y[bottom] - y[top])[:, None] + (x[right] - x[left])
    i, j = np.unravel_index(np.argmax(fits * (sides.mean(axis=0) - DENSE) * around), fits.shape)
    return [(int(x[left[j]]), int(y[top[i]]), int(x[right[j]]), int(y[bottom[i]]))]


def _edges(picture: MatLike) -> NDArray[np.int32]:
    """How many edges each column has above a row, int32 [h + 1, w]: between the pixels on the left and on the right."""
    step = np.zeros(picture.shape[:2], np.float32)
    first, *others = cv2.split(cv2.absdiff(picture[:, 2:], picture[:, :-2]))
    step[:, 1:-1] = reduce(cv2.max, others, first)
    edge = (step > STEP) & (step > STANDING_OUT * cv2.boxFilter(step, -1, (SURROUNDINGS, 1)))
    return np.diff(cv2.integral(cv2.dilate(edge.view(np.uint8), np.ones((1, 3), np.uint8))), axis=1)


def _candidates(edges: NDArray[np.int32]) -> NDArray[np.intp]:
    """The columns with the longest dense edges, in order; no two are adjacent."""
    total = edges[1:].astype(np.float32) - np.arange(1, len(edges), dtype=np.float32)[:, None] * np.float32(DENSE)
    longest = (total - np.minimum.accumulate(np.minimum(total, 0), axis=0)).max(axis=0)
    highest = cv2.dilate(longest[None], np.ones((1, 5), np.uint8))[0]
    peaks = np.flatnonzero((longest > LEAST_SIDE * (DRAWN_ALL_ROUND - DENSE)) & (longest >= highest))
    return np.sort(peaks[np.argsort(-longest[peaks], kind="stable")[:CANDIDATES]])


def _drawn(
    edges: NDArray[np.int32], places: NDArray[np.intp], first: NDArray[np.intp], last: NDArray[np.intp]
) -> NDArray[np.float32]:
    """float32 [n, w]: the share of each column that is an edge between two places; 0 if the places are too close."""
    total = edges[places].astype(np.float32)
    lengths = (places[last] - places[first])[:, None]
    return np.asarray((total[last] - total[first]) / lengths * (lengths >= LEAST_SIDE), np.float32)
