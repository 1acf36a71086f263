"""A folder as people have them: two splits, two classes, copies of many kinds, sidecars, links and broken files."""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from conftest import encoded, pixels_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    Edit = tuple[str, Callable[[Pixels], bytes]]

ORIGINALS = 58
TWICE = 32
"""Originals that have two copies in their own folder."""

LEAKING, CONFLICTING = range(20, 33), range(33, 43)
"""Originals with a copy in the other split, and with one under the other label."""

SIDE = 160
PHOTOGRAPHS = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "motorcycle_left.png",
    "ihc.png",
    "gravel.png",
    "grass.png",
    "coins.png",
)
SPLITS, LABELS = ("train", "test"), ("cat", "dog")


class Messy(NamedTuple):
    """By path below the folder: what is to stay, and what is to move: copies, their sidecars, and links to them."""

    stay: set[str]
    move: set[str]


def _scaled(pixels: Pixels) -> bytes:
    return encoded(np.asarray(cv2.resize(pixels, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA), np.uint8))


def _darker(pixels: Pixels) -> bytes:
    return encoded(np.asarray(cv2.convertScaleAbs(pixels, alpha=0.9, beta=-4), np.uint8), ".jpg")


EDITS: tuple[Edit, ...] = (
    (".png", encoded),
    (".jpg", lambda pixels: encoded(pixels, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 75)),
    (".png", _scaled),
    (".jpg", _darker),
    (".png", lambda pixels: encoded(np.ascontiguousarray(pixels[10:-8, 6:-10]))),
    (".png", lambda pixels: encoded(np.ascontiguousarray(pixels[:, ::-1]))),
)
"""Of each, the suffix and what makes the bytes: the same, compressed, scaled, darker, cropped, mirrored."""

LINKS = {
    ("link.png", "other name.png"): "00.png",
    ("soft.png", "zz hard.png"): "00 again.png",
    ("x.png", "y.png"): "40.png",
}
"""Symbolic and hard links in train/cat, and what they lead to."""

BROKEN = {
    "images/train/empty.png": b"",
    "images/train/cat/page.png": b"<html>404</html>",
    "images/test/dog/torn.jpg": encoded(np.zeros((64, 64, 3), np.uint8), ".jpg")[:200],
    "images/test/no.webp": b"RIFF",
    "images/test/dog/zeros.png": bytes(500),
}


def messy_folder(folder: Path) -> Messy:
    """Make it: 58 originals and 87 copies of them among 249 files. Every original is older than its copies."""
    made = Messy(set(), set())
    for number, pixels in enumerate(islice(_squares(), ORIGINALS)):
        split, label = number % 2, number // 2 % 2
        own = f"{SPLITS[split]}/{LABELS[label]}"
        first, second = EDITS[number % len(EDITS)], EDITS[(number + 2) % len(EDITS)]
        made.stay.update(_written(folder, f"{own}/{number:02}", EDITS[0], pixels, sidecar=not number % 2))
        if number < TWICE:
            made.move.update(_written(folder, f"{own}/{number:02} again", first, pixels, sidecar=True))
            made.move.update(_written(folder, f"{own}/{number:02} once more", second, pixels, sidecar=True))
        if number in LEAKING:
            made.stay.update(_written(folder, f"{SPLITS[1 - split]}/{LABELS[label]}/of {number}", first, pixels))
        if number in CONFLICTING:
            made.stay.update(_written(folder, f"{SPLITS[split]}/{LABELS[1 - label]}/of {number}", second, pixels))
    _link(folder, made)
    for name, data in BROKEN.items():
        (folder / name).write_bytes(data)
        made.stay.add(name)
    return made


def _squares() -> Iterator[Pixels]:
    """Pieces of photographs, none of which shows what another does."""
    for name in PHOTOGRAPHS:
        pixels = pixels_of(name)
        for top in range(0, pixels.shape[0] - SIDE + 1, SIDE):
            for left in range(0, pixels.shape[1] - SIDE + 1, SIDE):
                yield np.ascontiguousarray(pixels[top : top + SIDE, left : left + SIDE])


def _written(folder: Path, name: str, edit: Edit, pixels: Pixels, *, sidecar: bool = False) -> Iterator[str]:
    """Write an image and its sidecar, a caption or boxes; their paths below the folder."""
    suffix, make = edit
    yield _put(folder, f"images/{name}{suffix}", make(pixels), new=" " in name)
    if sidecar:
        place = "images" if len(name) % 2 else "labels"
        yield _put(folder, f"{place}/{name}.txt", f"of {name}".encode())


def _put(folder: Path, name: str, data: bytes, *, new: bool = False) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (10**9 + new, 10**9 + new))
    return name


def _link(folder: Path, made: Messy) -> None:
    """Further names of images, which go where their image goes."""
    for names, image in LINKS.items():
        of, linked = f"images/train/cat/{image}", [f"images/train/cat/{name}" for name in names]
        (folder / linked[0]).symlink_to(image)
        os.link(folder / of, folder / linked[1])
        (made.move if of in made.move else made.stay).update(linked)
