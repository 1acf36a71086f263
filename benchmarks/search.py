"""Search among stored embeddings and hashes: projected and in full width, and with `--peers` by FAISS and usearch.

The embeddings are blends of real ones, as many as wanted. What the projected search finds is checked against the plain
one's in the same run.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from blending import blend, read
from measuring import in_turns, report, seconds, summary

from imgsim_guard.search import nearest_between, pairs_among, pairs_between, plain, project
from imgsim_guard.search.hashes import HASH_SIZE, HASHES, nearest_hashes
from imgsim_guard.search.metric import lengths, true_cells, widened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from imgsim_guard.search import Projection

    Embeddings = NDArray[np.float16]

    Way = Callable[[], Iterable[object]]

THRESHOLD, REACH, NEAREST, BY_HASH = 10.0, 26.0, 20, 5

HASHES_WITHIN = 0.4
"""Of the images: those with a picture within them that has a hash of its own."""


class Peer(NamedTuple):
    """The same searches by another library, in float32 or float16 and so not exact; each gives no pairs back."""

    within: Callable[[Embeddings], Iterable[object]]
    nearest: Callable[[Embeddings], Iterable[object]]


class Sides(NamedTuple):
    """The gallery, its projection, and the peers that hold it."""

    gallery: Embeddings
    kept: Projection
    peers: Mapping[str, Peer]


def main() -> None:
    options = _options()
    real = read(options.folder)
    gallery, queries = blend(real, options.gallery, seed=1), blend(real, options.queries, seed=2)
    sides = Sides(gallery, project(gallery), _peers(gallery) if options.peers else {})
    tasks: dict[str, Callable[[], dict[str, Way]]] = {
        "1 query, within 10": lambda: _within(queries[:1], sides),
        "1 query, 20 nearest": lambda: _nearest(queries[:1], sides),
        f"{len(queries)} queries, within 10": lambda: _within(queries, sides),
        f"{len(queries)} queries, 20 nearest": lambda: _nearest(queries, sides),
        f"all pairs of {options.all_pairs} within 10": lambda: _among(gallery[: options.all_pairs]),
        f"1 query, hashes of {len(gallery)}": lambda: _hashes(1, len(gallery)),
        f"{options.hash_queries} queries, hashes of 15000": lambda: _hashes(options.hash_queries, 15_000),
    }
    figures: dict[str, object] = {"real": len(real), "gallery": len(gallery)}
    rows = [["task", "way", "seconds", "ratio"]]
    for task, ways in tasks.items():
        kept = {name: way for name, way in ways().items() if name not in options.leave_out}
        times, found = _run(kept, rounds=options.rounds)
        figures[task] = {"seconds": times, "found": found, "peak_mb": _peak_mb()}
        rows += _rows(task, times)
    report(figures, rows, reference=None, target=options.json)


def _options() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path, help="a folder of shards with a thousand real embeddings or more")
    arguments.add_argument("--gallery", type=int, default=100_000)
    arguments.add_argument("--queries", type=int, default=1000)
    arguments.add_argument("--all-pairs", type=int, default=20_000, metavar="ROWS", help="of the gallery (20,000)")
    arguments.add_argument("--hash-queries", type=int, default=500)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument(
        "--leave-out", nargs="+", default=[], metavar="WAY", help="of those in the table, such as 'full width'"
    )
    arguments.add_argument("--peers", action="store_true", help="FAISS and usearch, too, with copies of the gallery")
    arguments.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return arguments.parse_args()


def _run(ways: Mapping[str, Way], *, rounds: int) -> tuple[dict[str, list[float]], int]:
    """What each way takes, in turns, and how much ours finds. Raises if full width finds anything else."""
    found: dict[str, list[object]] = {}

    def once(name: str) -> float:
        return seconds(lambda: found.update({name: list(ways[name]())}))

    times = in_turns(rounds, **{name: partial(once, name) for name in ways})
    if "full width" in found and sorted(map(repr, found["full width"])) != sorted(map(repr, found["ours"])):
        raise AssertionError("full width finds other pairs")
    return times, len(found["ours"])


def _within(queries: Embeddings, sides: Sides) -> dict[str, Way]:
    gallery, kept, peers = sides
    return {
        "full width": lambda: plain.pairs(queries, gallery, threshold=THRESHOLD, same=False),
        "ours": lambda: pairs_between(queries, gallery, threshold=THRESHOLD),
        "ours, projection kept": lambda: pairs_between(queries, gallery, threshold=THRESHOLD, projection=kept),
        **{name: partial(peer.within, queries) for name, peer in peers.items() if name == "FAISS"},
    }


def _nearest(queries: Embeddings, sides: Sides) -> dict[str, Way]:
    gallery, kept, peers = sides
    return {
        "full width": lambda: plain.nearest(queries, gallery, k=NEAREST, reach=REACH, same=False),
        "ours": lambda: nearest_between(queries, gallery, k=NEAREST, reach=REACH),
        "ours, projection kept": lambda: nearest_between(queries, gallery, k=NEAREST, reach=REACH, projection=kept),
        **{name: partial(peer.nearest, queries) for name, peer in peers.items()},
    }


def _among(rows: Embeddings) -> dict[str, Way]:
    return {
        "float32 products": lambda: _products(rows),
        "full width": lambda: plain.pairs(rows, rows, threshold=THRESHOLD, same=True),
        "ours": lambda: pairs_among(rows, threshold=THRESHOLD),
    }


def _products(rows: Embeddings) -> Iterator[tuple[int, int]]:
    """Nothing but the blocks of products in full width, and which of them are within the threshold, if not exactly."""
    wide = widened(rows)
    halves = lengths(wide) / 2
    for i in range(0, len(wide), plain.BLOCK):
        for j in range(0, i + 1, plain.BLOCK):
            block, others = wide[i : i + plain.BLOCK], wide[j : j + plain.BLOCK]
            least = halves[j : j + plain.BLOCK] - THRESHOLD**2 / 2
            ours, theirs = true_cells(block @ others.T - least >= halves[i : i + plain.BLOCK, None])
            once = i + ours > j + theirs
            yield from zip((i + ours[once]).tolist(), (j + theirs[once]).tolist(), strict=True)


def _hashes(queries: int, gallery: int) -> dict[str, Way]:
    """Random hashes, on average 1.4 an image, which is what photographs have."""
    random = np.random.default_rng(0)
    packed = random.integers(0, 256, (queries + gallery, HASHES, HASH_SIZE), np.uint8)
    packed[..., 0] |= 0x80
    packed[:, 2:] = 0
    packed[random.random(len(packed)) > HASHES_WITHIN, 1] = 0
    return {"ours": lambda: nearest_hashes(packed[:queries], packed[queries:], k=BY_HASH)}


def _peers(gallery: Embeddings) -> dict[str, Peer]:
    found = {}
    for module, name, make in (("faiss", "FAISS", _faiss), ("usearch", "usearch", _usearch)):
        if find_spec(module) is None:
            print(f"{name} is not installed: left out")
        else:
            found[name] = make(gallery)
    return found


def _faiss(gallery: Embeddings) -> Peer:
    import faiss

    index = faiss.IndexFlatL2(gallery.shape[1])
    for start in range(0, len(gallery), plain.BLOCK):
        index.add(widened(gallery[start : start + plain.BLOCK]))
    return Peer(
        lambda queries: index.range_search(widened(queries), THRESHOLD**2)[1].tolist(),
        lambda queries: index.search(widened(queries), NEAREST)[1].tolist(),
    )


def _usearch(gallery: Embeddings) -> Peer:
    from usearch.index import MetricKind, search

    def nearest(queries: Embeddings) -> list[object]:
        return list(search(gallery, queries, NEAREST, MetricKind.L2sq, exact=True).keys.tolist())

    return Peer(lambda _: (), nearest)


def _rows(task: str, times: Mapping[str, list[float]]) -> list[list[str]]:
    first = next(iter(times))
    rows = []
    for way, taken in times.items():
        ratios = [one / other for one, other in zip(times[first], taken, strict=True)]
        rows.append([task if way == first else "", way, summary(taken), f"{statistics.median(ratios):.1f}"])
    return rows


def _peak_mb() -> int:
    """Of this process until now, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024**2 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
