"""How one image of a match was made from the other, in words. Verification describes the query only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from imgsim_guard.model import Match

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgsim_guard.model import Evidence, Image, Transform

NOTABLE = 0.03
"""Smaller changes come from rounding when a picture is saved again."""

NOTABLE_DEGREES = 0.7

OPPOSITES = {
    "brighter": "darker",
    "darker": "brighter",
    "aspect changed": "aspect changed",
    "contrast changed": "contrast changed",
    "recoloured": "recoloured",
}
"""The words for the query, and the words for the gallery image."""


def relation(match: Match, image: Image) -> str:
    """How an image of a match is related to the other one."""
    if match.kind == "exact-duplicate":
        return "same bytes" if match.query.content == match.gallery.content else "same pixels"
    found = match.evidence
    if found is None or found.outcome != "confirmed":
        return f"distance {match.distance:.2f} (threshold {match.rule.threshold:g})"
    if match.query == image or found.transform is None:
        return found.reason
    changed = (OPPOSITES[word] for word in found.reason.split(", ") if word in OPPOSITES)
    return ", ".join(["the same picture", *_turned_round(found.transform), *changed])


def _turned_round(found: Transform) -> Iterator[str]:
    """The words for what was done to the gallery image, if the query is the original."""
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


def the_other_way(match: Match) -> Match:
    """The match with query and gallery image exchanged."""
    found = match.evidence
    return Match(
        match.kind,
        match.gallery,
        match.query,
        match.distance,
        None if found is None else _evidence(found, relation(match, match.gallery)),
        match.rule,
        match.splits[::-1],
        match.accepted,
        match.labels[::-1],
    )


def _evidence(found: Evidence, reason: str) -> Evidence:
    """The evidence of how the gallery image was made from the query."""
    way = found.transform
    if found.outcome != "confirmed" or way is None:
        return found
    a, b, c, d, e, f = way.matrix
    det = a * e - b * d
    inverse = (e / det, -b / det, (b * f - c * e) / det, -d / det, a / det, (c * d - a * f) / det)
    # A mirror turns a rotation round: what was mirrored first and then rotated is undone by the same.
    rotation = way.rotation if way.mirrored else -way.rotation + 0.0
    back = replace(
        way,
        rotation=rotation,
        scale=round(1 / way.scale, 3) if way.scale else 0.0,
        covered=way.shown,
        shown=way.covered,
        matrix=inverse,
    )
    return replace(found, transform=back, covered=back.covered, reason=reason)
