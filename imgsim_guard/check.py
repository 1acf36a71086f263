"""The use case: sort by content, embed what is missing, retrieve, judge."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from imgsim_guard.embedding import Pipeline, embed_missing, missing
from imgsim_guard.errors import GuardError
from imgsim_guard.judge import in_order, judge, sort_by_content
from imgsim_guard.model import Limits, Match, Result, Selection, Unreadable
from imgsim_guard.sources.selecting import without_moved

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgsim_guard.judge import Sorted
    from imgsim_guard.model import Image
    from imgsim_guard.store import Store

SAMPLE = 4
"""Images embedded to tell how long the rest will take; the first also pays for loading the model."""

NAMED = 3
"""Images named in a note that is about many."""

MINUTE, HOUR = 60, 3600


def check(
    selection: Selection,
    pipeline: Pipeline,
    *,
    threshold: float,
    limits: Limits,
    max_missing: int | None = None,
) -> Result:
    """Judge a selection's queries.

    Raises GuardError when more than `max_missing` images have no embedding yet: a hook must not sit silent for long.
    """
    identity = pipeline.store.identity
    selection = without_moved(selection, identity)
    by_content = sort_by_content(selection, identity)
    unreadable = dict(selection.unreadable)
    notes = list(selection.notes)
    matches = by_content.exact
    if by_content.searched:
        wanted, out_of_reach = _to_embed(by_content, pipeline)
        at_hand = [image for image in wanted if pipeline.source.at_hand(image)]
        if max_missing is not None and len(at_hand) > max(max_missing, SAMPLE):
            raise GuardError(_too_many(at_hand, pipeline))
        reasons = embed_missing(wanted, pipeline)
        reasons |= {content: Unreadable(reason) for content, reason in pipeline.store.unreadable.items()}
        if wanted:  # what was just embedded may turn out to be bytes that another tracker knows by another content id
            selection = without_moved(selection, identity)
            by_content = sort_by_content(selection, identity)
            matches = by_content.exact
        matches += _retrieved(by_content, pipeline.store, threshold=threshold, mutual=selection.mutual)
        unreadable |= {
            query.path: reasons[content]
            for content, queries in by_content.searched.items()
            if content in reasons
            for query in queries
        }
        notes += _not_compared_with([image for content, image in by_content.held.items() if content in reasons])
        notes += _absent(out_of_reach)
    return Result(
        scope=selection.scope,
        threshold=threshold,
        limits=limits,
        queries=len(selection.queries) + len(selection.unreadable),
        gallery=len(selection.gallery) + (max(0, len(selection.queries) - 1) if selection.mutual else 0),
        matches=in_order(matches),
        unreadable=tuple(sorted(unreadable.items())),
        notes=(*notes, *pipeline.store.notes),
        in_dvc=tuple(query.path for query in selection.queries if query.content.startswith("md5:")),
    )


def _to_embed(by_content: Sorted, pipeline: Pipeline) -> tuple[list[Image], list[Image]]:
    """What has no embedding: all queries, and of the gallery what is on this machine; and the rest of the gallery."""
    queries = missing((queries[0] for queries in by_content.searched.values()), pipeline.store)
    gallery = missing(by_content.held.values(), pipeline.store)
    at_hand = [image for image in gallery if pipeline.source.at_hand(image)]
    return queries + at_hand, sorted({*gallery} - {*at_hand})


def _retrieved(by_content: Sorted, store: Store, *, threshold: float, mutual: bool) -> Iterator[Match]:
    """The matches among what has an embedding."""
    from imgsim_guard.search import pairs_among, pairs_between

    rows = store.find([*by_content.searched, *by_content.held])
    searched = [content for content in by_content.searched if content in rows]
    held = [content for content in by_content.held if content in rows]
    if not searched:
        return
    queries = store.embeddings([rows[content] for content in searched])
    pixels = {content: store.pixels(rows[content]) for content in searched}

    for pair in pairs_between(queries, store.embeddings([rows[content] for content in held]), threshold=threshold):
        query, gallery = searched[pair.first], held[pair.second]
        same = pixels[query] == store.pixels(rows[gallery])
        yield from judge(by_content.searched[query], by_content.held[gallery], distance=pair.distance, same_pixels=same)
    if mutual:
        for pair in pairs_among(queries, threshold=threshold):
            query, earlier = searched[pair.first], searched[pair.second]
            same = pixels[query] == pixels[earlier]
            first = by_content.searched[earlier][0]
            yield from judge(by_content.searched[query], first, distance=pair.distance, same_pixels=same)


def _not_compared_with(images: Sequence[Image]) -> Iterator[str]:
    if images:
        named = ", ".join(image.path for image in images[:NAMED]) + (", ..." if len(images) > NAMED else "")
        yield f"nothing was compared with images of the dataset that cannot be read: {len(images):,} ({named})"


def _absent(images: Sequence[Image]) -> Iterator[str]:
    if images:
        named = ", ".join(image.path for image in images[:NAMED]) + (", ..." if len(images) > NAMED else "")
        yield (
            f"nothing was compared with images of the dataset that are not on this machine: {len(images):,} ({named}); "
            "dvc pull or git lfs pull brings them"
        )


def _too_many(wanted: Sequence[Image], pipeline: Pipeline) -> str:
    """What to say instead of working silently; a few images are embedded to know how long it would take."""
    times = [time.monotonic()]
    watched = pipeline._replace(progress=lambda _total: lambda: times.append(time.monotonic()))
    embed_missing(wanted[:SAMPLE], watched)
    steady = (times[-1] - times[1]) / max(1, len(times) - 2)
    return (
        f"{len(wanted):,} images have no embedding yet: about {_duration(steady * len(wanted))} of work, once.\n"
        "  embed them:  imgsim-guard embed    (shows progress; can be interrupted and resumed)\n"
        "Then try again."
    )


def _duration(seconds: float) -> str:
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} seconds"
    return f"{seconds / MINUTE:.0f} minutes" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} hours"
