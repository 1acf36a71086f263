"""The check: sort by content, embed what is missing, find the matches, report."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from imgsim_guard.gate.accepted import marked
from imgsim_guard.gate.derived import with_leakage, without_derived
from imgsim_guard.gate.embed import embed_missing
from imgsim_guard.gate.entering import not_of_before
from imgsim_guard.gate.judge import exact_duplicate, identity_of, in_order, sort_by_content
from imgsim_guard.gate.look import Looks
from imgsim_guard.gate.matching import Found, find_matches, nearest_distances, with_rows
from imgsim_guard.gate.notes import (
    absent,
    augnet_left_out,
    duration,
    empty_splits,
    not_compared_with,
    partly_seen,
    unverified,
)
from imgsim_guard.model import GuardError, Match, Result, Unreadable, tracker_of
from imgsim_guard.sources.selection import without_moved

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from imgsim_guard.gate.judge import Sorted
    from imgsim_guard.gate.pipeline import Pipeline
    from imgsim_guard.gate.policy import Policy
    from imgsim_guard.model import Image, Selection
    from imgsim_guard.sources.source import Source
    from imgsim_guard.store.store import Store

SAMPLE = 4
"""Images that are embedded to estimate the time for the others; the first also includes loading the model."""


NOT_SETTLED = "it got neither an embedding nor a reason why not, so it was not compared; run the same command again"
"""For a query whose bytes do not have its content id, for whatever reason: it must not pass."""


def check(  # noqa: PLR0913  each of them is needed
    selection: Selection,
    pipeline: Pipeline,
    *,
    policy: Policy,
    max_missing: int | None = None,
    nearest: bool = False,
    looks: Looks = Looks(),
) -> Result:
    """Check a selection's queries; pixels are compared unless the policy says never.

    `nearest`: also find each query's nearest neighbour. `looks`: which pairs are compared. Raises GuardError if more
    than `max_missing` images have no embedding yet, because a hook must not run silently for long.
    """
    store = pipeline.store
    unused = [*empty_splits(selection, policy)]
    selection, derived = without_derived(selection, policy)
    contents = [image.content for image in (*selection.queries, *selection.gallery, *selection.lost)]
    alike = store.alike(contents)
    selection, by_content = _sorted(selection, alike, policy)
    rows: dict[str, int] = {}
    unreadable = dict(selection.unreadable) | dict(selection.relocated if policy.splits else ())
    notes = [*selection.notes, *augnet_left_out(policy), *unused]
    found = Found([], {}, 0, [])
    if by_content.searched:
        store.open()
        rows = store.find([*by_content.searched, *by_content.held])
        wanted, out_of_reach = _to_embed(by_content, rows, store.unreadable, pipeline.source)
        at_hand = [image for image in wanted if pipeline.source.at_hand(image)]
        if max_missing is not None and len(at_hand) > max(max_missing, SAMPLE):
            raise GuardError(_too_many(at_hand, pipeline))
        reasons = embed_missing(wanted, pipeline)
        stored = store.find(store.unreadable)  # another process, with another decoder, may have read it
        reasons |= {key: Unreadable(reason) for key, reason in store.unreadable.items() if key not in stored}
        if wanted:
            # The new rows may show that two trackers name the same bytes.
            if (known := store.alike(contents)) != alike:
                alike = known
                selection, by_content = _sorted(selection, known, policy)
            kept = rows if pipeline.workers is None else {}  # rows from workers may get other numbers
            rows = kept | store.find(key for key in (*by_content.searched, *by_content.held) if key not in kept)
        found = find_matches(by_content, rows, pipeline, policy=policy, mutual=selection.mutual, looks=looks)
        unreadable |= {
            query.path: reasons[content]
            for content, queries in by_content.searched.items()
            if content in reasons
            for query in queries
        }
        notes += not_compared_with([image for content, image in by_content.held.items() if content in reasons])
        notes += absent(out_of_reach)
        searched = with_rows(by_content.searched, rows)
        notes += partly_seen([by_content.searched[content][0] for content in store.unseen(searched)])
        notes += [store.advice] if wanted and store.advice else []
        notes += [*unverified(found.not_verified, policy), *found.notes]
    for query in _unsettled(by_content, rows):
        unreadable.setdefault(query.path, Unreadable(NOT_SETTLED, absent=True))
    exact = [exact_duplicate(query, image, policy) for query, image in by_content.exact]
    marked_ones = _marked(not_of_before([*exact, *found.matches], selection, policy), policy, store)
    named = {image.path for match in marked_ones for image in (match.query, match.gallery)} | unreadable.keys()
    without_row = _uncompared(selection, by_content, rows, alike)
    result = Result(
        scope=selection.scope,
        bounds=policy.bounds,
        limits=policy.limits,
        queries=len(selection.queries) + len(selection.unreadable),
        gallery=len(selection.gallery)
        - without_row
        + selection.unlisted
        + (max(0, sum(query.path not in unreadable for query in selection.queries) - 1) if selection.mutual else 0),
        matches=in_order(policy.labelled(match) for match in marked_ones),
        unreadable=tuple(sorted(unreadable.items())),
        notes=(*notes, *store.notes),
        in_dvc=tuple(query.path for query in selection.queries if tracker_of(query.content) == "md5"),
        nearest=nearest_distances(by_content, rows, pipeline, mutual=selection.mutual)
        if nearest and policy.bounds.retrieve == "all"
        else (),
        not_looked_at=tuple(sorted(found.not_looked_at.items())),
        made=selection.made,
        pointers={path: pointer for path, pointer in selection.pointers.items() if path in named},
        replaced=frozenset(named & {image.path for image in selection.lost}),
        uncompared=without_row + (selection.not_listed if by_content.searched else 0),
        entering=selection.entering,
    )
    if derived is None:
        return result
    leaking = check(derived, pipeline, policy=policy, max_missing=max_missing, nearest=nearest, looks=looks)
    return with_leakage(result, leaking)


def nothing_new(selection: Selection, policy: Policy) -> Result:
    """The result for a selection without queries."""
    gallery = len(selection.gallery) + selection.unlisted
    return Result(selection.scope, policy.bounds, policy.limits, 0, gallery, (), selection.unreadable, selection.notes)


def _sorted(selection: Selection, alike: Mapping[str, str], policy: Policy) -> tuple[Selection, Sorted]:
    """The selection without images that only moved, sorted by content; `alike` has the content ids of
    the same bytes.
    """
    identity = identity_of(alike)
    selection = without_moved(selection, identity, policy.cell)
    return selection, sort_by_content(selection, identity, policy.cell, policy.copies)


def _unsettled(by_content: Sorted, rows: Container[str]) -> Iterable[Image]:
    """The queries that have to be searched for and have no embedding."""
    return (query for content, queries in by_content.searched.items() if content not in rows for query in queries)


def _uncompared(selection: Selection, by_content: Sorted, rows: Container[str], alike: Mapping[str, str]) -> int:
    """How many images of the gallery have no embedding; 0 if there is no query to compare them with."""
    lacking = {content for content in by_content.held if content not in rows} if by_content.searched else set()
    identity = identity_of(alike)
    return sum(identity(image.content) in lacking for image in selection.gallery) if lacking else 0


def _marked(matches: Sequence[Match], policy: Policy, store: Store) -> list[Match]:
    """The matches; those that were accepted have the reason."""
    contents = [content for pair in policy.accepted for content in pair.contents]
    contents += [image.content for match in matches for image in (match.query, match.gallery)]
    alike = store.alike(contents) if policy.accepted else {}
    return marked(matches, policy.accepted, identity_of(alike), policy.split)


def _to_embed(
    by_content: Sorted, rows: Container[str], unreadable: Container[str], source: Source
) -> tuple[list[Image], list[Image]]:
    """The images to embed: all queries without an embedding, and those of the gallery that are on this machine; and the
    rest of the gallery without one.
    """
    first = {content: queries[0] for content, queries in by_content.searched.items()}
    queries, gallery = (
        [image for content, image in images.items() if content not in rows and image.content not in unreadable]
        for images in (first, by_content.held)
    )
    at_hand = [image for image in gallery if source.at_hand(image)]
    return queries + at_hand, sorted({*gallery} - {*at_hand})


def _too_many(wanted: Sequence[Image], pipeline: Pipeline) -> str:
    """The message for too many images without an embedding. A few images are embedded to estimate the time."""
    times = [time.monotonic()]
    watched = pipeline._replace(progress=lambda _total, _doing: lambda: times.append(time.monotonic()))
    embed_missing(wanted[:SAMPLE], watched)
    steady = (times[-1] - times[1]) / max(1, len(times) - 2)
    takes = duration(steady * len(wanted))
    lacking = "have no embedding yet. Embedding" if pipeline.store.has_embeddings else "have no hashes yet. Hashing"
    lines = [
        f"{len(wanted):,} images {lacking} them once takes about {takes}.",
        *([f"  first:       {pipeline.store.advice}"] if pipeline.store.advice else []),
        "  embed them:  imgsim-guard embed    (shows progress; can be interrupted and resumed)",
        "Then try again.",
    ]
    return "\n".join(lines)
