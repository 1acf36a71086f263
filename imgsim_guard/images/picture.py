"""A decoded image file: the pixels that a person sees, and a digest of all samples in it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from imgsim_guard.images.depth import Samples, to_8_bits
from imgsim_guard.images.ground import BLACK, WHITE, ground_of, laid_over, shows_the_ground
from imgsim_guard.images.rows import bands_of, by_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

PIXEL_DIGEST_SIZE = 16


class Picture(NamedTuple):
    """`pixels`: uint8 [h, w, 3] in BGR. `digest`: of all samples of all frames. `ground`: that a transparent picture
    lies on, and `other`: the pixels on the other ground. `frames`: of a film or a document, those that stand for it,
    including `pixels`. `total`: how many frames there are; `seen`: how many were read; `pages`: whether they are those
    of a document. `sound`: whether another decoder read what OpenCV gave up, so that OpenCV's messages do not count.
    """

    pixels: Pixels
    digest: bytes
    ground: int | None = None
    other: Pixels | None = None
    frames: tuple[Pixels, ...] = ()
    total: int = 1
    seen: int = 1
    pages: bool = False
    sound: bool = False

    @property
    def looks(self) -> tuple[Pixels, ...]:
        """The further pixels, besides `pixels`, by which the picture is found."""
        rest = tuple(frame for frame in self.frames if frame is not self.pixels)
        return rest if self.other is None else (self.other, *rest)


class NotDecodedError(Exception):
    """Raised by the frames of a file where one cannot be decoded. The text is the reason."""


class Raw(NamedTuple):
    """Samples as the file has them: [h, w] or [h, w, c], BGR, and alpha [h, w] of the same type if there is any.

    `usual`: OpenCV's 8 bits of them, BGR, without alpha. `laid_on_black`: the colours are multiplied by alpha.
    `everything`: all samples, if the file has more than are shown; the file's bytes if they cannot be read.
    `bits`: of a sample of alpha, if its type has more. `sound`: as of a `Picture`.
    """

    samples: Samples
    alpha: Samples | None = None
    usual: Pixels | None = None
    laid_on_black: bool = False
    everything: Samples | None = None
    bits: int | None = None
    sound: bool = False


def opaque(pixels: Pixels, reduced: int = 1) -> Picture:
    """A picture of only these pixels."""
    return Picture(pixels, pixel_digest(pixels, reduced))


def still(raw: Raw) -> Picture:
    """The picture of these samples."""
    pixels = _shown(raw)
    alpha = None if raw.alpha is None else _alpha(raw.alpha, raw.bits)
    if alpha is None or alpha.min() == WHITE:
        pixels = np.ascontiguousarray(pixels)
        samples = raw.samples if raw.samples.dtype != np.uint8 else pixels
        digest = digest_of([samples if raw.everything is None else raw.everything])
        return Picture(pixels, digest, sound=raw.sound)
    digest = digest_of([one for one in (raw.samples, raw.alpha, raw.everything) if one is not None])
    ground = ground_of(pixels if not raw.laid_on_black else _unmultiplied(pixels, alpha), alpha)
    grounds = (ground, WHITE + BLACK - ground)
    mixed = [_mixed(raw, pixels, alpha, one) for one in grounds[: 1 + shows_the_ground(alpha)]]
    both = len(mixed) > 1
    return Picture(mixed[0], digest, ground if both else None, mixed[1] if both else None, sound=raw.sound)


def pixel_digest(pixels: Pixels, reduced: int = 1) -> bytes:
    """A digest of PIXEL_DIGEST_SIZE bytes. Two images share it if every pixel is the same and both were reduced by the
    same factor.
    """
    return _digest([repr(pixels.shape) if reduced == 1 else f"{pixels.shape}/{reduced}"], [pixels])


def digest_of(arrays: Sequence[Samples]) -> bytes:
    """The digest of all samples of a picture of any type: its colours, and its alpha if there is any."""
    if len(arrays) == 1 and arrays[0].dtype == np.uint8 and arrays[0].ndim == 3:  # noqa: PLR2004  [h, w, 3]
        return pixel_digest(np.asarray(arrays[0], np.uint8))
    return _digest([f"{array.shape}{array.dtype.str}" for array in arrays], arrays)


def digest_of_frames(frames: Sequence[bytes], unseen: bytes = b"") -> bytes:
    """The digest of a film or a document, from the digest of each frame, and from the file if not all
    frames were read.
    """
    return hashlib.blake2b(b"".join(frames) + unseen, digest_size=PIXEL_DIGEST_SIZE).digest()


def _digest(words: Iterable[str], arrays: Iterable[Samples]) -> bytes:
    digest = hashlib.blake2b(" ".join(words).encode(), digest_size=PIXEL_DIGEST_SIZE)
    for array in arrays:
        for rows in bands_of(array):
            digest.update(np.ascontiguousarray(array[rows]).data)
    return digest.digest()


def _shown(raw: Raw) -> Pixels:
    """The colours as uint8 [h, w, 3], BGR, possibly a view of the samples."""
    if raw.usual is not None and raw.samples.dtype == np.uint8 and not raw.laid_on_black:
        return raw.usual
    pixels = to_8_bits(raw.samples)
    if pixels is None:
        pixels = raw.usual if raw.usual is not None else by_rows(_high_bits, raw.samples)
    if pixels.ndim == 2:  # noqa: PLR2004  grey
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8)
    return pixels


def _high_bits(samples: Samples) -> Pixels:
    return np.asarray(samples.astype(np.uint16) >> 8, np.uint8)


def _alpha(alpha: Samples, bits: int | None) -> Pixels:
    if alpha.dtype == np.uint8:
        return np.asarray(alpha, np.uint8)
    if bits is not None:
        most = float(2**bits - 1)
    else:
        most = float(np.iinfo(alpha.dtype.type).max) if alpha.dtype.kind in "iu" else max(1.0, float(alpha.max()))  # type: ignore[type-var]

    def scaled(alpha: Samples) -> Pixels:
        return np.asarray(np.rint(np.clip(alpha.astype(np.float32) / np.float32(most), 0, 1) * 255), np.uint8)

    return by_rows(scaled, alpha)


def _mixed(raw: Raw, pixels: Pixels, alpha: Pixels, ground: int) -> Pixels:
    if not raw.laid_on_black:
        return laid_over(ground, pixels, alpha)
    return np.asarray(cv2.add(pixels, laid_over(ground, np.zeros_like(pixels), alpha)), np.uint8)


def _unmultiplied(pixels: Pixels, alpha: Pixels) -> Pixels:
    def divided(pixels: Pixels, alpha: Pixels) -> Pixels:
        weight = np.maximum(alpha, 1)[..., None].astype(np.uint16)
        return np.asarray(np.minimum(pixels.astype(np.uint16) * np.uint16(255) // weight, 255), np.uint8)

    return by_rows(divided, pixels, alpha)
