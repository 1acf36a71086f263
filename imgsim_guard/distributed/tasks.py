"""The functions that workers run, each on one slice of the work."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from imgsim_guard import __version__
from imgsim_guard.augnet import Model, load
from imgsim_guard.distributed.exchange import Exchange
from imgsim_guard.gate.embed import embed_missing
from imgsim_guard.gate.pipeline import pipeline_of
from imgsim_guard.images.decode import DECODER
from imgsim_guard.model import GuardError
from imgsim_guard.search import joins
from imgsim_guard.sources.place import opened
from imgsim_guard.store.store import Store
from imgsim_guard.verification.verifier import Verifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgsim_guard.augnet import Embedder
    from imgsim_guard.model import Candidate, Evidence, Image, Unreadable
    from imgsim_guard.search.hashes import Hashes
    from imgsim_guard.search.metric import Distances, Embeddings, Rows
    from imgsim_guard.sources.place import Place

    Columns = tuple[Rows, Rows, Distances]


class Job(NamedTuple):
    """What a worker needs to know. `release`: that of the caller, since other versions may have other results."""

    release: str
    model: Model
    place: Place
    shards: str


class Embedded(NamedTuple):
    """The unreadable images of a slice by content id, and which of them are permanently unreadable. The embeddings are
    in the slice's shard.
    """

    unreadable: dict[str, Unreadable]
    lasting: dict[str, str]


def release(model: Model) -> str:
    """What two machines must have in common to get the same results."""
    return f"imgsim-guard {__version__}, {model.fingerprint}, {DECODER}, NumPy {np.__version__}"


def embed_slice(job: Job, images: Sequence[Image]) -> Embedded:
    """Embed these images and write their shard, through a temporary store for the slice."""
    _prepare(job)
    with TemporaryDirectory(prefix="imgsim-guard-") as folder, opened(job.place) as source:
        store = Store(Path(folder), fingerprint=job.model.fingerprint, decoder=lambda: DECODER)
        pipeline = pipeline_of(source, store, job.model, load=lambda _at_once: _embedder(job.model))
        unreadable = embed_missing(images, pipeline)
        rows = store.rows(image.content for image in images)
    if rows:
        Exchange(job.shards, store.fingerprint).write(rows)
    return Embedded(unreadable, store.unreadable)


def verify_slice(job: Job, candidates: Sequence[Candidate]) -> tuple[list[Evidence], dict[Image, bytes]]:
    """Verify these pairs: the evidence of each, and the digests of the pixels that were compared."""
    _prepare(job)
    with opened(job.place) as source:
        verifier = Verifier(source, threads=1)
        return list(verifier.verify(candidates, lambda: None)), verifier.pixels


def join_blocks(name: str, options: dict[str, float], *blocks: Embeddings) -> Columns:
    """The pairs that one of the `joins` finds between two blocks of rows, or within one."""
    pairs = list(getattr(joins, name)(*blocks, **options))
    rows, columns, distances = zip(*pairs, strict=True) if pairs else ((), (), ())
    return np.array(rows, np.intp), np.array(columns, np.intp), np.array(distances, np.float64)


def join_hashes(k: int, first: Hashes, second: Hashes) -> list[tuple[int, int]]:
    """The k second rows with the nearest hashes for each first row."""
    return list(joins.nearest_hashes(first, second, k=k))


def _prepare(job: Job) -> None:
    if job.release != release(job.model):
        raise GuardError(
            f"a worker has {release(job.model)}, and this machine {job.release}: every machine of the cluster needs "
            "the same versions"
        )
    cv2.setNumThreads(1)  # Ray reserves one core for each call


@cache
def _embedder(model: Model) -> Embedder:
    return load(model.engine, threads=1, preprocessing=model.preprocessing, device=model.device)
