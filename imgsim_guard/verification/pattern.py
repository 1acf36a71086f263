"""A pattern that repeats itself fits in many places: squares of a calibration board, bars, tiles, windows of a house.

Two photographs of one board agree wherever a square lies on a square, and that proves nothing. What else they show
decides: in a copy that agrees, too, or something is laid over it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from imgsim_guard.verification.agreement import STEP, WINDOW, largest_region
from imgsim_guard.verification.places import places
from imgsim_guard.verification.transform import shares

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.verification.agreement import Agreement
    from imgsim_guard.verification.overlay import Overlay
    from imgsim_guard.verification.prepared import Doubles, Floats, Prepared

PATCH, REACH = 24, 72
"""Side of a patch in grid pixels, and how far around its place it is looked for in its own picture."""

IN_PLACE = 10
"""Grid pixels by which it is moved before it lies elsewhere."""

REPEATED, ALONG = 0.85, 0.7
"""Normalised correlation from which on a patch is found there again. A straight edge correlates more than the second
all the way along; between two squares of a board nothing does.
"""

PATCHES, LEAST_REPEATED, LEAST_PATTERN = 24, 0.8, 0.5
"""So many patches are looked for, and of those so many are found elsewhere, and so many not along an edge. Where two of
ten calibration boards agree, 0.84 or more are found, and 0.6 or more in nine of ten pairs not along an edge; in 1,600
edited copies of photographs 0.76 or less, and of a rocket, all straight edges, none.
"""

ENOUGH_WHOLE = 0.98
"""Where more than this agrees of what either shows, nothing else decides."""

ENOUGH_BESIDE = 0.5
"""Of what is found nowhere else, or differs, more than this agrees in a copy of a board that is turned, squeezed or
cut. In 539 of 576 pairs of photographs of one board that fit somewhere it is less.
"""

SQUEEZED, ASKEW, CUT = 1.015, 0.012, 0.97
"""A board that is held otherwise is squeezed, and lies askew (the tangent of the angle) or beyond the edge of the other
picture. Copies of one under captions and bars, of which as little agrees, are turned, cut or squeezed, seldom both.
"""

BESIDE_ONE_ANOTHER, STRONGLY = 0.8, 1.03
"""Where either picture shows more than the other by a fifth, and lies askew, a pattern that agrees proves nothing, even
if there is nothing else; nor where it lies askew beyond the edge at all, and is squeezed by more than this. A copy that
is turned by 45 degrees and loses its corners keeps 0.83, and is not squeezed.
"""


def only_a_pattern(first: Prepared, second: Prepared, matrix: Doubles, laid: Overlay, seen: Agreement) -> bool:
    """Whether nothing but a pattern agrees in the overlay of two photographs under a (2, 3) matrix."""
    across, along = sorted(np.abs(matrix[:, 0]))
    squeezed, askew, shared = _squeeze(matrix), across > ASKEW * along, max(shares(first.small, second.small, matrix))
    edge = CUT if squeezed > STRONGLY else BESIDE_ONE_ANOTHER
    beside_one_another = askew and shared < edge
    if not beside_one_another:
        held_otherwise = squeezed > SQUEEZED and (askew or shared < CUT)
        if seen.whole > ENOUGH_WHOLE or not (held_otherwise or _each_has_more(seen)):
            return False
    repeated = _repeated(laid.one, seen, LEAST_REPEATED)
    if repeated is None or beside_one_another:
        return repeated is not None
    agreeing, differing = (int(windows.sum()) for windows in (seen.agrees, seen.swapped | seen.covered))
    beside = (1 - repeated) * agreeing
    return beside < ENOUGH_BESIDE * (beside + differing)


FRAME_POINTS, FRAME_SQUEEZED = 70, 1.055
"""Frames of one shot match in so many points, and the camera turned by little: of 11 pairs of frames a moment apart in
which a house or a fence agrees, 10 are squeezed by less; 12 pairs of boards with as many points by more.
"""


def frames_of_one_shot(matrix: Doubles, points: int) -> bool:
    """Whether two photographs that match in so many points under a (2, 3) matrix are frames, whatever repeats."""
    return points >= FRAME_POINTS and _squeeze(matrix) <= FRAME_SQUEEZED


def _squeeze(matrix: Doubles) -> float:
    """How much more a (2, 3) matrix enlarges in one direction than across it."""
    large, small = np.linalg.svd(matrix[:, :2], compute_uv=False)
    return float(large / small)


LEAST_MORE = 0.035
"""Of what agrees, so much of each picture shows something where the other shows nothing: outlines that moved. Captions,
logos and watermarks lie over one of the two.
"""

MOST_WITHIN = 0.05
"""A patch hides what was there and adds a border, but within it next to nothing agrees."""


def _each_has_more(seen: Agreement) -> bool:
    """Whether each of two pictures shows something where the other shows nothing, and not only within one patch."""
    differing = (seen.swapped | seen.covered) & ~_patch(seen)
    one, two = (int((differing & mine & ~other).sum()) for mine, other in (seen.shown, seen.shown[::-1]))
    return min(one, two) > LEAST_MORE * int(seen.agrees.sum())


def _patch(seen: Agreement) -> NDArray[np.bool_]:
    """The largest region in which two pictures differ, if it may be something that lies over one of them."""
    rows, columns = np.nonzero(largest_region(seen.swapped | seen.covered))
    if not len(rows):
        return np.zeros_like(seen.seen)
    hull = np.zeros(seen.seen.shape, np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(np.column_stack([columns, rows]).astype(np.int32)), 1)
    return (hull > 0) & (float(seen.agrees[hull > 0].mean()) < MOST_WITHIN)


MOSTLY_REPEATED = 0.65
"""Of a pattern any patch lies exactly in the place of another. Of 49 pairs of photographs of boards that only such
patches confirm, 43 repeat themselves so far, and not along an edge; of 2,600 copies under one to five edits 3.
"""

MANY_IN_PLACE = 0.36
"""The share of the patches of a board that lie in place is larger: 0.38 to 0.78 in 130 pairs. Copies under stripes or
noise that repeat themselves so far have 0.33, 0.34 and 0.45.
"""


def mostly_a_pattern(laid: Overlay, seen: Agreement) -> bool:
    """Whether patches that lie exactly in their places prove nothing, since most of what agrees fits elsewhere, too."""
    return places(laid).share > MANY_IN_PLACE and _repeated(laid.one, seen, MOSTLY_REPEATED) is not None


def _repeated(picture: Floats, seen: Agreement, least: float) -> float | None:
    """The share of what agrees that a picture has elsewhere, too; None where it is less, or that is no pattern."""
    rows, columns = np.nonzero(seen.agrees)
    if min(picture.shape) < PATCH or not len(rows):
        return None
    chosen = np.random.default_rng(0).permutation(len(rows))[:PATCHES]
    missed, pattern = 0, 0
    for row, column in zip(rows[chosen], columns[chosen], strict=True):
        found = _elsewhere(picture, int(row) * STEP + WINDOW // 2, int(column) * STEP + WINDOW // 2)
        missed += not found.anywhere
        pattern += found.apart
        if missed > (1 - least) * len(chosen):
            return None
    return 1 - missed / len(chosen) if pattern >= LEAST_PATTERN * len(chosen) else None


class _Elsewhere(NamedTuple):
    """Whether a patch is found elsewhere, and not only along an edge."""

    anywhere: bool
    apart: bool


def _elsewhere(picture: Floats, row: int, column: int) -> _Elsewhere:
    """Whether the patch around a place is found in others nearby."""
    height, width = picture.shape
    y, x = (min(max(0, middle - PATCH // 2), side - PATCH) for middle, side in ((row, height), (column, width)))
    top, left = max(0, y - REACH), max(0, x - REACH)
    around = picture[top : y + PATCH + REACH, left : x + PATCH + REACH]
    found = cv2.matchTemplate(around, picture[y : y + PATCH, x : x + PATCH], cv2.TM_CCOEFF_NORMED)
    y, x = y - top, x - left
    _, labels = cv2.connectedComponents((found > ALONG).view(np.uint8))
    again = found > REPEATED
    apart = bool((labels[again] != labels[y, x]).any())
    again[max(0, y - IN_PLACE) : y + IN_PLACE + 1, max(0, x - IN_PLACE) : x + IN_PLACE + 1] = False
    return _Elsewhere(bool(again.any()), apart)
