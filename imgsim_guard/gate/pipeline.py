"""What images go through: where bytes come from, where embeddings are kept, what embeds, who works and who watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from imgsim_guard.augnet import Embedder
    from imgsim_guard.model import Candidate, Evidence, Image, Unreadable
    from imgsim_guard.search.joins import Joins
    from imgsim_guard.sources.source import Source
    from imgsim_guard.store.store import Store


class Progress(Protocol):
    """Opens a display of so many steps, and returns what advances it by one."""

    def __call__(self, total: int, doing: str, /) -> Callable[[], object]:
        """Open it."""


class Verifies(Protocol):
    """Looks at pairs. `pixels`: the digests of the pixels of those images that were looked at thoroughly."""

    pixels: dict[Image, bytes]

    def verify(self, candidates: Sequence[Candidate], done: Callable[[], object], /) -> Iterator[Evidence]:
        """The evidence of each candidate, in order; `done` is called after each."""


class Workers(Protocol):
    """Other processes that do what takes long, with the results that it would have here."""

    @property
    def joins(self) -> Joins:
        """The joins of retrieval, made there."""

    def embed(self, images: Sequence[Image], pipeline: Pipeline) -> dict[str, Unreadable]:
        """What `embed_missing` does."""

    def verify(
        self, here: Verifies, candidates: Sequence[Candidate], done: Callable[[], object], /
    ) -> Iterator[Evidence]:
        """What verifying does `here`, which learns of the pixels that were seen."""


class Pipeline(NamedTuple):
    """Where bytes come from, where embeddings are kept, what loads the model when it is needed (for so many images
    at once), and who watches.

    `pictures`: where pairs are looked at, if not where bytes come from. `least_side`: as `images.decode` has it.
    `workers`: who does it, if not this process.
    """

    source: Source
    store: Store
    load: Callable[[int], Embedder]
    progress: Progress
    pictures: Source | None = None
    least_side: int | None = None
    workers: Workers | None = None
