"""What a check says beside its matches: what it could not look at, and what seems to be left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgsim_guard.gate.policy import Policy
    from imgsim_guard.model import Image, Selection

NAMED = 3
"""Images named in a note that is about many."""

MINUTE, HOUR = 60, 3600


def empty_splits(selection: Selection, policy: Policy) -> Iterator[str]:
    """Only where all images are there to be looked at: a commit need not have some of each."""
    if selection.scope == "all" and policy.splits:
        found = {policy.split(image.path) for image in selection.queries}
        for name in policy.splits:
            if name not in found:
                yield f"the split {name} has no images: look at splits.{name} in the configuration"


def unverified(count: int) -> Iterator[str]:
    """Said once, however many there are, those that verification might have found among them."""
    if count:
        yield (
            f"pairs whose pixels are not on this machine, so that the distance alone decided: {count:,}; "
            "dvc pull or git lfs pull brings them"
        )


def not_compared_with(images: Sequence[Image]) -> Iterator[str]:
    """Of the gallery, those that are unreadable."""
    if images:
        named = ", ".join(image.path for image in images[:NAMED]) + (", ..." if len(images) > NAMED else "")
        yield f"nothing was compared with images of the dataset that cannot be read: {len(images):,} ({named})"


def absent(images: Sequence[Image]) -> Iterator[str]:
    """Of the gallery, those without an embedding whose bytes are elsewhere."""
    if images:
        named = ", ".join(image.path for image in images[:NAMED]) + (", ..." if len(images) > NAMED else "")
        yield (
            f"nothing was compared with images of the dataset that are not on this machine: {len(images):,} ({named}); "
            "dvc pull or git lfs pull brings them"
        )


def duration(seconds: float) -> str:
    """About how long that is."""
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} seconds"
    return f"{seconds / MINUTE:.0f} minutes" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} hours"
