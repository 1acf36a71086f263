"""Sidecars: the files that belong to one image, such as its caption or its boxes, and go where it goes."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.sources.selection import has_image_suffix

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

SUFFIXES = (".txt", ".xml", ".json", ".caption")
"""Captions, Pascal VOC, LabelMe, metadata."""

IMAGES, LABELS = "images", "labels"
"""YOLO keeps `labels/train/a.txt` for `images/train/a.jpg`."""


def sidecars_of(paths: Collection[str]) -> Iterator[tuple[str, str]]:
    """Each sidecar of these images with the image that it belongs to, sorted by the image's path.

    A sidecar by stem (`a.txt` of `a.jpg`) stays if an image that is not among these has that stem, too.
    """
    names = _Listing()
    going = {*paths}
    for path in sorted(paths):
        folder, name = os.path.split(path)
        stem = os.path.splitext(name)[0]  # noqa: PTH122  the path stays as it is
        yield from ((found, path) for found in names.there(folder, (f"{name}{suffix}" for suffix in SUFFIXES)))
        alike = [os.path.join(folder, other) for other in names.images(folder, stem)]  # noqa: PTH118
        if {*alike} <= going and path == min(alike, default=path):
            yield from ((found, path) for found in names.there(folder, (f"{stem}{suffix}" for suffix in SUFFIXES)))
            labels = _labels_beside(folder)
            if labels is not None:
                yield from ((found, path) for found in names.there(labels, [f"{stem}.txt"]))


def _labels_beside(folder: str) -> str | None:
    """YOLO's folder of labels for a folder of images."""
    parts = Path(folder).parts
    if IMAGES not in parts:
        return None
    last = len(parts) - 1 - parts[::-1].index(IMAGES)
    return str(Path(*parts[:last], LABELS, *parts[last + 1 :]))


class _Listing:
    """What is in folders, each of which is listed once."""

    def __init__(self) -> None:
        self._folders: dict[str, set[str]] = {}
        self._by_stem: dict[str, dict[str, list[str]]] = {}

    def there(self, folder: str, names: Iterator[str] | list[str]) -> Iterator[str]:
        """The paths of those names that are regular files there."""
        listed = self._listed(folder)
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118  the path stays as it is
            if name in listed and os.path.isfile(path):  # noqa: PTH113
                yield path

    def images(self, folder: str, stem: str) -> list[str]:
        """The names of the images there that have this stem."""
        if folder not in self._by_stem:
            found: dict[str, list[str]] = defaultdict(list)
            for name in self._listed(folder):
                if has_image_suffix(name):
                    found[os.path.splitext(name)[0]].append(name)  # noqa: PTH122
            self._by_stem[folder] = found
        return self._by_stem[folder].get(stem, [])

    def _listed(self, folder: str) -> set[str]:
        if folder not in self._folders:
            try:
                self._folders[folder] = {*os.listdir(folder or ".")}  # noqa: PTH208
            except OSError:
                self._folders[folder] = set()
        return self._folders[folder]
