"""The two images of a pair drawn side by side, aligned, with their disagreement marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from imgsim_guard.images.regions import shrunk
from imgsim_guard.verification.agreement import STEP, WINDOW, agreement
from imgsim_guard.verification.overlay import Overlay

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.model import Transform
    from imgsim_guard.verification.prepared import Pixels

SHOWN_SIDE = 640
"""Long side of the area that is shown of each image: two of them fit on a screen."""

GAP = 8
WHITE = 255
MARK = (0, 0, 255)  # BGR

FADED = 0.35
"""Outside of the overlap colours are faded to this part, so that a crop or a frame is seen at a glance."""


class LaidOver(NamedTuple):
    """The query on the gallery image's grid, both (h, w, 3) uint8 BGR and at most SHOWN_SIDE long.

    `inside`: (h, w) bool, where the query shows something; `marks`: (h, w) bool, windows that disagree.
    """

    query: Pixels
    gallery: Pixels
    inside: NDArray[np.bool_]
    marks: NDArray[np.bool_]


def side_by_side(query: Pixels, gallery: Pixels, *, found: Transform | None) -> Pixels:
    """(h, w, 3) uint8 BGR: the query moved onto the gallery image's grid on the left, the gallery image on the right.

    Windows that disagree are outlined in red in both, what lies outside of the overlap is faded. Without a transform
    the two are shown as they are. Both images: (h, w, 3) uint8 BGR.
    """
    if found is None:
        right = shrunk(gallery, SHOWN_SIDE)
        return _joined(_fitted(query, (right.shape[1], right.shape[0])), right)
    laid = laid_over(query, gallery, found)
    return _joined(_drawn(laid.query, laid.inside, laid.marks), _drawn(laid.gallery, laid.inside, laid.marks))


def laid_over(query: Pixels, gallery: Pixels, found: Transform) -> LaidOver:
    """Move the query to where the transform says that it shows the gallery image. Both: (h, w, 3) uint8 BGR."""
    right = shrunk(gallery, SHOWN_SIDE)
    size, factor = (right.shape[1], right.shape[0]), min(1.0, SHOWN_SIDE / max(gallery.shape[:2]))
    to_shown = np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2], [0, 0, 1]])
    move = to_shown @ np.vstack([np.array(found.matrix).reshape(2, 3), [0, 0, 1]])
    left = _moved(query, move, size, border=cv2.BORDER_REPLICATE)
    inside = _moved(np.full_like(query, WHITE), move, size, border=cv2.BORDER_CONSTANT)[..., 0] == WHITE
    marks = _marks(left, right, inside)
    left[~inside] = 0
    return LaidOver(left, right, inside, marks)


def outlines(marks: NDArray[np.bool_]) -> list[NDArray[np.int32]]:
    """The outlines (n, 1, 2) of what is marked, as x and y."""
    found, _ = cv2.findContours(marks.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [np.asarray(outline, np.int32) for outline in found]


def _moved(picture: Pixels, matrix: NDArray[np.float64], size: tuple[int, int], *, border: int) -> Pixels:
    """Under a (3, 3) affine matrix, smoothed first where it shrinks."""
    shrink = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    smooth = cv2.GaussianBlur(picture, (0, 0), 0.4 / shrink) if shrink < 1 else picture
    return np.asarray(cv2.warpAffine(smooth, matrix[:2], size, flags=cv2.INTER_LINEAR, borderMode=border), np.uint8)


def _marks(left: Pixels, right: Pixels, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(h, w) bool: pixels in windows that disagree."""
    one, two = (cv2.cvtColor(side, cv2.COLOR_BGR2GRAY).astype(np.float32) for side in (left, right))
    marks = np.zeros(inside.shape, np.bool_)
    if not inside.any() or min(inside.shape) < 2 * WINDOW:
        return marks
    seen = agreement(Overlay(one, two, inside, np.eye(3)))
    for row, column in np.argwhere(seen.swapped | seen.covered):
        marks[row * STEP : row * STEP + WINDOW, column * STEP : column * STEP + WINDOW] = True
    return marks


def _drawn(picture: Pixels, inside: NDArray[np.bool_], marks: NDArray[np.bool_]) -> Pixels:
    drawn = np.where(inside[..., None], picture, picture * FADED).astype(np.uint8)
    cv2.drawContours(drawn, outlines(marks), -1, MARK, 2)
    return drawn


def _fitted(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """Scaled into the size, centred on white."""
    factor = min(size[0] / picture.shape[1], size[1] / picture.shape[0])
    inner = (max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor)))
    canvas = np.full((size[1], size[0], 3), WHITE, np.uint8)
    x, y = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas[y : y + inner[1], x : x + inner[0]] = cv2.resize(picture, inner, interpolation=cv2.INTER_AREA)
    return canvas


def _joined(left: Pixels, right: Pixels) -> Pixels:
    gap = np.full((left.shape[0], GAP, 3), WHITE, np.uint8)
    return np.ascontiguousarray(np.hstack([left, gap, right]))
