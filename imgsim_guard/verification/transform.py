"""How the query was made from the gallery image, in numbers and in plain words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.model import Transform
from imgsim_guard.verification.alignment import moved_points
from imgsim_guard.verification.overlay import corners_of
from imgsim_guard.verification.warped import scaled

if TYPE_CHECKING:
    from imgsim_guard.verification.prepared import Doubles, Pixels, Prepared

NOTABLE_PART = 0.03
"""Changes smaller than these are the rounding of resizing and JPEG, not worth a word."""

NOTABLE_DEGREES = 0.7
NOTABLE_SQUEEZE = 1.03

NOTABLE_HIDDEN = 0.004
"""Windows that differ in copies are 0 under JPEG and resizing; a corner logo or a timestamp makes 0.01."""

NOTABLE_BRIGHTNESS = 8.0
"""Differences of mean grey value and of mean tint (grey levels of 255) that an eye would call another colour."""

NOTABLE_TINT = 5.0
WHITE = 255


def transform(query: Prepared, gallery: Prepared, matrix: Doubles) -> Transform:
    """Describe a (2, 3) matrix from the query's small picture to the gallery image's."""
    back = np.linalg.inv(_resized(gallery) @ np.vstack([matrix, [0, 0, 1]]) @ np.linalg.inv(_resized(query)))
    mirrored = bool(np.linalg.det(back[:2, :2]) < 0)
    linear = back[:2, :2] @ np.diag([-1.0, 1.0]) if mirrored else back[:2, :2]
    large, small = np.linalg.svd(linear, compute_uv=False)
    turn = np.degrees(np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1]))
    covered, shown = shares(query.small, gallery.small, matrix)
    return Transform(
        mirrored=mirrored,
        rotation=float(round(turn, 1)) + 0.0,
        scale=float(round(np.sqrt(large * small), 3)),
        squeeze=float(round(large / small, 3)),
        covered=covered,
        shown=shown,
        matrix=tuple(float(value) for value in np.linalg.inv(back)[:2].ravel()),
    )


def _resized(image: Prepared) -> Doubles:
    """(3, 3) from pixels of the small picture to pixels of the original."""
    x, y = image.width / image.small.shape[1], image.height / image.small.shape[0]
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])


def enlarged(image: Prepared) -> Doubles:
    """(3, 3) from pixels of the small picture to those of the grey one."""
    return scaling(image.small, image.grey)


def scaling(picture: Pixels, other: Pixels) -> Doubles:
    """(3, 3) from pixels of a (h, w) picture to those of the same one in another size."""
    return scaled(other.shape[1] / picture.shape[1], other.shape[0] / picture.shape[0])


def unbent(image: Prepared, bend: Doubles) -> Prepared:
    """The image with its pictures under a (3, 3) perspective of the small one; what it then lacks is plain."""
    larger = enlarged(image)

    def moved(picture: Pixels, matrix: Doubles) -> Pixels:
        size, plain = (picture.shape[1], picture.shape[0]), cv2.mean(picture)
        return np.asarray(cv2.warpPerspective(picture, matrix, size, borderValue=plain), np.uint8)

    return replace(
        image,
        grey=moved(image.grey, larger @ bend @ np.linalg.inv(larger)),
        small=moved(image.small, bend),
        drawing=None if image.drawing is None else moved(image.drawing, bend),
    )


def shares(first: Pixels, second: Pixels, matrix: Doubles) -> tuple[float, float]:
    """Area of the overlap over that of the second picture, and over that of the first as it lies on it (0 to 1)."""
    moved = moved_points(matrix, corners_of(first)).astype(np.float32)
    common, _ = cv2.intersectConvexConvex(moved, corners_of(second).astype(np.float32))
    whole, own = float(second.size), float(cv2.contourArea(moved))
    return round(min(1.0, common / whole), 3), round(min(1.0, common / max(own, 1e-9)), 3)


ELSEWHERE = 0.03
"""A corner is moved by more than this part of the long side."""


def elsewhere(first: Pixels, one: Doubles, other: Doubles) -> bool:
    """Whether two (2, 3) matrices lay a picture in different places."""
    corners = corners_of(first)
    apart = np.linalg.norm(moved_points(one, corners) - moved_points(other, corners), axis=1)
    return bool(apart.max() > ELSEWHERE * max(first.shape))


TURNED = 0.9
"""The cosine of 25 degrees: a scan may lie askew, an arrow that points elsewhere is turned by more."""


def turned(matrix: Doubles) -> bool:
    """Whether a (2, 3) matrix mirrors or turns a picture."""
    (a, b), (c, d) = matrix[:, :2]
    return bool(a * d - b * c < 0 or min(a, d) < TURNED * np.sqrt(abs(a * d - b * c)))


UPRIGHT_TOLERANCE = 0.12
"""A picture of 120 px that lost 6 on each side is 0.11 larger within its frame, an S half as large again as an s."""


def upright(first: Prepared, second: Prepared, matrix: Doubles) -> bool:
    """Whether a simple sign is neither mirrored nor turned, in the same place and no larger or smaller (an s is not an
    S) under a (2, 3) matrix between the small pictures: within its frame, or in pixels, where no more than plain ground
    was cut off or added around it.
    """
    (height, width), (high, wide) = first.small.shape, second.small.shape
    centre = moved_points(matrix, np.array([[width / 2, height / 2]]))[0] / (wide, high) - 0.5
    if np.abs(centre).max() >= UPRIGHT_TOLERANCE:
        return False
    in_frame, in_pixels = (
        np.abs(np.linalg.solve(np.diag(sizes), matrix[:, :2]) - np.eye(2)).max()
        for sizes in ((wide / width, high / height), _per_pixel(second) / _per_pixel(first))
    )
    return bool(in_frame < UPRIGHT_TOLERANCE or (in_pixels < SAME_SIZE and _uncut(first, second, matrix)))


SAME_SIZE = 0.03
"""By so much a thing of the same size in pixels may seem larger or smaller: two pixels of 60."""


def _per_pixel(image: Prepared) -> Doubles:
    """(2,) pixels of the small picture for one of the image, across and down."""
    height, width = image.small.shape
    return np.array([width / image.width, height / image.height])


BESIDE_FRAME = 1.5
"""Pixels by which what is drawn may reach beyond a frame: its edges are soft."""


def _uncut(first: Prepared, second: Prepared, matrix: Doubles) -> bool:
    """Whether all that is drawn in either of two pictures lies within the frame of the other."""
    back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
    for image, other, move in ((first, second, matrix), (second, first, back)):
        x0, y0, x1, y1 = image.box
        low, high = moved_points(move, np.array([[x0, y0], [x1 - 1, y1 - 1]], np.float64))
        height, width = other.small.shape
        if min(low) < -BESIDE_FRAME or (high > np.array([width, height]) - 1 + BESIDE_FRAME).any():
            return False
    return True


def words(
    found: Transform, query: Prepared, gallery: Prepared, *, hidden: float, other_theme: bool = False
) -> tuple[str, ...]:
    """What was done, strongest first; hidden: share of the overlap in which the pictures differ; other_theme: one is
    drawn on dark ground, the other on light. Empty: unchanged.
    """
    said = []
    if found.mirrored:
        said.append("mirrored")
    if abs(found.rotation) > NOTABLE_DEGREES:
        said.append(f"rotated {abs(found.rotation):.3g} degrees" + _side(found.rotation))
    if found.covered < 1 - NOTABLE_PART:
        said.append(f"cropped to {found.covered:.0%}")
    if found.shown < 1 - NOTABLE_PART:
        plain = plain_outside(query, gallery, found)
        said.append("framed" if plain else f"part of a larger picture ({found.shown:.0%} of it)")
    if abs(found.scale - 1) > NOTABLE_PART:
        said.append(f"scaled to {found.scale:.0%}")
    if found.squeeze > NOTABLE_SQUEEZE:
        said.append("aspect changed")
    said.extend(["light and dark swapped"] if other_theme else _colour_words(query, gallery, found))
    if hidden > NOTABLE_HIDDEN:
        said.append("partly covered by something")
    return tuple(said)


def _side(rotation: float) -> str:
    return "" if abs(abs(rotation) - 180) < NOTABLE_DEGREES else " clockwise" if rotation > 0 else " anticlockwise"


def _colour_words(query: Prepared, gallery: Prepared, found: Transform) -> list[str]:
    """Compares mean brightness, contrast and tint where the pictures overlap."""
    one, two = _colours(query, gallery, found)
    if not len(one):
        return []
    tint = np.abs(_tint(one) - _tint(two)).mean()
    if tint > NOTABLE_TINT:
        return ["made grey" if np.abs(_tint(one)).mean() < NOTABLE_TINT / 2 else "recoloured"]
    mean, spread = one.mean() - two.mean(), one.std() - two.std()
    if abs(mean) > NOTABLE_BRIGHTNESS:
        return ["brighter" if mean > 0 else "darker"]
    return ["contrast changed"] if abs(spread) > NOTABLE_BRIGHTNESS else []


def _colours(query: Prepared, gallery: Prepared, found: Transform) -> tuple[Doubles, Doubles]:
    """(n, 3) colours of both pictures at the same n places of the overlap."""
    height, width = gallery.colour.shape[:2]
    scale_one = np.diag([query.width / query.colour.shape[1], query.height / query.colour.shape[0], 1.0])
    scale_two = np.diag([width / gallery.width, height / gallery.height, 1.0])
    move = (scale_two @ np.vstack([np.array(found.matrix).reshape(2, 3), [0, 0, 1]]) @ scale_one)[:2]
    warped = cv2.warpAffine(query.colour, move, (width, height), flags=cv2.INTER_LINEAR)
    inside = cv2.warpAffine(np.full(query.colour.shape[:2], WHITE, np.uint8), move, (width, height)) == WHITE
    return warped[inside].astype(np.float64), gallery.colour[inside].astype(np.float64)


def _tint(colours: Doubles) -> Doubles:
    return np.asarray(colours - colours.mean(axis=1, keepdims=True))


PLAIN_SPREAD = 10.0
"""Grey values around a picture that spread less are one colour: a border, a bar, a page."""

NOTABLE_BESIDE = 0.1
"""Both show more than this part of them beside what they share: two fields of a microscope, two frames of a pan."""


def overlapping(found: Transform, query: Prepared, gallery: Prepared) -> bool:
    """Whether neither picture lies within the other, and the query has no plain frame instead."""
    beside = max(found.covered, found.shown) < 1 - NOTABLE_BESIDE
    return beside and not plain_outside(query, gallery, found)


def plain_outside(query: Prepared, gallery: Prepared, found: Transform) -> bool:
    """Whether the query shows nothing but one colour around the gallery image."""
    back = np.linalg.inv(np.vstack([np.array(found.matrix).reshape(2, 3), [0, 0, 1]]))[:2]
    height, width = query.small.shape
    mask = np.full((height, width), 255, np.uint8)
    frame = np.array([[0, 0], [gallery.width, 0], [gallery.width, gallery.height], [0, gallery.height]]) - 0.5
    corners = moved_points(back, frame) * [width / query.width, height / query.height]
    cv2.fillConvexPoly(mask, np.rint(corners).astype(np.int32), 0)
    outside = cv2.erode(mask, np.ones((7, 7), np.uint8)) > 0
    if not outside.any():
        return True
    values = query.small[outside].astype(np.float32)
    return bool((np.abs(values - np.median(values)) > PLAIN_SPREAD).mean() < NOTABLE_PART)
