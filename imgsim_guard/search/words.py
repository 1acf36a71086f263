"""Local features in few bytes: the visual word of a feature, and a signature that tells features of one word apart.

Words: Sivic and Zisserman, Video Google (2003). Signatures: Jégou, Douze and Schmid, Hamming embedding and weak
geometric consistency (2008). Half of the words, and half of the signatures' directions, are the mirror images of the
others, so the features of a mirrored picture can be computed without its pixels.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import safetensors.numpy

from imgsim_guard.search.products import in_pieces, products_with

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Features = NDArray[np.void]
    """Array [n] of the type FEATURE."""

WORDS = 4096

NEAREST_WORDS = 3
"""Words that are stored for each feature, the nearest first: the same feature in a copy may have the next word."""

FEATURE = np.dtype(
    [
        ("x", "<u2"),
        ("y", "<u2"),
        ("size", "u1"),
        ("angle", "u1"),
        ("words", "<u2", (NEAREST_WORDS,)),
        ("signature", "<u8"),
    ]
)
"""A local feature: its place in POINT_STEPS of a pixel of the picture at `images.local_features.SIDE`; its size in
SIZE_STEPS of an octave, never 0; its angle in ANGLE_STEPS of a full turn; the nearest words; and the signature.
"""

MOST_FEATURES = 250
"""Most features of an image."""

FEATURES_SIZE = MOST_FEATURES * FEATURE.itemsize
"""Bytes of an image's features, padded with zeros."""

NO_FEATURES = bytes(FEATURES_SIZE)

POINT_STEPS, SIZE_STEPS, ANGLE_STEPS = 64, 24, 256

BITS, DESCRIPTOR_SIZE = 64, 128

HALF = BITS // 2

_CELLS = np.arange(DESCRIPTOR_SIZE).reshape(4, 4, 8)[::-1]
MIRRORED = np.concatenate([_CELLS[..., :1], _CELLS[..., :0:-1]], axis=-1).ravel()
"""The positions of a mirrored descriptor's numbers in the descriptor: of 4 x 4 cells x 8 directions, the rows across
the feature's direction and the angles are reversed.
"""


class Vocabulary(NamedTuple):
    """`words` float32 [4096, 128]; `directions` float32 [64, 128]; `middles` float32 [64], whole numbers: a bit is set
    if the product with its direction is at least this; `usual` float32 [4096], how often a picture has a word.
    """

    words: NDArray[np.float32]
    directions: NDArray[np.float32]
    middles: NDArray[np.float32]
    usual: NDArray[np.float32]


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary of this package, which benchmarks/vocabulary.py makes."""
    data = resources.files("imgsim_guard.search").joinpath("vocabulary.safetensors").read_bytes()
    kept = safetensors.numpy.load(data)
    words, directions = kept["words"].astype(np.float32), kept["directions"].astype(np.float32)
    return Vocabulary(
        np.concatenate([words, words[:, MIRRORED]]),
        np.concatenate([directions, directions[:, MIRRORED]]),
        np.tile(kept["middles"].astype(np.float32), 2),
        np.tile(kept["usual"].astype(np.float32), 2),
    )


def quantised(descriptors: NDArray[np.uint8]) -> tuple[NDArray[np.uint16], NDArray[np.uint64]]:
    """The nearest words uint16 [n, 3] and the signatures uint64 [n] of Root-SIFT descriptors uint8 [n, 128].

    All products are whole numbers below 2**24, so their sums are exact in any order.
    """
    known = vocabulary()
    wide = descriptors.astype(np.float32)
    words, directions = _pieces()
    nearness = 2 * products_with(words, wide, len(known.words)) - np.einsum("wd,wd->w", known.words, known.words)
    nearest = np.empty((len(wide), NEAREST_WORDS), np.uint16)
    for place in range(NEAREST_WORDS):  # much quicker than sorting thousands to find three
        nearest[:, place] = nearness.argmax(axis=1)
        nearness[np.arange(len(wide)), nearest[:, place]] = -np.inf
    bits = products_with(directions, wide, len(known.directions)) > known.middles
    return nearest, np.packbits(bits, axis=1, bitorder="little").view("<u8").ravel()


@cache
def _pieces() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The vocabulary's words and directions, as `products_with` takes them."""
    known = vocabulary()
    return in_pieces(known.words), in_pieces(known.directions)


def features_in(data: bytes) -> Features:
    """The features in an image's stored bytes, without the padding."""
    found = np.frombuffer(data, FEATURE)
    return found[found["size"] > 0]


def mirrored(features: Features) -> Features:
    """The features of the mirrored picture; places are mirrored at its left edge."""
    turned = features.copy()
    turned["angle"] = (ANGLE_STEPS // 2 - features["angle"].astype(np.int16)) % ANGLE_STEPS
    turned["words"] = (features["words"] + WORDS // 2) % WORDS
    signature = features["signature"]
    turned["signature"] = (signature >> np.uint64(HALF)) | (signature << np.uint64(HALF))
    return turned
