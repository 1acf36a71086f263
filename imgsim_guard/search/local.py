"""Search by local features: which stored pictures share many features with a query, in one rotation and one scale.

An inverted file has the pictures of each word. A stored feature votes for its picture if it has one of the nearest
words of a query's feature, and nearly the same signature. A vote weighs more if the word is rare and the signature is
near (Jégou, Douze and Schmid 2008). The pictures with most votes for one rotation and one scale are chosen. The result
for each is the largest sum of votes that agree on a place as well (Philbin et al., Object retrieval with large
vocabularies and fast spatial matching, 2007).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from imgsim_guard.search.words import ANGLE_STEPS, POINT_STEPS, SIZE_STEPS, mirrored, vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imgsim_guard.search.words import Features

    Numbers = NDArray[np.intp]
    Places = NDArray[np.complex128]

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

PLACED = 24
"""Pictures of an inverted file whose votes have to agree on a place: those with the most in one turn and scale."""

MOST_PLACED = 60
"""Votes of such a picture that are weighed, the best of them; each proposes where the query lies in it."""

NEAR, NEAR_FAR_OFF = 12.0, 0.2
"""Pixels by which a vote may miss its place, and the part of its distance from the vote that proposes: aspect changes
and perspective move what is far off.
"""

NEAR_TURN, NEAR_SCALE = ANGLE_STEPS // 12, SIZE_STEPS * 3 // 4
"""Turns and scales that are the same: within 30 degrees and three quarters of an octave."""

USUAL_PICTURES = 30
"""The training set of the vocabulary counts as so many pictures when the rarity of a word in a gallery is estimated."""


class Inverted(NamedTuple):
    """The features of n pictures, ordered by word: those of word w are from `starts[w]` to `starts[w + 1]`.

    `starts` uint32 [4097]; `images` uint16 [f], below n; `signatures` uint64 [f]; `angles` and `sizes` uint8 [f];
    `points` uint16 [f, 2], the places as in `search.words.FEATURE`.
    """

    pictures: int
    starts: NDArray[np.uint32]
    images: NDArray[np.uint16]
    signatures: NDArray[np.uint64]
    angles: NDArray[np.uint8]
    sizes: NDArray[np.uint8]
    points: NDArray[np.uint16]


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
    places = _places(features["x"], features["y"])
    for query, placed in ((features, places), (mirrored(features), -places.conj())):
        if len(query):
            np.maximum(best, _votes(query, placed, inverted, rows, weights), out=best)
    own = best[rows]
    order = np.lexsort((rows, -own))[:k]
    return [(int(rows[at]), int(own[at])) for at in order if own[at] >= LEAST_VOTES]


def _places(x: NDArray[np.uint16], y: NDArray[np.uint16]) -> Places:
    """Pixels as complex numbers: a turn and a scale are one factor then."""
    return np.asarray((x + 1j * y) / POINT_STEPS)


class _Votes(NamedTuple):
    """Votes of features of a query for pictures: `counted` for each, the feature, the stored feature, the picture, the
    turn in ANGLE_STEPS and the scale in SIZE_STEPS.
    """

    counted: Numbers
    feature: Numbers
    posting: Numbers
    images: Numbers
    turns: Numbers
    scales: Numbers

    def kept(self, which: NDArray[Any]) -> _Votes:
        return _Votes(*(part[which] for part in self))


def _votes(query: Features, places: Places, inverted: Inverted, rows: Numbers, weights: NDArray[np.float64]) -> Numbers:
    """The votes for each picture in one turn, scale and place; 0 for those that have few."""
    cast = _cast(query, inverted, rows, weights)
    moves = cast.turns * (2 * TURNS) // ANGLE_STEPS, np.clip(cast.scales * 2 // SIZE_STEPS + SCALES, 0, 2 * SCALES - 1)
    coarse = moves[0] // 4 * (SCALES // 2) + moves[1] // 4
    most = _most(cast.images, coarse, cast.counted, inverted.pictures, TURNS // 2 * SCALES // 2)
    chosen = np.argsort(-most, kind="stable")[:WEIGHED]
    slots = np.full(inverted.pictures, -1, np.intp)
    slots[chosen] = np.arange(len(chosen))
    kept = slots[cast.images] >= 0
    cast, turn, scale = cast.kept(kept), moves[0][kept], moves[1][kept]
    cast = cast._replace(images=slots[cast.images])
    moved = np.zeros(len(chosen), np.int64)
    for more_turn in (0, 1):
        for more_scale in (0, 1):
            fine = (turn + more_turn) // 2 % TURNS * SCALES + np.minimum((scale + more_scale) // 2, SCALES - 1)
            np.maximum(moved, _most(cast.images, fine, cast.counted, len(chosen), TURNS * SCALES), out=moved)
    placed = np.argsort(-moved, kind="stable")[:PLACED]
    placed = placed[moved[placed] >= LEAST_VOTES]
    found = np.zeros(inverted.pictures, np.int64)
    found[chosen[placed]] = _placed(cast, placed, places, inverted)
    return found


def _cast(query: Features, inverted: Inverted, rows: Numbers, weights: NDArray[np.float64]) -> _Votes:
    """All votes for the pictures in these rows."""
    feature, posting, bits = _matching(query, inverted)
    wanted = np.zeros(inverted.pictures, np.bool_)
    wanted[rows] = True
    images = np.minimum(inverted.images[posting], inverted.pictures - 1).astype(np.intp)
    kept = wanted[images]
    feature, posting, bits, images = feature[kept], posting[kept], bits[kept], images[kept]
    words = np.searchsorted(inverted.starts, posting, side="right") - 1
    counted = np.rint(_NEARNESS[bits] * weights[words] ** 2 * UNIT).astype(np.int64)
    turns = (inverted.angles[posting].astype(np.intp) - query["angle"][feature]) % ANGLE_STEPS
    scales = inverted.sizes[posting].astype(np.intp) - query["size"][feature]
    return _Votes(counted, feature, posting, images, turns, scales)


def _placed(cast: _Votes, slots: Numbers, places: Places, inverted: Inverted) -> Numbers:
    """For the pictures in these slots [n], the most votes that agree on a turn, a scale and a place. Each feature, and
    each place in the picture, has one.
    """
    if not len(slots):
        return np.zeros(0, np.intp)
    own, others = places[cast.feature], _places(*inverted.points[cast.posting].T)
    order = np.argsort(-cast.counted, kind="stable")
    once = np.intersect1d(_first_of(cast.images[order], own[order]), _first_of(cast.images[order], others[order]))
    best = order[once]
    best = best[np.argsort(cast.images[best], kind="stable")]
    start, end = (np.searchsorted(cast.images[best], slots, side=side) for side in ("left", "right"))
    size = int(np.minimum(end - start, MOST_PLACED).max())
    number = start[:, None] + np.arange(size)
    table = best[np.minimum(number, len(best) - 1)]
    counted = np.where(number < end[:, None], cast.counted[table], 0)
    own, others, turns, scales = own[table], others[table], cast.turns[table], cast.scales[table]
    factors = np.exp(scales * (np.log(2) / SIZE_STEPS) + 1j * turns * (2 * np.pi / ANGLE_STEPS))
    apart = _differences(others)
    missed = np.abs(factors[:, :, None] * _differences(own) - apart) < NEAR + NEAR_FAR_OFF * np.abs(apart)
    half = ANGLE_STEPS // 2
    turned = np.abs((_differences(turns) + half) % ANGLE_STEPS - half) <= NEAR_TURN
    scaled = np.abs(_differences(scales)) <= NEAR_SCALE
    agree = missed & turned & scaled & (counted[:, :, None] > 0)
    return np.asarray((agree * counted[:, None, :]).sum(axis=2).max(axis=1), np.intp)


def _differences(values: NDArray[Any]) -> NDArray[Any]:
    """[n, m, m] of the later ones in [n, m] from the earlier ones."""
    return np.asarray(values[:, None, :] - values[:, :, None])


def _first_of(images: Numbers, places: Places) -> Numbers:
    """Where each place of each picture comes first."""
    pixels = np.rint(np.abs(places.real)) * 512 + np.rint(places.imag)
    return np.unique(images * 2**20 + pixels.astype(np.intp), return_index=True)[1]


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
