"""AugNet, the network whose embeddings are compared: which engine runs it, and what identifies its embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

Engine = Literal["onnx", "imgsim"]
"""`onnx`: ONNX Runtime and the model built from the released weights. `imgsim`: the reference package itself."""

Preprocessing = Literal["reference", "antialiased"]
"""`reference`: bilinear, to the last bit as imgsim does. `antialiased`: every pixel counts, however many there are."""

Device = Literal["auto", "cpu", "cuda", "coreml", "directml"]
"""`auto`: CUDA where it is installed and runs, else the processor."""

DIMENSIONS = 768

SHORT_SIDE = 350
"""Pixels, to which imgsim 0.1.2 resizes the short side (`Vectorizer.vectorize`)."""

MODEL_SHA256 = "129337935a96b37aa2a2907714c1ce4377ff12532093a51575b05c5ae2caeab7"
"""Of `augnet.onnx`, which the build makes from the released checkpoint; the same everywhere."""

PREPROCESSING = 2
"""Counts up with every change that moves an embedding, or adds to what is stored of an image."""

HASHING = 1
"""Counts up with every change that moves a perceptual hash, or finds other pictures within a picture to hash."""

FEATURES = 1
"""Counts up with every change of the local features that are kept, or of the vocabulary that they are told in."""

_MODELS: dict[Engine, str] = {"onnx": f"onnx-{MODEL_SHA256[:12]}", "imgsim": "imgsim-0.1.2"}


class Embedder(Protocol):
    """Pixels in, embeddings out; threads may call it."""

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed n images of shape [h, w, 3], BGR; [n, 768], every number representable in float16."""


def fingerprint(engine: Engine, preprocessing: Preprocessing = "reference") -> str:
    """What two images must share to be comparable: model, engine, preprocessing, and how the hashes and local features
    are made that are kept with the embeddings. Usable as a folder's name.
    """
    kind = "" if preprocessing == "reference" else f"-{preprocessing}"
    return f"augnet-{_MODELS[engine]}-p{PREPROCESSING}{kind}-h{HASHING}-f{FEATURES}"


def least_side(preprocessing: Preprocessing) -> int | None:
    """How many pixels the short side must have at least where an image is decoded smaller than it is; None: never."""
    return None if preprocessing == "reference" else 2 * SHORT_SIDE


def load(
    engine: Engine,
    at_once: int = 1,
    *,
    threads: int = 0,
    preprocessing: Preprocessing = "reference",
    device: Device = "cpu",
) -> Embedder:
    """The embedder of an engine, ready to run, made for so many calls at once; further ones wait for their turn.

    `threads`: of a call at a time; 0 for as many as suit the machine. They change no embedding. Raises GuardError when
    it is not installed, is damaged, or cannot run on that device.
    """
    if engine == "imgsim":
        from imgsim_guard.augnet.reference import ReferenceEmbedder

        return ReferenceEmbedder.load()
    from imgsim_guard.augnet.embedder import OnnxEmbedder

    return OnnxEmbedder.load(at_once=at_once, threads=threads, preprocessing=preprocessing, device=device)
