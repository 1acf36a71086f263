"""Groups of copies, each with the image to keep. An image moves only in favour of one that it matches directly.

No chaining: that A is like B and B like C says nothing about A and C. Exact duplicates alone are transitive, and stand
for one another, since a check reports each copy once and not each pair of copies.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.gate.keep import NOTHING_KNOWN, rank, why_kept
from imgsim_guard.gate.relation import relation
from imgsim_guard.model import Group, Match, Member

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from imgsim_guard.gate.keep import Facts, Rank
    from imgsim_guard.model import Image, Keep, Relation, Role

    Cell = tuple[str, str]

PART = 0.9
"""An image that shows another on less than this part of its area is a page around it, or what it was cropped from."""

VIEWS: dict[Relation | None, str] = {
    "same scene": "the same scene, no copy",
    "overlapping view": "an overlapping view, no copy: each shows a part that the other lacks",
}
"""Why an image stays that was not made from the other: it shows something of its own, so nobody but the user can say
whether it is one too many.
"""

_PRIORITY: tuple[Role, ...] = ("label-conflict", "leakage", "left")
"""Of several reasons to stay, the one that is given."""


class Wishes(NamedTuple):
    """What a user wants of groups.

    `keep`: the rule. `resolve`: splits in the order in which they keep an image that several of them have; copies
    across other splits are left alone. `movable`: whether a path may be moved at all. `ignored`: whether a rule ignores
    copies in these two splits. `views`: whether an image gives way to another view of what it shows.
    """

    keep: Keep = "best"
    resolve: tuple[str, ...] = ()
    movable: Callable[[str], bool] = lambda _path: True
    ignored: Callable[[tuple[str, str]], bool] = lambda _splits: False
    views: bool = False


ALL_MOVABLE = Wishes()


def groups_of(
    matches: Iterable[Match], facts: Mapping[Image, Facts], wishes: Wishes = ALL_MOVABLE
) -> tuple[Group, ...]:
    """Groups, sorted by the path that is kept; every image is in one group at most.

    From the image with the best rank on, each that was not taken takes the images that may give way to it. Those that
    stay are then put together where something keeps them from giving way: another split, another label. Accepted and
    ignored matches, and look-alikes, bring nothing together. The same matches in any order give the same groups.
    """
    counting = [match for match in matches if match.counts and match.rule.on_match != "ignore"]
    return tuple(sorted(_Grouping(counting, facts, wishes).groups(), key=lambda group: group.kept.image))


def copies_in(groups: Iterable[Group]) -> list[Member]:
    """What a clean-up would move, sorted by path."""
    return sorted((member for group in groups for member in group.copies), key=lambda member: member.image)


def shows_part(match: Match, image: Image, part: float = PART) -> bool:
    """Whether an image of a match shows the whole other one on less than this part of its own area."""
    found = match.evidence.transform if match.evidence is not None else None
    if found is None:
        return False
    own, others = (found.shown, found.covered) if image == match.query else (found.covered, found.shown)
    return own < part and others >= PART


class _Grouping:
    """Ranks images, and says what becomes of each."""

    def __init__(self, matches: Sequence[Match], facts: Mapping[Image, Facts], wishes: Wishes) -> None:
        self._graph, self._facts, self._wishes = _Graph(matches), facts, wishes
        self._cells: dict[Image, Cell] = {}
        self._near: dict[Image, tuple[set[str], set[str]]] = {}
        for match in matches:
            self._cells[match.query] = match.splits[0], match.labels[0]
            self._cells[match.gallery] = match.splits[1], match.labels[1]
        self._ranked = sorted(self._cells, key=self._rank)

    def groups(self) -> Iterator[Group]:
        """Each with the one that is kept first, and copies behind the image that they are copies of."""
        copies = self._copies()
        taken = {copy.image for some in copies.values() for copy in some}
        staying = [image for image in self._ranked if image not in taken]
        return map(self._with_why, self._together(staying, copies))

    def _rank(self, image: Image) -> tuple[int, Rank]:
        """First the splits that keep, then the keep rule."""
        order, split = self._wishes.resolve, self._cells[image][0]
        by_split = order.index(split) if split in order else len(order)
        return by_split, rank(image, self._facts.get(image, NOTHING_KNOWN), self._wishes.keep)

    def _copies(self) -> dict[Image, list[Member]]:
        """By the image that stays, those that give way to it."""
        found: dict[Image, list[Member]] = {}
        taken: set[Image] = set()
        for image in self._ranked:
            if image not in taken:
                near = [other for other in self._graph.neighbours(image) if other not in taken and other not in found]
                giving_way = sorted((one for one in near if self._obstacle(one, image) is None), key=self._rank)
                found[image] = [
                    self._member(other, "copy", relation(self._graph.match(other, image), other), image)
                    for other in giving_way
                ]
                taken.update(giving_way)
        return found

    def _together(self, staying: Sequence[Image], copies: Mapping[Image, Sequence[Member]]) -> Iterator[list[Member]]:
        """Those that stay, put together where one stays beside a better one, each followed by its copies."""
        first: dict[Image, dict[Cell, Image]] = defaultdict(dict)
        groups: dict[Image, list[Member]] = {}
        for image in staying:
            better = (other for near in self._graph.classes_near(image) for other in first[near].values())
            member = self._staying(image, better)
            groups[image] = groups[member.of] if member.of is not None else []
            groups[image] += [member, *copies[image]]
            first[self._graph.stands_for(image)].setdefault(self._cells[image], image)
        yield from {id(members): members for members in groups.values() if len(members) > 1}.values()

    def _staying(self, image: Image, better: Iterable[Image]) -> Member:
        reasons = [(reason, other) for other in better if (reason := self._obstacle(image, other)) is not None]
        if not reasons:
            return self._member(image, "keep", "")
        (role, why), other = min(reasons, key=lambda one: (_PRIORITY.index(one[0][0]), self._rank(one[1])))
        return self._member(image, role, why, other)

    def _with_why(self, members: Sequence[Member]) -> Group:
        """The group with the reason for which its first is kept."""
        kept, *others = members
        split, one = self._rank(kept.image)
        other_split, other = min(self._rank(member.image) for member in others)
        why = why_kept(one, other, self._wishes.keep) if split == other_split else f"in {kept.split}"
        return Group((replace(kept, why=why), *others))

    def _obstacle(self, image: Image, kept: Image) -> tuple[Role, str] | None:
        """Why an image does not give way to another, which it matches; None if it does."""
        (split, label), (other_split, other_label) = self._cells[image], self._cells[kept]
        if label and other_label and label != other_label:
            return "label-conflict", f"labelled {label}, the other {other_label}"
        if split and other_split and split != other_split and not {split, other_split} & {*self._wishes.resolve}:
            return "leakage", f"in {split}, the other in {other_split}"
        if self._wishes.ignored((split, other_split)):
            return "left", "a rule ignores such pairs"
        return self._hindrance(image, kept) or self._contested(image, kept)

    def _hindrance(self, image: Image, kept: Image) -> tuple[Role, str] | None:
        """The same, of what splits and labels do not say."""
        facts, match = self._facts.get(image, NOTHING_KNOWN), self._graph.match(image, kept)
        if not self._wishes.movable(image.path):
            return "left", "not in a folder to clean"
        if facts.protected:
            return "left", "in a protected folder"
        related = match.evidence.relation if match.evidence is not None else None
        if related in VIEWS and not self._wishes.views:
            return "left", VIEWS[related]
        if self._facts.get(kept, NOTHING_KNOWN).page and shows_part(match, kept):
            return "left", "the other is a page around it"
        return None if facts.pixels else ("left", "it could not be read")

    def _contested(self, image: Image, kept: Image) -> tuple[Role, str] | None:
        """The same, where the one to be kept is in no split, or has no label, and its copies are in several: if all of
        them gave way to it, what they disagree about would be gone unasked.
        """
        splits, labels = self._cells_near(kept)
        (split, label), (other_split, other_label) = self._cells[image], self._cells[kept]
        if label and not other_label and len(labels) > 1:
            return "label-conflict", f"labelled {label}, other copies {_listed(labels - {label})}"
        if split and not other_split and len(splits) > 1 and not splits & {*self._wishes.resolve}:
            return "leakage", f"in {split}, other copies in {_listed(splits - {split})}"
        return None

    def _cells_near(self, kept: Image) -> tuple[set[str], set[str]]:
        """The splits and the labels of the images that match one."""
        one = self._graph.stands_for(kept)
        if one not in self._near:
            near = [self._cells[image] for image in (one, *self._graph.neighbours(one))]
            self._near[one] = {split for split, _ in near} - {""}, {label for _, label in near} - {""}
        return self._near[one]

    def _member(self, image: Image, role: Role, why: str, of: Image | None = None) -> Member:
        facts, (split, label) = self._facts.get(image, NOTHING_KNOWN), self._cells[image]
        match = None if of is None else self._graph.match(image, of)
        return Member(image, role, why, of, match, split, label, facts.width, facts.height, facts.size)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))


class _Graph:
    """The matches of images, in which exact duplicates have the neighbours of each other. A class is all of them."""

    def __init__(self, matches: Sequence[Match]) -> None:
        self._same = _same(matches)
        self._direct: dict[frozenset[Image], Match] = {}
        self._near: dict[Image, dict[Image, Match]] = defaultdict(dict)
        for match in sorted(matches, key=lambda match: (-match.distance, match.query, match.gallery)):  # nearest last
            self._direct[frozenset((match.query, match.gallery))] = match
            one, other = self.stands_for(match.query), self.stands_for(match.gallery)
            if one != other:
                self._near[one][other] = self._near[other][one] = match

    def stands_for(self, image: Image) -> Image:
        """The one that stands for the class of an image."""
        return self._same[image][0]

    def classes_near(self, image: Image) -> Iterator[Image]:
        """By what stands for them, the classes that match an image; its own is the first."""
        own = self.stands_for(image)
        yield own
        yield from self._near.get(own, ())

    def neighbours(self, image: Image) -> Iterator[Image]:
        """The images that match an image."""
        return (other for near in self.classes_near(image) for other in self._same[near] if other != image)

    def match(self, image: Image, other: Image) -> Match:
        """How two neighbours are related: as it was found, or as it follows from exact duplicates of them."""
        direct = self._direct.get(frozenset((image, other)))
        if direct is not None:
            return direct
        one, two = self.stands_for(image), self.stands_for(other)
        return Match("exact-duplicate", image, other, 0.0) if one == two else self._near[one][two]


def _same(matches: Iterable[Match]) -> dict[Image, list[Image]]:
    """By image, all exact duplicates of it, itself included, sorted."""
    same: dict[Image, list[Image]] = {}
    for match in matches:
        one = same.setdefault(match.query, [match.query])
        other = same.setdefault(match.gallery, [match.gallery])
        if match.kind == "exact-duplicate" and one is not other:
            small, large = sorted((one, other), key=len)
            large += small
            same |= dict.fromkeys(small, large)
    for equal in {id(equal): equal for equal in same.values()}.values():
        equal.sort()
    return same
