"""The matches among images that have embeddings: retrieve, verify, judge."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.gate.judge import candidate, judge
from imgsim_guard.gate.look import NOT_LOOKED_AT, Looks, look
from imgsim_guard.gate.policy import Policy
from imgsim_guard.model import UNMEASURED, Match

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from imgsim_guard.gate.judge import Sorted
    from imgsim_guard.gate.pipeline import Pipeline
    from imgsim_guard.model import Bounds, Candidate, Evidence, Image
    from imgsim_guard.search.joins import Joins


class Found(NamedTuple):
    """The matches; by path, how many pairs of a query were not compared; how many pairs could not be compared; and
    notes.
    """

    matches: list[Match]
    not_looked_at: Mapping[str, int]
    not_verified: int
    notes: list[str]


def find_matches(  # noqa: PLR0913  each of them is needed
    by_content: Sorted, rows: Mapping[str, int], pipeline: Pipeline, *, policy: Policy, mutual: bool, looks: Looks
) -> Found:
    """The matches among the images with an embedding."""
    from imgsim_guard.gate.frames import of_images, with_frames
    from imgsim_guard.gate.retrieve import retrieve_among, retrieve_between

    store, bounds = pipeline.store, policy.retrieved
    searched, held = with_rows(by_content.searched, rows), with_rows(by_content.held, rows)
    joins = _joins(pipeline)
    ours, theirs = with_frames(searched, store), with_frames(held, store)
    between = of_images(retrieve_between(ours, theirs, store, bounds=bounds, joins=joins))
    among = of_images(retrieve_among(ours, store, bounds=bounds, joins=joins), searched) if mutual else {}

    pairs, same = [], []
    for retrieved, images in ((between, by_content.holding), (among, by_content.searched.__getitem__)):
        for (content, gallery), found in sorted(retrieved.items()):
            if content == gallery:  # the content is new to a split; its exact duplicates are known
                continue
            equal = store.pixels(rows[content]) == store.pixels(rows[gallery])
            for one, other in product(by_content.searched[content], images(gallery)):
                if one.path == other.path:  # git and DVC track the path with other bytes
                    continue
                query, image = (one, other) if retrieved is between else (max(one, other), min(one, other))
                pairs.append(
                    candidate(query, image, found.distance, policy, likely=found.likely, among=retrieved is not between)
                )
                same.append(equal)
    evidence, notes = _evidence(pairs, same, pipeline, policy=policy, looks=looks)
    judged = [
        judge(pair, same_pixels=equal, evidence=seen)
        for pair, equal, seen in zip(pairs, same, evidence, strict=True)
        if seen is not NOT_LOOKED_AT
    ]
    left = Counter(pair.query.path for pair, seen in zip(pairs, evidence, strict=True) if seen is NOT_LOOKED_AT)
    not_verified = sum(
        seen is not None and seen is not NOT_LOOKED_AT and seen.outcome == "skipped" for seen in evidence
    )
    return Found([match for match in judged if match is not None], left, not_verified, notes)


def with_rows(contents: Iterable[str], rows: Mapping[str, int]) -> dict[str, int]:
    """The rows of those contents that have one."""
    return {content: rows[content] for content in contents if content in rows}


def nearest_distances(
    by_content: Sorted, rows: Mapping[str, int], pipeline: Pipeline, *, mutual: bool
) -> tuple[tuple[str, float], ...]:
    """The distance of each query with an embedding to the nearest other image, by path."""
    from imgsim_guard.search import FURTHEST

    store, joins = pipeline.store, _joins(pipeline)
    own = with_rows(by_content.searched, rows)
    held = with_rows(by_content.held, rows) if own else {}  # without a search, the store is not open
    ours, theirs = store.embeddings([*own.values()]), store.stored_embeddings([*held.values()])
    searched = list(own)
    found = {image.path: 0.0 for pair in by_content.exact for image in pair}
    pairs = [*joins.nearest_between(ours, theirs, k=1, reach=FURTHEST)]
    for pair in [*pairs, *joins.nearest_among(ours, k=1, reach=FURTHEST)] if mutual else pairs:
        for query in by_content.searched[searched[pair.first]]:
            found[query.path] = min(pair.distance, found.get(query.path, pair.distance))
    queries = {query.path for some in by_content.searched.values() for query in some}
    queries |= {query.path for query, _ in by_content.exact}
    return tuple((path, distance) for path, distance in sorted(found.items()) if path in queries)


def compare_with(first: Image, others: Sequence[Image], pipeline: Pipeline, *, bounds: Bounds) -> list[Match]:
    """How one image is related to each of the others, which are all in the store. Pairs that are no match are
    look-alikes.
    """
    from imgsim_guard.search import distances

    store = pipeline.store
    rows = store.find([first.content, *(other.content for other in others)])
    pairs = []
    for other in others:
        distance = UNMEASURED
        if store.has_embeddings:
            ours, theirs = (store.embeddings([rows[image.content]]) for image in (first, other))
            distance = float(distances(ours, theirs)[0])
        pairs.append(candidate(first, other, distance, Policy(bounds), likely=True))
    same = [store.pixels(rows[first.content]) == store.pixels(rows[other.content]) for other in others]
    evidence, _ = _evidence(pairs, same, pipeline, policy=Policy(bounds), looks=Looks(all_pairs=True))
    return [
        judge(pair, same_pixels=equal, evidence=found)
        or Match("look-alike", first, pair.gallery, pair.distance, found, pair.rule)
        for pair, equal, found in zip(pairs, same, evidence, strict=True)
    ]


def _evidence(
    pairs: Sequence[Candidate], same: Sequence[bool], pipeline: Pipeline, *, policy: Policy, looks: Looks
) -> tuple[list[Evidence | None], list[str]]:
    """The evidence of each pair, and notes about the pixels. None if a pair is not verified, because the pixels are the
    same or the policy says never.
    """
    asked = [index for index, equal in enumerate(same) if not equal] if policy.bounds.verify else []
    found: list[Evidence | None] = [None] * len(pairs)
    if not asked:
        return found, []
    seen = look([pairs[index] for index in asked], pipeline, looks, policy.accepted)
    for index, evidence in zip(asked, seen.evidence, strict=True):
        found[index] = evidence
    return found, seen.notes


def _joins(pipeline: Pipeline) -> Joins:
    if pipeline.workers is not None:
        return pipeline.workers.joins
    from imgsim_guard.search import joins

    return joins
