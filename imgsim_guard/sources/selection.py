"""Which paths are images of the dataset, by suffix and pattern; and which of them are new, by content."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from imgsim_guard.model import GuardError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from imgsim_guard.model import Image, Selection

NAMED = 3
"""Paths that a note names before it only counts."""

SUFFIXES = re.compile(
    r"\.(jpe?g|jpe|jfif|jif|a?png|webp|bmp|dib|tiff?|gif|avif|hei[cf]|hif|jp[2fx]|j2[kc]|jpc|jxl|p[pgbn]m|dcm|dicom)$",
    re.IGNORECASE,
)
"""Suffixes of images. The content of a file decides how it is read. HEIC, JPEG XL and DICOM are included even if no
decoder is installed: such an image is then unreadable instead of ignored. `.pre-commit-hooks.yaml` repeats the list.
"""


_ENDINGS = re.compile(SUFFIXES.pattern.removesuffix("$") + r"(?=\n?\0)", re.IGNORECASE)
"""The same suffixes in many paths, each with a NUL at its end."""


def has_image_suffix(path: str) -> bool:
    """Whether a path has the suffix of an image."""
    return bool(SUFFIXES.search(path))


OVERLOOKED = re.compile(
    r"\.(dng|cr[23]|nef|arw|orf|rw2|raf|pef|srw|svgz?|psd|psb|exr|hdr|tga|ico|npy|npz|p[af]m|pcx|xcf|jxr|fits?|nii)$",
    re.IGNORECASE,
)
"""Suffixes of images in formats that are not read."""


def overlooked(paths: Iterable[str]) -> Iterator[str]:
    """A note on those paths that are images in a format that is not read, by their suffix."""
    found = sorted(path for path in paths if OVERLOOKED.search(path))
    if found:
        names = ", ".join(found[:NAMED]) + (", ..." if len(found) > NAMED else "")
        yield f"images in formats that are not read, so they were not checked: {len(found):,} ({names})"


def unmatched(patterns: Sequence[str], images: Sequence[str]) -> Iterator[str]:
    """A note on the patterns of `images:` that match none of these images of the dataset."""
    for pattern in patterns:
        if not pattern.startswith(("!", "#")) and not any(map(pattern_filter([pattern], name="images"), images)):
            yield f"images: no image matches the pattern {pattern}; patterns are those of a .gitignore file"


def is_dvc_file(path: str) -> bool:
    """Whether a path is a `.dvc` file or a `dvc.lock`."""
    return path.endswith((".dvc", "/dvc.lock")) or path == "dvc.lock"


class ImageFilter:
    """Whether a path, relative to the root and with slashes, is an image of the dataset.

    `patterns` are those of a .gitignore file: the last one that matches decides, and `!` negates. With None, every
    image is part of the dataset. Raises GuardError for an invalid pattern.
    """

    def __init__(self, patterns: Sequence[str] | None) -> None:
        self._patterns = patterns
        self._matches = None if patterns is None else pattern_filter(patterns, name="images")
        ends = [OVERLOOKED.search(pattern) for pattern in patterns or () if not pattern.startswith(("!", "#"))]
        self._named = {found[0].lower() for found in ends if found is not None}

    def __call__(self, path: str) -> bool:
        """Whether this path is an image of the dataset. A format that is not read counts if a pattern names its suffix,
        such as `*.psd`: the image is unreadable.
        """
        by_name = has_image_suffix(path) or (bool(self._named) and self._names(path))
        return by_name and (self._matches is None or self._matches(path))

    def count(self, paths: Sequence[str]) -> int:
        """How many of these paths, which have no NUL, are images of the dataset; quicker than one by one."""
        if self._matches is not None or self._named:
            return sum(map(self, paths))
        return len(_ENDINGS.findall("\0".join([*paths, ""])))

    def _names(self, path: str) -> bool:
        found = OVERLOOKED.search(path)
        return found is not None and found[0].lower() in self._named

    @property
    def patterns(self) -> Sequence[str]:
        """The patterns; empty if every image counts."""
        return self._patterns or ()

    def within(self, path: str) -> bool:
        """Whether the patterns match this path, whatever its suffix."""
        return self._matches is None or self._matches(path)

    def reaches(self, folder: str) -> bool:
        """Whether a folder whose files are not known may have images of the dataset."""
        reached = self._patterns is None
        for pattern in self._patterns or ():
            if pattern.startswith("!"):
                reached = reached and not _covers(pattern[1:], folder)
            elif not pattern.startswith("#"):
                reached = reached or _may_reach(pattern, folder)
        return reached


image_filter = ImageFilter


def _covers(pattern: str, folder: str) -> bool:
    """Whether a pattern matches all files below a folder."""
    matches = pattern_filter(pattern, name="images")
    return all(matches(f"{folder}/{file}") for file in ("\1", "\1/\1"))  # names that no pattern has


def _may_reach(pattern: str, folder: str) -> bool:
    """Whether a pattern may match a file below a folder, or the folder itself."""
    parts = pattern.rstrip("/").split("/")
    if len(parts) == 1:  # it matches at any depth
        return True
    for part, name in zip(parts if parts[0] else parts[1:], folder.split("/"), strict=False):
        if part == "**":
            return True
        if not pattern_filter(f"/{part}", name="images")(name):
            return False
    return True


def pattern_filter(patterns: str | Sequence[str], *, name: str) -> Callable[[str], bool]:
    """A function that tells whether a path matches patterns of a .gitignore file. `name`: the setting, for messages.
    Raises GuardError for an invalid pattern.
    """
    from imgsim_guard.sources.patterns import matcher

    try:
        return matcher([patterns] if isinstance(patterns, str) else patterns)
    except (ValueError, re.error) as error:  # pathspec does not check ranges such as [z-a]
        raise GuardError(f"{name}: {error}") from error


def without_moved(
    selection: Selection, identity: Callable[[str], str], split: Callable[[str], str] = lambda _path: ""
) -> Selection:
    """The selection with queries that only moved put into the gallery.

    A path with a new content is new only if the state has that content more often than before: a renamed image is not
    new, a copied one is, and one that is renamed and copied counts once. An image that moves into a split, from another
    split or from none, is new to that split, so it stays a query. `identity` is equal for content ids of the same
    bytes. If the configuration changed, `cell_before` of the selection has the splits of the lost images.
    """
    before = selection.cell_before or split
    lost: dict[str, list[Image]] = {}
    for image in selection.lost:
        lost.setdefault(identity(image.content), []).append(image)
    moved = set()
    for into_any in (False, True):  # moves within a split first, then moves into no split
        for query in selection.queries:
            here = lost.get(identity(query.content))
            if not here or query in moved or (into_any and split(query.path)):
                continue
            found = here[0] if into_any else _in_split(here, before, split(query.path))
            if found is not None:
                here.remove(found)
                moved.add(query)
    if not moved:
        return selection
    return replace(
        selection,
        queries=tuple(query for query in selection.queries if query not in moved),
        gallery=tuple(sorted((*selection.gallery, *moved))),
        lost=tuple(sorted(image for images in lost.values() for image in images)),
    )


def _in_split(images: Sequence[Image], split: Callable[[str], str], name: str) -> Image | None:
    return next((image for image in images if split(image.path) == name), None)
