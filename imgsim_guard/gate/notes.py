"""The notes of a check: what it could not compare, and splits without images."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgsim_guard.gate.policy import Policy
    from imgsim_guard.model import Image, Selection

NAMED = 3
"""How many images a note names."""

MINUTE, HOUR = 60, 3600


def empty_splits(selection: Selection, policy: Policy) -> Iterator[str]:
    """A note for each split without images. Only if all images are checked: a commit need not have images of each."""
    if selection.scope == "all" and policy.splits:
        found = {policy.split(image.path) for image in (*selection.queries, *selection.gallery)}
        for name in policy.splits:
            if name not in found:
                yield f"the split {name} has no images: check splits.{name} in the configuration"


def augnet_left_out(policy: Policy) -> Iterator[str]:
    """A note that some copies are not found."""
    if policy.bounds.retrieve == "hashes":
        yield (
            "AugNet is left out: copies are found by hashes and local features only, which find fewer, and each is "
            "confirmed by its pixels"
        )


def unverified(count: int, policy: Policy) -> Iterator[str]:
    """One note for all pairs that could not be verified."""
    if count:
        decided = "decided by the distance only" if policy.bounds.retrieve == "all" else "not compared"
        yield (
            f"pairs {decided}, because their pixels are not on this machine: {count:,}; run dvc pull or git lfs pull"
        )


def not_compared_with(images: Sequence[Image]) -> Iterator[str]:
    """A note about unreadable images of the gallery."""
    if images:
        named = ", ".join(image.path for image in images[:NAMED]) + (", ..." if len(images) > NAMED else "")
        yield f"nothing was compared with images of the dataset that cannot be read: {len(images):,} ({named})"


def partly_seen(images: Sequence[Image]) -> Iterator[str]:
    """A note about films and documents with more frames or pages than are read."""
    if images:
        from imgsim_guard.images.frames import MOST_FRAMES

        named = ", ".join(image.path for image in images[:NAMED]) + (", ..." if len(images) > NAMED else "")
        yield (
            f"films and documents of which no more than the first {MOST_FRAMES} frames or pages were looked at: "
            f"{len(images):,} ({named})"
        )


def absent(images: Sequence[Image]) -> Iterator[str]:
    """A note about images of the gallery that have no embedding and are not on this machine."""
    if images:
        named = ", ".join(image.path for image in images[:NAMED]) + (", ..." if len(images) > NAMED else "")
        yield (
            f"nothing was compared with images of the dataset that are not on this machine: {len(images):,} ({named}); "
            "run dvc pull or git lfs pull"
        )


def duration(seconds: float) -> str:
    """The duration in words, rounded."""
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} seconds"
    return f"{seconds / MINUTE:.0f} minutes" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} hours"
