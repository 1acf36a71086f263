"""How far two pictures laid over each other agree, window by window, and where they do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.verification.paper import ground

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.verification.overlay import Overlay
    from imgsim_guard.verification.prepared import Floats

WINDOW = 15
"""Side of a window in grid pixels: a letter or two of small print, an eye of a face."""

STEP = 5
"""Windows lie this far apart (a third of a window: a disagreement as large as a window is always met in full)."""

TEXTURE = 6.0
"""Grey values must spread this much in a window to be a picture of something: JPEG at quality 30 leaves 3 in flat
areas.
"""

AGREEING = 0.7
"""Windows agree from this normalised correlation on: blur, noise and JPEG keep copies above, other contents are spread
around 0.
"""

ALIKE = 0.95
"""... and are alike in every detail from this one on: copies are in nine of ten windows, in two of three under noise;
other photographs of one face, plate or board in half of the windows or less.
"""

FULL = 0.999
"""A window lies fully inside (rounding of the mean aside)."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Windows of an overlay, as (rows, columns) maps."""

    seen: NDArray[np.bool_]  # fully inside both pictures
    textured: NDArray[np.bool_]  # seen, and both pictures show something there
    agrees: NDArray[np.bool_]  # textured, and they show the same
    alike: NDArray[np.bool_]  # textured, and they show the same in every detail
    swapped: NDArray[np.bool_]  # textured and disagreeing, where each picture has ink that the other lacks
    covered: NDArray[np.bool_]  # seen and disagreeing in any other way: something lies over one of them
    shown: tuple[NDArray[np.bool_], NDArray[np.bool_]]  # seen, and the first, or the second, shows something there

    @property
    def fraction(self) -> float:
        """Of the textured windows, those that agree; 0 without textured windows."""
        textured = int(self.textured.sum())
        return float(self.agrees.sum()) / textured if textured else 0.0

    @property
    def detailed(self) -> float:
        """Of the textured windows, those that are alike in every detail; 0 without textured windows."""
        return float(self.alike.sum()) / max(1, int(self.textured.sum()))

    @property
    def whole(self) -> float:
        """Of the windows that show something in either picture, those that agree."""
        differing = int((self.swapped | self.covered).sum())
        return float(self.agrees.sum()) / max(1, int(self.agrees.sum()) + differing)

    def scattered_swaps(self, largest_overlay: float) -> float:
        """Swapped windows over textured ones, without the largest connected region of them if that is no larger
        than the given part of what is seen.
        """
        swapped = self.swapped.astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(swapped)
        largest = int(stats[1:, cv2.CC_STAT_AREA].max(initial=0))
        spared = largest if largest <= largest_overlay * int(self.seen.sum()) else 0
        return (int(swapped.sum()) - spared) / max(1, int(self.textured.sum()))

    @property
    def swapped_elsewhere(self) -> int:
        """Swapped windows outside of the largest place in which the pictures disagree (windows one apart are one
        place).
        """
        differing = cv2.dilate((self.swapped | self.covered).astype(np.uint8), np.ones((3, 3), np.uint8))
        return int((self.swapped & ~largest_region(differing > 0)).sum())


