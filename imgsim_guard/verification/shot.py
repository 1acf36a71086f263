"""One photograph, or two of the same thing? In a copy the details lie exactly where they should."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.verification.agreement import detail_in_common, faint_agreement
from imgsim_guard.verification.judging import LARGEST_OVERLAY, MANY_POINTS
from imgsim_guard.verification.paper import printed, toned

if TYPE_CHECKING:
    from imgsim_guard.verification.agreement import Agreement
    from imgsim_guard.verification.overlay import Overlay, Refined

LEAST_EXACT = 0.45
"""Another photograph of the same face, plate or board lines up, too, but its details are not in the same places: of
what is followed from one to the other 0.04 to 0.45 lies exactly where it should. In copies under 84 edits it is 0.56 or
more, except under a caption or watermarks all over; there many points match and most windows are alike in detail.
"""

LEAST_DETAILED = 0.55
PLENTY_OF_POINTS = 60

LEAST_FAINTLY = 0.4
"""Where something moves through a still scene, the grain of its walls and roads stays where it is, frame by frame."""

MOST_SWAPPED_IN_PHOTOGRAPHS = 0.14
"""Plates of one make agree in their frames, exactly. Their letters came and went: 0.24 in the median. Copies under
captions stay below this; under other pictures they do not, but plates are not as rich in tones as photographs.
"""


NEARLY_ALL_BLURRED, DETAILED_BLURRED, POINTS_BLURRED = 0.98, 0.8, 20
"""In a blurred copy nothing can be followed exactly, but next to everything agrees, and in detail. Other photographs of
a face that share 20 points agree in 0.96 at most, and in detail in 0.6.
"""

NEARLY_EXACT, POINTS_NEARLY_EXACT = 0.35, 40
"""Under a faint picture less can be followed. Other photographs of a face share fewer points."""


POINTS_OF_ONE_SCENE, AGREEMENT_OF_ONE_SCENE = 70, 0.75
"""Frames of one shot, a moment apart, have so many matching points, and more windows that agree: of 99 neighbouring
frames of a film that moves fast 89 are confirmed so, 70 without. Of 73 pairs of photographs of one face it confirms no
more.
"""


SMALL, LEAST_CLOSELY, POINTS_IN_SMALL, ENLARGED = 160, 0.33, 30, 2
"""In a small picture (long side of the overlap in grid pixels) a face that moved by a hundredth of its size moved by
less than a pixel, so that much of it still lies exactly in its place. To half of that distance, less than this part of
what is followed does in photographs of one face (92 x 112 pixels: 0.09 to 0.3), and more in copies. Noise and blur
leave as little; then few points match, but in pictures that were enlarged so many times, which never have many.
"""

BLURRED = 0.6
"""... or one of the two has less than this part of the other's detail."""


def same_shot(seen: Agreement, points: int, laid: Overlay, *, followed: Refined, drawn: bool) -> bool:
    """Whether two pictures that agree are one and the same, and not two photographs of the same thing.

    followed: what was found when details of the one were followed into the other; drawn: whether all that is drawn in
    either was compared, so that its details need not be.
    """
    detailed = seen.detailed > LEAST_DETAILED
    if not drawn and _only_nearly(points, laid, followed):
        return False
    if followed.exact is not None and not in_place(followed.exact):
        return _inexactly(seen, points, laid, followed.exact)
    if drawn or detailed or points < MANY_POINTS:
        return drawn or detailed
    return seen.scattered_swaps(LARGEST_OVERLAY) < MOST_SWAPPED_IN_PHOTOGRAPHS or toned(laid)


def _inexactly(seen: Agreement, points: int, laid: Overlay, exact: float) -> bool:
    """Whether two pictures are one though few of their details lie exactly in their places."""
    detailed = seen.detailed > LEAST_DETAILED
    one_scene = points >= POINTS_OF_ONE_SCENE and seen.fraction > AGREEMENT_OF_ONE_SCENE and toned(laid)
    if one_scene or (points > PLENTY_OF_POINTS and detailed):
        return True
    if seen.fraction > NEARLY_ALL_BLURRED and seen.detailed > DETAILED_BLURRED and points >= POINTS_BLURRED:
        return not printed(laid)
    if detailed and (faint_agreement(laid, seen) or 0) > LEAST_FAINTLY:
        return True
    return exact >= NEARLY_EXACT and points >= POINTS_NEARLY_EXACT and toned(laid)


def in_place(exact: float | None) -> bool:
    """Whether enough of what was followed lies exactly in its place, or nothing could be followed."""
    return exact is None or exact >= LEAST_EXACT


def _only_nearly(points: int, laid: Overlay, followed: Refined) -> bool:
    """Whether the details of two small, clear photographs lie near their places, but not there."""
    if followed.exact is None or followed.closely >= LEAST_CLOSELY or max(laid.one.shape) > SMALL or not toned(laid):
        return False
    return (points >= POINTS_IN_SMALL or laid.enlarged >= ENLARGED) and detail_in_common(laid) > BLURRED
