"""Tells drawn pictures, and print on paper or on a screen, from photographs: there, ink that came and went is other
content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.verification.overlay import Overlay
    from imgsim_guard.verification.prepared import Floats, Pixels

PLAIN_SPAN = 17
"""Grey values this close to each other are one plain colour."""

PLAIN_SHARE = 0.45
"""Clean paper and screens show one colour on 0.46 to 0.9 of their area; nine in ten photographs on less than 0.4."""

GROUND_SHRINK = 0.25
"""Under uneven light the ground is what is left when ink is taken away: the median of a neighbourhood (at a quarter of
the size, so that 31 pixels are wider than headline letters).
"""

GROUND_WINDOW = 31

PAPER_NOISE = 12
"""Distance from the ground (grey values) below which it is paper, and from which it is ink."""

INK_CONTRAST = 40

LEAST_GROUND = 0.65
"""Lit paper: mostly ground, and more ink than half-tones. X-rays and skies are as flat, but have no ink."""

LEAST_INK = 0.5

LEAST_STROKES = 0.3
"""Ink is strokes: hard edges cover this part of what it covers. 0.9 of it on pages, up to 0.2 in a film of a white bird
with a black beak.
"""


def ground(picture: Floats) -> Floats:
    """What is left of a (h, w) picture of grey values when ink is taken away: the paper under its light, (h, w), or one
    number, (), for all of it.
    """
    colour, share = commonest(picture)
    if share >= PLAIN_SHARE:
        return np.asarray(colour, np.float32)
    height, width = picture.shape
    size = (max(1, round(width * GROUND_SHRINK)), max(1, round(height * GROUND_SHRINK)))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(cv2.medianBlur(small, GROUND_WINDOW), (width, height)), np.float32)


def printed(laid: Overlay) -> bool:
    """Whether both pictures of an overlay are print on a plain ground."""
    return all(
        commonest(picture, laid.both)[1] >= PLAIN_SHARE or _lit_paper(picture, laid.both)
        for picture in (laid.one, laid.two)
    )


def on_plain_ground(picture: Pixels) -> bool:
    """Whether a picture (h, w) shows one colour on as much of it as a page does."""
    return commonest(picture)[1] >= PLAIN_SHARE


def commonest(picture: Floats | Pixels, where: NDArray[np.bool_] | None = None) -> tuple[float, float]:
    """The commonest colour of a picture or a part of it, and the share of what is within PLAIN_SPAN around it."""
    mask = None if where is None else where.view(np.uint8)
    whole = picture.astype(np.uint8, copy=False)  # a histogram of fractions under a mask takes four times as long
    counts = cv2.calcHist([whole], [0], mask, [256], [0, 256]).ravel()
    within = np.convolve(counts, np.ones(PLAIN_SPAN), "same")
    return float(within.argmax()), float(within.max() / max(1.0, counts.sum()))


def _lit_paper(picture: Floats, both: NDArray[np.bool_]) -> bool:
    distance = np.abs(picture - ground(picture))[both]
    paper, ink = float((distance < PAPER_NOISE).mean()), float((distance > INK_CONTRAST).mean())
    if paper <= LEAST_GROUND or ink <= LEAST_INK * (1 - paper - ink):
        return False
    return float(_hard(picture)[both].mean()) > LEAST_STROKES * ink


COMMONEST = 6
"""A drawn picture has few colours: its six commonest grey values (3 more or less) are 0.72 or more of it, also after
JPEG at quality 80. Of 500 photographs and X-rays, 40 have more.
"""

COMMONEST_SPAN = 3
LEAST_COMMON = 0.72

PREFERRED = 0.15
"""How much more a value counts with what it has itself, not beside it: pale blue next to white is another colour."""

LEAST_EXACT = 0.47
"""Of what has these colours, what has exactly one of the six grey values: 0.8 and more in drawings, 0.5 in nearly all
of their JPEGs. Photographs before a dark ground or a clear sky have as few colours, which noise and gradients spread:
0.2 to 0.4, and more only where the dark is wholly black.
"""

LEAST_WELL_EXACT, LEAST_UNIFORM = 0.55, 0.18
"""Where no more than this has exactly one of them, part of a drawing is wholly plain still: neighbourhoods of 3 x 3
pixels of one colour. The noise of photographs that get so far leaves 0.01 to 0.15.
"""

FLAT_SPAN = 10
"""... and hard edges between flat areas: pixels whose 3 x 3 neighbourhood spans a few grey values (soft) are fewer than
this many times those where it is flat. JPEG at quality 25 has 1.2 of them around the lines of tables.
"""

SOFT_SPAN = 50
MOST_SOFT = 1.2
NEIGHBOURHOOD = np.ones((3, 3), np.uint8)

VERY_HARD, LEAST_VERY_HARD, LEAST_COMMON_THERE = 100, 0.12, 0.66
"""Where few colours meet at edges that span so many grey values on so much of a picture, it is drawn, though JPEG has
spread its colours: icons of 64 px at quality 85. Of 1,300 photographs none has so many hard edges in as few colours, as
it is, as JPEG or at two thirds. Pictures up to so many pixels are nothing but edges.
"""

NOTHING_BUT_EDGES = 48

HARD, LEAST_HARD, MOSTLY_COMMON, LEAST_PLAIN = 60, 0.06, 0.8, 0.25
"""The same with fewer hard edges, where a part is wholly plain: icons on a gradient, after JPEG. Of the photographs
none has all of that; some have one or two of it.
"""


LEAST_NEARLY_EXACT, LEAST_NEARLY_HARD, LEAST_NEARLY_PLAIN = 0.3, 0.045, 0.12
"""Beside a drawing, what has as few colours may be a drawing, too, though they are spread more and fewer edges are
hard, if a part is wholly plain: JPEG at quality 75 makes photographs of some boards of one game (0.14 of them plain),
and leaves others as they are. A photograph of a fire in the night has all but that.
"""


def drawn(colour: Pixels) -> bool:
    """Whether a (h, w, 3) BGR picture was drawn by a program or a press, with few colours and hard edges."""
    return how_drawn(colour) == "drawn"


def how_drawn(colour: Pixels) -> Literal["drawn", "perhaps", "not"]:
    """The same; "perhaps" if it may be drawn, in case that what it is compared with is."""
    common, exact = _commonest_colours(colour)
    if common < LEAST_COMMON_THERE:
        return "not"
    span = np.asarray((cv2.dilate(colour, NEIGHBOURHOOD) - cv2.erode(colour, NEIGHBOURHOOD)).max(axis=2), np.uint8)
    if _is_drawn(span, common, exact):
        return "drawn"
    hard, plain = float((span > HARD).mean()), float((span == 0).mean())
    perhaps = exact >= LEAST_NEARLY_EXACT * common and hard > LEAST_NEARLY_HARD and plain > LEAST_NEARLY_PLAIN
    return "perhaps" if perhaps else "not"


def _is_drawn(span: Pixels, common: float, exact: float) -> bool:
    """The same by the (h, w) span of each neighbourhood, and the shares of the commonest colours."""
    if max(span.shape) > NOTHING_BUT_EDGES and float((span > VERY_HARD).mean()) > LEAST_VERY_HARD:
        return True
    if common >= MOSTLY_COMMON and (span > HARD).mean() > LEAST_HARD and (span == 0).mean() > LEAST_PLAIN:
        return True
    if common < LEAST_COMMON or exact < LEAST_EXACT * common:
        return False
    if exact < LEAST_WELL_EXACT * common and (span == 0).mean() < LEAST_UNIFORM:
        return False
    soft = float(((span > FLAT_SPAN) & (span <= SOFT_SPAN)).mean())
    return soft < MOST_SOFT * float((span <= FLAT_SPAN).mean())


def _commonest_colours(colour: Pixels) -> tuple[float, float]:
    """The share of a picture that has one of its six commonest grey values, 3 more or less, or exactly one of them."""
    counts = np.bincount(colour[..., 1].ravel(), minlength=256) / colour[..., 1].size
    common = exact = 0.0
    for _ in range(COMMONEST):
        within = np.convolve(counts, np.ones(2 * COMMONEST_SPAN + 1), "same")
        peak = int((within + PREFERRED * counts).argmax())
        common += float(within[peak])
        exact += float(counts[max(0, peak - COMMONEST_SPAN) : peak + COMMONEST_SPAN + 1].max())
        counts[max(0, peak - COMMONEST_SPAN - 2) : peak + COMMONEST_SPAN + 3] = 0
    return common, exact


MOST_HARD, HARD_SPAN, TONE_SHARE = 0.18, 40, 0.32
"""Photographs have fewer hard edges than print: pixels whose 3 x 3 neighbourhood spans so many grey values, smoothed by
a pixel, are less than this part. Of two number plates, one has 0.26 or more, however they are lit; a dull one has as
few, but 0.35 of it are of one tone.
"""

MANY_TONES, MOST_HARD_IN_TONES = 0.2, 0.25
"""Sharp photographs have more hard edges, where no more than this is of one tone."""


def toned(laid: Overlay) -> bool:
    """Whether the pictures of an overlay are photographs with soft edges, one of them in many tones, as no print is."""
    pictures = laid.one, laid.two
    common = min(commonest(picture, laid.both)[1] for picture in pictures)
    if common > TONE_SHARE:
        return False
    most = MOST_HARD if common > MANY_TONES else MOST_HARD_IN_TONES
    return all(_hard(picture)[laid.both].mean() < most for picture in pictures)


MOST_HARD_IN_SOFT = 0.09
"""No more than this in either of them, whatever the tones: a bear on snow. Of two number plates of one make, one has
three times as many."""


def _soft(laid: Overlay) -> bool:
    """Whether the pictures of an overlay are photographs with so few hard edges that neither is print."""
    pictures = laid.one, laid.two
    return all(_hard(picture)[laid.both].mean() < MOST_HARD_IN_SOFT for picture in pictures) and not printed(laid)


def photographed(laid: Overlay) -> bool:
    """Whether the pictures of an overlay can be no print, by their tones or their edges."""
    return toned(laid) or _soft(laid)


def _hard(picture: Floats) -> NDArray[np.bool_]:
    smooth = cv2.GaussianBlur(picture, (0, 0), 1.0)
    return np.asarray(cv2.dilate(smooth, NEIGHBOURHOOD) - cv2.erode(smooth, NEIGHBOURHOOD) > HARD_SPAN)
