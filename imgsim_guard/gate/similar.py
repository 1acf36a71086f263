"""Images that look alike by AugNet's distance alone, copies or not. No pixels are compared."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.search import FURTHEST, nearest_between, pairs_among
from imgsim_guard.search.linkage import complete_linkage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgsim_guard.model import Image
    from imgsim_guard.store.store import Store


class Near(NamedTuple):
    """An image, and AugNet's distance from it to another image."""

    image: Image
    distance: float


def nearest(queries: Sequence[Image], gallery: Sequence[Image], store: Store, *, k: int) -> list[list[Near]]:
    """The k images of the gallery that are nearest to each query, the nearest first, without the query's own file.

    All images must have an embedding in the store. Of equally near images, the first by path comes first.
    """
    gallery = sorted(gallery)
    rows = store.find(image.content for image in (*queries, *gallery))
    ours, theirs = (store.embeddings([rows[image.content] for image in images]) for images in (queries, gallery))
    found: list[list[Near]] = [[] for _ in queries]
    own = [os.path.realpath(query.path) for query in queries]
    for pair in nearest_between(ours, theirs, k=k + 1, reach=FURTHEST):
        image, near = gallery[pair.second], found[pair.first]
        if len(near) < k and os.path.realpath(image.path) != own[pair.first]:
            near.append(Near(image, pair.distance))
    return found


def in_groups(images: Sequence[Image], store: Store, *, distance: float) -> list[list[Near]]:
    """Images in groups in which any two are within a distance, the largest group first. An image that is near no other
    is a group of its own.

    In a group, the image that is nearest to all others comes first, then the others by their distance to it. All images
    must have an embedding in the store. Their order does not matter. Raises GuardError if too many pairs are near.
    """
    images = sorted(images)
    rows = store.find(image.content for image in images)
    embeddings = store.embeddings([rows[image.content] for image in images])
    near: dict[tuple[int, int], float] = {}
    groups = complete_linkage(pairs_among(embeddings, threshold=distance), len(images), near)
    found = [_around_its_middle(group, images, near) for group in groups]
    return sorted(found, key=lambda group: (-len(group), group[0].image))


def _around_its_middle(group: Sequence[int], images: Sequence[Image], near: dict[tuple[int, int], float]) -> list[Near]:
    def apart(one: int, other: int) -> float:
        return near[max(one, other), min(one, other)] if one != other else 0.0

    middle = min(group, key=lambda one: sum(apart(one, other) for other in group))
    others = sorted((apart(middle, one), images[one]) for one in group if one != middle)
    return [Near(images[middle], 0.0), *(Near(image, distance) for distance, image in others)]
