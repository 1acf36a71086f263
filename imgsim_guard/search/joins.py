"""The joins of retrieval: which rows of two sides are near each other, by embeddings and by hashes.

This module runs them in this process. `distributed.grid` runs them on a cluster, with the same results.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from imgsim_guard.search import nearest_among, nearest_between, pairs_among, pairs_between
from imgsim_guard.search.hashes import nearest_hashes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imgsim_guard.search import Pair
    from imgsim_guard.search.hashes import Held
    from imgsim_guard.search.metric import Embeddings

__all__ = ["Joins", "nearest_among", "nearest_between", "nearest_hashes", "pairs_among", "pairs_between"]


class Joins(Protocol):
    """The joins that retrieval needs. `search` and `search.hashes` document them. Pairs come in any order, and may
    occur twice.
    """

    def pairs_between(self, first: Embeddings, second: Embeddings, *, threshold: float) -> Iterable[Pair]:
        """Pairs of a row of each side within the threshold."""

    def pairs_among(self, embeddings: Embeddings, *, threshold: float) -> Iterable[Pair]:
        """Pairs of two rows within the threshold, the later one first."""

    def nearest_between(
        self, first: Embeddings, second: Embeddings, *, k: int, reach: float, within: float = ...
    ) -> Iterable[Pair]:
        """The k nearest second rows within reach of each first row, and all rows within `within`."""

    def nearest_among(self, embeddings: Embeddings, *, k: int, reach: float, within: float = ...) -> Iterable[Pair]:
        """The k nearest other rows within reach of each row, and all rows within `within`."""

    def nearest_hashes(self, first: Held, second: Held, *, k: int, same: bool = False) -> Iterator[tuple[int, int]]:
        """The k second rows with the nearest hashes for each first row; with `same`, other rows."""
