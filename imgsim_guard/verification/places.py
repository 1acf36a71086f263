"""In how many places of two pictures laid over each other is the same thing found exactly where it should be?

In a copy whatever is not hidden lies in its place, to the pixel, under noise, blur and other pictures as well; what is
hidden is found anywhere. In two photographs of one thing most of it is found nearby, but little exactly there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from imgsim_guard.verification.agreement import TEXTURE
from imgsim_guard.verification.alignment import fit_affine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.verification.overlay import Overlay
    from imgsim_guard.verification.prepared import Doubles, Floats

REACH = 6
"""Grid pixels around its place within which a patch is looked for."""


class Patches(NamedTuple):
    """Patches of so many grid pixels, so far apart, and how many of them a copy has in place, which share of all, and
    which of those that lie there or nearby.
    """

    side: int
    step: int
    least: int
    share: float
    sharpness: float


SMALL = Patches(24, 12, least=40, share=0.33, sharpness=0.62)
"""In patches so large noise is averaged away. Of 607 pairs of photographs of one face none has all three; of 55 of one
castle the nearest has the first two, and 0.53 of the third.
"""

LARGE = Patches(40, 16, least=60, share=0.5, sharpness=0.57)
"""Strong noise is averaged away in these only: under noise and blur copies have 0.54 to 0.88 of them in place, of 0.29
to 0.39 of the small ones. Frames of one film, a moment apart, have 0.41 at most, and 0.35 of the small ones.
"""

WORTH_LARGE = 0.15
"""The share of the small patches from which on the large ones are asked."""

MOST_PATCHES = 160
"""So many of them say enough."""

EXACTLY, NEARBY = 0.6, 3.0
"""Grid pixels from its place within which a patch lies there, and within which it lies nearby."""

EVERY = 4
"""One patch of so many is looked for first. Of a copy at least half of them lie nearby (15 of 600 chains of edits came
so far), of frames of a film whose subject moves a quarter.
"""

SETTLING = (3.0, 2.0, 1.5, 1.0)
"""Grid pixels from their place within which patches say how the pictures lie, ever narrower."""

LEAST_FITTED, LEAST_BENT = 12, 30
"""So many of them fit an affine transform, and one with perspective."""

LEAST_SHARE = 0.33
"""Where a smaller part of those looked for first is nearby, most of the picture is not."""

AREAS, LEAST_IN_AREA, PART_OF_AREA = 4, 3, 0.25
"""Areas each way, the patches that say something about one, and the part of them that has to be in place there."""

AROUND = 3
"""Values around a peak by which it is placed between pixels."""


class Places(NamedTuple):
    """`in_place`: patches exactly where they should be, of so many that were `tried`; `sharpness`: their share of
    those that are there or nearby by more than chance; `spread`: the share of the areas in which they are.
    """

    tried: int
    in_place: float
    sharpness: float
    kind: Patches = SMALL
    spread: float = 0.0

    @property
    def share(self) -> float:
        """Of all patches, those in place."""
        return self.in_place / max(1, self.tried)

    @property
    def many(self) -> bool:
        """Whether the two can only be one picture."""
        kind = self.kind
        return self.in_place >= kind.least and self.share >= kind.share and self.sharpness >= kind.sharpness


EVERYWHERE_SHARE, EVERYWHERE = 0.4, 0.6
"""Of the patches of a copy under stripes, noise or a faint picture 0.41 to 0.6 are in place, in 0.6 or more of the
areas; of photographs of one thing in two places 0.31 at most, in 0.55, but for print.
"""


def everywhere(laid: Overlay) -> bool:
    """Whether patches all over the two pictures of an overlay lie exactly where they should, and most of those that are
    not hidden.
    """
    found = places(laid)
    return found.share >= EVERYWHERE_SHARE and found.spread >= EVERYWHERE and found.sharpness >= EVERYWHERE


def in_many_places(laid: Overlay) -> bool:
    """Whether the two pictures of an overlay can only be one, by what lies exactly where it should."""
    one, two = laid.sharp
    small = _places(one, two, laid.both, SMALL)
    return small.many or (small.share > WORTH_LARGE and _places(one, two, laid.both, LARGE).many)


def places(laid: Overlay, kind: Patches = SMALL) -> Places:
    """Look for patches of one picture around their place in the other."""
    return _places(*laid.sharp, laid.both, kind)


def _places(one: Floats, two: Floats, both: NDArray[np.bool_], kind: Patches) -> Places:
    corners, count = _patches(one, two, both, kind)
    found = _found(one, two, corners, kind.side)
    if found is None:
        return Places(count, 0.0, 0.0, kind)
    missed = _from_place(corners.astype(np.float64), found)
    scale = count / max(1, len(corners))
    exactly, nearby = int((missed < EXACTLY).sum()), int((missed < NEARBY).sum())
    density = (len(missed) - nearby) / ((2 * REACH + 1) ** 2 - np.pi * NEARBY**2)
    by_chance = np.pi * EXACTLY**2 * density, np.pi * NEARBY**2 * density
    within = max(exactly - by_chance[0], 0.0), max(nearby - by_chance[1], 1e-3)
    sharpness = min(1.0, within[0] / max(within))
    return Places(count, exactly * scale, sharpness, kind, _spread(corners, missed < EXACTLY, one.shape))


def _spread(corners: NDArray[np.intp], exactly: NDArray[np.bool_], shape: tuple[int, ...]) -> float:
    """Of AREAS by AREAS areas that show something, the share in which patches are in place."""
    height, width = shape
    area = corners[:, 1] * AREAS // height * AREAS + corners[:, 0] * AREAS // width
    tried, placed = (np.bincount(some, minlength=AREAS**2) for some in (area, area[exactly]))
    shown = tried >= LEAST_IN_AREA
    return float((placed >= PART_OF_AREA * tried)[shown].mean()) if shown.any() else 0.0


def _patches(one: Floats, two: Floats, both: NDArray[np.bool_], kind: Patches) -> tuple[NDArray[np.intp], int]:
    """(n, 2) x and y of patches that show something in both pictures, evenly spread, and how many there are in all."""
    side, step = kind.side, kind.step
    size = side + 2 * REACH
    height, width = one.shape
    if min(height, width) < size:
        return np.zeros((0, 2), np.intp), 0
    y, x = np.mgrid[REACH : height - side - REACH + 1 : step, REACH : width - side - REACH + 1 : step].reshape(2, -1)
    inside = cv2.boxFilter(both.astype(np.float32), -1, (size, size))
    middle = y + side // 2, x + side // 2
    spreads = [
        cv2.boxFilter(picture * picture, -1, (side, side)) - cv2.boxFilter(picture, -1, (side, side)) ** 2
        for picture in (one, two)
    ]
    kept = (inside[middle] > 1 - 1 / size**2) & (np.minimum(*spreads)[middle] > TEXTURE**2)
    corners = np.column_stack([x, y])[kept]
    count = len(corners)
    chosen = np.arange(min(count, MOST_PATCHES)) * count // max(1, min(count, MOST_PATCHES))
    return corners[chosen], count


def _found(one: Floats, two: Floats, corners: NDArray[np.intp], side: int) -> Doubles | None:
    """(n, 2) by how much each patch is moved; None where so few are nearby that most of the picture is not."""
    some = np.array([_moved(one, two, x, y, side) for x, y in corners[::EVERY]]).reshape(-1, 2)
    if (np.hypot(some[:, 0], some[:, 1]) < NEARBY).sum() < LEAST_SHARE * len(some):
        return None
    found = np.empty((len(corners), 2))
    found[::EVERY] = some
    for place in np.flatnonzero(np.arange(len(corners)) % EVERY):
        x, y = corners[place]
        found[place] = _moved(one, two, x, y, side)
    return found


def _moved(one: Floats, two: Floats, x: int, y: int, side: int) -> tuple[float, float]:
    """By how much the patch of `two` at x, y is moved in `one`, to a part of a pixel."""
    around = one[y - REACH : y + side + REACH, x - REACH : x + side + REACH]
    patch = two[y : y + side, x : x + side]
    alike = np.asarray(cv2.matchTemplate(around, patch, cv2.TM_CCOEFF_NORMED), np.float32)
    _, _, _, (across, down) = cv2.minMaxLoc(alike)
    return (
        across - REACH + _peak(alike[down, max(0, across - 1) : across + 2]),
        down - REACH + _peak(alike[max(0, down - 1) : down + 2, across]),
    )


def _peak(three: Floats) -> float:
    """Where the parabola through three values is highest, from the middle one; 0 at a border."""
    before, middle, after = map(float, three) if len(three) == AROUND else (0.0, 0.0, 0.0)
    bend = before - 2 * middle + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0


def _from_place(corners: Doubles, found: Doubles) -> Doubles:
    """(n,) distances from where patches should be, after the pictures were moved as most of those nearby are."""
    missed = np.hypot(found[:, 0], found[:, 1])
    for tolerance in SETTLING:
        near = missed < tolerance
        if near.sum() < LEAST_FITTED:
            break
        source, target = corners[near], (corners + found)[near]
        matrix = cv2.findHomography(source, target, 0)[0] if near.sum() >= LEAST_BENT else None
        if matrix is None:
            matrix = np.vstack([fit_affine(source, target), [0, 0, 1]])
        moved = cv2.perspectiveTransform(corners[:, None], matrix)[:, 0]
        missed = np.linalg.norm(moved - corners - found, axis=1)
    return np.asarray(missed, np.float64)
