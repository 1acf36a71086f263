"""What a repository wants of its images: how far is looked, what a match means, and how many are allowed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from imgsim_guard.model import Bounds, GuardError, Limits, Rule
from imgsim_guard.sources.selection import pattern_filter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from imgsim_guard.config.settings import Settings
    from imgsim_guard.gate.accepted import AcceptedPair


@dataclass(frozen=True)
class Policy:
    """The configuration as far as it decides about pairs.

    `splits`: by name, what tells whether a path is in it. `rules`: of those for the same splits, the first holds.
    """

    bounds: Bounds = Bounds()
    limits: Limits = Limits()
    splits: Mapping[str, Callable[[str], bool]] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    accepted: tuple[AcceptedPair, ...] = ()

    @cached_property
    def retrieved(self) -> Bounds:
        """How far retrieval has to go for any of the rules."""
        thresholds = [self.bounds.threshold, *(rule.threshold for rule in self.rules)]
        return replace(self.bounds, threshold=max(thresholds))

    @cached_property
    def copies(self) -> frozenset[str]:
        """The paths of copies that were accepted."""
        return frozenset(pair.path for pair in self.accepted if pair.path)

    def split(self, path: str) -> str:
        """The name of the split that a path is in; empty for none. Raises GuardError when it is in two."""
        found = [name for name, contains in self.splits.items() if contains(path)]
        if len(found) > 1:
            raise GuardError(
                f"{path} is in two splits, {found[0]} and {found[1]}; "
                "change their patterns in the configuration so that no image is in both"
            )
        return found[0] if found else ""

    def rule(self, splits: tuple[str, str]) -> Rule:
        """The rule for a pair of images in these splits."""
        for rule in self.rules:
            if rule.between is not None and sorted(rule.between) == sorted(splits):
                return rule
        return Rule(threshold=self.bounds.threshold)


def policy_of(settings: Settings, accepted: Sequence[AcceptedPair] = ()) -> Policy:
    """The policy that a configuration describes. Raises GuardError for a pattern that is none."""
    return Policy(
        Bounds(settings.threshold, settings.reach, settings.candidates, verify=settings.verify == "auto"),
        Limits(
            settings.max_near_duplicates,
            settings.max_exact_duplicates,
            unreadable_fails=settings.unreadable == "fail",
            unchecked_fails=settings.unchecked == "fail",
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
    )
