"""The program's vocabulary: images, matches, the result of a check, and the error that ends a run."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pandas import DataFrame

Kind = Literal["exact-duplicate", "near-duplicate", "look-alike"]
Action = Literal["fail", "warn", "ignore"]

Retrieve = Literal["all", "hashes"]
"""What finds the pairs that are compared: AugNet, hashes and local features, or the last two alone."""

Keep = Literal["best", "largest", "oldest", "first", "least-compressed"]
"""Which of several copies stays."""

Outcome = Literal["confirmed", "refuted", "undecided", "skipped"]

Relation = Literal["copy", "overlapping view", "same scene"]
"""How confirmed images belong together: one was made from the other; each shows a part of a scene that the other lacks;
or much is alike in every detail, but not exactly in its place, as in frames of a moving camera."""
"""`skipped`: the pixels of one of the two are not at hand."""

Scope = Literal["staged", "revisions", "named", "all", "folders"]
"""Where the queries come from: the index, between two revisions, files named, everything tracked, or folders."""


Tracker = Literal["git", "md5", "sha256"]
"""What a content id begins with: git's own digest, DVC's, and that of git LFS and of files in folders."""

ContentId: TypeAlias = str
"""The tracker's own digest of the bytes, in lower-case hex, with the tracker's name before it: `md5:5d41402a...`.

Text, not an object of its own: a dataset has a million of them, as keys of dictionaries.
"""


def content_id(tracker: Tracker, digest: str) -> ContentId:
    """The content id of the bytes that a tracker knows by this digest, in hex."""
    return f"{tracker}:{digest}"


def tracker_of(content: ContentId) -> Tracker:
    """Whose digest a content id is."""
    return cast("Tracker", content.partition(":")[0])


def digest_of(content: ContentId) -> str:
    """The digest in a content id, in hex."""
    return content.partition(":")[2]


class Image(NamedTuple):
    """A path and the content id of the bytes there."""

    path: str
    content: ContentId


class GuardError(Exception):
    """The run cannot go on. The text is complete: what happened, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why an image has no pixels. `absent`: its bytes are not on this machine, so it was not checked at all. `passing`:
    the machine is at fault, not the bytes, so that it is worth asking again.
    """

    reason: str
    absent: bool = False
    passing: bool = False


class Pointer(NamedTuple):
    """What DVC tracks an image by: the pointer's path, that of the file or folder which it stands for, and the DVC
    project that both are in, relative to the root.
    """

    file: str
    output: str
    project: str = ""


class Made(NamedTuple):
    """An output of a stage of a DVC pipeline: its path, the stage, and whether that makes it from images of the dataset
    (`derived`).
    """

    path: str
    stage: str
    derived: bool


@dataclass(frozen=True, slots=True)
class Selection:
    """Which images are new (queries) and which the dataset already holds (gallery), each sorted by path.

    `mutual`: whether queries are also compared with one another. `unreadable`: queries, by path, that were found to be
    so before anything was decoded. `lost`: what the state held before and holds no more. `revision`: the commit that
    holds the queries; None for the index, and for folders. `unlisted`: how many more images the gallery has, where they
    are only counted, since there is no query to compare them with. `made`: what the pipelines of the state make.
    `pointers`: of new images that DVC tracks. `relocated`: folders, by path, that moved and could not be looked
    into: where there are splits, they are unreadable.
    `links`: further names of the images' files, each with the name under which it is an image.
    """

    scope: Scope
    queries: tuple[Image, ...]
    gallery: tuple[Image, ...]
    mutual: bool = True
    unreadable: tuple[tuple[str, Unreadable], ...] = ()
    notes: tuple[str, ...] = ()
    lost: tuple[Image, ...] = ()
    revision: str | None = None
    unlisted: int = 0
    made: tuple[Made, ...] = ()
    relocated: tuple[tuple[str, Unreadable], ...] = ()
    pointers: Mapping[str, Pointer] = field(default_factory=dict)
    links: tuple[tuple[str, str], ...] = ()


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
    nothing, so that there is nothing to compare; `relation`: how confirmed images belong together, else None.
    """

    outcome: Outcome
    matching_points: int
    agreement: float
    covered: float
    transform: Transform | None
    reason: str
    blank: bool = False
    relation: Relation | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """A limit that grows with what is judged: so many percent of the queries, rounded down."""

    percent: float

    def __str__(self) -> str:
        """As in the configuration."""
        return f"{self.percent:g}%"


SHARE = r"(\d{1,2}(?:\.\d{1,6})?|100(?:\.0{1,6})?) ?%"


def share_of(text: str) -> Share | None:
    """The share that a text such as 2% or 0.5 % tells; None if it is none."""
    found = re.fullmatch(SHARE, text)
    return None if found is None else Share(float(found[1]))


Limit = int | Share