def largest_region(marks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected region of (h, w) marks; nowhere if there are none."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(marks.view(np.uint8))
    if len(stats) == 1:
        return np.zeros_like(marks)
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def agreement(laid: Overlay, *, swaps: bool = True) -> Agreement:
    """Local normalised cross-correlation of an overlay, its pictures made equally sharp first. swaps: tell windows that
    are swapped from those that are covered, which takes a third of the time.
    """
    if min(laid.both.shape) < WINDOW:
        nothing = np.zeros((0, 0), np.bool_)
        return Agreement(nothing, nothing, nothing, nothing, nothing, nothing, (nothing, nothing))
    one, two = laid.sharp
    mean_one, mean_two = _windowed(one), _windowed(two)
    product = np.empty_like(one)  # written thrice: fresh memory costs more than the sums
    spread_one = np.sqrt(np.maximum(_windowed(np.multiply(one, one, out=product)) - mean_one**2, 0))
    spread_two = np.sqrt(np.maximum(_windowed(np.multiply(two, two, out=product)) - mean_two**2, 0))
    covariance = _windowed(np.multiply(one, two, out=product)) - mean_one * mean_two
    correlation = covariance / np.maximum(spread_one * spread_two, 1e-3)
    seen = _windowed(laid.both.astype(np.float32)) > FULL
    shown = seen & (spread_one > TEXTURE), seen & (spread_two > TEXTURE)
    textured = shown[0] & shown[1]
    agrees = textured & (correlation > AGREEING)
    one_sided = seen & ~textured & (np.maximum(spread_one, spread_two) > 2 * TEXTURE)
    swapped = textured & ~agrees
    if not swaps:
        swapped = np.zeros_like(swapped)
    elif swapped.any():
        swapped &= _two_sidedness(one, two, laid.both) > SWAPPED
    covered = (textured & ~agrees | one_sided) & ~swapped
    return Agreement(seen, textured, agrees, textured & (correlation > ALIKE), swapped, covered, shown)


FAINT, STRONG = 0.7, 5.0
"""Grey values by which a window without gradients spreads where a wall, a road or a sky shows its grain: more than
this, and less than what counts as detail.
"""

BESIDE_STRONG = 5
"""Windows so near to strong ones are left out: JPEG rings around edges."""

LEAST_FAINT = 0.15
"""Faint windows are a smaller part of most pictures, and then say nothing."""


def faint_agreement(laid: Overlay, seen: Agreement) -> float | None:
    """The correlation of an overlay's faint texture: above 0.4 in frames of one shot, above 0.2 in copies under noise,
    below 0.1 in other photographs of the same thing. None where there is too little of it.
    """
    one, two = laid.sharp
    one, two = (np.asarray(picture - cv2.blur(picture, (WINDOW, WINDOW)), np.float32) for picture in (one, two))
    mine, other, common = _windowed(one * one), _windowed(two * two), _windowed(one * two)
    strong = (np.maximum(mine, other) > STRONG**2).view(np.uint8)
    near = cv2.dilate(strong, np.ones((BESIDE_STRONG, BESIDE_STRONG), np.uint8)) > 0
    faint = seen.seen & ~near & (np.minimum(mine, other) > FAINT**2)
    if not faint.any() or faint.sum() < LEAST_FAINT * seen.seen.sum():
        return None
    energy = float(mine[faint].sum(dtype=np.float64)) * float(other[faint].sum(dtype=np.float64))
    return float(common[faint].sum(dtype=np.float64)) / float(np.sqrt(energy))


WEIGHED = 45
"""Side of the area over which it is weighed which of the pictures has ink that the other lacks: three windows."""

SAME_INK = 12.0
"""Grey values that differ by less are the same ink."""

SWAPPED = 0.4
"""0: all differences have one sign (an overlay of one colour), 1: as much ink came as went. Overlaid print stays below.
"""


def _two_sidedness(one: Floats, two: Floats, both: NDArray[np.bool_]) -> Floats:
    """How evenly the differences are split into brighter and darker ones around each window, 0 to 1."""
    one, two = one - ground(one), two - ground(two)
    spread = _spread(two, both)
    two *= np.float32(_spread(one, both) / spread if spread > 1 else 1.0)
    difference = np.subtract(one, two, out=one)
    difference *= both
    size = (WEIGHED // STEP, WEIGHED // STEP)
    brighter = _blocks(np.maximum(np.subtract(difference, SAME_INK, out=two), 0, out=two))
    darker = _blocks(np.maximum(np.subtract(-SAME_INK, difference, out=two), 0, out=two))
    lighter, inkier = cv2.boxFilter(brighter, -1, size), cv2.boxFilter(darker, -1, size)
    ratio = 2 * np.minimum(lighter, inkier) / np.maximum(lighter + inkier, 1e-3)
    return np.asarray(ratio, np.float32)[1:-1, 1:-1]


def _windowed(picture: Floats) -> Floats:
    """Window means, on the grid of windows: those of three by three blocks."""
    return np.asarray(cv2.boxFilter(_blocks(picture), -1, (WINDOW // STEP, WINDOW // STEP)), np.float32)[1:-1, 1:-1]


def _blocks(picture: Floats) -> Floats:
    """Means of blocks of STEP by STEP pixels."""
    rows, columns = picture.shape[0] // STEP, picture.shape[1] // STEP
    whole = picture[: rows * STEP, : columns * STEP]
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


BLURS = (0.6, 0.9, 1.3, 1.9, 2.7, 3.8)
"""Blurs tried on the sharper picture, in grid pixels."""

SHARPER = 1.05
"""So much stronger detail is as good as equal."""

SMOOTHING = 0.7
"""Both are smoothed by this much first: single-pixel noise says nothing about the content."""


def equally_sharp(one: Floats, two: Floats, both: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Blur the sharper (or noisier) picture until its detail is no stronger than the other's."""
    one, two = _blurred(one, SMOOTHING), _blurred(two, SMOOTHING)
    detail_one, detail_two = _detail(one, both), _detail(two, both)
    if detail_one < detail_two:
        return one, _softened(two, both, detail_two, wanted=detail_one)
    return _softened(one, both, detail_one, wanted=detail_two), two


def detail_in_common(laid: Overlay) -> float:
    """How much detail the less sharp picture of an overlay has, as a part of the other's: 1 if both have the same."""
    details = [_detail(_blurred(picture, SMOOTHING), laid.both) for picture in (laid.one, laid.two)]
    return min(details) / max(*details, 1e-6)


def _softened(sharp: Floats, both: NDArray[np.bool_], detail: float, *, wanted: float) -> Floats:
    """`sharp` under the smallest of BLURS that brings its detail down to what is wanted."""
    blurred = sharp
    for sigma in BLURS:
        if detail <= wanted * SHARPER:
            break
        blurred = _blurred(sharp, sigma)
        detail = _detail(blurred, both)
    return blurred


def _blurred(picture: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def _detail(picture: Floats, both: NDArray[np.bool_]) -> float:
    """Strength of the finest structure, relative to the picture's contrast."""
    edges = np.asarray(cv2.Laplacian(picture, cv2.CV_32F, ksize=3), np.float32)
    return _spread(edges, both) / (_spread(picture, both) + 1)


def _spread(values: Floats, both: NDArray[np.bool_]) -> float:
    """The standard deviation of values (h, w) where both pictures are. cv2.meanStdDev takes three times as long."""
    shown, count = values * both, max(1, int(np.count_nonzero(both)))
    mean, squares = cv2.sumElems(shown)[0] / count, cv2.norm(shown, cv2.NORM_L2SQR) / count
    return float(np.sqrt(max(squares - mean * mean, 0.0)))
