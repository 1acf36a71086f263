"""Drawn pictures: charts, maps, boards, flags, screens. Such pictures are judged by all that is drawn, colours too.

Pictures of one kind share their axes, grid, board or frame, so that what agrees proves little there: what counts is ink
on either side without a counterpart on the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.verification.agreement import equally_sharp
from imgsim_guard.verification.overlay import laid_in_colour

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.verification.alignment import Doubles
    from imgsim_guard.verification.overlay import Overlay
    from imgsim_guard.verification.prepared import Floats, Pixels

NEIGHBOURS = np.ones((3, 3), np.uint8)

ROUGHLY_AROUND = np.ones((7, 7), np.uint8)
"""Stripes of a flag that lost 6 px on each side are 2 px beside those of the flag when frame is laid on frame."""

OTHER_INK = 32.0
"""Grey values by which a pixel must leave the range of the other picture's 3 x 3 neighbourhood to be ink without a
counterpart. JPEG at quality 80 and a resize to two thirds stay below.
"""

OTHER_COLOUR = 32.0
"""The same for colours, at half the size: JPEG halves the resolution of colour."""

GREY = 3.0
"""Mean distance of the colour channels from their mean below which a picture is grey."""

EDGE = 30.0
"""A 3 x 3 neighbourhood that spans more grey values than this shows an edge."""


@dataclass(frozen=True, slots=True)
class Unexplained:
    """Ink without a counterpart, of the one picture and of the other, as shares of what both show."""

    ink: tuple[float, float]
    colour: tuple[float, float]
    edges: float  # share that shows an edge in either picture
    overlay: float  # share of the area of the largest region of such ink: a stamp, a logo, a line of text
    overlaid: float  # the part of all edges in that region
    on_plain: bool  # one of the pictures is plain there
    beside: tuple[float, float]  # ink outside of it
    colour_beside: tuple[float, float]


def unexplained(
    laid: Overlay, colours: tuple[Pixels, Pixels] | None, matrix: Doubles, *, roughly: bool = False
) -> Unexplained:
    """What is drawn in one picture of an overlay and not in the other.

    colours: (h, w, 3) BGR, as large as the small pictures that the (2, 3) matrix brings onto each other; None where
    the overlay does not lie as the matrix says, so that colours are not compared; roughly: whole frames were laid on
    one another, and nothing could be followed to do better.
    """
    around = ROUGHLY_AROUND if roughly else NEIGHBOURS
    one, two = equally_sharp(laid.one, laid.two, laid.both)
    inner = cv2.erode(laid.both.view(np.uint8), np.ones((5, 5), np.uint8)) > 0
    gain, offset = _levels(one, two, inner)
    mine, other = _outside(one * np.float32(gain) + np.float32(offset), two, inner, OTHER_INK, around)
    edges_one, edges_two = _span(one) > EDGE, _span(two) > EDGE
    edges = edges_one | edges_two
    region = _largest_region(mine | other)
    colour, colour_beside = NO_COLOURS if colours is None else _other_colours(laid, colours, matrix, around, region)
    return Unexplained(
        ink=(_share(mine, inner), _share(other, inner)),
        colour=colour,
        edges=_share(edges, inner),
        overlay=float(region.mean()),
        overlaid=float((edges & region).sum()) / max(1, int(edges.sum())),
        on_plain=min(_share(edges_one, region), _share(edges_two, region)) < MOST_EDGES_IN_PLAIN,
        beside=(_share(mine & ~region, inner), _share(other & ~region, inner)),
        colour_beside=colour_beside,
    )


MOST_EDGES_IN_PLAIN = 0.15
"""A region is plain with fewer edges than this part of it."""

GAP = 9
"""Letters that lie no further apart than this many pixels are one region."""


def _largest_region(marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(h, w) the largest connected region of what is marked, gaps between letters closed."""
    closed = cv2.dilate(marked.view(np.uint8), np.ones((GAP, GAP), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    if len(stats) == 1:
        return np.zeros(marked.shape, np.bool_)
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def _share(marked: NDArray[np.bool_], inner: NDArray[np.bool_]) -> float:
    return float((marked & inner).sum()) / max(1, int(inner.sum()))


def _levels(one: Floats, two: Floats, inner: NDArray[np.bool_]) -> tuple[float, float]:
    """Gain and offset that bring the grey values of `one` nearest to those of `two`, where most of them agree."""
    x, y = one[inner][::3], two[inner][::3]
    gain, offset = 1.0, 0.0
    for _ in range(3):
        if len(x) < LEAST_LEVELS or float(x.std()) < 1:
            break
        gain, offset = (float(value) for value in np.polyfit(x, y, 1))
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
    return np.asarray(beyond.any(axis=2) if beyond.ndim == 3 else beyond)  # noqa: PLR2004  in colour, or grey


def _span(picture: Floats) -> Floats:
    return np.asarray(cv2.dilate(picture, NEIGHBOURS) - cv2.erode(picture, NEIGHBOURS), np.float32)


def _other_colours(
    laid: Overlay, colours: tuple[Pixels, Pixels], matrix: Doubles, around: Pixels, region: NDArray[np.bool_]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Shares of either picture in a colour that the other does not have there, at half the size, and the same outside
    of a region. A grey picture may be a copy of one in colour. Brightness and contrast may differ.
    """
    half = (max(1, laid.one.shape[1] // 2), max(1, laid.one.shape[0] // 2))
    to_half = np.diag([half[0] / laid.one.shape[1], half[1] / laid.one.shape[0], 1.0]) @ laid.to_grid
    one, two, both = laid_in_colour(*colours, matrix, to_half, half)
    inner = cv2.erode(both.astype(np.uint8), NEIGHBOURS) > 0
    if not inner.any() or _tint(one, inner) < GREY or _tint(two, inner) < GREY:
        return NO_COLOURS
    gain, offset = _levels(one.mean(axis=2), two.mean(axis=2), inner)
    fitted = one * np.float32(gain) + np.float32(offset)
    found = [_outside(picture, two, inner, OTHER_COLOUR, around) for picture in (one, fitted)]
    mine, other = min(found, key=lambda pair: min(pair[0].sum(), pair[1].sum()))
    outside = cv2.resize(region.view(np.uint8), half, interpolation=cv2.INTER_NEAREST) == 0
    return (
        (_share(mine, inner), _share(other, inner)),
        (_share(mine & outside, inner), _share(other & outside, inner)),
    )


NO_COLOURS = ((0.0, 0.0), (0.0, 0.0))


def _tint(picture: Floats, inner: NDArray[np.bool_]) -> float:
    seen = picture[inner]
    return float(np.abs(seen - seen.mean(axis=1, keepdims=True)).mean())
