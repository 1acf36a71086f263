"""The report that programs read: JSON, format 1."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imgsim_guard.model import Match, Result

FORMAT = 1


def json_report(result: Result) -> str:
    """The result as JSON, ending in a newline. Paths are relative to the root; for `scan`, as given."""
    return _dumped(
        {
            "format": FORMAT,
            "verdict": "failed" if result.failed else "passed",
            "threshold": result.threshold,
            "limit": result.limits.near_duplicates,
            "exact_limit": result.limits.exact_duplicates,
            "queries": result.queries,
            "gallery": result.gallery,
            "matches": [_match(match) for match in result.matches],
            "unreadable": [{"image": path, "reason": why.reason} for path, why in result.undecodable],
            "unchecked": [{"image": path, "reason": why.reason} for path, why in result.unchecked],
            "notes": list(result.notes),
        }
    )


def compare_json(first: str, others: Iterable[tuple[str, float]]) -> str:
    """The distances of one image to others as JSON, ending in a newline."""
    pairs = [{"a": first, "b": other, "distance": distance} for other, distance in others]
    return _dumped({"format": FORMAT, "pairs": pairs})


def _match(match: Match) -> dict[str, object]:
    return {
        "kind": match.kind,
        "blocking": True,
        "query": match.query.path,
        "gallery": match.gallery.path,
        "distance": match.distance,
    }


def _dumped(document: dict[str, object]) -> str:
    """ASCII only, so that a name that is not valid Unicode can be written, too (as lone surrogates)."""
    return json.dumps(document, indent=1) + "\n"
