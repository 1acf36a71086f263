"""The outputs of DVC pipelines, and which of them are made from images of the dataset."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from imgsim_guard.model import Made

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imgsim_guard.sources.manifests import Stage


def outputs_of(stages: Sequence[Stage], images: Iterable[str]) -> tuple[Made, ...]:
    """The outputs of these stages, given the paths of the dataset's images.

    An output is derived if its stage depends on an image of the dataset, on a folder with such an image, or on a
    derived output. The output itself need not be an image.
    """
    if not stages:
        return ()
    listed = sorted(images)
    derived: set[str] = set()
    left = list(stages)
    while found := [stage for stage in left if _depends(stage, listed, derived)]:
        derived.update(path for stage in found for path in stage.outputs)
        left = [stage for stage in left if stage not in found]
    made = {Made(path, stage.name, path in derived) for stage in stages for path in stage.outputs}
    return tuple(sorted(made))


def _depends(stage: Stage, images: Sequence[str], derived: set[str]) -> bool:
    return any(_holds(images, path) or any(_overlap(path, other) for other in derived) for path in stage.dependencies)


def _holds(images: Sequence[str], path: str) -> bool:
    """Whether one of these sorted paths is `path`, or below it."""
    if path == ".":
        return bool(images)
    first = bisect_left(images, path)
    below = bisect_left(images, f"{path}/")
    return images[first : first + 1] == [path] or (below < len(images) and images[below].startswith(f"{path}/"))


def _overlap(path: str, other: str) -> bool:
    return f"{path}/".startswith(f"{other}/") or f"{other}/".startswith(f"{path}/")
