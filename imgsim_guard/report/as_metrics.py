"""The metrics and the plot for DVC. They do not depend on earlier runs."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imgsim_guard.model import Match, Result


def metrics_json(result: Result) -> str:
    """Numbers of images by name as JSON in ASCII, ending in a newline; an image counts once in each.

    `leakage` counts those with a duplicate in another split, `label_conflicts` those with one under another label,
    `accepted` those with an accepted match. `uncompared` counts images of the dataset, with which nothing was compared.
    """
    metrics = {
        "images": result.queries,
        "near_duplicates": result.count("near-duplicate"),
        "exact_duplicates": result.count("exact-duplicate"),
        "look_alikes": result.count("look-alike"),
        "accepted": _images(match for match in result.matches if match.accepted is not None),
        "leakage": _images(match for match in result.matches if match.leakage and match.counts),
        "label_conflicts": _images(match for match in result.matches if match.label_conflict and match.counts),
        "unreadable": len(result.undecodable),
        "unchecked": len(result.unchecked),
        "uncompared": result.uncompared,
    }
    return json.dumps(metrics, indent=1) + "\n"


def distances_csv(result: Result) -> str:
    """How many images have their nearest neighbour at which distance: columns `distance` and `count`, in ASCII.

    Bins are 1 wide and hold their upper end, as the threshold does; the first holds 0, too. They reach at least to the
    threshold and to the reach. Labels are of equal length, since plots sort them as text.
    """
    counts = Counter(max(1, math.ceil(distance)) for _, distance in result.nearest)
    last = max(1, math.ceil(result.bounds.threshold), math.ceil(result.bounds.reach), *counts)
    width = len(str(last))
    rows = (f"{upper - 1:0{width}} to {upper:0{width}},{counts[upper]}\n" for upper in range(1, last + 1))
    return "distance,count\n" + "".join(rows)


def _images(matches: Iterable[Match]) -> int:
    return len({match.query for match in matches})
