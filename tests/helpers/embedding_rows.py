"""Embeddings for the tests of the search, drawn at random."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from imgsim_guard.augnet import DIMENSIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNIT = 2**-24
"""The smallest float16 above 0: all others are multiples of it."""


def photograph_like(seed: int, rows: int, *, spread: float = 0.05) -> NDArray[np.float16]:
    """Rows of full width as tanh gives them, about three of them near each other each."""
    random = np.random.default_rng(seed)
    bases = random.normal(0, 1, (max(1, rows // 3), DIMENSIONS))
    drawn = bases[random.integers(0, len(bases), rows)] + random.normal(0, spread, (rows, DIMENSIONS))
    return np.tanh(drawn).astype(np.float16)
