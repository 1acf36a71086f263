"""Search by local features: which stored pictures share many features with a query, in one rotation and one scale.

An inverted file has the pictures of each word. A stored feature votes for its picture if it has one of the nearest
words of a query's feature, and nearly the same signature. A vote weighs more if the word is rare and the signature is
near (Jégou, Douze and Schmid 2008). The result for a picture is the largest sum of votes that agree on a rotation and a
scale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from imgsim_guard.search.words import ANGLE_STEPS, SIZE_STEPS, mirrored, vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.search.words import Features

    Numbers = NDArray[np.intp]

MOST_BITS = 16
"""Most bits of 64 in which the signatures of the same spot may differ. Those of different spots differ in 32."""

SPREAD = 12.0
"""Standard deviation in bits. A vote loses two thirds of its weight over this distance."""

UNIT = 256
"""Votes are counted in whole numbers, so that a sum does not depend on its order."""

TURNS, SCALES = 16, 20
"""Bins of the rotation (22.5 degrees each) and of the scale (an octave each). Every vote counts in two of each."""

WEIGHED = 64
"""Pictures of an inverted file whose votes are counted in all bins: those with most votes in bins
of twice the width.
"""

LEAST_VOTES = UNIT
"""Fewer votes are chance."""

USUAL_PICTURES = 30
"""The training set of the vocabulary counts as so many pictures when the rarity of a word in a gallery is estimated."""


class Inverted(NamedTuple):
    """The features of n pictures, ordered by word: those of word w are from `starts[w]` to `starts[w + 1]`.

    `starts` uint32 [4097]; `images` uint16 [f], below n; `signatures` uint64 [f]; `angles` and `sizes` uint8 [f].
    """

    pictures: int
    starts: NDArray[np.uint32]
    images: NDArray[np.uint16]
    signatures: NDArray[np.uint64]
    angles: NDArray[np.uint8]
    sizes: NDArray[np.uint8]


def occurrences(inverted: Inverted, rows: Numbers) -> NDArray[np.int64]:
    """How often each word occurs in the pictures in these rows, int64 [4096]."""
    if len(rows) == inverted.pictures:
        return np.asarray(inverted.starts[1:] - inverted.starts[:-1], np.int64)
    wanted = np.zeros(inverted.pictures, np.int64)
    wanted[rows] = 1
    counted = np.concatenate([[0], np.cumsum(wanted[np.minimum(inverted.images, inverted.pictures - 1)])])
    return np.asarray(counted[inverted.starts[1:]] - counted[inverted.starts[:-1]], np.int64)


def rarity(occurring: NDArray[np.int64], pictures: int) -> NDArray[np.float64]:
    """The weight of each word, float64 [4096], given how often it occurs in so many pictures: the logarithm of the
    share of pictures with the word, if it were spread evenly. The mean over the vocabulary's training set is 1.
    """
    usual = vocabulary().usual.astype(np.float64)
    each = (occurring + USUAL_PICTURES * usual) / (pictures + USUAL_PICTURES)
    return np.asarray(_information(each) / np.sqrt((_information(usual) ** 2).mean()), np.float64)


def _information(occurring: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(-np.log(-np.expm1(-occurring)))


def votes(
    features: Features, *, inverted: Inverted, rows: Numbers, weights: NDArray[np.float64], k: int
) -> list[tuple[int, int]]:
    """The k of these rows' pictures with the most votes of a query's features, mirrored or not, and their votes.

    `weights` [4096]: of the words.
    """
    best = np.zeros(inverted.pictures, np.int64)
    for query in (features, mirrored(features)):
        if len(query):
            np.maximum(best, _votes(query, inverted, rows, weights), out=best)
    own = best[rows]
    order = np.lexsort((rows, -own))[:k]
    return [(int(rows[at]), int(own[at])) for at in order if own[at] >= LEAST_VOTES]


def _votes(query: Features, inverted: Inverted, rows: Numbers, weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """The votes for each picture in its best rotation and scale; 0 for pictures with few votes."""
    feature, posting, bits = _matching(query, inverted)
    wanted = np.zeros(inverted.pictures, np.bool_)
    wanted[rows] = True
    images = np.minimum(inverted.images[posting], inverted.pictures - 1)
    kept = wanted[images]
    feature, posting, bits, images = feature[kept], posting[kept], bits[kept], images[kept]
    words = np.searchsorted(inverted.starts, posting, side="right") - 1
    counted = np.rint(_NEARNESS[bits] * weights[words] ** 2 * UNIT).astype(np.int64)
    turns = (inverted.angles[posting].astype(np.intp) - query["angle"][feature]) % ANGLE_STEPS
    scales = inverted.sizes[posting].astype(np.intp) - query["size"][feature]
    moves = turns * (2 * TURNS) // ANGLE_STEPS, np.clip(scales * 2 // SIZE_STEPS + SCALES, 0, 2 * SCALES - 1)

    coarse = moves[0] // 4 * (SCALES // 2) + moves[1] // 4
    most = _most(images, coarse, counted, inverted.pictures, TURNS // 2 * SCALES // 2)
    chosen = np.argsort(-most, kind="stable")[:WEIGHED]
    slots = np.full(inverted.pictures, -1, np.intp)
    slots[chosen] = np.arange(len(chosen))
    kept = slots[images] >= 0
    images, counted, (turn, scale) = slots[images[kept]], counted[kept], (move[kept] for move in moves)
    found = np.zeros(inverted.pictures, np.int64)
    for more_turn in (0, 1):
        for more_scale in (0, 1):
            fine = (turn + more_turn) // 2 % TURNS * SCALES + np.minimum((scale + more_scale) // 2, SCALES - 1)
            found[chosen] = np.maximum(found[chosen], _most(images, fine, counted, len(chosen), TURNS * SCALES))
    return found


def _most(images: Numbers, bins: Numbers, counted: NDArray[np.int64], pictures: int, size: int) -> NDArray[np.int64]:
    """The votes in the fullest bin of each picture. `size`: the number of bins."""
    cells = np.bincount(images * size + bins, counted, pictures * size)
    return np.asarray(cells.reshape(pictures, size).max(axis=1), np.int64)


def _matching(query: Features, inverted: Inverted) -> tuple[Numbers, Numbers, NDArray[np.uint8]]:
    """Features of the query, stored features with the same word and nearly the same signature, and the bits that
    differ.
    """
    words = query["words"].ravel()
    feature = np.repeat(np.arange(len(query)), query["words"].shape[1])
    starts = inverted.starts.astype(np.intp)
    first, count = starts[words], starts[words + 1] - starts[words]
    posting = np.repeat(first - np.concatenate([[0], np.cumsum(count)[:-1]]), count)
    posting += np.arange(len(posting))
    bits = np.bitwise_count(inverted.signatures[posting] ^ np.repeat(query["signature"][feature], count))
    near = np.flatnonzero(bits <= MOST_BITS)
    return np.repeat(feature, count)[near], posting[near], bits[near]


_NEARNESS = np.exp(-((np.arange(65) / SPREAD) ** 2))
