"""Makes the vocabulary of local features: `imgsim_guard/search/vocabulary.safetensors`.

It learns from the photographs that scikit-image bundles, each in three sizes, as it is and brightened and blurred; or
from those of a folder. The words are the centres of k-means in which each centre's mirror image is a centre, too; the
directions of the signatures are random mixtures of the principal components of what mirroring keeps and of what it
turns over; how often a word occurs tells how rare it is. Changing the vocabulary changes what is stored: count
`augnet.FEATURES` up.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import safetensors.numpy
import skimage

from imgsim_guard.images.local_features import detected
from imgsim_guard.search import words
from imgsim_guard.search.words import DESCRIPTOR_SIZE, HALF, MIRRORED, MOST_FEATURES, WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SCALES, BRIGHTER, BLUR = (1.0, 0.6, 0.35), 0.6, 1.0
LONG_SIDE, LEAST_SIDE = 512, 60
FEATURES_OF_A_PICTURE = 4000
DRAWN = {"chessboard_GRAY.png", "chessboard_RGB.png", "logo.png", "phantom.png", "horse.png"}
SAMPLE, TURNS, BATCH = 60_000, 12, 8192
TARGET = Path(words.__file__).with_name("vocabulary.safetensors")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path, nargs="?", default=Path(skimage.__file__).parent / "data")
    arguments.add_argument("--out", type=Path, default=TARGET)
    options = arguments.parse_args()
    cv2.setNumThreads(1)
    descriptors = np.concatenate([*_descriptors(options.folder)])
    draw = np.random.default_rng(0)
    sample = descriptors[draw.permutation(len(descriptors))[:SAMPLE]].astype(np.float32)
    centres = _centres(sample, draw)
    directions, middles = _directions(sample, draw)
    counts = np.bincount(_nearest(descriptors.astype(np.float32), centres) % (WORDS // 2), minlength=WORDS // 2)
    usual = np.maximum(counts, 1) / counts.sum() * (MOST_FEATURES / 2)  # a word and its mirror image share them
    data = safetensors.numpy.save(
        {
            "words": np.rint(centres).astype(np.uint8),
            "directions": directions,
            "middles": middles,
            "usual": usual.astype(np.float16),
        }
    )
    options.out.write_bytes(data)
    print(f"{len(descriptors):,} features; {options.out}: {len(data):,} bytes")


def _descriptors(folder: Path) -> Iterator[NDArray[np.uint8]]:
    for path in sorted(folder.iterdir()):
        pixels = None if path.name in DRAWN else cv2.imread(str(path))
        if pixels is None:
            continue
        for scale in SCALES:
            factor = scale * min(1.0, LONG_SIDE / max(pixels.shape[:2]))
            small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
            if min(small.shape[:2]) < LEAST_SIDE:
                continue
            brighter = np.clip(255 * (small / 255.0) ** BRIGHTER, 0, 255).astype(np.uint8)
            for picture in (small, cv2.GaussianBlur(brighter, (0, 0), BLUR)):
                grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
                yield detected(grey, FEATURES_OF_A_PICTURE)[1]


def _nearest(descriptors: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.intp]:
    """The centre of each; those of a half and more are mirrored ones."""
    both = np.concatenate([centres, centres[:, MIRRORED]])
    lengths = np.einsum("wd,wd->w", both, both) / 2
    parts = (descriptors[start : start + BATCH] for start in range(0, len(descriptors), BATCH))
    return np.concatenate([(part @ both.T - lengths).argmax(axis=1) for part in parts])


def _centres(sample: NDArray[np.float32], draw: np.random.Generator) -> NDArray[np.float32]:
    half = WORDS // 2
    centres = sample[draw.choice(len(sample), half, replace=False)]
    for _ in range(TURNS):
        nearest = _nearest(sample, centres)
        unmirrored = np.where((nearest >= half)[:, None], sample[:, MIRRORED], sample)
        nearest %= half
        counts, sums = np.bincount(nearest, minlength=half), np.zeros_like(centres)
        np.add.at(sums, nearest, unmirrored)
        fresh = sample[draw.choice(len(sample), half)]
        centres = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], fresh)
    return centres


def _directions(sample: NDArray[np.float32], draw: np.random.Generator) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
    both = np.concatenate([sample, sample[:, MIRRORED]]).astype(np.float64)
    spread = both - both.mean(axis=0)
    mixed = np.zeros((HALF, DESCRIPTOR_SIZE))
    for part in (spread + spread[:, MIRRORED], spread - spread[:, MIRRORED]):
        components = np.linalg.eigh(part.T @ part)[1][:, ::-1][:, :HALF]
        mixed += (components @ np.linalg.qr(draw.normal(size=(HALF, HALF)))[0]).T
    whole = np.rint(mixed / np.abs(mixed).max() * 127).astype(np.int8)
    return whole, np.rint(np.median(both @ whole.T.astype(np.float64), axis=0)).astype(np.int32)


if __name__ == "__main__":
    main()
