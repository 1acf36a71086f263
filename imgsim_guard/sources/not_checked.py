"""Notes on what a state has and a check leaves out: other formats, links, submodules, patterns without a match."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.images.headers import LONGEST_SIGNATURE, has_signature
from imgsim_guard.model import Image, content_id
from imgsim_guard.sources.folders import IN_ANNEX
from imgsim_guard.sources.selection import NAMED, ImageFilter, has_image_suffix, overlooked, unmatched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from imgsim_guard.sources.git import Git
    from imgsim_guard.sources.git_records import Change, Entry

LONGEST_TARGET = 4096
"""Most bytes of a link that are read."""

MOST_OPENED = 50
"""Most new files without a suffix that are opened to see whether they are images."""


def not_checked(
    git: Git,
    changes: Iterable[Change],
    entries: Iterable[Entry],
    images: Sequence[str],
    is_image: Callable[[str], bool],
) -> Iterator[str]:
    """Notes on new images in formats that are not read and, if there are images, on patterns that match
    none of them.
    """
    if isinstance(is_image, ImageFilter):
        new = [change for change in changes if change.new and is_image.within(change.path)]
        yield from overlooked(change.path for change in new if not is_image(change.path))
        yield from _without_suffix(git, new) if is_image.patterns else ()
        if is_image.patterns and (images or any(has_image_suffix(entry.path) for entry in entries)):
            yield from unmatched(is_image.patterns, images)


def _without_suffix(git: Git, changes: Sequence[Change]) -> Iterator[str]:
    """A note on new files without a suffix that are images. At most MOST_OPENED files are opened."""
    for change in [one for one in changes if one.new and "." not in one.path.rpartition("/")[2]][:MOST_OPENED]:
        data = git.read(Image(change.path, content_id("git", change.new or "")))
        if isinstance(data, bytes) and has_signature(data[:LONGEST_SIGNATURE]):
            yield f"{change.path} is an image without a suffix, which is not checked; give it a suffix"
            return


def not_followed(git: Git, changes: Iterable[Change], is_image: Callable[[str], bool]) -> Iterator[str]:
    """A note on new links with the names of images, and on new submodules: git keeps the images behind
    them elsewhere.
    """
    reached = is_image.reaches if isinstance(is_image, ImageFilter) else lambda _folder: True
    behind = [change for change in changes if change.behind]
    links = [change for change in behind if change.behind == "link" and is_image(change.path)]
    targets = git.blobs({change.blob for change in links if change.blob}, largest=LONGEST_TARGET) if links else {}
    annexed = {change.path for change in links if IN_ANNEX.encode() in targets.get(change.blob, b"")}
    if annexed:
        yield (
            f"images that git-annex keeps, so they were not checked: {len(annexed):,} ({_some(annexed)}); "
            "imgsim-guard scan checks the files that git annex get brought"
        )
    submodules = {change.path for change in behind if change.behind == "submodule" and reached(change.path)}
    for kind, paths in (("link", {change.path for change in links} - annexed), ("submodule", submodules)):
        if paths:
            several = "s" if len(paths) > 1 else ""
            yield f"{len(paths):,} {kind}{several} not followed, so the images there were not checked: {_some(paths)}"


def _some(paths: Iterable[str]) -> str:
    every = sorted(paths)
    return ", ".join(every[:NAMED]) + (", ..." if len(every) > NAMED else "")
