"""Drawn pictures: charts, maps, boards, flags, screens. Such pictures are judged by all that is drawn, colours too.

Pictures of one kind share their axes, grid, board or frame, so that what agrees proves little there: what counts is ink
on either side without a counterpart on the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from imgsim_guard.verification.overlay import laid_in_colour
from imgsim_guard.verification.stamp import EDGE, NEIGHBOURS, Stamp, stamp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.verification.overlay import Overlay
    from imgsim_guard.verification.prepared import Doubles, Floats, Pixels

ROUGHLY_AROUND = np.ones((7, 7), np.uint8)
"""Stripes of a flag that lost 6 px on each side are 2 px beside those of the flag when frame is laid on frame."""

OTHER_INK = 32.0
"""Grey values by which a pixel must leave the range of the other picture's 3 x 3 neighbourhood to be ink without a
counterpart. JPEG at quality 80 and a resize to two thirds stay below.
"""

OTHER_COLOUR = 32.0
"""The same for colours, at half the size: JPEG halves the resolution of colour."""

TINTED = 16.0
"""Distance of a pixel's colour channels from their mean from which on it has a colour; JPEG gives grey pixels less."""

LEAST_TINTED = 0.002
"""A picture of which no more than this has a colour is grey."""


@dataclass(frozen=True, slots=True)
class Unexplained:
    """Ink without a counterpart, of the one picture and of the other, as shares of what both show."""

    ink: tuple[float, float]
    colour: tuple[float, float]
    swapped: float  # the most ink that came and went within a few pixels of 384: a digit that became another
    added: float  # the most ink that only one of them has, likewise
    edges: float  # share that shows an edge in either picture
    stamp: Stamp  # the largest region of such ink or colours
    beside: tuple[float, float]  # ink outside of it
    colour_beside: tuple[float, float]
    swapped_beside: float

    @property
    def nothing(self) -> bool:
        """Whether not a pixel is without a counterpart."""
        return max(*self.ink, min(self.colour)) == 0


class Colours(NamedTuple):
    """Two pictures in colour, (h, w, 3) BGR, as large as the small pictures that the (2, 3) matrix brings onto each
    other; plain: they are no more than icons, whose few colours brightness and contrast could bring onto any others.
    """

    one: Pixels
    two: Pixels
    matrix: Doubles
    plain: bool = False


