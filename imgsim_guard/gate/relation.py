"""How one image of a match was made of the other, in words: verification says it of the query only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgsim_guard.model import Image, Match, Transform

NOTABLE = 0.03
"""What changes by less is the rounding of saving a picture again."""

NOTABLE_DEGREES = 0.7


def relation(match: Match, image: Image) -> str:
    """How an image of a match is related to the other one."""
    if match.kind == "exact-duplicate":
        return "same bytes" if match.query.content == match.gallery.content else "same pixels"
    found = match.evidence
    if found is None or found.outcome != "confirmed":
        return f"distance {match.distance:.2f} (threshold {match.rule.threshold:g})"
    if match.query == image or found.transform is None:
        return found.reason
    return ", ".join(["the same picture", *_turned_round(found.transform)])


def _turned_round(found: Transform) -> Iterator[str]:
    """What was done to the gallery image, if the query is the original."""
    if found.mirrored:
        yield "mirrored"
    if abs(found.rotation) > NOTABLE_DEGREES:
        yield f"rotated {abs(found.rotation):.3g} degrees"
    if found.shown < 1 - NOTABLE:
        yield f"cropped to {found.shown:.0%}"
    if found.covered < 1 - NOTABLE:
        yield f"part of a larger picture ({found.covered:.0%} of it)"
    if found.scale and abs(1 / found.scale - 1) > NOTABLE:
        yield f"scaled to {1 / found.scale:.0%}"
