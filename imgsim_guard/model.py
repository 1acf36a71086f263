"""The types that all packages share: images, matches, the result of a check, and the error that ends a run."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pandas import DataFrame

Kind = Literal["exact-duplicate", "near-duplicate", "look-alike"]
Action = Literal["fail", "warn", "ignore"]

Retrieve = Literal["all", "hashes"]
"""How candidates are found: by AugNet, hashes and local features, or without AugNet."""

Keep = Literal["best", "largest", "oldest", "first", "least-compressed"]
"""Which of several copies is kept."""

Outcome = Literal["confirmed", "refuted", "undecided", "skipped"]
"""`skipped`: the pixels of one of the two cannot be read on this machine."""

Relation = Literal["copy", "overlapping view", "same scene"]
"""How confirmed images belong together: one was made from the other; each shows a part of a scene that the other lacks;
or many details are the same, but not exactly in the same places, as in frames of a moving camera.
"""

Scope = Literal["staged", "revisions", "named", "all", "folders"]
"""Where the queries come from: the index, the changes between two revisions, named files, everything tracked, or
folders.
"""


Tracker = Literal["git", "md5", "sha256"]
"""The prefix of a content id: git's digest, DVC's, and that of git LFS and of files in folders."""

ContentId: TypeAlias = str
"""The tracker's digest of the bytes, in lower-case hex, after the tracker's name: `md5:5d41402a...`.

It is a string and not a class, since a dataset has a million of them, as keys of dictionaries.
"""


def content_id(tracker: Tracker, digest: str) -> ContentId:
    """The content id of bytes whose digest by this tracker, in hex, is known."""
    return f"{tracker}:{digest}"


def tracker_of(content: ContentId) -> Tracker:
    """The tracker of a content id."""
    return cast("Tracker", content.partition(":")[0])


def digest_of(content: ContentId) -> str:
    """The digest in a content id, in hex."""
    return content.partition(":")[2]


class Image(NamedTuple):
    """A path and the content id of the bytes there."""

    path: str
    content: ContentId


class GuardError(Exception):
    """The run cannot continue. The text is complete: what happened, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why an image has no pixels. `absent`: its bytes are not on this machine, so it was not checked. `passing`: the
    cause is the machine, not the bytes, so the next run tries again.
    """

    reason: str
    absent: bool = False
    passing: bool = False


class Pointer(NamedTuple):
    """How DVC tracks an image: the path of the pointer, the path of the file or folder that it stands for, and the DVC
    project of both, relative to the root.
    """

    file: str
    output: str
    project: str = ""


class Made(NamedTuple):
    """An output of a stage of a DVC pipeline: its path, the stage, and whether the stage makes it from images of the
    dataset (`derived`).
    """

    path: str
    stage: str
    derived: bool


@dataclass(frozen=True, slots=True)
class Selection:
    """The new images (queries) and the images that are already in the dataset (gallery), each sorted by path.

    `mutual`: whether queries are also compared with each other. `unreadable`: queries, by path, that cannot be read
    even before decoding. `lost`: images of the state before that the new state lacks. `revision`: the commit of the
    queries; None for the index and for folders. `unlisted`: how many further images the gallery has; they are only
    counted if there is no query. `made`: the outputs of the pipelines. `pointers`: of new images that DVC tracks.
    `relocated`: folders, by path, that moved and whose images could not be listed; if there are splits, they are
    unreadable. `links`: further names of the images' files, each with the path of the image. `not_listed`: how many
    images of the dataset could not be listed, as far as that is known. `base`: the commit that the queries are new to;
    None if everything is new. `entering`: the paths of queries that are only new to their split, their label or the
    dataset (`joining`), because the configuration changed; then `cell_before` gives what `Policy.cell` was before.
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
    not_listed: int = 0
    base: str | None = None
    entering: frozenset[str] = frozenset()
    joining: frozenset[str] = frozenset()
    cell_before: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class Transform:
    """How the query was made from the gallery image: mirrored first, then rotated, scaled, and cropped or framed.

    `rotation`: degrees clockwise, -180 to 180. `scale`: query pixels for one gallery pixel. `squeeze`: the longest
    stretch divided by the shortest, 1 if the aspect ratio was kept. `covered`: the part of the gallery image's area
    that the query shows. `shown`: the part of the query's area that the gallery image fills. `matrix` (2, 3), row by
    row: maps query pixels to gallery pixels.
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
    """The result of verifying a pair.

    `matching_points`: local features that agree with the alignment. `agreement`: of the windows with content in both
    pictures, the part that shows the same. `transform`: None if the pictures could not be aligned. `reason`: in plain
    English, how the query was made, or why it is no copy. `blank`: both images show nearly nothing, so there is nothing
    to compare. `relation`: how confirmed images belong together, else None.
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
    """A limit in percent of the queries, rounded down."""

    percent: float

    def __str__(self) -> str:
        """As in the configuration."""
        return f"{self.percent:g}%"


SHARE = r"(\d{1,2}(?:\.\d{1,6})?|100(?:\.0{1,6})?) ?%"


def share_of(text: str) -> Share | None:
    """The share that a text such as 2% or 0.5 % means; None for any other text."""
    found = re.fullmatch(SHARE, text)
    return None if found is None else Share(float(found[1]))