def unexplained(
    laid: Overlay, colours: Colours | None, *, roughly: bool = False, repainted: bool = False
) -> Unexplained:
    """What is drawn in one picture of an overlay and not in the other.

    colours: None where the overlay does not lie as their matrix says, so that colours are not compared; roughly: whole
    frames were laid on one another, and nothing could be followed to do better, or one is seen at an angle; repainted:
    each colour may have become another.
    """
    around = ROUGHLY_AROUND if roughly else NEIGHBOURS
    one, two = laid.sharp
    inner = cv2.erode(laid.both.view(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if repainted:
        mine, other = _other_edges(one, two, inner, around)
        swapped = added = np.zeros(inner.shape, np.float32)
    else:
        gain, offset = _levels(one, two, inner)
        fitted = one * np.float32(gain) + np.float32(offset)
        darker, lighter = _darker(fitted, two, around), _darker(-fitted, -two, around)
        mine, other = (np.maximum(dark, light) * inner > OTHER_INK for dark, light in zip(darker, lighter, strict=True))
        came_and_went = [[_gathered(picture * inner) for picture in both] for both in (darker, lighter)]
        swapped = np.maximum(*(np.minimum(*both) for both in came_and_went))
        added = np.maximum.reduce([picture for both in came_and_went for picture in both])
    edges = (_span(one) > EDGE, _span(two) > EDGE)
    tinted = None if colours is None else _other_colours(laid, colours, around)
    marked = mine | other
    in_colour = None
    if colours is not None and tinted is not None and tinted.either.any():
        marked |= _enlarged(tinted.either, marked.shape)
    if colours is not None and marked.any():
        in_colour = laid_in_colour(*colours[:3], laid.to_grid, (marked.shape[1], marked.shape[0]))[:2]
    largest = stamp(marked, (one, two), edges, in_colour)
    beside = ~largest.region
    return Unexplained(
        ink=(_share(mine, inner), _share(other, inner)),
        colour=(0.0, 0.0) if tinted is None else tinted.shares(),
        swapped=float(swapped.max(initial=0)),
        added=float(added.max(initial=0)),
        edges=_share(edges[0] | edges[1], inner),
        stamp=largest,
        beside=(_share(mine & beside, inner), _share(other & beside, inner)),
        colour_beside=(0.0, 0.0) if tinted is None else tinted.shares(beside),
        swapped_beside=float((swapped * beside).max(initial=0)),
    )


def _enlarged(marked: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    size = (shape[1], shape[0])
    return np.asarray(cv2.resize(marked.view(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0)


def _share(marked: NDArray[np.bool_], inner: NDArray[np.bool_]) -> float:
    return float((marked & inner).sum()) / max(1, int(inner.sum()))


CLEAR, FAINT = 45.0, 12.0
"""A 3 x 3 neighbourhood that spans more grey values than these shows a clear edge, or a faint one: the grid of a chart
is faint on white ground, and often as white as its numbers on black.
"""


def _other_edges(
    one: Floats, two: Floats, inner: NDArray[np.bool_], around: Pixels
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(h, w) of both, clear edges without even a faint one in the other, whatever their colours."""
    span_one, span_two = _span(one), _span(two)
    mine = (span_one > CLEAR) & (cv2.dilate(span_two, around) < FAINT)
    other = (span_two > CLEAR) & (cv2.dilate(span_one, around) < FAINT)
    return mine & inner, other & inner


def _levels(one: Floats, two: Floats, inner: NDArray[np.bool_]) -> tuple[float, float]:
    """Gain and offset that bring the grey values of `one` nearest to those of `two`, where most of them agree."""
    x, y = one[inner][::3], two[inner][::3]
    gain, offset = 1.0, 0.0
    for _ in range(3):
        if len(x) < LEAST_LEVELS or float(x.std()) < 1:
            break
        spread = x - x.mean(dtype=np.float64)
        gain = float((spread * y).sum() / (spread * spread).sum())
        offset = float(y.mean(dtype=np.float64)) - gain * float(x.mean(dtype=np.float64))
        missed = np.abs(gain * x + offset - y)
        near = missed <= max(6.0, float(np.quantile(missed, 0.8)))
        x, y = x[near], y[near]
    return (gain, offset) if 1 / LARGEST_GAIN < gain < LARGEST_GAIN else (1.0, 0.0)


LEAST_LEVELS = 50
LARGEST_GAIN = 4.0


def _outside(
    one: Floats, two: Floats, inner: NDArray[np.bool_], limit: float, around: Pixels
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(h, w) of both, the inner pixels that leave the range of the other around them by more than the limit in any
    channel.
    """
    return _beyond(one, two, limit, around) & inner, _beyond(two, one, limit, around) & inner


def _beyond(one: Floats, two: Floats, limit: float, around: Pixels) -> NDArray[np.bool_]:
    beyond = np.maximum(one - cv2.dilate(two, around), cv2.erode(two, around) - one) > limit
    return np.asarray(beyond.any(axis=2))


def _darker(one: Floats, two: Floats, around: Pixels) -> tuple[Floats, Floats]:
    """(h, w) of both, by how much each pixel is darker than the other picture around it; negative where it is not."""
    return cv2.erode(two, around) - one, cv2.erode(one, around) - two


LEAST_INK = 16.0
"""Grey values by which a pixel is darker, or lighter, before it adds to the ink that came or went."""

GATHERED = 9
"""Side, in pixels, of the area over which such ink is added up: a digit."""


def _gathered(missing: Floats) -> Floats:
    """The ink that is missing around each pixel, in grey values times pixels."""
    size = (GATHERED, GATHERED)
    return np.asarray(cv2.boxFilter(np.maximum(missing - LEAST_INK, 0), -1, size, normalize=False), np.float32)


def _span(picture: Floats) -> Floats:
    return np.asarray(cv2.dilate(picture, NEIGHBOURS) - cv2.erode(picture, NEIGHBOURS), np.float32)


class _Tinted(NamedTuple):
    """Pixels in a colour that the other picture does not have there, of either, at half the size."""

    mine: NDArray[np.bool_]
    other: NDArray[np.bool_]
    inner: NDArray[np.bool_]

    @property
    def either(self) -> NDArray[np.bool_]:
        return self.mine | self.other

    def shares(self, where: NDArray[np.bool_] | None = None) -> tuple[float, float]:
        """Of either picture, where a mask of the whole size says so."""
        if where is None:
            return _share(self.mine, self.inner), _share(self.other, self.inner)
        part = _enlarged(where, self.inner.shape)
        return _share(self.mine & part, self.inner), _share(self.other & part, self.inner)


SAME_COLOUR, BLACK, LEAST_SAME = 10.0, 64.0, 0.05
"""Values by which no channel of an unchanged colour differs, that all of black are below, and the share of the lighter
colours that are unchanged where neither brightness nor contrast was.
"""


def _other_colours(laid: Overlay, colours: Colours, around: Pixels) -> _Tinted | None:
    """None where one picture is grey, which may be a copy of one in colour. Brightness and contrast may differ, but not
    of plain pictures that have a part in the same colour: a face in another skin colour on the same ground, or a black
    heart instead of a red one.
    """
    half = (max(1, laid.one.shape[1] // 2), max(1, laid.one.shape[0] // 2))
    to_half = np.diag([half[0] / laid.one.shape[1], half[1] / laid.one.shape[0], 1.0]) @ laid.to_grid
    one, two, both = laid_in_colour(*colours[:3], to_half, half)
    inner = cv2.erode(both.astype(np.uint8), NEIGHBOURS) > 0
    tinted = sorted((_tinted(one, inner), _tinted(two, inner)))
    fixed = colours.plain and _unchanged_in_part(one, two, inner)
    if tinted[0] < LEAST_TINTED:
        return _other_greys(one, two, inner, around) if fixed and tinted[1] > LEAST_TINTED else None
    gain, offset = (1.0, 0.0) if fixed else _levels(one.mean(axis=2), two.mean(axis=2), inner)
    fitted = one * np.float32(gain) + np.float32(offset)
    found = [_outside(picture, two, inner, OTHER_COLOUR, around) for picture in (one, fitted)]
    mine, other = min(found, key=lambda pair: min(pair[0].sum(), pair[1].sum()))
    if mine.any() and other.any():
        areas = ~_blended(one, two)
        mine, other = mine & areas, other & areas
    return _Tinted(mine, other, inner)


def _blended(one: Floats, two: Floats) -> NDArray[np.bool_]:
    """(h, w) where both show a line or an edge in the same colour, more or less blended with black: a thin line falls
    into one pixel of the one picture, and is shared out to two of the other.
    """
    lines = np.minimum(*(_span(picture).max(axis=2) for picture in (one, two))) > OTHER_COLOUR
    return np.asarray(lines & (_aside(one, two) < OTHER_COLOUR / 2))


def _aside(one: Floats, two: Floats) -> Floats:
    """(h, w), by how much each colour of `one` differs from that of `two`, were that as strong."""
    strength = (one * two).sum(axis=2, keepdims=True) / np.maximum((two * two).sum(axis=2, keepdims=True), 1)
    return np.asarray(np.abs(one - strength * two).max(axis=2), np.float32)


GREYS = (0.114, 0.587, 0.299), (1 / 3, 1 / 3, 1 / 3)
"""Weights of blue, green and red by which pictures are made grey."""


def _other_greys(one: Floats, two: Floats, inner: NDArray[np.bool_], around: Pixels) -> _Tinted:
    """What is darker or lighter in one of two pictures, (h, w, 3), than it is in the other when both are made grey."""
    found = [_outside(_greyed(one, weights), _greyed(two, weights), inner, OTHER_COLOUR, around) for weights in GREYS]
    return _Tinted(*min(found, key=lambda pair: min(pair[0].sum(), pair[1].sum())), inner)


def _greyed(picture: Floats, weights: tuple[float, float, float]) -> Floats:
    """(h, w, 3) in grey."""
    return np.repeat((picture @ np.array(weights, np.float32))[..., None], 3, axis=2)


def _unchanged_in_part(one: Floats, two: Floats, inner: NDArray[np.bool_]) -> bool:
    lighter = inner & (two.max(axis=2) > BLACK)
    return _share(np.asarray(np.abs(one - two).max(axis=2) < SAME_COLOUR), lighter) > LEAST_SAME


def _tinted(picture: Floats, inner: NDArray[np.bool_]) -> float:
    """The share of the inner pixels that has a colour."""
    distance = np.abs(picture - picture.mean(axis=2, keepdims=True)).max(axis=2)
    return _share(np.asarray(distance > TINTED), inner)
