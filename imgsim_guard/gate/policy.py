"""The policy of a repository: how far to search, which rule applies to a pair, and how many matches are allowed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.gate.labels import labels_by
from imgsim_guard.model import Bounds, GuardError, Limits, Rule
from imgsim_guard.sources.selection import pattern_filter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from imgsim_guard.config.settings import Settings
    from imgsim_guard.gate.accepted import AcceptedPair
    from imgsim_guard.model import Keep, Limit, Match


@dataclass(frozen=True)
class Policy:
    """The part of the configuration that decides about pairs.

    `splits`: by name, what tells whether a path is in it. `rules`: of those for the same splits, the first holds.
    `labels`: what gives the class of a path; empty for none. `below_root`: what makes a path one that the patterns of
    the configuration are for. `keep`, `protected`: which image of a group stays, and what never moves.
    """

    bounds: Bounds = Bounds()
    limits: Limits = Limits()
    splits: Mapping[str, Callable[[str], bool]] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    accepted: tuple[AcceptedPair, ...] = ()
    labels: Callable[[str], str] | None = None
    below_root: Callable[[str], str] = str
    keep: Keep = "best"
    protected: Callable[[str], bool] | None = None

    @cached_property
    def retrieved(self) -> Bounds:
        """The bounds of retrieval that are enough for every rule."""
        thresholds = [self.bounds.threshold, *(rule.threshold for rule in self.rules)]
        return replace(self.bounds, threshold=max(thresholds))

    @cached_property
    def copies(self) -> frozenset[str]:
        """The paths of copies that were accepted."""
        return frozenset(pair.path for pair in self.accepted if pair.path)

    def split(self, path: str) -> str:
        """The name of the split that a path is in; empty for none. Raises GuardError if it is in two."""
        place = self.below_root(path)
        found = [name for name, contains in self.splits.items() if contains(place)]
        if len(found) > 1:
            raise GuardError(
                f"{path} is in two splits, {found[0]} and {found[1]}; "
                "change their patterns in the configuration so that no image is in both"
            )
        return found[0] if found else ""

    def label(self, path: str) -> str:
        """The class that an image at a path is of; empty for none."""
        return "" if self.labels is None else self.labels(self.below_root(path))

    def cell(self, path: str) -> str:
        """The split and the label: a content that a dataset has in one is new to another."""
        return self.split(path) if self.labels is None else f"{self.split(path)}\0{self.label(path)}"

    def labelled(self, match: Match) -> Match:
        """The match with the labels of its images; under two of them it counts, whatever the rule for its splits."""
        if self.labels is None:
            return match
        found = replace(match, labels=(self.label(match.query.path), self.label(match.gallery.path)))
        if found.label_conflict and self.limits.label_conflicts_fail:
            return replace(found, rule=replace(found.rule, on_match="fail"))
        return found

    def ignores(self, splits: tuple[str, str]) -> bool:
        """Whether copies in these two splits are of no interest."""
        return self.rule(splits).on_match == "ignore"

    def is_protected(self, path: str) -> bool:
        """Whether an image at a path never moves."""
        return self.protected is not None and self.protected(self.below_root(path))

    def rule(self, splits: tuple[str, str]) -> Rule:
        """The rule for a pair of images in these splits."""
        for rule in self.rules:
            if rule.between is not None and sorted(rule.between) == sorted(splits):
                return rule
        return Rule(threshold=self.bounds.threshold)


def policy_of(settings: Settings, accepted: Sequence[AcceptedPair] = (), *, root: Path | None = None) -> Policy:
    """The policy that a configuration describes; `root`: where the files are that it names. Raises GuardError for a
    pattern that is none.
    """
    return Policy(
        Bounds(
            settings.threshold,
            settings.reach,
            settings.candidates,
            verify=settings.verify == "auto",
            retrieve=settings.retrieve,
        ),
        Limits(
            settings.max_near_duplicates,
            settings.max_exact_duplicates,
            unreadable_fails=settings.unreadable == "fail",
            unchecked_fails=settings.unchecked == "fail",
            uncompared=_uncompared(settings),
            label_conflicts_fail=settings.on_label_conflict == "fail",
        ),
        splits={name: pattern_filter(patterns, name=f"splits.{name}") for name, patterns in settings.splits.items()},
        rules=tuple(
            Rule(
                rule.splits,
                settings.threshold if rule.threshold is None else rule.threshold,
                rule.on_match,
                rule.limit,
            )
            for rule in settings.rules
        ),
        accepted=tuple(accepted),
        labels=labels_by([settings.labels] if isinstance(settings.labels, str) else settings.labels, root or Path())
        if settings.labels
        else None,
        keep=settings.keep,
        protected=pattern_filter(settings.keep_in, name="keep_in") if settings.keep_in else None,
    )


def _uncompared(settings: Settings) -> Limit | None:
    if settings.uncompared == "warn":
        return None
    return 0 if settings.uncompared == "fail" else settings.uncompared
