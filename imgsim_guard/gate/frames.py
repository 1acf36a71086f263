"""Images with several looks: the frames of a film, the pages of a document, a transparent picture on both grounds.

Each further look has a row of its own in the store. The search works on rows, so each look gets a name for it, and its
candidates are then assigned to the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.gate.retrieve import Retrieved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imgsim_guard.store.store import Store

MARK = "#"
"""Between a content id, which does not contain it, and the number of a look."""


def with_frames(rows: Mapping[str, int], store: Store) -> dict[str, int]:
    """The row of each content, and those of its further looks."""
    further = store.looks(rows)
    named = {f"{content}{MARK}{number}": row for content, some in further.items() for number, row in enumerate(some)}
    return {**rows, **named}


def of_images(
    retrieved: Mapping[tuple[str, str], Retrieved], order: Mapping[str, int] | None = None
) -> dict[tuple[str, str], Retrieved]:
    """The retrieved pairs by content: of several looks, the smallest distance. Given an `order`, the later content of a
    pair comes first.
    """
    places = {content: place for place, content in enumerate(order)} if order is not None else None
    found: dict[tuple[str, str], Retrieved] = {}
    for (first, second), pair in retrieved.items():
        one, other = first.partition(MARK)[0], second.partition(MARK)[0]
        if places is not None:
            if one == other:
                continue
            one, other = (one, other) if places[one] > places[other] else (other, one)
        before = found.get((one, other), pair)
        found[one, other] = Retrieved(min(before.distance, pair.distance), before.likely or pair.likely)
    return found