Limit = int | Share


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule for a match. `between`: the names of its two splits, the same name twice for pairs within one; None for
    all pairs without another rule. `limit`: how many queries may have such a match; None for the limit of the kind.
    """

    between: tuple[str, str] | None = None
    threshold: float = 10.0
    on_match: Action = "fail"
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far retrieval goes: every pair within `threshold`, and for each query up to `candidates` more within `reach`,
    which only verification can make matches. Without `verify`, no pixels are compared: only the distance decides. If
    `retrieve` is hashes, there are no distances, and only verification decides.
    """

    threshold: float = 10.0
    reach: float = 26.0
    candidates: int = 20
    verify: bool = True
    retrieve: Retrieve = "all"


UNMEASURED = math.inf
"""Instead of a distance, for images without an embedding; it is within no threshold."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair that retrieval found. `near`: within the threshold, so only a thorough comparison can refute it. `likely`:
    worth a thorough comparison for another reason. `among`: both images are queries.
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
    """A pair that is reported. `distance`: AugNet's, rounded to four decimals; 0 for the same bytes or pixels,
    UNMEASURED without AugNet.

    `splits`, `labels`: the names of the splits, and the labels (classes), of the query and the gallery image; empty for
    none. `accepted`: the reason why the pair is allowed.
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
        """Whether the match counts against a limit; look-alikes and accepted pairs do not."""
        return self.counts and self.rule.on_match == "fail"

    @property
    def counts(self) -> bool:
        """Whether the match is a duplicate that was not accepted."""
        return self.kind != "look-alike" and self.accepted is None

    @property
    def leakage(self) -> bool:
        """Whether the match is a duplicate in two different splits."""
        return self.kind != "look-alike" and all(self.splits) and self.splits[0] != self.splits[1]

    @property
    def label_conflict(self) -> bool:
        """Whether the match is a duplicate under two different labels."""
        return self.kind != "look-alike" and all(self.labels) and self.labels[0] != self.labels[1]


Role = Literal["keep", "copy", "leakage", "label-conflict", "left"]
"""What `clean` does with an image of a group: it stays; it moves, as a copy of the one that stays; it stays, because it
is in another split, because it has another label, or for another reason.
"""


@dataclass(frozen=True, slots=True)
class Member:
    """An image of a group. `of`: the image that stays instead of it, or that it stays beside; `match`: the match of the
    two. Both are None for the image that is kept.

    `why`: why it is kept or left, or how the copy was made. `width`, `height` in pixels and `size` in bytes; 0 if the
    image could not be read.
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
        """The image that is kept."""
        return self.members[0]

    @property
    def copies(self) -> tuple[Member, ...]:
        """The images that `clean` moves."""
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
"""Most rows that a notebook shows of a result."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many queries of each kind are allowed before the check fails; and how many images of the dataset may be
    without an embedding: a share is one of the dataset, None means any number.
    """

    near_duplicates: Limit = 0
    exact_duplicates: Limit = 0
    unreadable_fails: bool = True
    unchecked_fails: bool = True
    uncompared: Limit | None = None
    label_conflicts_fail: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a check. `gallery`: the number of images that each query was compared with, including other
    queries.

    `in_dvc`: the paths of the queries that DVC tracks, sorted. `nearest`: if requested, the distance of each query to
    its nearest image, by path. `not_looked_at`: by path, how many further candidates of a query were not compared,
    because it already was a confirmed copy of others. `made`, `pointers`: as in the selection. `replaced`: the paths of
    queries that had other content before. `uncompared`: how many images of the dataset were not compared, because they
    have no embedding or could not be listed; `gallery` does not count them. `entering`: as in the selection. `groups`:
    the copies by the image to keep, once they were computed (`gate.grouping`).
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
    entering: frozenset[str] = frozenset()
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
        """The same as a data frame of pandas, which must be installed; columns as in `Row`."""
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
        counts = (copies, "copy", "copies"), (len(self.groups), "group", "groups"), (self.queries, "image", "images")
        words = [f"{count:,} {one if count == 1 else many}" for count, one, many in counts]
        said = f"<p>{words[0]} in {words[1]} among {words[2]}</p>"
        return f"{said}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"

    @property
    def unchecked(self) -> tuple[tuple[str, Unreadable], ...]:
        """The unreadable queries whose bytes, or whose list of files, are not on this machine."""
        return tuple((path, why) for path, why in self.unreadable if why.absent)

    @property
    def undecodable(self) -> tuple[tuple[str, Unreadable], ...]:
        """The unreadable queries that are no valid images."""
        return tuple((path, why) for path, why in self.unreadable if not why.absent)

    def count(self, kind: Kind) -> int:
        """How many queries have a match of this kind that was not accepted and that no rule ignores."""
        return len(self.counted(kind))

    def counted(self, kind: Kind) -> set[Image]:
        """These queries. One may have matches of several kinds."""
        counted = (match for match in self.matches if match.kind == kind and match.accepted is None)
        return {match.query for match in counted if kind == "look-alike" or match.rule.on_match != "ignore"}

    @property
    def exceeded(self) -> tuple[tuple[str, int, Limit], ...]:
        """The exceeded limits: the name, how many queries, and the limit."""
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
        """Whether a limit is exceeded."""
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
    """How many queries the limit allows, of this number."""
    if isinstance(limit, Share):
        return math.floor(round(limit.percent * queries / 100, 6))  # 0.57 % of 10,000 are 57, not 56.999...
    return limit
