"""The pipeline of images: their source, the store, the model, the worker pool and the progress callback."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from imgsim_guard.augnet import load
from imgsim_guard.system.threads import Early

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from imgsim_guard.augnet import Embedder, Model
    from imgsim_guard.model import Candidate, Evidence, Image, Unreadable
    from imgsim_guard.search.joins import Joins
    from imgsim_guard.sources.source import Source
    from imgsim_guard.store.store import Store


class Progress(Protocol):
    """Opens a progress bar of `total` steps, and returns a function that advances it by one."""

    def __call__(self, total: int, doing: str, /) -> Callable[[], object]:
        """Open it."""


class Verifies(Protocol):
    """Verifies pairs. `pixels`: the digests of the pixels of the images that were compared in full."""

    pixels: dict[Image, bytes]

    def verify(self, candidates: Sequence[Candidate], done: Callable[[], object], /) -> Iterator[Evidence]:
        """The evidence of each candidate, in order; `done` is called after each."""


class Workers(Protocol):
    """A pool of other processes that gives the same results as this process."""

    @property
    def joins(self) -> Joins:
        """The joins of retrieval, computed by the workers."""

    def embed(self, images: Sequence[Image], pipeline: Pipeline) -> dict[str, Unreadable]:
        """Like `embed_missing`."""

    def verify(
        self, here: Verifies, candidates: Sequence[Candidate], done: Callable[[], object], /
    ) -> Iterator[Evidence]:
        """Like `here.verify`; adds to `here.pixels`."""


class Pipeline(NamedTuple):
    """The parts that a check works with: `source` of the bytes, `store` of the embeddings, `load` for the model (for so
    many images at once), and the progress callback.

    `pictures`: the source for verification, if not `source`. `least_side`: as for `images.decode`. `workers`: the
    worker pool; None for this process.
    """

    source: Source
    store: Store
    load: Callable[[int], Embedder]
    progress: Progress
    pictures: Source | None = None
    least_side: int | None = None
    workers: Workers | None = None


def loader(model: Model) -> Early[Embedder]:
    """Loads the model for so many images at once, when it is first needed or when it is told to begin."""
    return Early(partial(load, model.engine, preprocessing=model.preprocessing, device=model.device))


def silent(_total: int, _doing: str) -> Callable[[], object]:
    """No display of progress."""
    return lambda: None


def pipeline_of(  # noqa: PLR0913  where all parts meet
    source: Source,
    store: Store,
    model: Model,
    *,
    load: Callable[[int], Embedder] | None = None,
    progress: Progress = silent,
    pictures: Source | None = None,
) -> Pipeline:
    """The pipeline of a model. `load`: loads it, if that has begun elsewhere."""
    return Pipeline(
        source,
        store,
        load or loader(model),
        progress,
        pictures=pictures,
        least_side=model.least_side,
    )