@dataclass(frozen=True, slots=True)
class Rule:
    """What a match means. `between`: the names of the two splits it is for, the same twice for pairs within one; None
    for whatever no other rule is for. `limit`: how many queries may have such a match; None where the kind's decides.
    """

    between: tuple[str, str] | None = None
    threshold: float = 10.0
    on_match: Action = "fail"
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far retrieval goes: every pair within `threshold`, and for each query up to `candidates` more within `reach`,
    which only verification can make matches. Without `verify` no pixels are looked at: the distance alone decides.
    Where `retrieve` is hashes, there are no distances, and verification alone decides.
    """

    threshold: float = 10.0
    reach: float = 26.0
    candidates: int = 20
    verify: bool = True
    retrieve: Retrieve = "all"


UNMEASURED = math.inf
"""Instead of a distance, of images without an embedding: within no threshold."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair that retrieval found. `near`: within the threshold, so that nothing but a thorough look can refute it.
    `likely`: it is worth a thorough look for another reason. `among`: both images are queries.
    """

    query: Image
    gallery: Image
    distance: float
    near: bool
    likely: bool = False
    rule: Rule = Rule()
    splits: tuple[str, str] = ("", "")
    among: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """A pair that is reported. `distance` is AugNet's, rounded to four decimals; 0 for the same bytes or pixels,
    UNMEASURED where AugNet was left out.

    `splits`, `labels`: the names of the query's and the gallery image's split, and their labels (classes); empty for
    none. `accepted`: the reason that a person gave for allowing the pair.
    """

    kind: Kind
    query: Image
    gallery: Image
    distance: float
    evidence: Evidence | None = None
    rule: Rule = Rule()
    splits: tuple[str, str] = ("", "")
    accepted: str | None = None
    labels: tuple[str, str] = ("", "")

    @property
    def measured(self) -> bool:
        """Whether AugNet's distance is known."""
        return self.distance < UNMEASURED

    @property
    def blocking(self) -> bool:
        """Whether it counts against a limit: a look-alike and an accepted pair never do."""
        return self.counts and self.rule.on_match == "fail"

    @property
    def counts(self) -> bool:
        """Whether it is a duplicate that nobody accepted."""
        return self.kind != "look-alike" and self.accepted is None

    @property
    def leakage(self) -> bool:
        """Whether it is a duplicate in two different splits."""
        return self.kind != "look-alike" and all(self.splits) and self.splits[0] != self.splits[1]

    @property
    def label_conflict(self) -> bool:
        """Whether it is a duplicate under two different labels."""
        return self.kind != "look-alike" and all(self.labels) and self.labels[0] != self.labels[1]


Role = Literal["keep", "copy", "leakage", "label-conflict", "left"]
"""What `clean` does with an image of a group: it stays; it moves, as a copy of the one that stays; it stays, since it
is in another split, has another label, or for the reason that is given.
"""


@dataclass(frozen=True, slots=True)
class Member:
    """An image of a group. `of`: the image that stays instead of it, or beside which it stays; `match`: how the two are
    related. Both are None for the image that is kept.

    `why`: why it is kept or left, or how the copy was made. `width`, `height` in pixels and `size` in bytes are 0
    where nobody could look.
    """

    image: Image
    role: Role
    why: str = ""
    of: Image | None = None
    match: Match | None = None
    split: str = ""
    label: str = ""
    width: int = 0
    height: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """Images that belong together: the one that is kept, its copies, and others that match one that stays."""

    members: tuple[Member, ...]

    @property
    def kept(self) -> Member:
        """The image that stays for the others."""
        return self.members[0]

    @property
    def copies(self) -> tuple[Member, ...]:
        """The images that a clean-up moves away."""
        return tuple(member for member in self.members if member.role == "copy")


class Row(NamedTuple):
    """An image of a group as a row of a table; fields as in `Member`, `group` counts from 1."""

    group: int
    role: Role
    image: str
    kept: str
    reason: str
    distance: float | None
    split: str
    label: str
    width: int
    height: int
    bytes: int


