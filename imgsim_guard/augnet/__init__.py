"""AugNet, the network whose embeddings are compared: its engines, and the version of its embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

Engine = Literal["onnx", "imgsim"]
"""`onnx`: ONNX Runtime and the model built from the released weights. `imgsim`: the reference package itself."""

Preprocessing = Literal["reference", "antialiased"]
"""`reference`: bilinear, with the same bits as imgsim. `antialiased`: averages all pixels of a large image."""

Device = Literal["auto", "cpu", "cuda", "coreml", "directml"]
"""`auto`: CUDA if it is installed and works, else the processor."""

DIMENSIONS = 768

SHORT_SIDE = 350
"""The short side in pixels after resizing, as in imgsim 0.1.2 (`Vectorizer.vectorize`)."""

MODEL_SHA256 = "129337935a96b37aa2a2907714c1ce4377ff12532093a51575b05c5ae2caeab7"
"""SHA-256 of `augnet.onnx`, which the build makes from the released checkpoint; it is the same on every machine."""

PREPROCESSING = 2
"""Counts up with every change of the embeddings, or of what is stored with them."""

HASHING = 3
"""Counts up with every change of the perceptual hashes, or of the pictures within a picture that are hashed."""

FEATURES = 5
"""Counts up with every change of the local features that are stored, or of their vocabulary."""

WITHOUT_EMBEDDINGS = f"hashes-p{PREPROCESSING}-h{HASHING}-f{FEATURES}"
"""The fingerprint of a store whose images have hashes and local features, and no embedding."""

_MODELS: dict[Engine, str] = {"onnx": f"onnx-{MODEL_SHA256[:12]}", "imgsim": "imgsim-0.1.2"}


class Embedder(Protocol):
    """Makes embeddings from pixels. Threads may call it at the same time."""

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed n images uint8 [h, w, 3], BGR. Returns float32 [n, 768]; every number can be represented in float16."""


class Model(NamedTuple):
    """The settings that determine what is made of an image. `embeds`: whether AugNet is used."""

    engine: Engine
    preprocessing: Preprocessing
    device: Device
    embeds: bool = True

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the store for this model."""
        return fingerprint(self.engine, self.preprocessing) if self.embeds else WITHOUT_EMBEDDINGS

    @property
    def least_side(self) -> int | None:
        """As `least_side`. Hashes and local features need only small images."""
        return least_side(self.preprocessing if self.embeds else "antialiased")


def fingerprint(engine: Engine, preprocessing: Preprocessing = "reference") -> str:
    """The version that two embeddings must share to be comparable: the model, the engine, the preprocessing, and the
    versions of the hashes and local features that are stored with them. It can be the name of a folder.
    """
    kind = "" if preprocessing == "reference" else f"-{preprocessing}"
    return f"augnet-{_MODELS[engine]}-p{PREPROCESSING}{kind}-h{HASHING}-f{FEATURES}"


def dimensions(fingerprint: str) -> int:
    """The length of the embeddings in a store: 0 without AugNet."""
    return 0 if fingerprint == WITHOUT_EMBEDDINGS else DIMENSIONS


def least_side(preprocessing: Preprocessing) -> int | None:
    """The fewest pixels that the short side must keep if an image is decoded at a smaller size; None: never decode
    smaller.
    """
    return None if preprocessing == "reference" else 2 * SHORT_SIDE


def load(
    engine: Engine,
    at_once: int = 1,
    *,
    threads: int = 0,
    preprocessing: Preprocessing = "reference",
    device: Device = "cpu",
) -> Embedder:
    """The embedder of an engine, for at most `at_once` calls at the same time; further calls wait.

    `threads`: for each call; 0 for as many as suit the machine. They change no embedding. Raises GuardError if the
    engine is not installed, is damaged, or cannot run on the device.
    """
    if engine == "imgsim":
        from imgsim_guard.augnet.reference import ReferenceEmbedder

        return ReferenceEmbedder.load()
    from imgsim_guard.augnet.embedder import OnnxEmbedder

    return OnnxEmbedder.load(at_once=at_once, threads=threads, preprocessing=preprocessing, device=device)
