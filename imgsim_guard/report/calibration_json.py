"""The report of `calibrate` for programs: JSON, format 1."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from imgsim_guard.gate.calibration.rates import quantile

if TYPE_CHECKING:
    from imgsim_guard.gate.calibration.findings import Blocked, Calibration, Neighbour

FORMAT = 1

QUANTILES = (0.0, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)

DIGITS = 6
"""Of rates: the last bits of a logarithm depend on the machine."""


def calibration_json(found: Calibration) -> str:
    """What calibrating found as JSON, ending in a newline. Rates are parts of 1; null where there is no threshold."""
    document = {
        "format": FORMAT,
        "images": len(found.neighbours),
        "left_out": {"exact_duplicates": found.exact, "no_embedding": found.missing, "unreadable": found.unreadable},
        "rate": round(found.rate.percent / 100, 2 + DIGITS),
        "images_needed": found.images_needed,
        "too_small": found.too_small,
        "too_few_pairs": found.unsure,
        "threshold": {
            "today": found.today,
            "suggested": found.suggested,
            "limit_with_verification": found.limit(verifying=True),
            "limit_without": found.limit(verifying=False),
        },
        "verification": {
            "in_force": found.verifying,
            "pairs": found.pairs,
            "looked_at": found.looked_at,
            "not_at_hand": found.not_at_hand,
            "left_within_threshold": found.near_left,
        },
        "all": _part(found, None),
        "splits": {split: _part(found, split) for split in found.splits},
        "nearest": [_neighbour(neighbour) for neighbour in found.neighbours],
        "notes": list(found.notes),
    }
    return json.dumps(document, indent=1) + "\n"


def _part(found: Calibration, split: str | None) -> dict[str, object]:
    neighbours = found.neighbours if split is None else found.of(split)
    ordered = sorted(neighbour.distance for neighbour in neighbours)
    return {
        "images": len(ordered),
        "quantiles": {f"{share:g}": quantile(ordered, share) for share in QUANTILES} if ordered else {},
        "thresholds": [_blocked(found.blocked_at(threshold, split)) for threshold in found.thresholds],
    }


def _blocked(row: Blocked) -> dict[str, object]:
    return {
        "threshold": row.threshold,
        "copies": row.copies,
        "look_alikes": row.look_alikes,
        "undecided": row.undecided,
        "unverified": row.unverified,
        "with_verification": _judged(row, verifying=True),
        "without": _judged(row, verifying=False),
    }


def _judged(row: Blocked, *, verifying: bool) -> dict[str, object]:
    return {
        "blocked": row.blocked(verifying=verifying),
        "false": row.false(verifying=verifying),
        "false_rate_at_most": round(row.at_most(verifying=verifying), DIGITS),
    }


def _neighbour(neighbour: Neighbour) -> dict[str, object]:
    return {
        "image": neighbour.image,
        "split": neighbour.split or None,
        "nearest": neighbour.nearest,
        "distance": neighbour.distance,
        "sort": neighbour.sort,
    }
