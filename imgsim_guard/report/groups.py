"""Groups of images that are all duplicates of one another, and what a clean-up would keep of each."""

from __future__ import annotations

from collections import defaultdict
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.model import Unreadable
from imgsim_guard.report.escaping import shell_word, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from imgsim_guard.model import Image, Match
    from imgsim_guard.report.pictures import Picture

    Distances = dict[Image, dict[Image, float]]

WHY = ("largest", "least compressed", "oldest in history", "first by name")


class Group(NamedTuple):
    """Images, sorted, of which every two are duplicates, and the largest distance that was found between two."""

    images: tuple[Image, ...]
    furthest: float


class Proposal(NamedTuple):
    """Which image of a group to keep, what it has over the next best, and the others."""

    keep: Image
    why: str
    remove: tuple[Image, ...]


def mutual_groups(matches: Iterable[Match]) -> tuple[Group, ...]:
    """Groups without chaining: that A is like B, and B like C, puts A and C into one group only if they match, too.

    Exact duplicates come first: they are transitive, and stand for one another (a check reports one match for each
    copy, not each pair of copies). What is left is covered by cliques, greedily: from the images with the most
    matches on, each takes its nearest neighbours that match all that it has taken before. Every image is in one group
    at most; ties go by path, so that the same matches give the same groups. Accepted and ignored matches, and
    look-alikes, bring nothing together.
    """
    duplicates = [match for match in matches if match.counts and match.rule.on_match != "ignore"]
    copies = _copies(duplicates)
    near: Distances = defaultdict(dict)
    for match in duplicates:
        one, other = copies[match.query][0], copies[match.gallery][0]
        if one != other:
            distance = min(match.distance, near[one].get(other, inf))
            near[one][other] = near[other][one] = distance
    for images in copies.values():  # copies may have no neighbours
        near.setdefault(images[0], {})
    cliques = _cliques(near)
    found = [Group(tuple(sorted(i for one in clique for i in copies[one])), furthest) for clique, furthest in cliques]
    return tuple(sorted(group for group in found if len(group.images) > 1))


def _copies(duplicates: Iterable[Match]) -> dict[Image, list[Image]]:
    """By image, all exact duplicates of it, itself included, the least first."""
    copies: dict[Image, list[Image]] = {}
    for match in duplicates:
        one = copies.setdefault(match.query, [match.query])
        other = copies.setdefault(match.gallery, [match.gallery])
        if match.kind == "exact-duplicate" and one is not other:
            joined = sorted([*one, *other])
            copies |= dict.fromkeys(joined, joined)
    return copies


def _cliques(near: Distances) -> Iterable[tuple[list[Image], float]]:
    taken: set[Image] = set()
    for first in sorted(near, key=lambda image: (-len(near[image]), image)):
        if first in taken:
            continue
        clique, furthest = [first], 0.0
        for other in sorted(near[first].keys() - taken, key=lambda image: (near[first][image], image)):
            if all(member in near[other] for member in clique):
                furthest = max(furthest, *(near[other][member] for member in clique))
                clique.append(other)
        taken.update(clique)
        yield clique, furthest


def proposal(
    group: Group, pictures: Mapping[str, Picture | Unreadable], history: Mapping[str, int] | None = None
) -> Proposal | None:
    """Keep the image with the most pixels; of those the one with the most bytes a pixel, then the oldest, then the
    first by path. None where an image of the group could not be looked at. `history`: by path, what grows with the
    time of the commit that brought it.
    """
    ranked = []
    for image in group.images:
        picture = pictures.get(image.content)
        if picture is None or isinstance(picture, Unreadable):
            return None
        pixels, age = picture.width * picture.height, (history or {}).get(image.path, inf)
        ranked.append(((-pixels, -picture.size / pixels, age, image.path), image))
    ranked.sort()
    (best, keep), (second, _), *_ = ranked
    why = next((words for words, one, other in zip(WHY, best, second, strict=True) if one != other), WHY[-1])
    return Proposal(keep, why, tuple(image for image in group.images if image != keep))


def removals(proposals: Iterable[Proposal]) -> str:
    """A shell script that removes what the proposals do not keep. It is for people to read and run."""
    lines = ((keeping(one.keep.path), *(removal(image.path) for image in one.remove)) for one in proposals)
    return "".join(f"{line}\n" for some in lines for line in some)


def keeping(path: str) -> str:
    """The comment that says what is kept."""
    return f"# keep {shown(path)}"


def removal(path: str) -> str:
    """The command that removes an image."""
    return f"rm -- {shell_word(path)}"
