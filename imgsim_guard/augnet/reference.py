"""AugNet by the reference package, imgsim, on torch: the engine `imgsim`, also used for parity checks."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Protocol

import numpy as np

from imgsim_guard.augnet import DIMENSIONS
from imgsim_guard.augnet.preprocessing import resized_shape
from imgsim_guard.model import GuardError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class _Vectorizer(Protocol):
    def vectorize(self, imgs: NDArray[np.uint8]) -> NDArray[np.float32]: ...


class ReferenceEmbedder:
    """Passes one image at a time to imgsim: with a batch, it resizes the batch instead of the images."""

    def __init__(self, vectorizer: _Vectorizer) -> None:
        self._vectorizer = vectorizer
        self._turn = Lock()

    @classmethod
    def load(cls) -> ReferenceEmbedder:
        """Import and load imgsim. Raises GuardError if it, torch or torchvision is not installed."""
        try:
            import imgsim
        except ImportError as error:
            raise GuardError(
                f"engine: imgsim needs the reference package ({error}); "
                "install it with: pip install 'imgsim-guard[imgsim]'"
            ) from error
        return cls(imgsim.Vectorizer())

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """As `Embedder.embed`."""
        with self._turn:  # torch uses threads of its own
            rows = [self._vectorizer.vectorize(_capped(pixels)) for pixels in images]
        return np.array(rows, np.float32).reshape(-1, DIMENSIONS).astype(np.float16).astype(np.float32)


def _capped(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same pixels; those of an extreme strip are squeezed to the limit of `resized_shape`."""
    import cv2

    height, width = pixels.shape[:2]
    resized = resized_shape(height, width)
    if max(height, width) * min(resized) <= max(resized) * min(height, width) + min(height, width):
        return pixels
    return np.asarray(cv2.resize(pixels, resized[::-1]), np.uint8)