MOST_ROWS = 200
"""That a notebook shows of a result."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many queries of each kind are allowed before the check fails; and how many images of the dataset may be
    without an embedding, of which a share is one of the dataset: None for any number.
    """

    near_duplicates: Limit = 0
    exact_duplicates: Limit = 0
    unreadable_fails: bool = True
    unchecked_fails: bool = True
    uncompared: Limit | None = None
    label_conflicts_fail: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """What a check found. `gallery` counts the images that each query was compared with, other queries included.

    `in_dvc`: the paths of the queries that DVC tracks, sorted. `nearest`: if it was asked for, by path, the distance of
    each query to the image nearest to it. `not_looked_at`: by path, how many more candidates a query has, which were
    not looked at, since it was confirmed as a copy of others. `made` and `pointers`: as in the selection.
    `replaced`: the paths of queries where something else was before. `uncompared`: how many images of the dataset have
    no embedding, so that nothing was compared with them; `gallery` is without them.
    `groups`: the copies by the image to keep, once somebody has looked at them (`gate.grouping`).
    """

    scope: Scope
    bounds: Bounds
    limits: Limits
    queries: int
    gallery: int
    matches: tuple[Match, ...]
    unreadable: tuple[tuple[str, Unreadable], ...] = ()
    notes: tuple[str, ...] = ()
    in_dvc: tuple[str, ...] = ()
    nearest: tuple[tuple[str, float], ...] = ()
    not_looked_at: tuple[tuple[str, int], ...] = ()
    made: tuple[Made, ...] = ()
    pointers: Mapping[str, Pointer] = field(default_factory=dict)
    replaced: frozenset[str] = frozenset()
    uncompared: int = 0
    groups: tuple[Group, ...] = ()

    @property
    def rows(self) -> tuple[Row, ...]:
        """The images of all groups as a table."""
        return tuple(
            Row(
                number,
                member.role,
                member.image.path,
                "" if member.of is None else member.of.path,
                member.why,
                None if member.match is None or not member.match.measured else member.match.distance,
                member.split,
                member.label,
                member.width,
                member.height,
                member.size,
            )
            for number, group in enumerate(self.groups, start=1)
            for member in group.members
        )

    def to_pandas(self) -> DataFrame:
        """The same as a data frame of pandas, which has to be installed; columns as in `Row`."""
        try:
            import pandas as pd
        except ImportError as error:
            raise GuardError("to_pandas needs pandas: pip install pandas; rows has the same as tuples") from error
        return pd.DataFrame.from_records(self.rows, columns=Row._fields)

    def _repr_html_(self) -> str:
        """The groups as a table, as a notebook shows it; `html_report` has the pictures."""
        head = "".join(f"<th>{name}</th>" for name in Row._fields)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(str(cell if cell is not None else str()))}</td>' for cell in row)}</tr>"
            for row in self.rows[:MOST_ROWS]
        )
        more = f"<p>{len(self.rows) - MOST_ROWS:,} more rows</p>" if len(self.rows) > MOST_ROWS else ""
        copies = sum(row.role == "copy" for row in self.rows)
        said = f"<p>{copies:,} copies in {len(self.groups):,} groups among {self.queries:,} images</p>"
        return f"{said}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"

    @property
    def unchecked(self) -> tuple[tuple[str, Unreadable], ...]:
        """Those of the unreadable whose bytes, or whose list of files, are not on this machine."""
        return tuple((path, why) for path, why in self.unreadable if why.absent)

    @property
    def undecodable(self) -> tuple[tuple[str, Unreadable], ...]:
        """Those of the unreadable that are no images."""
        return tuple((path, why) for path, why in self.unreadable if not why.absent)

    def count(self, kind: Kind) -> int:
        """How many queries have a match of this kind that nobody accepted and no rule ignores."""
        counted = (match for match in self.matches if match.kind == kind and match.accepted is None)
        return len({match.query for match in counted if kind == "look-alike" or match.rule.on_match != "ignore"})

    @property
    def exceeded(self) -> tuple[tuple[str, int, Limit], ...]:
        """What was found more of than its limit allows: its name, how many queries, and the limit."""
        blocking = [match for match in self.matches if match.blocking]
        own = [match for match in blocking if match.rule.limit is None]
        groups: list[tuple[str, list[Match], Limit]] = [
            (
                "near-duplicates",
                [match for match in own if match.kind == "near-duplicate"],
                self.limits.near_duplicates,
            ),
            (
                "exact duplicates",
                [match for match in own if match.kind == "exact-duplicate"],
                self.limits.exact_duplicates,
            ),
        ]
        groups += [
            (" - ".join(rule.between or ()), [match for match in blocking if match.rule == rule], rule.limit)
            for rule in dict.fromkeys(match.rule for match in blocking)
            if rule.limit is not None
        ]
        if self.limits.label_conflicts_fail:
            conflicts = [match for match in self.matches if match.label_conflict and match.counts]
            groups.append(("label conflicts", conflicts, 0))
        counted = [(name, len({match.query for match in matches}), limit) for name, matches, limit in groups]
        return tuple((name, count, limit) for name, count, limit in counted if count > allowed(limit, self.queries))

    @property
    def failed(self) -> bool:
        """Whether what was found exceeds the limits."""
        return (
            bool(self.exceeded)
            or (bool(self.undecodable) and self.limits.unreadable_fails)
            or (bool(self.unchecked) and self.limits.unchecked_fails)
            or self.too_many_uncompared
        )

    @property
    def too_many_uncompared(self) -> bool:
        """Whether more images of the dataset have no embedding than the limit allows."""
        limit = self.limits.uncompared
        return limit is not None and self.uncompared > allowed(limit, self.gallery + self.uncompared)


def allowed(limit: Limit, queries: int) -> int:
    """How many of so many queries the limit allows."""
    if isinstance(limit, Share):
        return math.floor(round(limit.percent * queries / 100, 6))  # 0.57 % of 10,000 are 57, not 56.999...
    return limit
