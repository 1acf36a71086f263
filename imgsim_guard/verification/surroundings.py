"""A printed thing in two scenes: what agrees ends where the thing ends, and around it lies something else.

In a copy, whatever hides a part of it, what agrees reaches the edges of what both pictures show. Where a cropped
picture lies on a page or on other ground, it does not; but then what is cut off there goes on in the original, whereas
a thing has an outline in both pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.verification.agreement import STEP, WINDOW, largest_region
from imgsim_guard.verification.moved import moved_around
from imgsim_guard.verification.paper import photographed
from imgsim_guard.verification.places import everywhere

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from imgsim_guard.verification.agreement import Agreement
    from imgsim_guard.verification.overlay import Overlay
    from imgsim_guard.verification.prepared import Doubles, Floats, Prepared

    Marks = NDArray[np.bool_]

ENOUGH_WHOLE = 0.85
"""Of what either picture shows, more than this agrees: then what else there is may lie over it, wherever that is."""

BAND = 0.3
"""The border of an overlap is what lies nearer to its edge than this part of its half breadth."""

LEAST_REACH = 1.3
"""The share of an overlap that is spanned by what agrees, and the share of its border that agrees, added up: 0.13 to
0.73 in 33 pairs of one playing card on other ground, more in nearly all copies: only pictures that were cropped and
laid on other ground have less.
"""

LEAST_REACH_LOOSELY, LEAST_WHOLE, LEAST_ALIKE, MOST_GAPS = 1.1, 0.55, 0.68, 0.15
"""A thing that is no sheet of paper has no straight outline. Of 14 pairs of one carton in other hands and places, 12
reach less, are whole to 0.51 or less, have less than this part of the windows that agree alike in every detail, and
more than this share of those within the rectangle around most of them differ. None of 300 edited copies has all four,
but 2 of 28 cropped photographs that were laid on other ground, blurred and made noisy have.
"""

NEIGHBOURS, MOST = (3, 3), 0.5
"""Windows that agree count where most of those around them do."""


def in_other_scene(first: Prepared, second: Prepared, matrix: Doubles, laid: Overlay, seen: Agreement) -> bool:
    """Whether what agrees in the overlay of two pictures under a (2, 3) matrix is a thing amid other surroundings, or
    at another place amid the same.
    """
    if seen.whole > ENOUGH_WHOLE:
        return False
    agreeing = np.asarray(cv2.boxFilter(seen.agrees.astype(np.float32), -1, NEIGHBOURS)) > MOST
    rows, columns = np.nonzero(agreeing)
    if not len(rows):
        return False
    points = np.column_stack([columns, rows]).astype(np.int32)
    reach = _spanned(points, seen.seen) + _at_border(seen)
    if reach >= LEAST_REACH:
        return False
    loosely = reach < LEAST_REACH_LOOSELY and _loosely(agreeing, seen) and not _all_over(laid)
    return loosely or _outlined(laid, points) or moved_around(first, second, matrix, laid, seen)


def _spanned(points: NDArray[np.int32], seen: Marks) -> float:
    """The share of the windows seen that lie in the convex hull of some, (n, 2) columns and rows."""
    hull = np.zeros(seen.shape, np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
    return float(((hull > 0) & seen).sum()) / max(1, int(seen.sum()))


def _at_border(seen: Agreement) -> float:
    """Of the windows near the edge of what is seen that show something, the share that agrees."""
    padded = np.pad(seen.seen.view(np.uint8), 1)
    distance = np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 3), np.float32)[1:-1, 1:-1]
    border = seen.seen & (distance <= BAND * distance.max(initial=0))
    agreeing, differing = (int((marks & border).sum()) for marks in (seen.agrees, seen.swapped | seen.covered))
    return agreeing / max(1, agreeing + differing)


def _loosely(agreeing: Marks, seen: Agreement) -> bool:
    """Whether what agrees does so roughly, and fills no rectangle as a picture does."""
    if seen.whole > LEAST_WHOLE or seen.detailed > LEAST_ALIKE * seen.fraction:
        return False
    points = np.argwhere(largest_region(agreeing))[:, ::-1]
    box = np.zeros(seen.seen.shape, np.uint8)
    cv2.fillConvexPoly(box, np.rint(cv2.boxPoints(cv2.minAreaRect(points.astype(np.float32)))).astype(np.int32), 1)
    within = cv2.erode(box, np.ones(NEIGHBOURS, np.uint8)) > 0
    same, other = (int((marks & within).sum()) for marks in (seen.agrees, seen.swapped | seen.covered))
    return other > MOST_GAPS * (same + other)


def _all_over(laid: Overlay) -> bool:
    """Whether two photographs show the same all over, under whatever hides most of it."""
    return photographed(laid) and everywhere(laid)


AROUND = 14
"""Grid pixels on either side of its place within which an outline is looked for: windows say to a few where it is."""

WIDER = 8
"""Grid pixels by which what agrees is wider than the middles of the windows that do."""

ALONG = (15, 1)
"""Grid pixels along an outline that are averaged, so that texture has none."""

ACROSS = 4
"""Grid pixels across it over which its step is measured."""

NEARBY = np.ones((3, 1), np.uint8)
"""An outline lies in the same place in both pictures, to a pixel; what only one of them has lies anywhere."""

LEAST_STEP = 40.0
"""Grey values by which both pictures step at an outline, in the median of the sides: 48 or more around 30 of 33 playing
cards, up to 37 where a cropped picture ends.
"""

LEAST_SIDES, LEAST_SEEN = 2, 0.5
"""Of the four sides, so many have to lie within the overlap, each with this part of it."""


def _outlined(laid: Overlay, points: NDArray[np.int32]) -> bool:
    """Whether both pictures show the same outline around the windows, (n, 2) columns and rows."""
    steps = list(_steps(laid, points))
    return len(steps) >= LEAST_SIDES and float(np.median(steps)) >= LEAST_STEP


def _steps(laid: Overlay, points: NDArray[np.int32]) -> Iterator[float]:
    """The step (grey values) that both pictures take at those sides of the rectangle around the windows that lie within
    the overlap.
    """
    (x, y), (width, height), angle = cv2.minAreaRect((points * STEP + WINDOW // 2).astype(np.float32))
    size = (int(width) + WIDER + 2 * AROUND, int(height) + WIDER + 2 * AROUND)
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    turn = np.array([[cosine, -sine], [sine, cosine]])
    matrix = np.column_stack([turn, np.array([x, y]) - turn @ (np.array(size) / 2)])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    pictures = [
        cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        for picture in (laid.one, laid.two)
    ]
    inside = cv2.warpAffine(laid.both.view(np.uint8), matrix, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    for side in range(4):
        within = np.rot90(inside, side)[: 2 * AROUND, AROUND:-AROUND].min(axis=0) > 0
        if within.mean() > LEAST_SEEN:
            one, two = (_upper_steps(np.rot90(picture, side)) for picture in pictures)
            common = np.maximum(np.minimum(cv2.dilate(one, NEARBY), two), np.minimum(one, cv2.dilate(two, NEARBY)))
            yield float(np.median(common.max(axis=0)[within]))


def _upper_steps(picture: Floats) -> Floats:
    """The steps (grey values) down the upper side of a picture, for each place and column."""
    strip = cv2.blur(np.ascontiguousarray(picture[: 2 * AROUND, AROUND:-AROUND]), ALONG)
    return np.asarray(np.abs(strip[ACROSS:] - strip[:-ACROSS]), np.float32)
