"""What a method's matches are worth: recall by edit and by strength, wrong pictures, and false blocks."""

from __future__ import annotations

import csv
import os
import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

Pair = tuple[str, str]
"""The real paths of an image asked about, and of one that a method takes for the same picture."""

STRENGTHS = ("easy", "medium", "hard")


@dataclass(frozen=True)
class Copy:
    """An edited copy; `right` are the real paths of all the pictures that are to be seen in it."""

    path: str
    edit: str
    strength: str
    right: frozenset[str]


@dataclass(frozen=True)
class Recall:
    """Recall is a mean over edits, each the found fraction of its copies; `wrong` are matches with other pictures."""

    by_edit: Mapping[str, float]
    by_strength: Mapping[str, float]
    overall: float
    wrong: Sequence[Pair]


def read_truth(folder: Path) -> list[Copy]:
    """The copies that `ground_truth.csv` in their folder lists; relative paths start at that folder.

    Raises FileNotFoundError for a file that it names and that is not there.
    """

    def real(path: str) -> str:
        return os.path.realpath(folder / path, strict=True)

    with (folder / "ground_truth.csv").open(newline="") as file:
        return [
            Copy(
                path=real(row["copy_path"]),
                edit=row["transform"],
                strength=row["strength"],
                right=frozenset(
                    real(path) for path in (row["base_path"], *(row["also_contains"] or "").split("|")) if path
                ),
            )
            for row in csv.DictReader(file)
        ]


def strengths(copies: Iterable[Copy]) -> dict[str, str]:
    """The strength of each edit, the easy ones first."""
    found = {copy.edit: copy.strength for copy in copies}
    return dict(sorted(found.items(), key=lambda item: (STRENGTHS.index(item[1]), item[0])))


def recall(copies: Sequence[Copy], pairs: Iterable[Pair]) -> Recall:
    """How many copies were found; matches of copies with copies count neither way."""
    matched: dict[str, set[str]] = defaultdict(set)
    for query, other in pairs:
        matched[query].add(other)
    own = {copy.path for copy in copies}
    hits: dict[str, list[bool]] = defaultdict(list)
    wrong: list[Pair] = []
    for copy in copies:
        hits[copy.edit].append(not matched[copy.path].isdisjoint(copy.right))
        wrong += [(copy.path, other) for other in sorted(matched[copy.path] - own - copy.right)]
    level = strengths(copies)
    by_edit = {edit: statistics.fmean(hits[edit]) for edit in level}
    by_strength = {
        strength: statistics.fmean(by_edit[edit] for edit in level if level[edit] == strength)
        for strength in dict.fromkeys(level.values())
    }
    return Recall(by_edit, by_strength, statistics.fmean(by_edit.values()), wrong)


def blocked(pairs: Iterable[Pair]) -> set[str]:
    """The images that are taken for one that comes before them by path: those that a check in that order would stop."""
    return {max(pair) for pair in pairs}
