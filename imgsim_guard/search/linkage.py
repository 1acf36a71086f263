"""Groups of rows by complete linkage: any two rows of a group are within a distance."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from imgsim_guard.model import GuardError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imgsim_guard.search.metric import Pair

MOST_PAIRS = 4_000_000
"""Most pairs in memory: about 1.5 GB."""


def complete_linkage(pairs: Iterable[Pair], count: int, near: dict[tuple[int, int], float]) -> list[list[int]]:
    """The rows 0 to `count` in groups, each sorted, given every pair within the distance. The pairs are put into
    `near`.

    Complete linkage (T. Sorensen, 1948): the two groups whose farthest members are nearest are joined, of equally near
    ones those with the lowest rows, as long as all their members are pairs. Raises GuardError if there are more pairs
    than fit in memory.
    """
    apart: list[dict[int, float]] = [{} for _ in range(count)]
    for pair in pairs:
        near[pair.first, pair.second] = apart[pair.first][pair.second] = apart[pair.second][pair.first] = pair.distance
        if len(near) > MOST_PAIRS:
            raise GuardError(f"more than {MOST_PAIRS:,} pairs of images are that near; try a smaller --distance")
    members = [[row] for row in range(count)]
    heap = [(distance, low, high) for (high, low), distance in near.items()]
    heapify(heap)
    while heap:
        distance, one, other = heappop(heap)
        if apart[one].get(other) == distance:  # if not, one of the two has grown since
            members[one] += members[other]
            members[other] = []
            _join(one, other, apart)
            for third, farthest in apart[one].items():
                heappush(heap, (farthest, min(one, third), max(one, third)))
    return [sorted(group) for group in members if group]


def _join(one: int, other: int, apart: list[dict[int, float]]) -> None:
    """Join two groups. The new group is near the groups that both are near, at the larger of the two distances."""
    ours, theirs = apart[one], apart[other]
    apart[one] = {third: max(far, theirs[third]) for third, far in ours.items() if third in theirs}
    apart[other] = {}
    for third in ours.keys() | theirs.keys():
        apart[third].pop(other, None)
        apart[third].pop(one, None)
    for third, far in apart[one].items():
        apart[third][one] = far
