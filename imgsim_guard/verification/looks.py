"""Verification of images that have several looks: films, documents of pages, and transparent pictures.

A still picture that agrees with a frame of a film is a copy of that. Two films are copies where nearly all frames of
one are found in the other, whatever their order and timing: a title or a black frame in common is not enough.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from imgsim_guard.model import Evidence
from imgsim_guard.verification.cut_out import as_cut_out, is_worth_cutting, visible_part
from imgsim_guard.verification.pair import verify
from imgsim_guard.verification.prepared import Prepared, prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from imgsim_guard.images.picture import Picture


Found: TypeAlias = dict[int, Evidence]

ENOUGH = 0.75
"""The share of one film's frames that are found in the other, from which on they are copies: one page of four may have
been changed."""

COMPARED = 8
"""Frames of a film that are looked for in the other, evenly spread: half a minute of work, were it all of 16."""

TRIED = 3
"""Frames of the other film that are tried for each, those that look most alike first."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An image ready to be verified: `main`, and where it is transparent, the `ground` of that, the picture on the
    other ground and its `alpha`; where it is a film or a document, its `frames`, `main` among them.
    """

    main: Prepared
    ground: int | None = None
    other: Prepared | None = None
    frames: tuple[Prepared, ...] = ()
    pages: bool = False
    alpha: NDArray[np.uint8] | None = None


def seen(picture: Picture) -> Seen:
    """Prepare all looks of a picture."""
    main = prepare(picture.pixels)
    other = None if picture.other is None else prepare(picture.other)
    frames = tuple(main if frame is picture.pixels else prepare(frame) for frame in picture.frames)
    return Seen(main, picture.ground, other, frames, picture.pages, visible_part(picture))


def verify_looks(query: Seen, gallery: Seen) -> Evidence:
    """Confirm or refute that one of the two was made from the other, whichever of their looks show it."""
    if not query.frames and not gallery.frames:
        return _stills(query, gallery)
    if query.frames and gallery.frames:
        return _films(query, gallery)
    return _frame_of(query, gallery)


def _stills(query: Seen, gallery: Seen) -> Evidence:
    """Two transparent pictures are compared on one ground; one that was flattened may have been on either."""
    evidence = verify(query.main, gallery.main)
    if evidence.outcome == "confirmed" or query.ground == gallery.ground:
        return evidence
    others = []
    if query.other is not None:
        others.append((query.other, gallery.main))
    elif gallery.other is not None:
        others.append((query.main, gallery.other))
    looks = [verify(*pair) for pair in others]
    shown = next((look for look in looks if look.outcome == "confirmed"), None)
    return shown or _cut_out(query, gallery, evidence) or evidence


def _cut_out(query: Seen, gallery: Seen, evidence: Evidence) -> Evidence | None:
    """The evidence that one was cut out of the other, opaque one; None if it was not."""
    there = evidence.transform
    if there is None or (query.alpha is None) == (gallery.alpha is None):
        return None
    cut, whole = (query, gallery) if query.alpha is not None else (gallery, query)
    if cut.alpha is None or cut.ground is None or not is_worth_cutting(evidence):
        return None
    found = as_cut_out(cut.main, cut.alpha, cut.ground, whole.main, there, query_is_cut=cut is query)
    if found is None:
        return None
    what = "cut out of the gallery image" if cut is query else "the gallery image is cut out of it"
    return replace(found, reason=what, transform=there, covered=there.covered, relation="copy")


def _frame_of(query: Seen, gallery: Seen) -> Evidence:
    film, still = (query, gallery) if query.frames else (gallery, query)
    place, evidence = _nearest(still.main, film.frames, tried=len(film.frames))
    if query.frames:
        evidence = verify(film.frames[place], still.main)
    if evidence.outcome != "confirmed":
        return evidence if evidence.outcome == "undecided" else replace(evidence, transform=None)
    word = "page" if film.pages else "frame"
    what = f"has the gallery image as a {word}" if query.frames else f"a {word} of the gallery image"
    return _told(evidence, what, kept=film.frames[place] is film.main)


def _films(query: Seen, gallery: Seen) -> Evidence:
    word = "pages" if query.pages and gallery.pages else "frames"
    some, others = _spread(query.frames), _spread(gallery.frames)
    found, missed = _found(some, gallery.frames)
    if len(found) < ENOUGH * len(some):
        back, other = _found(others, query.frames)
        if len(back) < ENOUGH * len(others):
            reason = f"{word} differ: no more than {max(len(found), len(back))} of those compared agree"
            undecided = not found and not back and {*missed, *other} == {"undecided"}
            outcome: Literal["undecided", "refuted"] = "undecided" if undecided else "refuted"
            return Evidence(outcome, 0, 0.0, 0.0, None, reason, blank=undecided)
        found, some = back, others
    return _told(max(found.values(), key=_weight), f"{len(found)} of {len(some)} {word} agree", kept=False)


def _weight(evidence: Evidence) -> tuple[float, int]:
    return evidence.agreement, evidence.matching_points


def _spread(frames: Sequence[Prepared]) -> list[Prepared]:
    """At most COMPARED of them."""
    number = min(COMPARED, len(frames))
    return [frames[(2 * at + 1) * len(frames) // (2 * number)] for at in range(number)]


def _found(frames: Sequence[Prepared], others: Sequence[Prepared]) -> tuple[Found, list[str]]:
    """The evidence of those frames that are found among others, and the outcomes for those that are not. Given up when
    too few can be.
    """
    found: Found = {}
    missed: list[str] = []
    for place, frame in enumerate(frames):
        _, evidence = _nearest(frame, others, tried=TRIED)
        if evidence.outcome == "confirmed":
            found[place] = evidence
        else:
            missed.append(evidence.outcome)
            if len(missed) > (1 - ENOUGH) * len(frames):
                break
    return found, missed


def _nearest(frame: Prepared, others: Sequence[Prepared], *, tried: int) -> tuple[int, Evidence]:
    """Which of the others the frame was made from, with the evidence; else the most alike of them."""
    order = sorted(range(len(others)), key=lambda place: (-_alike(frame, others[place]), place))[:tried]
    first: Evidence | None = None
    for place in order:
        evidence = verify(frame, others[place])
        if evidence.outcome == "confirmed":
            return place, evidence
        first = first or evidence
    return order[0], first or verify(frame, others[order[0]])


def _alike(one: Prepared, other: Prepared) -> float:
    """The correlation of the small pictures, of the frame or of what is in it."""
    pairs = zip(one.thumbnails, other.thumbnails, strict=True)
    return max(float((first * second).mean()) for first, second in pairs)


def _told(evidence: Evidence, what: str, *, kept: bool) -> Evidence:
    """The evidence with what the frames are to one another; how the pictures lie is kept where those are the shown."""
    return replace(evidence, reason=f"{what}; {evidence.reason}", transform=evidence.transform if kept else None)
