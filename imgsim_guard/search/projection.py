"""Embeddings projected to few dimensions, in which no two are farther apart than before.

An orthonormal projection never lengthens a vector. On the principal components of the gallery, it hardly shortens the
difference of unrelated images: 32 of AugNet's 768 dimensions keep four fifths of the squared distance. Any basis that
does not lengthen vectors gives the same pairs in the end; a better one leaves fewer pairs to measure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from imgsim_guard.search.blocks import blocks_of
from imgsim_guard.search.metric import SLACK, lengths, widened
from imgsim_guard.search.products import products
from imgsim_guard.system.threads import in_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.search.blocks import Block
    from imgsim_guard.search.metric import Embeddings

COLUMNS = 32

SAMPLE = 1000
"""Rows from which the principal components are computed."""

TURNS = 3
"""Steps of the power iteration (Halko, Martinsson & Tropp 2011, algorithm 4.3) that finds them."""

RIDGE = 1e-12
"""Added to the products of columns, which are linearly dependent if all images are the same, for example."""

LOSS = 0.025
"""The most that rounding may lengthen a projected difference. Each of the 32 coordinates of a row errs by at most 768 *
2**-24 times the row's length of at most 768**0.5; the length of 32 such errors is 0.007, twice for two rows. On a
thread that treats subnormal numbers as 0, a row is off by 768**0.5 * 2**-14 more. As float32, the basis lengthens by at
most 1e-6.
"""

BLOCK = 1024
"""Rows projected at once."""


class Projection(NamedTuple):
    """n projected rows: `coordinates` float32 [n, c + 2] has c coordinates, the sum of their squares, and 1.

    The coordinates are rows @ `basis` - `centre`. `basis` is float32 [d, c] and lengthens no vector; `centre` float32
    [c] is the mean of the rows in it.
    """

    basis: NDArray[np.float32]
    centre: NDArray[np.float32]
    coordinates: NDArray[np.float32]


def project(embeddings: Embeddings, *, like: Projection | None = None) -> Projection:
    """The rows [n, d] projected to their own principal components, or by the basis of another projection, to compare
    the two.
    """
    basis, centre = _components(embeddings) if like is None else (like.basis, like.centre)
    columns = basis.shape[1]
    coordinates = np.ones((len(embeddings), columns + 2), np.float32)

    def projected(block: Block) -> tuple[Block, NDArray[np.float32]]:
        return block, products(widened(embeddings[block]), basis[None])[0] - centre

    for block, part in in_order(projected, blocks_of(embeddings, BLOCK)):
        coordinates[block, :columns] = part
        coordinates[block, columns] = lengths(part)
    return Projection(basis, centre, coordinates)


def facing(coordinates: NDArray[np.float32], limits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vectors that projected rows [n, c + 2] are multiplied by to give squared projected distances minus limits
    [n].
    """
    turned = coordinates * np.float32(-2)
    turned[:, -2], turned[:, -1] = 1, coordinates[:, -2] - limits
    return turned


def projected_limits(limits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The largest squared projected distances of pairs whose estimated squares are within these limits."""
    return np.asarray((np.sqrt(limits) + LOSS) ** 2 + SLACK, np.float32)


def _components(embeddings: Embeddings) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A basis [d, c] of about the first principal components of the rows, and the rows' mean in it."""
    sample = widened(embeddings[np.linspace(0, len(embeddings) - 1, min(len(embeddings), SAMPLE)).astype(np.intp)])
    mean = sample.sum(axis=0) / np.float32(max(1, len(sample)))
    sample -= mean
    turned = np.ascontiguousarray(sample.T)
    basis = np.random.default_rng(0).normal(size=(sample.shape[1], COLUMNS)).astype(np.float32)
    for _ in range(TURNS):
        basis = products(turned, products(sample, basis[None]))[0]
        basis /= np.float32(max(1, np.abs(basis).max(initial=0)))
    basis = _orthonormal(basis.astype(np.float64)).astype(np.float32)
    return basis, mean @ basis


def _orthonormal(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns [d, c] made orthonormal by the Cholesky factor of their products, twice (CholeskyQR2, Fukaya et al.
    2014). The matrices are small, so no threads are started. Linearly dependent columns become shorter.
    """
    for _ in range(2):
        lengths_of = np.sqrt(np.einsum("dc,dc->c", columns, columns))
        columns = columns / np.where(lengths_of > 0, lengths_of, 1)
        factor = np.linalg.cholesky(_products_of(columns) + RIDGE * np.eye(columns.shape[1]))
        columns = np.einsum("dc,ec->de", columns, np.linalg.inv(factor))
    longest = np.linalg.eigvalsh(_products_of(columns))[-1]
    return np.asarray(columns / max(1, longest) ** 0.5, np.float64)


def _products_of(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.einsum("dc,de->ce", columns, columns), np.float64)
