"""Matches as the HTML report shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.model import Match, Unreadable
from imgsim_guard.report.escaping import shell_word, shown
from imgsim_guard.report.sizes import in_bytes, in_pixels
from imgsim_guard.report.wording import explained

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imgsim_guard.model import Image, Kind, Result
    from imgsim_guard.report.pictures import Laid, Pictures

KINDS: dict[Kind, str] = {
    "near-duplicate": "Near-duplicate",
    "exact-duplicate": "Exact duplicate",
    "look-alike": "Look-alike",
}
STATUSES = ("blocks", "allowed", "counts", "warns", "accepted", "ignored", "passes")
"""What becomes of a match, the most important first."""

NOTABLE = 0.97
"""Where less than this of an image is in the other, the part that is gets a frame."""

NOT_DRAWN = "no preview: the report holds those of the first pairs only"


class ShownImage(NamedTuple):
    """An image. `preview` is the number of its preview, None if `missing` says why there is none."""

    path: str
    facts: str
    preview: int | None
    width: int = 4
    height: int = 3
    missing: str = ""


class ShownLaid(NamedTuple):
    """How the query lies over the gallery image: the matrices of the previews, there and back, as SVG writes them.

    `preview`: the number of the one that is laid; `by`: its matrix, empty if it lies there already. `query_in_part`
    and `gallery_in_part`: whether only a part of that image is in the other.
    """

    preview: int
    by: str
    there: str
    back: str
    query_in_part: bool
    gallery_in_part: bool
    marks: str


class ShownPair(NamedTuple):
    """A match."""

    match: Match
    status: str
    splits: str
    said: str
    command: str
    query: ShownImage
    gallery: ShownImage
    laid: ShownLaid | None

    @property
    def text(self) -> str:
        """What the filter by path looks at."""
        return f"{self.query.path}\n{self.gallery.path}".lower()


class Album:
    """Numbers previews in the order in which they are shown. The same preview has one number."""

    def __init__(self, pictures: Pictures) -> None:
        self.previews: dict[str, tuple[int, int, int]] = {}
        """By data URI, the number and the size."""
        self._pictures = pictures

    def image(self, image: Image) -> ShownImage:
        """An image as it is shown."""
        path, picture = shown(image.path), self._pictures.images.get(image.content, Unreadable(NOT_DRAWN))
        if isinstance(picture, Unreadable):
            return ShownImage(path, "", None, missing=shown(picture.reason))
        sizes = in_pixels(picture.width, picture.height), in_bytes(picture.size)
        facts = " · ".join(size.replace(" ", "\N{NO-BREAK SPACE}") for size in sizes)  # each on one line
        if not picture.preview:
            return ShownImage(path, facts, None, missing=NOT_DRAWN)
        return ShownImage(path, facts, self._number(picture.preview, picture.preview_size), *picture.preview_size)

    def laid(self, match: Match, query: ShownImage, gallery: ShownImage) -> ShownLaid | None:
        """How the two images of a match lie over each other; None if they do not, or are not shown."""
        laid = self._pictures.laid.get((match.query.content, match.gallery.content))
        if laid is None or query.preview is None or match.evidence is None or match.evidence.transform is None:
            return None
        there, found = _svg(laid.matrix), match.evidence.transform
        preview, by = query.preview, there
        if laid.preview:
            preview, by = self._number(laid.preview, (gallery.width, gallery.height)), ""
        in_part = found.shown < NOTABLE, found.covered < NOTABLE
        return ShownLaid(preview, by, there, _svg(_inverse(laid.matrix)), *in_part, laid.marks or "")

    def compared(self, match: Match) -> bool:
        """Whether it was looked for what disagrees in the two images."""
        laid: Laid | None = self._pictures.laid.get((match.query.content, match.gallery.content))
        return laid is not None and laid.marks is not None

    def _number(self, preview: str, size: tuple[int, int]) -> int:
        return self.previews.setdefault(preview, (len(self.previews), *size))[0]


def by_importance(matches: Iterable[Match]) -> list[Match]:
    """What counts against a limit first, look-alikes last; else in the given order."""
    return sorted(matches, key=lambda match: STATUSES.index(_status(match, counting="blocks")))


def shown_pairs(result: Result, album: Album) -> list[ShownPair]:
    """The matches as they are shown, the most important first. Without a repository nothing is blocked or accepted."""
    folders = result.scope == "folders"
    counting = "counts" if folders else "blocks" if result.failed else "allowed"
    return [
        _shown_pair(match, _status(match, counting=counting), album, acceptable=match.counts and not folders)
        for match in by_importance(result.matches)
    ]


def _status(match: Match, *, counting: str) -> str:
    """What becomes of a match: one of STATUSES; `counting` if it counts against a limit."""
    if match.kind == "look-alike":
        return "passes"
    if match.accepted is not None:
        return "accepted"
    return {"fail": counting, "warn": "warns", "ignore": "ignored"}[match.rule.on_match]


def _shown_pair(match: Match, status: str, album: Album, *, acceptable: bool) -> ShownPair:
    query, gallery = album.image(match.query), album.image(match.gallery)
    return ShownPair(
        match,
        status,
        splits_in_words(match.splits),
        shown(explained(match.evidence)) if match.evidence is not None else "",
        accepting(match) if acceptable else "",
        query,
        gallery,
        album.laid(match, query, gallery),
    )


def splits_in_words(splits: tuple[str, str]) -> str:
    """Which way a match goes; empty without splits."""
    if not any(splits):
        return ""
    query, gallery = (shown(split) or "no split" for split in splits)
    return f"within {query}" if query == gallery else f"{query} → {gallery}"


def accepting(match: Match) -> str:
    """The command that accepts a match. `--` stands before a path that would be read as an option."""
    paths = [match.query.path, match.gallery.path]
    words = " ".join(shell_word(path) for path in paths)
    if any(path.startswith("-") for path in paths):
        return f'imgsim-guard accept --reason "..." -- {words}'
    return f'imgsim-guard accept {words} --reason "..."'


def _svg(matrix: tuple[float, ...]) -> str:
    return f"matrix({' '.join(f'{value:.5g}' for value in matrix)})"


def _inverse(matrix: tuple[float, ...]) -> tuple[float, ...]:
    """Of a matrix as SVG writes it: a point (x, y) goes to (a x + c y + e, b x + d y + f)."""
    a, b, c, d, e, f = matrix
    det = a * d - b * c
    return d / det, -b / det, -c / det, a / det, (c * f - d * e) / det, (b * e - a * f) / det
