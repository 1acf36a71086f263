"""The keep rule: which image of a group stays. The text report, the page, the hook and `clean` all use it."""

from __future__ import annotations

from math import floor, inf, log
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgsim_guard.model import Image, Keep

STEP, MANY_STEPS = 1.5, 1000
"""The factor between steps of bytes for each pixel, and a number above all steps."""


class Facts(NamedTuple):
    """What the keep rule needs to know about an image.

    `width`, `height` in pixels and `size` in bytes; 0 if unknown. `age`: grows with the time at which the image was
    added or written; inf if unknown. `held`: whether it is in the dataset already. `protected`: whether it must not
    move. `page`: whether it shows another image of the group as a part (a page, a collage, a frame), so that its own
    pixels say nothing about that image. `order`: its position among the paths that the user named.
    """

    width: int = 0
    height: int = 0
    size: int = 0
    age: float = inf
    held: bool = False
    protected: bool = False
    page: bool = False
    order: int = 0

    @property
    def pixels(self) -> int:
        """The number of pixels."""
        return self.width * self.height

    @property
    def compression(self) -> int:
        """Bytes for each pixel, in steps: files that differ by less, such as in their metadata, count as equal."""
        return floor(log(self.size / self.pixels, STEP)) if self.size and self.pixels else -MANY_STEPS


NOTHING_KNOWN = Facts()

_CRITERIA: dict[str, tuple[str, Callable[[Facts], float]]] = {
    "protected": ("in a protected folder", lambda facts: not facts.protected),
    "held": ("in the dataset already", lambda facts: not facts.held),
    "page": ("the picture itself, not a page around it", lambda facts: facts.page),
    "pixels": ("most pixels", lambda facts: -facts.pixels),
    "bytes": ("least compressed", lambda facts: -facts.compression),
    "age": ("oldest", lambda facts: facts.age),
    "order": ("named first", lambda facts: facts.order),
}
"""By name: why an image is kept, and a number that is least for the image to keep."""

_BY_NAME = "first by name"

_DEFAULT = ("held", "page", "pixels", "bytes", "age", "order")

_ORDERS: dict[Keep, tuple[str, ...]] = {
    "best": _DEFAULT,
    "largest": ("page", "pixels"),
    "least-compressed": ("page", "bytes"),
    "oldest": ("age",),
    "first": ("order",),
}
"""The criteria that come first; the others follow in the default order. `protected` is always first."""

Rank = tuple[float | str, ...]


def rank(image: Image, facts: Facts, keep: Keep) -> Rank:
    """The sort key of an image: the first image of a group is kept."""
    numbers = (_CRITERIA[name][1](facts) for name in _criteria(keep))
    return (*numbers, image.path)


def why_kept(kept: Rank, second: Rank, keep: Keep) -> str:
    """The advantage of the kept image over the next one, in words."""
    named = (_CRITERIA[name][0] for name in _criteria(keep))
    differing = (words for words, one, other in zip(named, kept, second, strict=False) if one != other)
    return next(differing, _BY_NAME)


def _criteria(keep: Keep) -> tuple[str, ...]:
    return tuple(dict.fromkeys(("protected", *_ORDERS[keep], *_DEFAULT)))
