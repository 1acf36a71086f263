"""What the program talks about: images, matches and the result of a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["exact-duplicate", "near-duplicate", "look-alike"]
Outcome = Literal["confirmed", "refuted", "undecided", "skipped"]
"""`skipped`: the pixels of one of the two are not at hand."""

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
class Transform:
    """How the query was made: the gallery image mirrored first, then rotated, scaled, and cropped or framed.

    `rotation` is in degrees clockwise, -180 to 180; `scale` in query pixels for one gallery pixel; `squeeze` the
    longest over the shortest stretch, 1 if the aspect was kept; `covered` the part of the gallery image's area that
    the query shows; `shown` the part of the query's area that the gallery image fills; `matrix` (2, 3), row by row,
    takes query pixels to gallery pixels.
    """

    mirrored: bool
    rotation: float
    scale: float
    squeeze: float
    covered: float
    shown: float
    matrix: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What verification found out about a pair.

    `matching_points` are local features that agree with the alignment; `agreement` the part, of the windows that show
    something in both, that shows the same; `transform` is None unless the pictures could be laid over each other;
    `reason` says in plain English how the query was made, or why it is no copy; `blank`: both images show next to
    nothing, so that there is nothing to compare.
    """

    outcome: Outcome
    matching_points: int
    agreement: float
    covered: float
    transform: Transform | None
    reason: str
    blank: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """How far retrieval goes: every pair within `threshold`, and for each query up to `candidates` more within `reach`,
    which only verification can make matches. With 0 candidates nothing is verified: the bare distance decides.
    """

    threshold: float = 10.0
    reach: float = 26.0
    candidates: int = 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair that retrieval found. `near`: within the threshold, so that nothing but a thorough look can refute it.
    `likely`: it is worth a thorough look for another reason.
    """

    query: Image
    gallery: Image
    distance: float
    near: bool
    likely: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """A pair that is reported. `distance` is AugNet's, rounded to four decimals; 0 for the same bytes or pixels."""

    kind: Kind
    query: Image
    gallery: Image
    distance: float
    evidence: Evidence | None = None

    @property
    def blocking(self) -> bool:
        """Whether it counts against a limit: a look-alike never does."""
        return self.kind != "look-alike"


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
    rule: Rule
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
