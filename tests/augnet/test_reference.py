"""The reference package as an engine: what is ours of it. That it agrees is measured by benchmarks/parity.py."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conftest import random_picture

from imgsim_guard import augnet
from imgsim_guard.augnet.reference import ReferenceEmbedder

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Vectorizer:
    """Answers with what it was given, as the reference's type of array."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def vectorize(self, imgs: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.shapes.append(imgs.shape)
        return np.full(768, imgs.mean() / 1000 + 0.0001, np.float32)


def test_the_reference_gets_one_image_at_a_time_and_its_answers_are_rounded() -> None:
    vectorizer = Vectorizer()
    pictures = [random_picture(1, 30, 40), random_picture(2, 50, 20)]
    embeddings = ReferenceEmbedder(vectorizer).embed(pictures)
    assert vectorizer.shapes == [(30, 40, 3), (50, 20, 3)]
    assert embeddings.shape == (2, 768)
    assert np.array_equal(embeddings, embeddings.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize(("shape", "given"), [((10, 10_000), (350, 3500)), ((10, 100), (10, 100)), ((7, 69), (7, 69))])
def test_only_an_extreme_strip_is_squeezed_before(shape: tuple[int, int], given: tuple[int, int]) -> None:
    vectorizer = Vectorizer()
    ReferenceEmbedder(vectorizer).embed([random_picture(1, *shape)])
    assert vectorizer.shapes == [(*given, 3)]


def test_the_engine_is_the_package_imgsim(monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("imgsim")
    vars(package)["Vectorizer"] = Vectorizer
    monkeypatch.setitem(sys.modules, "imgsim", package)
    assert augnet.load("imgsim").embed([random_picture(1)]).shape == (1, 768)
