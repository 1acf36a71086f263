"""Two pictures brought onto one grid, and the transform between them refined there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from imgsim_guard.verification.agreement import detail_in_common, equally_sharp
from imgsim_guard.verification.alignment import fit_affine, moved_points, plausible
from imgsim_guard.verification.warped import warped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.verification.prepared import Doubles, Floats, Pixels

LEAST_SIDE = 96
"""Icons and glyphs are enlarged until their longer side is this long, so that windows find room in them."""

LEAST_BREADTH = 32
"""... and strips until their shorter side is this long, unless the longer one reaches the side of the grid before."""

LEAST_EXTENT = 4
"""An overlap of fewer pixels than this is none."""

FOLLOWED = 150
"""Points that are followed from the one picture to the other, and the window (pixels) that is followed."""

FOLLOWED_SPACING = 6
FOLLOWED_WINDOW = 17

LEAST_FOLLOWED = 10
"""A fit needs so many points to be trusted more than what is already known."""

FOLLOWED_TOLERANCE = 1.0
"""Points that end further than this from the fit (pixels of the grid) sit on an overlay or were lost."""

LEAST_STRAIGHTENING = 30
"""Straightening has eight unknowns: it wants many points, and starts from those that are not lost altogether."""

STRAIGHTENING_START = 12.0
STRAIGHTENING_TOLERANCE = 3.0

EXACT = 0.35
"""Points are followed to a tenth of a pixel. Where perspective brings BENT times as many of them EXACT (pixels) to
their place, there is some: other print on the same paper stays below 1.06, corners moved by 1 % of the side reach 2.
"""

BENT = 1.1

EVENING_SIDE = 31
"""Side of the area over which brightness and contrast are evened out before points are followed."""


@dataclass(frozen=True)
class Overlay:
    """The overlapping part of two pictures on one grid."""

    one: Floats  # (h, w) grey values
    two: Floats  # (h, w)
    both: NDArray[np.bool_]  # (h, w) where both pictures have pixels
    to_grid: Doubles  # (3, 3) from the second picture's grey pixels to the grid
    enlarged: float = 1.0  # grid pixels for one pixel of the coarser picture, where that is more than one

    @cached_property
    def sharp(self) -> tuple[Floats, Floats]:
        """Both pictures made equally sharp, which half a dozen questions about them begin with."""
        return equally_sharp(self.one, self.two, self.both)


def overlay(first: Pixels, second: Pixels, matrix: Doubles, *, side: int, magnified: float = 1.0) -> Overlay | None:
    """Lay the first (h, w) uint8 picture over the second, on a grid as fine as the coarser of them, long side <= side.

    None if they overlap in less than a few pixels. `magnified`: how much they were enlarged beforehand.
    """
    box = _overlap(first, second, matrix)
    if box is None:
        return None
    x0, y0, x1, y1 = box
    stretch = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    longest = max(x1 - x0, y1 - y0)
    coarser = min(1.0, 1 / stretch)
    enlarging = max(LEAST_SIDE / longest, min(LEAST_BREADTH / min(x1 - x0, y1 - y0), side / longest))
    factor = max(min(coarser, side / longest), enlarging)
    to_grid = np.array([[factor, 0, (0.5 - x0) * factor - 0.5], [0, factor, (0.5 - y0) * factor - 0.5], [0, 0, 1]])
    size = (max(1, round((x1 - x0) * factor)), max(1, round((y1 - y0) * factor)))
    one, inside = warped(first, to_grid @ np.vstack([matrix, [0, 0, 1]]), size)
    two, also = warped(second, to_grid, size)
    return Overlay(one, two, inside & also, to_grid, magnified * max(1.0, factor / coarser))


def _overlap(first: Pixels, second: Pixels, matrix: Doubles) -> tuple[int, int, int, int] | None:
    """The smallest upright box of the second picture's pixels that holds all of the overlap."""
    height, width = second.shape
    corners = moved_points(matrix, corners_of(first))
    low = np.maximum(np.floor(corners.min(axis=0) + 0.5), 0).astype(int)
    high = np.minimum(np.ceil(corners.max(axis=0) + 0.5), (width, height)).astype(int)
    if (high - low).min() < LEAST_EXTENT:
        return None
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def corners_of(grey: Pixels) -> Doubles:
    """(4, 2) outer corners of a picture, clockwise from the top left, in pixel coordinates (centres are whole)."""
    height, width = grey.shape
    return np.array([[0, 0], [width, 0], [width, height], [0, height]]) - 0.5


