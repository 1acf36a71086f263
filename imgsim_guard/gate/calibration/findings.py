"""The result of `calibrate`: each image's nearest neighbour, and the images that a threshold would have blocked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from imgsim_guard.gate.calibration.rates import images_needed, largest_threshold, upper_bound
from imgsim_guard.model import allowed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imgsim_guard.model import Share

Sort = Literal["copy", "look-alike", "undecided", "unverified"]
"""The outcome of verification: confirmed, refuted, undecided; `unverified` if the pair was not verified."""

SORTS: tuple[Sort, ...] = ("copy", "look-alike", "undecided", "unverified")

THRESHOLDS = tuple(float(threshold) for threshold in range(2, 21, 2))
"""Thresholds that are tried. From 20 on, photographs without anything in common are each other's nearest neighbours."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An image by path, its split, and the image nearest to it. `distance` is rounded to four decimals."""

    image: str
    split: str
    nearest: str
    distance: float
    sort: Sort = "unverified"


@dataclass(frozen=True, slots=True)
class Blocked:
    """The images whose nearest neighbour is within a threshold, by sort, as if each had been the new one.

    `confirmed`: the copies that verification finds with this threshold, including those beyond it but within reach.
    """

    threshold: float
    images: int
    confirmed: int
    copies: int
    look_alikes: int
    undecided: int
    unverified: int

    @property
    def within(self) -> int:
        """How many are within the threshold."""
        return self.copies + self.look_alikes + self.undecided + self.unverified

    def blocked(self, *, verifying: bool) -> int:
        """How many would be blocked. With verification, look-alikes pass, and the distance decides undecided pairs."""
        return self.confirmed + self.undecided + self.unverified if verifying else self.within

    def false(self, *, verifying: bool) -> int:
        """The blocked images whose nearest neighbour is not known to be a copy."""
        return self.undecided + self.unverified if verifying else self.within - self.copies

    def at_most(self, *, verifying: bool) -> float:
        """The upper bound of the rate (0 to 1) of false blocks, with 95 % confidence.

        It assumes independent images. Two that are each other's nearest neighbour are not, so the bound is a little
        low.
        """
        return upper_bound(self.false(verifying=verifying), self.images) if self.images else 1.0


@dataclass(frozen=True)
class Calibration:
    """The nearest neighbours in a dataset, sorted by path, and what follows from them for a rate of false blocks.

    `today`: the current threshold; `reach`: the distance within which the check compares pixels, if it is `verifying`.
    Not among the neighbours are `exact` images with the same bytes or pixels as another, `missing` ones without an
    embedding, and `unreadable` ones. `pairs` of nearest neighbours are near enough to verify; of these, `looked_at`
    were verified, `not_at_hand` have pixels that are not on this machine, and of the rest, which were too many,
    `near_left` are within today's threshold.
    """

    neighbours: tuple[Neighbour, ...]
    rate: Share
    today: float
    reach: float
    verifying: bool
    exact: int = 0
    missing: int = 0
    unreadable: int = 0
    pairs: int = 0
    looked_at: int = 0
    not_at_hand: int = 0
    near_left: int = 0
    notes: tuple[str, ...] = ()

    @property
    def images_needed(self) -> int:
        """The fewest images that can show the wanted rate."""
        return images_needed(self.rate.percent / 100)

    @property
    def too_small(self) -> bool:
        """Whether there are too few images to tell."""
        return len(self.neighbours) < self.images_needed

    @property
    def highest(self) -> float:
        """The largest threshold that is considered."""
        return highest(self.today)

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits with images."""
        return tuple(sorted({neighbour.split for neighbour in self.neighbours} - {""}))

    def of(self, split: str) -> tuple[Neighbour, ...]:
        """The neighbours of the images of a split; the other images may be in any split."""
        return tuple(neighbour for neighbour in self.neighbours if neighbour.split == split)

    def limit(self, *, verifying: bool) -> float | None:
        """The largest threshold, up to `highest`, at which at most the wanted share of the images would be blocked
        although their nearest neighbour is not known to be a copy. None if 0 is too large already.

        Without verification these are all images within the threshold; with it, only those whose pair is decided by the
        distance.
        """
        sorts = {"undecided", "unverified"} if verifying else {"undecided", "unverified", "look-alike"}
        ordered = sorted(
            neighbour.distance
            for neighbour in self.neighbours
            if neighbour.sort in sorts and neighbour.distance <= self.highest
        )
        return largest_threshold(ordered, allowed(self.rate, len(self.neighbours)), highest=self.highest)

    @cached_property
    def suggested(self) -> float | None:
        """The threshold to set: the limit for this check. None if there is none, or if too little is known.

        If pixels decide, a threshold above today's finds no further copies, but blocks different images on machines
        without the pixels. So it is only raised for pairs that stay undecided.
        """
        limit = self.limit(verifying=self.verifying)
        if limit is None or self.unsure:
            return None
        if self.verifying and limit > self.today and (limit == self.highest or not self._undecided_up_to(limit)):
            return self.today
        return limit

    def _undecided_up_to(self, limit: float) -> bool:
        """Whether there are undecided pairs above today's threshold."""
        return self.blocked_at(limit).undecided > self.blocked_at(self.today).undecided

    @property
    def unsure(self) -> bool:
        """Whether today's threshold may seem too high only because many pairs within it were not verified."""
        limit = self.limit(verifying=self.verifying)
        return self.verifying and bool(self.near_left) and (limit is None or limit < self.today)

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The thresholds to show: the tried ones, today's, and the suggested one."""
        named = {self.today} if self.suggested is None else {self.today, self.suggested}
        return tuple(sorted({*THRESHOLDS, *named}))

    def blocked_at(self, threshold: float, split: str | None = None) -> Blocked:
        """What this threshold would have blocked, of all images or of those in a split."""
        return blocked_at(threshold, self.neighbours if split is None else self.of(split), reach=self.reach)


def highest(today: float) -> float:
    """The largest threshold that is considered, given today's."""
    return max(*THRESHOLDS, today)


def blocked_at(threshold: float, neighbours: Iterable[Neighbour], *, reach: float) -> Blocked:
    """What a threshold would have blocked of these images."""
    counts, images, confirmed = dict.fromkeys(SORTS, 0), 0, 0
    for neighbour in neighbours:
        images += 1
        counts[neighbour.sort] += neighbour.distance <= threshold
        confirmed += neighbour.sort == "copy" and neighbour.distance <= max(threshold, reach)
    return Blocked(threshold, images, confirmed, *(counts[sort] for sort in SORTS))
