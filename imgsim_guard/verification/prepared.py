"""What is kept of one image for verification: a grey picture, local features, thumbnails."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from imgsim_guard.images.light import is_dark, lit
from imgsim_guard.images.local_features import detected
from imgsim_guard.images.regions import halved, shrunk
from imgsim_guard.verification.paper import drawn, how_drawn

if TYPE_CHECKING:
    from collections.abc import Callable

Pixels: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float32]
Doubles: TypeAlias = NDArray[np.float64]
Box: TypeAlias = tuple[int, int, int, int]

GREY_SIDE = 1024
"""Print 12 px high on a page of 2000 px is still 6 px high at this size; a kept image stays below 1 MB."""

FEATURE_SIDE = 384
"""The features of 384 px survive a reduction to a quarter, and cost a seventh of those of 1024 px."""

FEATURES = 600

THUMBNAIL = 32

TINY_SIDES = 16, 48
"""A photograph of 28 or 32 px has no features until it is enlarged: 14 of 16 more of CIFAR's known duplicates are
found.
"""

MAGNIFIED = 4
COLOUR_SIDE = 64


@dataclass(frozen=True, slots=True)
class Features:
    """Local features, strongest of each cell first; coordinates are pixels of the small picture."""

    points: Floats  # (n, 2)
    sizes: Floats  # (n,) pixels
    angles: Floats  # (n,) degrees, clockwise as seen
    descriptors: Pixels  # (n, 128) Root-SIFT

    def strongest(self, number: int) -> Features:
        """The first few, which still are from all over the picture."""
        return Features(self.points[:number], self.sizes[:number], self.angles[:number], self.descriptors[:number])

    def chosen(self, which: NDArray[np.bool_]) -> Features:
        """Those that (n,) says."""
        return Features(self.points[which], self.sizes[which], self.angles[which], self.descriptors[which])

    def without(self, number: int) -> Features:
        """All but the first few."""
        return Features(self.points[number:], self.sizes[number:], self.angles[number:], self.descriptors[number:])


@dataclass(frozen=True, slots=True)
class Prepared:
    """One image, ready to be verified against others, on either side of a pair."""

    width: int  # of the original, in pixels
    height: int
    grey: Pixels  # (h, w), long side at most GREY_SIDE: to read small print in
    small: Pixels  # (h, w), long side at most FEATURE_SIDE: all coordinates are its pixels
    colour: Pixels  # (h, w, 3) BGR, long side at most COLOUR_SIDE
    drawing: Pixels | None  # (h, w, 3) BGR, as large as `small`, of a drawn picture, however dark; None of a photograph
    box: Box  # x0, y0, x1, y1 of what is not plain border, in pixels of the small picture
    thumbnails: tuple[Floats, Floats]  # (32, 32) of the whole frame and of the content box
    features: Features
    magnified: int  # `grey` and `small` are so many times as large as the picture: more than once if that is tiny
    blank: bool  # shows (next to) nothing
    digest: bytes  # of the grey picture: gives every pair one order
    possible_drawing: Pixels | None = None  # the same of what counts as drawn if its partner does
    inverted: bool = False  # a drawing in negative, to be compared with one in its other theme
    made: dict[Any, Any] = field(default_factory=dict, compare=False)  # by `made_of`, for the pairs that ask for it


def prepare(pixels: Pixels, *, features: Features | None = None) -> Prepared:
    """Prepare one image; pixels: (h, w, 3) uint8, BGR. About 50 ms and 0.1 to 1 MB. `features`: those of the small
    picture, if they are known; one that is enlarged or brought to light has others.
    """
    height, width = pixels.shape[:2]
    given = pixels = halved(pixels)
    least, most = TINY_SIDES
    tiny = least <= min(height, width) and max(height, width) <= most
    magnified = MAGNIFIED if tiny and not drawn(pixels) else 1
    if magnified > 1:
        size = (width * magnified, height * magnified)
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    grey = shrunk(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8), GREY_SIDE)
    small = shrunk(grey, FEATURE_SIDE)
    blank = textured_windows(small) < LEAST_TEXTURED
    drawing = shown = shrunk(pixels, FEATURE_SIDE)
    if not blank and is_dark(grey):
        pixels = lit(pixels)
        grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)
        small, shown = shrunk(grey, FEATURE_SIDE), shrunk(pixels, FEATURE_SIDE)
    box = content_box(small)
    how = "not" if magnified > 1 else how_drawn(shown)
    return Prepared(
        width=width,
        height=height,
        grey=grey,
        small=small,
        colour=shrunk(shown, COLOUR_SIDE),
        drawing=drawing if how == "drawn" else None,
        possible_drawing=drawing if how == "perhaps" else None,
        box=box,
        thumbnails=(thumbnail(small, whole_frame(small)), thumbnail(small, box)),
        features=local_features(small) if features is None or pixels is not given else features,
        magnified=magnified,
        blank=blank,
        digest=hashlib.sha256(repr(grey.shape).encode() + grey.tobytes()).digest(),
    )


T = TypeVar("T")


def made_of(image: Prepared, make: Callable[[Prepared], T]) -> T:
    """What is made of an image: once, however many of its pairs ask for it."""
    if make not in image.made:
        image.made[make] = make(image)
    found: T = image.made[make]
    return found


PLAIN_SPREAD = 12
"""A row or column is plain border while its grey values spread less than JPEG makes a flat area spread."""


def content_box(grey: Pixels) -> Box:
    """x0, y0, x1, y1 of a picture without the rows and columns in its corners' grey; all of it when plain."""
    height, width = grey.shape
    corner = np.int16(np.median(grey[[0, 0, -1, -1], [0, -1, 0, -1]]))
    marked = np.abs(grey.astype(np.int16) - corner) > PLAIN_SPREAD
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    if not len(rows):
        return 0, 0, width, height
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


