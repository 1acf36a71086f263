"""Add the groups to a result: collect the facts for the keep rule, and apply it."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from imgsim_guard.gate.facts import Looks, age_of, facts_of
from imgsim_guard.gate.groups import groups_of
from imgsim_guard.gate.judge import in_order
from imgsim_guard.gate.keep import rank
from imgsim_guard.gate.layout import layout_of
from imgsim_guard.gate.matching import compare_with
from imgsim_guard.gate.relation import the_other_way
from imgsim_guard.system.files import relative_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from imgsim_guard.gate.groups import Wishes
    from imgsim_guard.gate.keep import Facts, Rank
    from imgsim_guard.gate.pipeline import Pipeline
    from imgsim_guard.gate.policy import Policy
    from imgsim_guard.model import Group, Image, Match, Result, Selection

MOST_COMPARED = 100
"""Images of a group that are compared with all others of it. With more, the work would grow with the square."""


def grouped(  # noqa: PLR0913  all that is known meets here
    result: Result,
    pipeline: Pipeline,
    policy: Policy,
    *,
    wishes: Wishes,
    added: Callable[[], Callable[[str], int | None]] = lambda: lambda _path: None,
    named: Sequence[str] = (),
) -> Result:
    """The result with its groups. In a repository, the query of each match is the newer image or, of images that came
    together, the one that the keep rule gives up.

    `added`: returns a function that tells when an image was committed; it is only called if there are groups. `named`:
    the paths that the user named, in that order.
    """
    matches = [match for match in result.matches if match.counts and match.rule.on_match != "ignore"]
    if not matches:
        return result
    commits, looks = added(), Looks(pipeline.source)

    def facts(found: Sequence[Match]) -> Mapping[Image, Facts]:
        return facts_of(
            found,
            looks,
            held=lambda image: not wishes.movable(image.path) or commits(image.path) is not None,
            protected=policy.is_protected,
            age=partial(_age, in_folders=result.scope == "folders", commits=commits),
            order=_order(named),
        )

    known = facts(matches)
    if result.scope != "folders":
        result = replace(result, matches=in_order(_with_newer_named(result.matches, known, commits, wishes)))
        matches = [match for match in result.matches if match.counts and match.rule.on_match != "ignore"]
    found = groups_of(matches, known, wishes)
    compared = {frozenset((match.query, match.gallery)) for match in result.matches}
    while result.not_looked_at and (more := _missing(matches, found, compared, pipeline, policy)):
        # An image may now give way to a better one, so its own copies have to be compared with that one.
        matches += more
        found = groups_of(matches, facts(matches), wishes)
    return replace(result, groups=found)


def _age(path: str, *, in_folders: bool, commits: Callable[[str], int | None]) -> float:
    """When an image was committed or, in folders, written. A checkout writes files at any time, so that in a repository
    their times say nothing.
    """
    commit = commits(path)
    return inf if commit is None and not in_folders else age_of(path, commit)


def _with_newer_named(
    matches: Iterable[Match], facts: Mapping[Image, Facts], commits: Callable[[str], int | None], wishes: Wishes
) -> Iterator[Match]:
    """Each match with the image that came later as its query: by history, and of images that came together the one that
    the keep rule gives up.
    """

    def later(image: Image) -> tuple[float, Rank]:
        commit = commits(image.path)
        return inf if commit is None else commit, rank(image, facts[image], wishes.keep)

    for match in matches:
        known = match.query in facts and match.gallery in facts and match.accepted is None
        together = known and wishes.movable(match.gallery.path)  # else the other was there before
        yield the_other_way(match) if together and later(match.query) < later(match.gallery) else match


def _missing(
    matches: Sequence[Match],
    groups: Sequence[Group],
    compared: set[frozenset[Image]],
    pipeline: Pipeline,
    policy: Policy,
) -> list[Match]:
    """The matches among images that stay, are connected by matches, and were not compared with each other: a check
    compares no more pairs of an image than its verdict needs. The pairs are added to `compared`.
    """
    leading = _connected(matches)
    staying: dict[Image, list[Image]] = {}
    moved = {member.image for group in groups for member in group.copies}
    for image in leading:
        if image not in moved:
            staying.setdefault(leading[image], []).append(image)
    found = []
    for images in map(sorted, staying.values()):
        for index, image in enumerate(images[:MOST_COMPARED]):
            others = [other for other in images[index + 1 :] if frozenset((image, other)) not in compared]
            compared |= {frozenset((image, other)) for other in others}
            found += [_judged(match, policy) for match in compare_with(image, others, pipeline, bounds=policy.bounds)]
    return [match for match in found if match.counts and match.rule.on_match != "ignore"]


def _judged(match: Match, policy: Policy) -> Match:
    """A match under the rule for the splits of its images."""
    splits = policy.split(match.query.path), policy.split(match.gallery.path)
    return policy.labelled(replace(match, splits=splits, rule=policy.rule(splits)))


def _connected(matches: Iterable[Match]) -> dict[Image, Image]:
    """For each image, one that represents all images connected to it by matches."""
    together: dict[Image, list[Image]] = {}
    for match in matches:
        one, other = (together.setdefault(image, [image]) for image in (match.query, match.gallery))
        if one is not other:
            small, large = sorted((one, other), key=len)
            large += small
            together |= dict.fromkeys(small, large)
    return {image: min(some) for image, some in together.items()}


def for_folders(policy: Policy, selection: Selection, root: Path) -> tuple[Policy, tuple[str, ...]]:
    """The policy for paths relative to the working directory, and notes. If the configuration in the root has no splits
    or labels, the names of folders may show them.
    """
    policy = replace(policy, below_root=lambda path: below(path, root))
    if policy.splits:
        return policy, ()
    layout = layout_of(policy.below_root(image.path) for image in (*selection.queries, *selection.gallery))
    labels = layout.label if policy.labels is None else policy.labels
    notes = layout.notes if policy.labels is None else layout.notes[:1]
    return replace(policy, splits=layout.splits, labels=labels), notes


def below(path: str, root: Path) -> str:
    """A path relative to the working directory as one relative to the root, or the same path if it is not below the
    root; with slashes.
    """
    relative = relative_path(os.path.abspath(path), root)  # noqa: PTH100  links stay
    is_below = relative.partition(os.sep)[0] != os.pardir and not os.path.isabs(relative)  # noqa: PTH117
    return (relative if is_below else path).replace(os.sep, "/")


def _order(named: Sequence[str]) -> Callable[[str], int]:
    folders = [os.path.join(path, "") for path in named]  # noqa: PTH118

    def order(path: str) -> int:
        return next((at for at, folder in enumerate(folders) if f"{path}{os.sep}".startswith(folder)), len(folders))

    return order
