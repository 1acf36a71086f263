"""A thing that was moved between two photographs: what does not agree is in both of them, too, only elsewhere.

Whatever lies over a copy hides what was there, so that it is in one of the two pictures alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.verification.agreement import STEP, WINDOW
from imgsim_guard.verification.alignment import moved_points
from imgsim_guard.verification.matching import agreeing_moves, distinct, matches, squared_distances

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.verification.agreement import Agreement
    from imgsim_guard.verification.overlay import Overlay
    from imgsim_guard.verification.prepared import Doubles, Features, Prepared

LEAST_MOVED, LEAST_MOVE = 8, 0.035
"""Matching points outside of what agrees that have one move of their own, and how far it takes them, of the longer
side. In 33 of 38 pairs of photographs of a board that is held elsewhere so many moved by more; in copies that were
edited up to five times they stay in their places, to 0.01.
"""

NEIGHBOURS = np.ones((3, 3), np.uint8)
"""Features at the edge of what agrees belong to it."""


def moved_around(first: Prepared, second: Prepared, matrix: Doubles, laid: Overlay, seen: Agreement) -> bool:
    """Whether what does not agree in the overlay of two pictures under a (2, 3) matrix is found elsewhere in both."""
    agreeing = cv2.dilate(seen.agrees.view(np.uint8), NEIGHBOURS) > 0
    to_grid = laid.to_grid[:2]
    placed = moved_points(matrix, first.features.points.astype(np.float64))
    one = first.features.chosen(~_within(agreeing, moved_points(to_grid, placed)))
    two = second.features.chosen(~_within(agreeing, moved_points(to_grid, second.features.points.astype(np.float64))))
    source, target, support = _one_move(one, two, long_side=float(max(second.small.shape)))
    if distinct(source, target, support) < LEAST_MOVED:
        return False
    missed = np.linalg.norm(moved_points(matrix, source[support]) - target[support], axis=1)
    return bool(np.median(missed) > LEAST_MOVE * max(second.small.shape))


def _within(windows: NDArray[np.bool_], points: Doubles) -> NDArray[np.bool_]:
    """(n,) whether the window around each of (n, 2) points on the grid is marked; not, outside of it."""
    columns, rows = np.rint((points - WINDOW // 2) / STEP).astype(np.intp).T
    height, width = windows.shape
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    marked = np.zeros(len(points), np.bool_)
    marked[inside] = windows[rows[inside], columns[inside]]
    return marked


def _one_move(one: Features, two: Features, *, long_side: float) -> tuple[Doubles, Doubles, NDArray[np.bool_]]:
    """Matched points (n, 2) of both, and (n,) which of them agree on a move."""
    i, j = matches(squared_distances(one, two))
    source, target = one.points[i].astype(np.float64), two.points[j].astype(np.float64)
    scales, turns = np.log(two.sizes[j] / one.sizes[i]), two.angles[j] - one.angles[i]
    return source, target, agreeing_moves(source, target, scales, turns, long_side=long_side)
