"""Many embeddings that are like real ones, from a few thousand real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import safetensors.numpy

from imgsim_guard.search.metric import squares_between

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Embeddings = NDArray[np.float16]
    Numbers = NDArray[np.float32]

APART = 11.0
"""Distance of the images that are blended: nearer ones are likely copies of one another."""

PARTS = 5
"""Images in a blend. With so many, the distances of blends are those of unrelated photographs."""

GAIN = 1.2
"""By which a blend is stretched, so that as many of its numbers are near 1 as of a photograph."""

BLOCK = 4096


def read(folder: Path) -> Embeddings:
    """All embeddings in the shards below a folder, no two of them within APART."""
    shards = [safetensors.numpy.load_file(path) for path in sorted(folder.rglob("*.safetensors"))]
    rows = np.concatenate([shard["embeddings"] for shard in shards if "embeddings" in shard])
    near = squares_between(rows, rows) <= APART**2
    kept: list[int] = []
    for row in range(len(rows)):
        if not near[row, kept].any():
            kept.append(row)
    return np.asarray(rows[kept], np.float16)


def blend(real: Embeddings, count: int, *, seed: int) -> Embeddings:
    """So many embeddings: blends of PARTS real ones before their tanh, a tenth of them copies of another, altered."""
    random = np.random.default_rng(seed)
    depths = np.arctanh(np.clip(real.astype(np.float32), -0.9995, 0.9995))
    mean = depths.mean(axis=0)
    made = np.empty((count, real.shape[1]), np.float16)
    for start in range(0, count, BLOCK):
        part = made[start : start + BLOCK]
        part[:] = np.tanh(GAIN * (mean + _with_copies(depths - mean, len(part), random)))
    return made


def _with_copies(depths: Numbers, count: int, random: np.random.Generator) -> Numbers:
    weights = np.abs(random.normal(size=(count, PARTS))).astype(np.float32)
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    rows = _sums(depths, weights, random) + _noise(rows=count, depths=depths, random=random) / 4
    copies = random.permutation(count)[: count // 10]
    strength = random.uniform(0, 1, (len(copies), 1)).astype(np.float32)
    shift = _sums(depths, random.normal(0, 0.15, (len(copies), 2)).astype(np.float32), random)
    noise = _noise(rows=len(copies), depths=depths, random=random)
    rows[copies] = rows[random.integers(0, count, len(copies))] + strength * (shift + noise)
    return np.asarray(rows, np.float32)


def _sums(depths: Numbers, weights: Numbers, random: np.random.Generator) -> Numbers:
    chosen = random.integers(0, len(depths), weights.shape)
    return np.asarray(np.einsum("nk,nkd->nd", weights, depths[chosen], optimize=True), np.float32)


def _noise(*, rows: int, depths: Numbers, random: np.random.Generator) -> Numbers:
    return random.standard_normal((rows, depths.shape[1]), np.float32)
