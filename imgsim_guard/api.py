"""The Python API, whose names `imgsim_guard` exports: embed, compare and scan without a command line."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgsim_guard.config.settings import Settings
from imgsim_guard.gate.embed import embed_missing, missing
from imgsim_guard.gate.pipeline import pipeline_of, silent
from imgsim_guard.gate.workspace import open_store as opened_store
from imgsim_guard.images.headers import restrain_opencv
from imgsim_guard.model import GuardError
from imgsim_guard.sources.folders import Folders, identified, in_folders

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from imgsim_guard.gate.pipeline import Pipeline, Progress
    from imgsim_guard.model import Image, Match, Result, Selection
    from imgsim_guard.sources import given
    from imgsim_guard.store.store import Store

    PathLike = str | os.PathLike[str]
    Picture = Any
    """An array, or a Pillow image; Pillow need not be installed."""

    Given = PathLike | Picture

DEFAULTS = Settings()


def open_store(settings: Settings = DEFAULTS) -> Store:
    """The store of this user's embeddings, as it is now. The functions below use it unless they are given another one.

    `store.find` maps content ids to rows, and `store.embeddings` maps rows to float16 [n, 768].
    """
    return opened_store(settings, tracked=None)


def embed(
    paths: PathLike | Iterable[PathLike],
    *,
    settings: Settings = DEFAULTS,
    store: Store | None = None,
    progress: Progress | None = None,
) -> NDArray[np.float16]:
    """The embeddings of image files, float16 [n, 768], in the order of `paths`.

    Images that were embedded before come from the store. `progress(total, doing)` opens a progress bar and returns a
    function that advances it by one. Raises GuardError that names every file that is no image or cannot be read.
    """
    named = [paths] if isinstance(paths, str | os.PathLike) else paths
    images = [identified(os.fspath(path)) for path in named]
    pipeline = _pipeline(replace(settings, retrieve="all"), store, progress)
    _embed(images, pipeline)
    rows = pipeline.store.find(image.content for image in images)
    return pipeline.store.embeddings([rows[image.content] for image in images])


def distance(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """AugNet's distance of two embeddings of shape [768]: Euclidean, rounded to four decimals, the same on any machine.

    It is 0 for the same pixels and about 32 for unrelated photographs.
    """
    import numpy as np

    from imgsim_guard.search import distances

    pair = [np.asarray(embedding, np.float16).reshape(1, -1) for embedding in (first, second)]
    return float(distances(*pair)[0])


def compare(
    first: PathLike,
    others: PathLike | Sequence[PathLike],
    *,
    settings: Settings = DEFAULTS,
    store: Store | None = None,
    progress: Progress | None = None,
) -> list[Match]:
    """How one image file is related to each of the others, with the evidence of verification.

    Pairs that are no duplicates are look-alikes. Raises GuardError for a file that is no image or cannot be read.
    """
    from imgsim_guard.gate.matching import compare_with
    from imgsim_guard.gate.policy import policy_of

    images = [
        identified(os.fspath(path))
        for path in (first, *([others] if isinstance(others, str | os.PathLike) else others))
    ]
    settings = replace(settings, retrieve="all")
    pipeline = _pipeline(settings, store, progress)
    _embed(images, pipeline)
    return compare_with(images[0], images[1:], pipeline, bounds=policy_of(settings).bounds)


def scan(
    images: Given | Sequence[Given],
    *,
    against: Given | Sequence[Given] | None = None,
    settings: Settings = DEFAULTS,
    store: Store | None = None,
    progress: Progress | None = None,
) -> Result:
    """Every duplicate among images or, given `against`, between them and the images there; and the groups of
    duplicates.

    `images` and `against` are one of these, or a sequence of them: the path of an image or a folder; an array uint8 [h,
    w] or [h, w, 3 or 4], grey, RGB or RGBA; a Pillow image. A picture in memory is named by its position: image 0,
    image 1.

    Images that cannot be read are in the result's `unreadable`. Raises GuardError for a path that does not exist, and
    for an array of another type or shape.
    """
    from imgsim_guard.gate.check import check
    from imgsim_guard.gate.grouping import for_folders, grouped
    from imgsim_guard.gate.groups import Wishes
    from imgsim_guard.gate.policy import policy_of
    from imgsim_guard.sources import given

    source = given.Given()
    selection = _selection(images, against, source)
    pipeline = _pipeline(settings, store, progress)._replace(source=source)
    policy, notes = for_folders(policy_of(settings), selection, Path.cwd())
    result = check(replace(selection, notes=(*selection.notes, *notes)), pipeline, policy=policy)
    wishes = Wishes(policy.keep, (), {image.path for image in selection.queries}.__contains__, policy.ignores)
    return grouped(result, pipeline, policy, wishes=wishes)


def _selection(
    images: Given | Sequence[Given], against: Given | Sequence[Given] | None, source: given.Given
) -> Selection:
    paths, pictures = _sorted_out(images, source, "image")
    others, known = ([], []) if against is None else _sorted_out(against, source, "against")
    selection = in_folders(paths, None if against is None else others)
    return replace(
        selection,
        queries=tuple(sorted((*selection.queries, *pictures))),
        gallery=tuple(sorted((*selection.gallery, *known))),
    )


def _sorted_out(images: Given | Sequence[Given], source: given.Given, name: str) -> tuple[list[str], list[Image]]:
    """The paths among `images`, and the pictures, which are added to `source`."""
    from imgsim_guard.images.encode import png_of

    several: Any = images if _is_several(images) else [images]
    paths, pictures = [], []
    for number, one in enumerate(several):
        if isinstance(one, str | os.PathLike):
            paths.append(os.fspath(one))
        else:
            pictures.append(source.add(f"{name} {number}", png_of(one)))
    return paths, pictures


def _is_several(images: object) -> bool:
    """Whether it is a sequence of images: neither a path nor a picture."""
    is_picture = hasattr(images, "__array_interface__") or hasattr(images, "convert")
    return hasattr(images, "__iter__") and not is_picture and not isinstance(images, str | os.PathLike)


def html_report(result: Result) -> str:
    """The report of a scan as one self-contained HTML page, with pictures of every pair."""
    from imgsim_guard.report.as_html import html_report as page
    from imgsim_guard.report.pictures import illustrate
    from imgsim_guard.report.view import by_importance

    restrain_opencv()
    return page(result, illustrate(by_importance(result.matches), Folders()), clean_up=True)


def json_report(result: Result) -> str:
    """The report of a scan as JSON, format 2, ending in a newline."""
    from imgsim_guard.report.as_json import json_report as written

    return written(result)


def _pipeline(settings: Settings, store: Store | None, progress: Progress | None) -> Pipeline:
    restrain_opencv()
    store = open_store(settings) if store is None else store  # an empty store is false
    return pipeline_of(Folders(), store, settings.model, progress=progress or silent)


def _embed(images: Sequence[Image], pipeline: Pipeline) -> None:
    """Raises GuardError that names the images that cannot be embedded."""
    unreadable = embed_missing(missing(images, pipeline.store), pipeline)
    reasons = pipeline.store.unreadable | {content: why.reason for content, why in unreadable.items()}
    wrong = [f"{image.path}: {reasons[image.content]}" for image in images if image.content in reasons]
    if wrong:
        raise GuardError("\n".join(wrong))
