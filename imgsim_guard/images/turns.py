"""Pictures that a viewer turns or mirrors: by EXIF, and by the boxes of AVIF (ISO 23008-12, 6.5.10 and 6.5.12).

OpenCV obeys EXIF only if it is asked for 8 bits without alpha, and not in a WebP where the name of a JPEG's segment
comes first. It does not know the boxes.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from imgsim_guard.images.headers import LARGEST_META, meta_box
from imgsim_guard.images.structure import riff_chunks
from imgsim_guard.images.tiff_directories import ORIENTATION, directories

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cv2.typing import MatLike


class Turn(NamedTuple):
    """OpenCV's code of a rotation, and then of mirroring."""

    rotation: int | None = None
    mirror: int | None = None

    def of(self, samples: MatLike) -> MatLike:
        """Samples turned and mirrored."""
        samples = samples if self.rotation is None else cv2.rotate(samples, self.rotation)
        return samples if self.mirror is None else cv2.flip(samples, self.mirror)


UPRIGHT = Turn()

_BY_EXIF = {
    2: Turn(mirror=1),
    3: Turn(cv2.ROTATE_180),
    4: Turn(mirror=0),
    5: Turn(cv2.ROTATE_90_CLOCKWISE, 1),
    6: Turn(cv2.ROTATE_90_CLOCKWISE),
    7: Turn(cv2.ROTATE_90_CLOCKWISE, 0),
    8: Turn(cv2.ROTATE_90_COUNTERCLOCKWISE),
}
"""By EXIF orientation."""

_BY_ANGLE = (None, cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)
"""By quarters against the clock."""

_EXIF = 0


def turn_by_exif(kinds: Sequence[int], texts: Sequence[MatLike]) -> Turn:
    """The turn by the EXIF data among the metadata that OpenCV returns."""
    for kind, text in zip(kinds, texts, strict=False):
        if kind == _EXIF:
            with suppress(struct.error, StopIteration):
                orientation = next(directories(np.asarray(text).tobytes())).get(ORIENTATION, 1)
                return _BY_EXIF.get(orientation, UPRIGHT)
    return UPRIGHT


def with_bare_exif(data: bytes) -> bytes:
    """A WebP whose EXIF data begin with `Exif`, as in a JPEG and from many programs, without that name."""
    for kind, start, end in riff_chunks(data):
        if kind == b"EXIF" and data[start : start + 6] == b"Exif\0\0":
            exif = data[start + 6 : end]
            chunk = kind + len(exif).to_bytes(4, "little") + exif + bytes(len(exif) & 1)
            rest = data[8 : start - 8] + chunk + data[end + (end - start & 1) :]
            return data[:4] + len(rest).to_bytes(4, "little") + rest
    return data


def turn_by_boxes(data: bytes) -> Turn:
    """The turn of an AVIF's primary image; upright for a damaged file, which decoding reports."""
    head = data[:LARGEST_META]
    if b"irot" not in head and b"imir" not in head:
        return UPRIGHT
    with suppress(struct.error, IndexError, KeyError):
        at = meta_box(data)
        inside = {kind: (start, end) for kind, start, end in _boxes(head, at + 12, len(head))}
        rules = {kind: (start, end) for kind, start, end in _boxes(head, *inside[b"iprp"])}
        every = list(_boxes(head, *rules[b"ipco"]))
        own = _properties(head, rules[b"ipma"][0], _primary(head, inside[b"pitm"][0]))
        found = {every[index - 1][0]: head[every[index - 1][1]] for index in own if 0 < index <= len(every)}
        mirror = found.get(b"imir")
        return Turn(_BY_ANGLE[found.get(b"irot", 0) & 3], None if mirror is None else mirror & 1)
    return UPRIGHT


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The kind, start and end of the content of each box."""
    while at + 8 <= end:
        length = int.from_bytes(data[at : at + 4])
        if length < 8:  # noqa: PLR2004  a header has eight bytes; longer lengths do not occur here
            return
        yield data[at + 4 : at + 8], at + 8, min(end, at + length)
        at += length


def _primary(data: bytes, at: int) -> int:
    """The number of the primary image."""
    return int(struct.unpack_from(">I" if data[at] else ">H", data, at + 4)[0])


def _properties(data: bytes, at: int, item: int) -> list[int]:
    """The numbers of an image's properties, from 1."""
    name, wide = (">I" if data[at] else ">H"), data[at + 3] & 1
    count, at = struct.unpack_from(">I", data, at + 4)[0], at + 8
    for _ in range(min(count, 2**16)):
        number, some = struct.unpack_from(name, data, at)[0], data[at + struct.calcsize(name)]
        at += struct.calcsize(name) + 1
        if number == item:
            code = f">{some}{'H' if wide else 'B'}"
            return [one & (0x7FFF if wide else 0x7F) for one in struct.unpack_from(code, data, at)]
        at += some << wide
    return []