def laid_in_colour(
    first: Pixels, second: Pixels, matrix: Doubles, to_grid: Doubles, size: tuple[int, int]
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Two (h, w, 3) pictures, the first moved by a (2, 3) matrix, on one grid, and where both have pixels."""
    one, inside = warped(first, to_grid @ np.vstack([matrix, [0, 0, 1]]), size)
    two, also = warped(second, to_grid, size)
    return one, two, inside & also


class Refined(NamedTuple):
    """A (2, 3) matrix, whether what was followed moves as under perspective, which no such matrix has, and which share
    of what was followed lies exactly where the matrix or the perspective puts it (None if too little was followed), and
    which share lies there to half of that distance.
    """

    matrix: Doubles
    bent: bool
    exact: float | None
    closely: float = 0.0


def refined(laid: Overlay, matrix: Doubles) -> Refined:
    """The (2, 3) matrix that made this overlay, after points of the one picture were followed into the other (Lucas
    and Kanade 1981); unchanged where that fails.
    """
    source, target = _followed(laid)
    fit = _robust_fit(source, target)
    if fit is None:
        return Refined(matrix, bent=False, exact=None if len(source) < LEAST_FOLLOWED else 0.0)
    correction = np.vstack([fit, [0, 0, 1]])
    whole = np.linalg.inv(laid.to_grid) @ correction @ laid.to_grid @ np.vstack([matrix, [0, 0, 1]])
    moved = moved_points(fit, source)
    missed = _missed(moved, target, np.eye(3)) / laid.enlarged
    perspective = _perspective(moved, target)
    affine, bent = _exact(missed), 0.0
    if perspective is not None:
        unbent = _missed(moved, target, perspective) / laid.enlarged
        bent = _exact(unbent)
        missed = unbent if bent > affine else missed
    closely = float((missed < EXACT / 2).mean())
    return Refined(whole[:2] if plausible(whole[:2]) else matrix, bent > BENT * affine, max(bent, affine), closely)


FEW_EXACT = 0.6
"""With less than this in place, one picture may only be blurred: points of a sharp one are not found exactly there."""

AS_SHARP = 0.95
"""... but not one that has so much of the other's detail."""


def refined_if_blurred(laid: Overlay, matrix: Doubles) -> Refined:
    """The same, once more with both pictures equally sharp where little lies in its place."""
    found = refined(laid, matrix)
    if found.exact is None or found.exact >= FEW_EXACT or detail_in_common(laid) > AS_SHARP:
        return found
    one, two = laid.sharp
    again = refined(replace(laid, one=one, two=two), matrix)
    return again if (again.exact or 0) > found.exact else found


SLID_SIDE = 160
"""Pictures no larger than this have too few corners to follow, and few enough pixels to compare all."""

SLIDES, SLID_ENOUGH = 30, 1e-3


def slid(first: Pixels, second: Pixels, matrix: Doubles) -> Doubles:
    """A (2, 3) matrix from one small picture to another after all their pixels were brought into line (Evangelidis and
    Psarakis 2008); unchanged where that fails.
    """
    if max(*first.shape, *second.shape) > SLID_SIDE:
        return matrix
    back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2].astype(np.float32)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, SLIDES, SLID_ENOUGH)
    try:
        _, moved = cv2.findTransformECC(second, first, back, cv2.MOTION_AFFINE, stop)
    except cv2.error:  # nothing in common
        return matrix
    found = np.linalg.inv(np.vstack([np.asarray(moved, np.float64), [0, 0, 1]]))[:2]
    return found if plausible(found) else matrix


