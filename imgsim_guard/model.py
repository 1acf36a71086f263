"""What the program talks about: images, matches and the result of a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["exact-duplicate", "near-duplicate"]
Scope = Literal["staged", "revisions", "all", "folders"]
"""Where the queries come from: the index, between two revisions, everything tracked, or folders."""


@dataclass(frozen=True, slots=True, order=True)
class Image:
    """A path and the content id of the bytes there.

    The content id is the tracker's own digest of the bytes with its name before it: `git:`, `md5:` (DVC) or
    `sha256:` (git LFS, and files in folders), then lower-case hex.
    """

    path: str
    content: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why an image has no pixels. `absent`: its bytes are not on this machine, so it was not checked at all."""

    reason: str
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Which images are new (queries) and which the dataset already holds (gallery), each sorted by path.

    `mutual`: whether queries are also compared with one another. `unreadable`: queries, by path, that were found to be
    so before anything was decoded. `lost`: what the state held before and holds no more. `revision`: the commit that
    holds the queries; None for the index, and for folders.
    """

    scope: Scope
    queries: tuple[Image, ...]
    gallery: tuple[Image, ...]
    mutual: bool = True
    unreadable: tuple[tuple[str, Unreadable], ...] = ()
    notes: tuple[str, ...] = ()
    lost: tuple[Image, ...] = ()
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """A pair that counts. `distance` is AugNet's, rounded to four decimals; 0 for the same bytes or pixels."""

    kind: Kind
    query: Image
    gallery: Image
    distance: float


@dataclass(frozen=True, slots=True)
class Limits:
    """How many queries of each kind are allowed before the check fails."""

    near_duplicates: int = 0
    exact_duplicates: int = 0
    unreadable_fails: bool = True
    unchecked_fails: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """What a check found. `gallery` counts the images that each query was compared with, other queries included.

    `in_dvc`: the paths of the queries that DVC tracks, sorted.
    """

    scope: Scope
    threshold: float
    limits: Limits
    queries: int
    gallery: int
    matches: tuple[Match, ...]
    unreadable: tuple[tuple[str, Unreadable], ...] = ()
    notes: tuple[str, ...] = ()
    in_dvc: tuple[str, ...] = ()

    @property
    def unchecked(self) -> tuple[tuple[str, Unreadable], ...]:
        """Those of the unreadable whose bytes, or whose list of files, are not on this machine."""
        return tuple((path, why) for path, why in self.unreadable if why.absent)

    @property
    def undecodable(self) -> tuple[tuple[str, Unreadable], ...]:
        """Those of the unreadable that are no images."""
        return tuple((path, why) for path, why in self.unreadable if not why.absent)

    def count(self, kind: Kind) -> int:
        """How many queries have a match of this kind."""
        return len({match.query for match in self.matches if match.kind == kind})

    @property
    def failed(self) -> bool:
        """Whether what was found exceeds the limits."""
        return (
            self.count("near-duplicate") > self.limits.near_duplicates
            or self.count("exact-duplicate") > self.limits.exact_duplicates
            or (bool(self.undecodable) and self.limits.unreadable_fails)
            or (bool(self.unchecked) and self.limits.unchecked_fails)
        )
