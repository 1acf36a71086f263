"""Products in pieces are those of the whole."""

from __future__ import annotations

import numpy as np
import pytest

from imgsim_guard.search.products import in_pieces, products_with


@pytest.mark.parametrize("first", [0, 1, 63, 64, 65, 250])
@pytest.mark.parametrize("second", [0, 1, 31, 32, 33, 600])
def test_the_products_are_those_of_the_whole(first: int, second: int) -> None:
    random = np.random.default_rng(first * 1000 + second)
    one, two = (random.integers(0, 256, (count, 128)).astype(np.float32) for count in (first, second))
    found = products_with(in_pieces(two), one, second)
    assert found.shape == (first, second)
    assert (found == one @ two.T).all()
