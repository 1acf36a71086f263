"""Images that pipeline stages make from images of the dataset: they are copies by design, so they are not queries."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from imgsim_guard.gate.policy import Policy
    from imgsim_guard.model import Image, Made, Result, Selection

NAMED = 3
"""Outputs that a note names before it only counts."""


def maker(path: str, made: Iterable[Made]) -> str:
    """The stage that makes an image; empty if there is none."""
    stages = {one.path: one.stage for one in made}
    return next((stages[one] for one in _and_above(path) if one in stages), "") if stages else ""


def without_derived(selection: Selection, policy: Policy) -> tuple[Selection, Selection | None]:
    """The selection without derived images; and, if there are splits, a selection of the new derived images in splits
    against all other images in splits. Only its matches across splits count.
    """
    outputs = {one.path for one in selection.made if one.derived}
    if not outputs:
        return selection, None
    new, queries = _parted(selection.queries, outputs)
    old, gallery = _parted(selection.gallery, outputs)
    unreadable = selection.unreadable
    if not policy.splits:
        unreadable = tuple((path, why) for path, why in unreadable if not _is_in(path, outputs))
    rest = replace(
        selection,
        queries=queries,
        gallery=gallery,
        unreadable=unreadable,
        notes=(*selection.notes, *_note(new, outputs)),
    )
    in_splits = tuple(image for image in new if policy.split(image.path))
    if not in_splits:
        return rest, None
    others = tuple(image for image in sorted((*queries, *gallery, *old)) if policy.split(image.path))
    return rest, replace(selection, queries=in_splits, gallery=others, unreadable=(), notes=(), made=())


def with_leakage(result: Result, derived: Result) -> Result:
    """The result with the matches of derived images across splits."""
    found = tuple(match for match in derived.matches if all(match.splits) and match.splits[0] != match.splits[1])
    return replace(
        result,
        queries=result.queries + derived.queries,
        matches=tuple(
            sorted((*result.matches, *found), key=lambda match: (match.query, match.distance, match.gallery))
        ),
        unreadable=tuple(sorted({**dict(derived.unreadable), **dict(result.unreadable)}.items())),
        notes=(*result.notes, *(note for note in derived.notes if note not in result.notes)),
        pointers={**derived.pointers, **result.pointers},
        in_dvc=tuple(sorted({*result.in_dvc, *derived.in_dvc})),
        nearest=tuple(sorted({**dict(derived.nearest), **dict(result.nearest)}.items())),
    )


def _parted(images: Iterable[Image], outputs: Collection[str]) -> tuple[tuple[Image, ...], tuple[Image, ...]]:
    """The derived images, and the others."""
    derived = {image for image in images if _is_in(image.path, outputs)}
    return tuple(sorted(derived)), tuple(image for image in images if image not in derived)


def _is_in(path: str, outputs: Collection[str]) -> bool:
    return any(one in outputs for one in _and_above(path))


def _and_above(path: str) -> Iterable[str]:
    """A path and the folders above it."""
    while path:
        yield path
        path = posixpath.dirname(path)


def _note(new: Collection[Image], outputs: Iterable[str]) -> Iterable[str]:
    """A note about new images that were left out."""
    if new:
        used = sorted({one for image in new for one in _and_above(image.path) if one in {*outputs}})
        named = ", ".join(used[:NAMED]) + (", ..." if len(used) > NAMED else "")
        yield (
            f"new images that stages of the pipeline make from images of the dataset: {len(new):,} ({named}); "
            "they are derived, and compared only across splits"
        )