def _exact(missed: Doubles) -> float:
    """Share of (n,) distances in pixels that are none."""
    return float((missed < EXACT).mean())


def _perspective(source: Doubles, target: Doubles) -> Doubles | None:
    """The (3, 3) matrix that takes most of the (n, 2) points to their targets."""
    near = np.linalg.norm(source - target, axis=1) < STRAIGHTENING_START
    for tolerance in (STRAIGHTENING_TOLERANCE, FOLLOWED_TOLERANCE):
        if near.sum() < LEAST_STRAIGHTENING:
            return None
        matrix, _ = cv2.findHomography(source[near], target[near], 0)
        if matrix is None:
            return None
        near = _missed(source, target, matrix) < tolerance
    return np.asarray(matrix, np.float64)


def _missed(source: Doubles, target: Doubles, matrix: Doubles) -> Doubles:
    """(n,) distances of the (n, 2) points moved by a (3, 3) matrix from their targets."""
    moved = cv2.perspectiveTransform(source[:, None], matrix)[:, 0]
    return np.asarray(np.linalg.norm(moved - target, axis=1), np.float64)


def straightened(laid: Overlay) -> Overlay:
    """The overlay after perspective was taken out of `one` as well: for a picture of a screen or a print."""
    matrix = _perspective(*_followed(laid))
    if matrix is None:
        return laid
    size = (laid.one.shape[1], laid.one.shape[0])
    one = cv2.warpPerspective(laid.one, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpPerspective(laid.both.astype(np.uint8), matrix, size, flags=cv2.INTER_NEAREST) > 0
    return replace(laid, one=np.asarray(one, np.float32), both=np.asarray(inside & laid.both))


def _followed(laid: Overlay) -> tuple[Doubles, Doubles]:
    """(n, 2) places in `one` and in `two` that show the same corner."""
    one, two = _evened(laid.one), _evened(laid.two)
    mask = laid.both.astype(np.uint8)
    start = cv2.goodFeaturesToTrack(two, FOLLOWED, 0.01, FOLLOWED_SPACING, mask=mask)
    if start is None or len(start) < LEAST_FOLLOWED:
        return np.zeros((0, 2)), np.zeros((0, 2))
    window = (FOLLOWED_WINDOW, FOLLOWED_WINDOW)
    end, found, _ = cv2.calcOpticalFlowPyrLK(two, one, start, start.copy(), winSize=window, maxLevel=2)
    kept = np.ravel(found) == 1
    source, target = np.reshape(end, (-1, 2))[kept], np.reshape(start, (-1, 2))[kept]
    return source.astype(np.float64), target.astype(np.float64)


def _robust_fit(source: Doubles, target: Doubles) -> Doubles | None:
    """Starts from the median shift, then fits those within a shrinking distance of the last fit."""
    if len(source) < LEAST_FOLLOWED:
        return None
    matrix = np.column_stack([np.eye(2), np.median(target - source, axis=0)])
    for tolerance in (8.0, 4.0, 2.0, FOLLOWED_TOLERANCE):
        near = np.linalg.norm(moved_points(matrix, source) - target, axis=1) < tolerance
        if near.sum() < LEAST_FOLLOWED:
            return None
        matrix = fit_affine(source[near], target[near])
    return matrix


def _evened(picture: Floats) -> Pixels:
    """Local mean and spread brought to one level, so that recoloured pictures can be followed into each other."""
    size = (EVENING_SIDE, EVENING_SIDE)
    mean = cv2.blur(picture, size)
    spread = np.sqrt(np.maximum(cv2.blur(picture * picture, size) - mean * mean, 0))
    return np.asarray(np.clip(128 + 40 * (picture - mean) / (spread + 8), 0, 255), np.uint8)