BLANK_SIDE, BLANK_WINDOW, BLANK_STEP = 192, 15, 5
"""On a picture of 192 px, windows of 15 px: about the size of an eye in a portrait."""

BLANK_SPREAD = 6.0
"""The spread of grey values that JPEG, paper grain and gradients stay below."""

LEAST_TEXTURED = 20
"""One speck of dust on a scan marks 9 to 16 windows."""


DARK_SPREAD, TIMES_NOISE = 1.5, 3.0
"""What a dark picture shows spreads more than this, and so many times as much as its noise: a tenth of the light leaves
photographs 1.6 to 6 grey values, which is 3.3 to 16 times their noise.
"""

UNEVEN, GRAIN = 2.4, 5
"""Grain is everywhere the same: averaged over GRAIN pixels, the spread of its windows differs by less than this factor
from the lower fifth to the highest twentieth (1.6 to 2.1; photographs: 2.6 and more).
"""

LEAST_IN_THE_DARK = 100
"""Windows, of about 1,000, that a dark photograph shows something in; a few bright specks mark fewer."""


def textured_windows(grey: Pixels) -> int:
    """How many windows of a (h, w) uint8 picture show anything; small pictures are enlarged first."""
    factor = BLANK_SIDE / max(grey.shape)
    size = (max(BLANK_WINDOW, round(grey.shape[1] * factor)), max(BLANK_WINDOW, round(grey.shape[0] * factor)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR).astype(np.float32)
    picture = np.asarray(small, np.float32)
    textured = int((_variances(picture) > BLANK_SPREAD**2).sum())
    if textured >= LEAST_TEXTURED or not is_dark(grey):
        return textured
    shown = int((_variances(_detail(picture)) > max(DARK_SPREAD, TIMES_NOISE * _noise(picture)) ** 2).sum())
    return shown if shown >= LEAST_IN_THE_DARK and _is_uneven(picture) else textured


def _detail(picture: Floats) -> Floats:
    """A picture without its gradients."""
    return np.asarray(picture - cv2.blur(picture, (BLANK_WINDOW, BLANK_WINDOW)), np.float32)


def _is_uneven(picture: Floats) -> bool:
    smooth = np.asarray(cv2.blur(picture, (GRAIN, GRAIN)), np.float32)
    wide = (2 * BLANK_WINDOW + 1, 2 * BLANK_WINDOW + 1)
    spreads = np.sqrt(np.maximum(_variances(np.asarray(smooth - cv2.blur(smooth, wide), np.float32)), 0))
    low, high = np.percentile(spreads, [20, 95])
    return bool(high > UNEVEN * low)


def _variances(picture: Floats) -> Floats:
    window = (BLANK_WINDOW, BLANK_WINDOW)
    variances = cv2.boxFilter(picture * picture, -1, window) - cv2.boxFilter(picture, -1, window) ** 2
    return np.asarray(variances[::BLANK_STEP, ::BLANK_STEP], np.float32)


def _noise(picture: Floats) -> float:
    """The standard deviation of noise in grey values (Immerkaer 1996, Fast noise variance estimation)."""
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    return float(np.abs(cv2.filter2D(picture, -1, mask)).mean() * np.sqrt(np.pi / 2) / 6)


def whole_frame(grey: Pixels) -> Box:
    """The box that holds all of a (h, w) picture."""
    height, width = grey.shape
    return 0, 0, width, height


def thumbnail(grey: Pixels, box: Box) -> Floats:
    """(32, 32) float32 of mean 0 and spread 1, whatever the aspect of the box; all 0 when plain."""
    part = grey[box[1] : box[3], box[0] : box[2]]
    tiny = np.asarray(cv2.resize(part, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA), np.float32)
    tiny -= tiny.mean()
    spread = float(tiny.std())
    return tiny / np.float32(spread) if spread > 1 else np.zeros_like(tiny)


def local_features(small: Pixels) -> Features:
    """Root-SIFT features of a (h, w) uint8 picture."""
    found, descriptors = detected(small, FEATURES)
    return Features(
        np.array([point.pt for point in found], np.float32).reshape(-1, 2),
        np.array([point.size for point in found], np.float32),
        np.array([point.angle for point in found], np.float32),
        descriptors,
    )


def mirrored(features: Features, width: int) -> Features:
    """The features of the mirrored picture, without looking at it again: a mirrored Root-SIFT descriptor holds the
    same 4 x 4 cells x 8 directions in another order (rows across the feature's direction and angles reversed).
    """
    points = features.points.copy()
    points[:, 0] = width - 1 - points[:, 0]
    cells = features.descriptors.reshape(-1, 4, 4, 8)[:, ::-1]
    turned = np.concatenate([cells[..., :1], cells[..., :0:-1]], axis=-1).reshape(-1, 128)
    return Features(points, features.sizes, (180 - features.angles) % 360, np.ascontiguousarray(turned))
