"""The rules of verification: what an overlay of two pictures says about them."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from imgsim_guard.verification.paper import commonest, printed, toned
from imgsim_guard.verification.transform import turned, upright

if TYPE_CHECKING:
    from imgsim_guard.verification.agreement import Agreement
    from imgsim_guard.verification.drawing import Unexplained
    from imgsim_guard.verification.overlay import Overlay
    from imgsim_guard.verification.prepared import Doubles, Pixels, Prepared

LEAST_WINDOWS = 40
"""Fewer textured windows than this (of 15 px, 5 apart) could agree by accident."""

PHOTOGRAPH_AGREEMENT = 0.6
"""Photographs: copies under captions, patches and watermarks keep 0.75 or more, other pictures reach less."""

LEAST_UNDER_OVERLAYS, ENOUGH_UNDER_OVERLAYS = 0.45, 40
"""Rich photographs that match in so many points need less: other pictures and stripes may hide half of one, and noise
lies over all of it. Print needs as much as ever: the plates of one make share 50 to 90 points, and two thirds.
"""

MOST_SWAPPED = 0.02
"""Paper and screens: print that came and went, as a share of the textured windows. Copies with a logo or a caption stay
below 0.02 outside of one region; the same form filled in otherwise begins at 0.04.
"""

LARGEST_OVERLAY = 0.015
"""One region of other print that is no larger than this part of the overlap may be an overlay (a logo over text)."""

MANY_POINTS = 12
"""With fewer matching points than this, agreement has to be nearly complete."""

STRICT_AGREEMENT = 0.9

STRICT_WHOLE = 0.8
"""... and few windows may show something in one picture only."""

SIMPLE_AGREEMENT = 0.96
"""O and Q, i and j agree in 0.93 to 0.958 of their windows, a glyph of 16 px and its JPEG of quality 40 in 0.97."""


class Judgement(Enum):
    """What an overlay of two pictures says."""

    SAME = 1
    DIFFERENT = 2
    OTHER_PRINT = 3
    OTHER_SIGN = 4
    OTHER_DRAWING = 5
    OTHER_COLOURS = 6
    OTHER_SHOT = 7
    UNCLEAR = 8
    OTHER_SCENE = 9
    PATTERN = 10


OTHER_CONTENT = "they have the same layout, but other content in it"
REASONS = {
    Judgement.UNCLEAR: "they line up, but show too little to be sure",
    Judgement.OTHER_PRINT: OTHER_CONTENT,
    Judgement.OTHER_SIGN: "the same simple sign, but mirrored, turned or of another size",
    Judgement.OTHER_DRAWING: OTHER_CONTENT,
    Judgement.OTHER_COLOURS: "the same drawing in other colours",
    Judgement.OTHER_SHOT: "they show the same kind of thing in the same place, but the details differ",
    Judgement.PATTERN: "nothing agrees but a pattern that repeats itself",
    Judgement.OTHER_SCENE: "they show the same thing in other surroundings",
}


SIMPLE_FEATURES, SIMPLE_SIDE = 16, 256
"""Pictures with fewer features than this are simple; a letter has 3 to 15, an icon 20 to 60. Larger ones with as few
are smooth photographs.
"""


def drawings_of(first: Prepared, second: Prepared) -> tuple[Pixels, Pixels] | None:
    """Both pictures in colour, if both are drawn."""
    return None if first.drawing is None or second.drawing is None else (first.drawing, second.drawing)


def simple_pair(first: Prepared, second: Prepared) -> bool:
    """Whether one is no richer than a glyph or a plain symbol; a mirrored b is a d, a turned 6 a 9."""
    few = min(len(first.features.points), len(second.features.points)) < SIMPLE_FEATURES
    return few and (drawings_of(first, second) is not None or small_pair(first, second))


def small_pair(first: Prepared, second: Prepared) -> bool:
    """Whether both are as small as icons."""
    return bool(max(*first.grey.shape, *second.grey.shape) <= SIMPLE_SIDE)


PLAIN_FEATURES = 60
"""A small drawing with fewer is no more than an icon: an arrow that is turned is another. A chart of few curves has as
few, but is larger, and may be turned; a road sign may not.
"""


def plain_pair(first: Prepared, second: Prepared) -> bool:
    """Whether both are drawn, and one is no more than an icon."""
    few = min(len(first.features.points), len(second.features.points)) < PLAIN_FEATURES
    return few and small_pair(first, second) and drawings_of(first, second) is not None


MOSTLY_GROUND = 0.8
"""A chart of few curves is of one colour but for so much of it; a road sign has areas in other colours."""


def _lines(picture: Prepared) -> bool:
    """Whether a drawing is little more than lines on a plain ground."""
    return commonest(picture.small)[1] > MOSTLY_GROUND


def other_sign(first: Prepared, second: Prepared, matrix: Doubles) -> bool:
    """Whether two drawings that agree under a (2, 3) matrix are no more than icons, of which one is turned."""
    if drawings_of(first, second) is None:
        return False
    if simple_pair(first, second) and not upright(first, second, matrix):
        return True
    few = min(len(first.features.points), len(second.features.points)) < PLAIN_FEATURES
    return few and turned(matrix) and (small_pair(first, second) or not _lines(first))


def judged_simple(seen: Agreement, *, upright: bool, drawn: bool) -> Judgement:
    """Judge a glyph or a plain sign: nearly all has to agree, upright. drawn: all ink is compared afterwards."""
    if seen.fraction < SIMPLE_AGREEMENT or seen.whole < (STRICT_WHOLE if drawn else STRICT_AGREEMENT):
        return Judgement.DIFFERENT
    return Judgement.SAME if upright else Judgement.OTHER_SIGN


def judged(seen: Agreement, points: int, laid: Overlay, *, drawn: bool) -> Judgement:
    """Judge by the windows that agree and, in print, by those where ink came and went. drawn: all ink is compared
    afterwards, so that what only one of them shows need not be weighed here.
    """
    if seen.textured.sum() < LEAST_WINDOWS:
        return Judgement.UNCLEAR
    enough = PHOTOGRAPH_AGREEMENT if points >= MANY_POINTS else STRICT_AGREEMENT
    if points >= ENOUGH_UNDER_OVERLAYS and LEAST_UNDER_OVERLAYS <= seen.fraction < enough and toned(laid):
        enough = LEAST_UNDER_OVERLAYS
    if seen.fraction < enough or (points < MANY_POINTS and not drawn and seen.whole < STRICT_WHOLE):
        return Judgement.DIFFERENT
    if seen.scattered_swaps(LARGEST_OVERLAY) > MOST_SWAPPED and printed(laid):
        return Judgement.OTHER_PRINT
    return Judgement.SAME


MOST_UNEXPLAINED = 0.0012
"""Share of what both show that is ink, or a colour, without a counterpart on either side. In copies of 32 drawn kinds
(JPEG, two thirds, 6 px cropped) no more than 0.0003 has none on both sides; two speed limits that differ in a part of
one digit, or settings with three other numbers, begin at 0.003.
"""

LARGEST_STAMP = 0.08
"""One region of other ink may be an overlay, a stamp or a logo, if it is small, all else is there, and it lies on plain
ground or on a page full of print (0.25 of it are edges): RECEIVED in large letters over a form holds 0.09 to 0.16 of
all edges. The digit in which two speed limits differ holds 0.19 or more.
"""

MOST_STAMPED = 0.17
FULL_OF_PRINT = 0.2

LARGEST_LETTER = 0.016
"""A region no larger than this is a letter or two, and no stamp, where ink came and also went in it."""

LARGEST_TINTED = 0.03
"""Where no edges came, but more than this part of what both show has another colour, the ground is another: a cell of a
table that is marked (0.05). In copies in other colours, or scaled, it is up to 0.02.
"""

LARGEST_MARK, MOST_IN_MARK = 0.006, 450.0
"""A region this small, where nothing else differs, is a letter, a digit or a sign: too small for a stamp. Other ink in
it (MOST_ADDED) is content: 252 at most in 1,200 copies of 45 drawn kinds, 500 or more where a digit differs.
"""

MOST_ONE_SIDED = 0.15
"""Lines that only one of them has, over all edges: resampling and cropping leave up to 0.1. A caption or a logo adds
more, but in one place.
"""

LARGEST_CAPTION = 0.2
MOST_CAPTION = 0.5

MOST_TINTED = 0.02
"""Colours without a counterpart, over all edges: where edges are many, resampling leaves more of them."""


MOST_SWAPPED_INK = 90.0
"""Grey values times pixels by which dark ink, or light ink, came and also went in one place. Sharpened, brightened and
scaled drawings have up to 32, a chart with a label moved by a few pixels 78; where small digits of a table differ, it
is 50 to 550, where larger ones do, 400 or more.
"""

MOST_SWAPPED_IN_FULL = 120.0
"""The same in full size, where sharpened drawings have up to 107, and pages with another small number 140 or more."""

MOST_SWAPPED_ELSEWHERE = 2
"""Windows in which print came and went in full size, outside of one place: none in 800 copies of 60 drawn kinds and
under 84 edits; three other numbers of a list mark 4 or more, however pale they are.
"""

MOST_UNEXPLAINED_EDGES = 0.0003
"""Of clear edges: in copies in the other theme nothing at all is without a counterpart on both sides."""


MOST_ADDED = 4000.0
"""The same, of ink that only one of them has, where that is content. A tick of an axis that moved has 2,400, a bar that
is longer 14,000.
"""

MOST_REPEATED = 900.0
"""The same where they differ in one place only, which has what is elsewhere, too: 382 at most in copies of 53 kinds,
970 or more where it also rains in another column of a forecast.
"""


def judged_in_full(seen: Agreement, found: Unexplained | None) -> Judgement:
    """Judge two drawn pictures in full size, where windows also show print that is too faint to count as ink; found:
    None if ink does not count.
    """
    if seen.swapped_elsewhere > MOST_SWAPPED_ELSEWHERE:
        return Judgement.OTHER_DRAWING
    swapped = 0.0 if found is None else found.swapped_beside if _laid_over(found) else found.swapped
    return Judgement.OTHER_DRAWING if swapped > MOST_SWAPPED_IN_FULL else Judgement.SAME


def judged_drawing(found: Unexplained, *, repainted: bool) -> Judgement:
    """Judge two drawn pictures that line up by all that is drawn in either of them; repainted: by its edges."""
    most_added = MOST_REPEATED if _one_more(found) else MOST_ADDED
    if (found.stamp.grown or found.stamp.repeated) and found.added > most_added:
        return Judgement.OTHER_DRAWING
    if _other_mark(found) and not repainted:
        return Judgement.OTHER_DRAWING
    covered = _laid_over(found) and not repainted
    most = MOST_UNEXPLAINED_EDGES if repainted else MOST_UNEXPLAINED
    if min(found.beside if covered else found.ink) > most:
        return Judgement.OTHER_DRAWING
    if (found.swapped_beside if covered else found.swapped) > MOST_SWAPPED_INK:
        return Judgement.OTHER_DRAWING
    edges = max(found.edges, LEAST_EDGES)
    caption = found.stamp.area < LARGEST_CAPTION and max(found.ink) < MOST_CAPTION * edges
    if max(found.beside if caption else found.ink) > MOST_ONE_SIDED * edges:
        return Judgement.OTHER_DRAWING
    colour = found.colour_beside if covered else found.colour
    return Judgement.OTHER_COLOURS if min(colour) > max(MOST_UNEXPLAINED, MOST_TINTED * edges) else Judgement.SAME


def judged_straightened(found: Unexplained) -> Judgement:
    """Judge two drawn pictures after perspective was taken out, which is never wholly exact: by what came and went."""
    other = found.swapped > MOST_SWAPPED_INK or min(found.ink) > MOST_UNEXPLAINED
    return Judgement.OTHER_DRAWING if other else Judgement.SAME


def _one_more(found: Unexplained) -> bool:
    """Whether two drawings differ in one place only, where the one has one more of several things."""
    return found.stamp.repeated and max(found.beside) == 0 and found.stamp.edges < MOST_CAPTION


def _other_mark(found: Unexplained) -> bool:
    """Whether two drawings differ in one letter, digit or sign, and in nothing else."""
    small = max(found.ink) > max(found.beside) == 0 and found.stamp.area < LARGEST_MARK
    return small and found.added > MOST_IN_MARK


def _laid_over(found: Unexplained) -> bool:
    """Whether the largest region in which two drawn pictures differ may be a caption, a stamp or a logo."""
    largest = found.stamp
    if largest.foreign and largest.area < LARGEST_CAPTION and largest.edges < MOST_CAPTION:
        return True
    if largest.area > LARGEST_STAMP or largest.edges > MOST_STAMPED or largest.repeated:
        return False
    if largest.on_plain:
        return True
    letter = largest.area < LARGEST_LETTER and found.swapped > MOST_SWAPPED_INK
    tinted = min(found.colour) > LARGEST_TINTED and not largest.added
    return found.edges > FULL_OF_PRINT and not letter and not tinted


LEAST_EDGES = 0.005
"""Fewer edges than this share of a picture are so few that one faded line would be most of them."""
