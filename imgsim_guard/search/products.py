"""Products of descriptors on the thread that asks for them.

OpenBLAS shares a large product out among all cores. Where each core has an image or a pair of its own, the threads
wait for one another, and a product takes five times as long. So it is made of pieces that OpenBLAS does not share out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

ROWS, COLUMNS = 64, 32
"""Of a piece: with descriptors of 128 numbers, 2**18 multiplications, which OpenBLAS leaves on one thread
(GEMM_MULTITHREAD_THRESHOLD: 2**16 times 4)."""


def in_pieces(rows: Floats) -> Floats:
    """The second factor [m, d] as `products` takes it, [ceil(m / 32), d, 32]."""
    count, width = rows.shape
    padded = np.zeros((-(-count // COLUMNS) * COLUMNS, width), np.float32)
    padded[:count] = rows
    return np.ascontiguousarray(padded.reshape(-1, COLUMNS, width).transpose(0, 2, 1))


def products(first: Floats, pieces: Floats, columns: int) -> Floats:
    """The products float32 [n, m] of rows [n, d] with m rows, given in pieces; `columns`: m. They are exact if all sums
    are whole numbers below 2**24.
    """
    count, width = first.shape
    padded = np.zeros((-(-count // ROWS), 1, ROWS, width), np.float32)
    padded.reshape(-1, width)[:count] = first
    found = np.matmul(padded, pieces).transpose(0, 2, 1, 3)
    return np.asarray(found.reshape(len(padded) * ROWS, len(pieces) * COLUMNS)[:count, :columns], np.float32)
