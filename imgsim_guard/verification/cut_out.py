"""A picture that was cut out of another: the other is cut out in the same shape, on the same ground, and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.images.ground import laid_over
from imgsim_guard.images.regions import shrunk
from imgsim_guard.verification.judging import MANY_POINTS, STRICT_AGREEMENT, drawings_of
from imgsim_guard.verification.pair import verify
from imgsim_guard.verification.prepared import GREY_SIDE, prepare

if TYPE_CHECKING:
    from imgsim_guard.images.picture import Picture
    from imgsim_guard.model import Evidence, Transform
    from imgsim_guard.verification.prepared import Doubles, Pixels, Prepared

OPAQUE, NEARLY_OPAQUE = 255, 250

WITHIN = 0.97
"""The share of what shows of a cut-out that must lie within the other picture."""

CORRELATION, BLUR = 0.9, 0.01
"""How much the grey values of what shows must correlate, blurred by this part of the long side: a card on dark ground
and one on light ground do not.
"""

FOLLOWED, EDGES = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE

GRID = 64
"""Long side of the grid on which the largest opaque box is found."""

LEAST_SIDE, LEAST_PART = 32, 0.2
"""The least side of that box in pixels, and its least part of all that is visible."""


def visible_part(picture: Picture) -> Pixels | None:
    """The alpha [h, w] of a transparent picture, in the size in which print is read; None of an opaque one."""
    if picture.other is None:
        return None
    hidden = cv2.absdiff(picture.pixels[..., 0], picture.other[..., 0])  # by as much as it is clear
    return shrunk(np.asarray(OPAQUE - hidden, np.uint8), GREY_SIDE)


def is_worth_cutting(evidence: Evidence) -> bool:
    """Whether two pictures that differ lie on one another by many points."""
    return evidence.matching_points >= MANY_POINTS


def as_cut_out(  # noqa: PLR0913
    cut: Prepared, alpha: Pixels, ground: int, whole: Prepared, there: Transform, *, query_is_cut: bool
) -> Evidence | None:
    """Confirm that a picture with this `alpha` on this `ground` was cut out of `whole`; None if it was not, or cannot
    be compared so. `there`: how the query lies on the gallery image, one of which is the cut-out.
    """
    if cut.grey.shape != alpha.shape:  # it was enlarged
        return None
    onto = np.vstack([np.array(there.matrix).reshape(2, 3), [0, 0, 1]])
    onto = onto if query_is_cut else np.linalg.inv(onto)
    move = np.linalg.inv(_reduced(whole) @ onto @ np.linalg.inv(_reduced(cut)))[:2]
    size = (alpha.shape[1], alpha.shape[0])
    there_is = cv2.warpAffine(np.full(whole.grey.shape, OPAQUE, np.uint8), move, size)
    if float(np.minimum(there_is, alpha).sum()) < WITHIN * float(alpha.sum()):
        return None
    warped = cv2.warpAffine(_coloured(whole), move, size, flags=cv2.INTER_LINEAR, borderValue=(float(ground),) * 3)
    moved = np.asarray(warped, np.uint8)
    own = prepare(_of_grey(cut.grey)) if whole.drawing is None else cut
    masked = prepare(laid_over(ground, moved, alpha))
    found = verify(own, masked)
    box = largest_box(alpha)
    if found.transform is None or found.agreement < STRICT_AGREEMENT or box is None:
        return None
    exactly = np.array(found.transform.matrix).reshape(2, 3)
    followed = _grey(np.asarray(cv2.warpAffine(moved, exactly, size, flags=FOLLOWED, borderMode=EDGES), np.uint8))
    if _correlation(cut.grey, followed, alpha) < CORRELATION:
        return None
    parts = prepare(_of_grey(cut.grey[box])), prepare(_of_grey(followed[box]))
    inside = verify(*parts)
    if found.outcome == "confirmed" or inside.outcome != "confirmed":
        return found if inside.outcome == "confirmed" else None
    # Photographs on a plain ground may count as drawings, whose colours and lines must be the same.
    for_ground = drawings_of(own, masked) is not None and drawings_of(*parts) is None
    return inside if for_ground and inside.agreement >= STRICT_AGREEMENT else None


def _correlation(one: Pixels, other: Pixels, alpha: Pixels) -> float:
    """Of the blurred grey values of two pictures [h, w], where both are opaque."""
    sigma = BLUR * max(alpha.shape)
    where = alpha >= NEARLY_OPAQUE
    pair = one, np.where(where, other, one)  # with the same ground around them
    values = [cv2.GaussianBlur(grey.astype(np.float32), (0, 0), sigma)[where] for grey in pair]
    spreads = [float(value.std()) for value in values] if where.any() else [0.0]
    return float(np.corrcoef(values[0], values[1])[0, 1]) if min(spreads) > 0 else 0.0


def largest_box(alpha: Pixels) -> tuple[slice, slice] | None:
    """Rows and columns of the largest box that is opaque but for a few pixels; None if there is no large one."""
    scale = min(1.0, GRID / max(alpha.shape))
    size = (max(1, round(alpha.shape[1] * scale)), max(1, round(alpha.shape[0] * scale)))
    opaque = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) >= NEARLY_OPAQUE
    heights = np.zeros(size[0], np.intp)
    best, area = (0, 0, 0, 0), 0
    for bottom, row in enumerate(opaque, start=1):
        heights = np.where(row, heights + 1, 0)
        for height in np.unique(heights[heights > 0]).tolist():
            edges = np.flatnonzero(np.diff(np.concatenate(([0], (heights >= height).astype(np.int8), [0]))))
            left, right = max(
                zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True), key=lambda run: run[1] - run[0]
            )
            if height * (right - left) > area:
                best, area = (left, bottom - height, right, bottom), height * (right - left)
    x0, y0, x1, y1 = (round(side / scale) for side in best)
    if min(x1 - x0, y1 - y0) < LEAST_SIDE or area < LEAST_PART * int(opaque.sum()):
        return None
    return slice(y0, y1), slice(x0, x1)


def _coloured(image: Prepared) -> Pixels:
    """The grey picture [h, w, 3], in the colours of a drawing. A photograph's are only kept in a few pixels."""
    grey = _of_grey(image.grey)
    if image.drawing is None:
        return grey
    colours = cv2.resize(image.drawing, image.grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    lightness = cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY)
    missing = grey.astype(np.int16) - lightness.astype(np.int16)[..., None]
    return np.asarray(np.clip(colours.astype(np.int16) + missing, 0, OPAQUE), np.uint8)


def _grey(colours: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY), np.uint8)


def _of_grey(grey: Pixels) -> Pixels:
    return np.repeat(grey[..., None], 3, axis=2)


def _reduced(image: Prepared) -> Doubles:
    """(3, 3) from pixels of the original to those of its grey picture."""
    x, y = image.grey.shape[1] / image.width, image.grey.shape[0] / image.height
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])
