"""A choice that a person made on the page of a scan: which images of each group stay, read from a file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.images.headers import read_header
from imgsim_guard.model import Group, GuardError, Image, Member, Unreadable, content_id, digest_of, tracker_of
from imgsim_guard.sources.folders import read_file
from imgsim_guard.store.shard import file_digests
from imgsim_guard.system.files import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FORMAT = 1
LARGEST = 2**28
"""Bytes: a million images."""

CHOSEN = "your choice"


def groups_chosen(path: Path, within: Iterable[str]) -> tuple[Group, ...]:
    """The groups of a saved choice, whose copies are what is to move.

    Raises GuardError for a file that is no choice, and for an image that is outside of the folders.
    """
    folders = [os.path.abspath(folder) for folder in within]  # noqa: PTH100  links stay
    try:
        document = json.loads(read_text(path, what="plan", largest=LARGEST))
        if document["format"] != FORMAT:
            raise GuardError(f"{path}: format {document['format']} is not known to this version of imgsim-guard")
        groups = [([*_images(one["keep"])], [*_images(one["move"])]) for one in document["groups"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise GuardError(f"{path}: no plan that the page of a scan saved ({type(error).__name__}: {error})") from error
    moving = [image.path for _, moved in groups for image in moved]
    staying = {image.path for kept, _ in groups for image in kept}
    for image in moving:
        if not any(Path(os.path.abspath(image)).is_relative_to(folder) for folder in folders):  # noqa: PTH100
            raise GuardError(f"{path}: {image} is not in the folders that are to be cleaned")
        if image in staying:
            raise GuardError(f"{path}: {image} is to stay and to move")
    if len({*moving}) < len(moving) or not all(kept for kept, _ in groups):
        raise GuardError(f"{path}: an image moves once, and one of each group stays")
    return tuple(Group((_member(kept[0]), *(_member(image, kept[0]) for image in moved))) for kept, moved in groups)


def _images(described: Iterable[dict[str, str]]) -> Iterator[Image]:
    for one in described:
        image = Image(one["path"], one["content"])
        if not all(isinstance(text, str) for text in image):
            raise TypeError(f"not an image: {one}")
        yield _in_a_folder(image)


def _in_a_folder(image: Image) -> Image:
    """The image under the content id of files in folders. The page of a repository names it by git's or DVC's."""
    data = read_file(image.path) if tracker_of(image.content) in {"git", "md5"} else Unreadable("")
    if isinstance(data, Unreadable):
        return image  # moving looks at it
    digests = file_digests(data)
    if digests[tracker_of(image.content)].hex() != digest_of(image.content):
        raise GuardError(f"{image.path}: it changed since the page was written; make the page again")
    return image._replace(content=content_id("sha256", digests["sha256"].hex()))


def _member(image: Image, of: Image | None = None) -> Member:
    data = read_file(image.path)
    header = read_header(data) if isinstance(data, bytes) else None
    size = len(data) if isinstance(data, bytes) else 0
    width, height = (header.width, header.height) if header is not None else (0, 0)
    return Member(image, "copy" if of else "keep", CHOSEN, of, width=width, height=height, size=size)
