"""Matrix products on the thread that asks for them.

OpenBLAS shares a large product out among all cores. Where each core has work of its own, the threads wait for one
another, and a product takes five times as long. So it is made of pieces that OpenBLAS does not share out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

PIECE = 2**18
"""Multiplications of a matrix product that OpenBLAS runs on the calling thread (GEMM_MULTITHREAD_THRESHOLD: 2**16 times
4). Sharing the products of short rows among threads is slow on a busy processor.
"""

COLUMNS = 32
"""Of a piece of descriptors, which are as long as OpenBLAS likes best: 64 rows of 128 numbers are multiplied with them.
"""


def products(rows: NDArray[np.float32], columns: NDArray[np.float32]) -> NDArray[np.float32]:
    """The matrix products [q, n, c] of rows [n, d] and q arrays of columns [d, c], in pieces of PIECE."""
    stacks, width, count = columns.shape
    step = max(1, PIECE // max(1, width * count))
    whole = len(rows) // step * step
    pieces = np.matmul(rows[:whole].reshape(whole // step, step, width), columns[:, None]).reshape(stacks, whole, count)
    if whole == len(rows):
        return np.asarray(pieces, np.float32)
    return np.concatenate([pieces, np.matmul(rows[whole:], columns)], axis=1)


def in_pieces(rows: Floats) -> Floats:
    """Descriptors [m, d] as `products_with` takes them: [ceil(m / COLUMNS), d, COLUMNS], filled with zeros."""
    count, width = rows.shape
    padded = np.zeros((-(-count // COLUMNS) * COLUMNS, width), np.float32)
    padded[:count] = rows
    return np.ascontiguousarray(padded.reshape(-1, COLUMNS, width).transpose(0, 2, 1))


def products_with(pieces: Floats, rows: Floats, count: int) -> Floats:
    """The products [n, m] of rows [n, d] with descriptors [m, d], given in pieces; `count`: m. They are exact if all
    sums are whole numbers below 2**24.
    """
    found = products(rows, pieces).transpose(1, 0, 2)
    return found.reshape(len(rows), len(pieces) * COLUMNS)[:, :count]
