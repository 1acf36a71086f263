"""The workers on Ray, with the interface that a pipeline uses."""

from __future__ import annotations

from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from imgsim_guard.distributed.cluster import cluster_at
from imgsim_guard.distributed.exchange import Exchange
from imgsim_guard.distributed.grid import Grid
from imgsim_guard.distributed.tasks import Embedded, Job, embed_slice, release, verify_slice
from imgsim_guard.gate.embed import doing, missing
from imgsim_guard.model import GuardError, content_id
from imgsim_guard.store.shard import DamagedShardError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from imgsim_guard.config.settings import Settings
    from imgsim_guard.distributed.cluster import Cluster
    from imgsim_guard.gate.pipeline import Pipeline, Verifies
    from imgsim_guard.model import Candidate, Evidence, Image, Unreadable
    from imgsim_guard.sources.place import Place
    from imgsim_guard.sources.source import Source
    from imgsim_guard.store.store import Store

Item = TypeVar("Item")

IMAGES_OF_A_SLICE = 128
"""Most images of a slice: half a minute on one core, which is lost if the worker dies."""

PAIRS_OF_A_SLICE = 256
"""Most pairs of a slice."""

SLICES_OF_A_CORE = 4
"""Slices for each core, so that all cores end at about the same time."""

SHARED = "every machine of the cluster needs the images at the same paths"


class RayWorkers:
    """Workers of a cluster. `apart`: they write to the exchange, not into the store's own folder."""

    def __init__(self, cluster: Cluster, job: Job, exchange: Exchange, *, apart: bool) -> None:
        self.joins = Grid(cluster)
        self._cluster = cluster
        self._job = job
        self._exchange = exchange
        self._apart = apart
        self._read: set[str] = set()

    def embed(self, images: Sequence[Image], pipeline: Pipeline) -> dict[str, Unreadable]:
        """The result of `embed_missing`. The shards that workers have written are kept, also after an error."""
        store = pipeline.store
        self._exchange.make()
        self._collect(store)  # from a run that was interrupted
        images = missing(images, store)
        try:
            unreadable = self._embedded(images, pipeline)
        except BaseException:
            with suppress(GuardError):
                self._collect(store)
            raise
        self._collect(store)
        if lost := [image for image in missing(images, store) if image.content not in unreadable]:
            raise GuardError(
                f"what the workers embedded is not on this machine; images: {len(lost):,}. --shards names a folder or "
                "URL that every machine of the cluster can read and write"
            )
        return unreadable

    def verify(self, here: Verifies, candidates: Sequence[Candidate], done: Callable[[], object]) -> Iterator[Evidence]:
        """The evidence that verifying `here` gives. Raises GuardError if a worker cannot read an image of a pair that
        this machine can read.
        """
        slices = self._slices(candidates, PAIRS_OF_A_SLICE)
        with closing(self._cluster.map(verify_slice, ((self._job, part) for part in slices))) as results:
            for part, (evidence, pixels) in zip(slices, results, strict=True):
                here.pixels |= pixels
                _require_seen(
                    [pair for pair, seen in zip(part, evidence, strict=True) if seen.outcome == "skipped"], here
                )
                for seen in evidence:
                    done()
                    yield seen

    def _embedded(self, images: Sequence[Image], pipeline: Pipeline) -> dict[str, Unreadable]:
        unreadable: dict[str, Unreadable] = {}
        lasting: dict[str, str] = {}
        done = pipeline.progress(len(images), doing(pipeline.store))
        slices = self._slices(images, IMAGES_OF_A_SLICE)
        try:
            with closing(self._cluster.map(embed_slice, ((self._job, part) for part in slices))) as results:
                for part, result in zip(slices, results, strict=True):
                    _require_read(part, result, pipeline.source)
                    unreadable |= result.unreadable
                    lasting |= result.lasting
                    for _ in part:
                        done()
        finally:
            if lasting:
                pipeline.store.add_unreadable(lasting)
        return unreadable

    def _collect(self, store: Store) -> None:
        """Add the workers' shards to the store, as far as it lacks them."""
        store.reload()
        for name in self._exchange.names() if self._apart else ():
            if name not in self._read:
                with suppress(DamagedShardError):  # an incomplete shard of a worker that died
                    rows = self._exchange.read(name)
                    known = store.find(content_id("sha256", row.sha256.hex()) for row in rows)
                    if new := [row for row in rows if content_id("sha256", row.sha256.hex()) not in known]:
                        store.add(new)
                    self._read.add(name)

    def _slices(self, items: Sequence[Item], most: int) -> list[Sequence[Item]]:
        size = min(most, -(-len(items) // (SLICES_OF_A_CORE * self._cluster.cores)) or 1)
        return [items[start : start + size] for start in range(0, len(items), size)]


@contextmanager
def workers_at(
    address: str, *, shards: str | None, place: Place, settings: Settings, store: Store
) -> Iterator[RayWorkers]:
    """The workers of the cluster at an address, or of one on this machine, that write to `shards` or into the store.

    Raises GuardError if there is no such cluster.
    """
    where = shards or str(store.folder.parent)
    exchange = Exchange(where, store.fingerprint)
    model = settings.model
    job = Job(release(model), model, place, where)
    with cluster_at(address) as cluster:
        yield RayWorkers(cluster, job, exchange, apart=shards is not None)


def _require_read(images: Sequence[Image], result: Embedded, source: Source) -> None:
    for image in images:
        why = result.unreadable.get(image.content)
        if why and image.content not in result.lasting and isinstance(source.read(image), bytes):
            raise GuardError(f"{image.path}: a worker cannot read it, but this machine can: {why.reason}; {SHARED}")


def _require_seen(skipped: Sequence[Candidate], here: Verifies) -> None:
    for pair, evidence in zip(skipped, here.verify(skipped, lambda: None), strict=True):
        if evidence.outcome != "skipped":
            raise GuardError(
                f"a worker cannot read {pair.query.path} and {pair.gallery.path}, but this machine can; {SHARED}"
            )
