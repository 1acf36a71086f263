"""The report that programs read: JSON, format 1."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from imgsim_guard.model import Share

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imgsim_guard.model import Evidence, Limit, Match, Result

FORMAT = 1


def json_report(result: Result) -> str:
    """The result as JSON, ending in a newline. Paths are relative to the root; for `scan`, as given."""
    return _dumped(
        {
            "format": FORMAT,
            "verdict": "failed" if result.failed else "passed",
            "threshold": result.bounds.threshold,
            "reach": result.bounds.reach,
            "limit": _limit(result.limits.near_duplicates),
            "exact_limit": _limit(result.limits.exact_duplicates),
            "queries": result.queries,
            "gallery": result.gallery,
            "matches": [_match(match) for match in result.matches],
            "unreadable": [{"image": path, "reason": why.reason} for path, why in result.undecodable],
            "unchecked": [{"image": path, "reason": why.reason} for path, why in result.unchecked],
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
    return _dumped({"format": FORMAT, "pairs": pairs})


def _match(match: Match) -> dict[str, object]:
    return {
        "kind": match.kind,
        "blocking": match.blocking,
        "query": match.query.path,
        "gallery": match.gallery.path,
        "distance": match.distance,
        "splits": list(match.splits) if any(match.splits) else None,
        "accepted": match.accepted,
        "verification": _verification(match.evidence),
    }


def _limit(limit: Limit) -> int | str:
    return str(limit) if isinstance(limit, Share) else limit


def _verification(evidence: Evidence | None) -> dict[str, object]:
    """`skipped` also when there was nothing to verify: the same bytes, the same pixels, or `verify: never`."""
    if evidence is None:
        return {"outcome": "skipped"}
    described = {
        "outcome": evidence.outcome,
        "reason": evidence.reason,
        "matching_points": evidence.matching_points,
        "agreement": evidence.agreement,
    }
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
