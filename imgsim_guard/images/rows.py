"""Work on a few rows of a picture at a time: what lies between its samples and the result takes little memory then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

SAMPLES_AT_ONCE = 2**20


def bands_of(rows: NDArray[np.generic]) -> Iterator[slice]:
    """Slices of the first axis, each of about SAMPLES_AT_ONCE samples."""
    step = max(1, SAMPLES_AT_ONCE // max(1, rows[:1].size))
    for start in range(0, len(rows), step):
        yield slice(start, start + step)


def by_rows(work: Callable[..., NDArray[np.uint8]], *arrays: NDArray[np.generic]) -> NDArray[np.uint8]:
    """`work(*arrays)`, of the first array's shape, given that each row of it depends on the same row of them alone."""
    result = np.empty(arrays[0].shape, np.uint8)
    for rows in bands_of(arrays[0]):
        result[rows] = work(*(array[rows] for array in arrays))
    return result
