"""The report that programs read: JSON, format 2, or 1 as before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from imgsim_guard.model import GuardError, Share

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from imgsim_guard.gate.similar import Near
    from imgsim_guard.model import Evidence, Group, Image, Limit, Match, Member, Result, Unreadable

FORMAT = 2
FORMATS = (1, 2)
"""2 has the labels of each match, and the groups."""


def json_report(result: Result, form: int = FORMAT) -> str:
    """The result as JSON, ending in a newline. Paths are relative to the root; for `scan`, as given.

    `form`: the number of the format.
    """
    if form == 1 and result.bounds.retrieve != "all":
        raise GuardError(
            "JSON format 1 has no place for pairs without a distance (retrieve: hashes, --quick); use format 2"
        )
    groups = {"groups": [_group(group) for group in result.groups]} if form > 1 else {}
    return _dumped(
        {
            "format": form,
            "verdict": "failed" if result.failed else "passed",
            **({"retrieve": result.bounds.retrieve} if form > 1 else {}),
            "threshold": result.bounds.threshold,
            "reach": result.bounds.reach,
            "limit": _limit(result.limits.near_duplicates),
            "exact_limit": _limit(result.limits.exact_duplicates),
            "queries": result.queries,
            "gallery": result.gallery,
            "matches": [_match(match, form) for match in result.matches],
            **groups,
            "unreadable": [{"image": path, "reason": why.reason} for path, why in result.undecodable],
            "unchecked": [{"image": path, "reason": why.reason} for path, why in result.unchecked],
            "uncompared": result.uncompared,
            "not_looked_at": [{"query": path, "pairs": pairs} for path, pairs in result.not_looked_at],
            "notes": list(result.notes),
        }
    )


def compare_json(matches: Iterable[Match]) -> str:
    """How one image relates to others as JSON, ending in a newline."""
    pairs = [
        {
            "a": match.query.path,
            "b": match.gallery.path,
            "distance": match.distance,
            "kind": match.kind if match.blocking else None,
            "verification": _verification(match.evidence),
        }
        for match in matches
    ]
    return _dumped({"format": 1, "pairs": pairs})


def similar_json(
    queries: Iterable[Image], nearest: Iterable[Iterable[Near]], unreadable: Mapping[str, Unreadable]
) -> str:
    """The images that are nearest to each query as JSON, ending in a newline: in the form of `compare_json`."""
    pairs = [
        {"a": query.path, "b": near.image.path, "distance": near.distance}
        for query, some in zip(queries, nearest, strict=True)
        for near in some
    ]
    left_out = [{"image": path, "reason": why.reason} for path, why in sorted(unreadable.items())]
    return _dumped({"format": 1, "pairs": pairs, "unreadable": left_out})


def _match(match: Match, form: int) -> dict[str, object]:
    labels = {"labels": list(match.labels) if any(match.labels) else None} if form > 1 else {}
    return {
        "kind": match.kind,
        "blocking": match.blocking,
        "query": match.query.path,
        "gallery": match.gallery.path,
        "distance": _distance(match),
        "splits": list(match.splits) if any(match.splits) else None,
        **labels,
        "accepted": match.accepted,
        "verification": _verification(match.evidence),
    }


def _group(group: Group) -> dict[str, object]:
    """The image that is kept, and the others with what becomes of them."""
    return {"keep": group.kept.image.path, "why": group.kept.why, "images": [_member(one) for one in group.members]}


def _member(member: Member) -> dict[str, object]:
    return {
        "image": member.image.path,
        "role": member.role,
        "of": None if member.of is None else member.of.path,
        "reason": member.why,
        "distance": None if member.match is None else _distance(member.match),
        "split": member.split or None,
        "label": member.label or None,
        "width": member.width,
        "height": member.height,
        "bytes": member.size,
    }


def _distance(match: Match) -> float | None:
    return match.distance if match.measured else None


def _limit(limit: Limit) -> int | str:
    return str(limit) if isinstance(limit, Share) else limit


def _verification(evidence: Evidence | None) -> dict[str, object]:
    """`skipped` also when there was nothing to verify: the same bytes, the same pixels, or `verify: never`."""
    if evidence is None:
        return {"outcome": "skipped"}
    described: dict[str, object] = {
        "outcome": evidence.outcome,
        "reason": evidence.reason,
        "matching_points": evidence.matching_points,
        "agreement": evidence.agreement,
    }
    if evidence.relation is not None:
        described["relation"] = evidence.relation
    if evidence.transform is None:
        return described
    transform = {
        "mirrored": evidence.transform.mirrored,
        "rotation": evidence.transform.rotation,
        "scale": evidence.transform.scale,
        "covered": evidence.transform.covered,
    }
    return {**described, "transform": transform}


def _dumped(document: dict[str, object]) -> str:
    """ASCII only, so that a name that is not valid Unicode can be written, too (as lone surrogates)."""
    return json.dumps(document, indent=1) + "\n"
