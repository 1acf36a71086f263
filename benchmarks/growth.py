"""What a dataset of 10,000 to 100,000,000 images costs: unit costs measured at a few sizes, the rest by arithmetic.

Measured, at each of `--sizes`, in a store on disk of embeddings that are blends of real ones: reading and checking the
store, finding its content ids, one new image against all of it, and the bytes of an image. A size beyond those is
computed from the largest: what is done once for each image grows with their number, what is done once for each pair
with its square. Times are those of the processor, all threads together, so that a busy machine shows less.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice, pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from blending import blend, read
from measuring import report

from imgsim_guard import augnet
from imgsim_guard.gate.retrieve import retrieve_among, retrieve_between
from imgsim_guard.model import Bounds
from imgsim_guard.search.hashes import HASH_SIZE, HASHES
from imgsim_guard.store.shard import Row, file_digests
from imgsim_guard.store.shared import ROWS_OF_A_PUBLISHED_SHARD, publish
from imgsim_guard.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Embeddings = NDArray[np.float16]

SIZES = tuple(10**power for power in range(4, 9))

HASHES_WITHIN = 0.4
"""Of the images: those with a picture within them that has a hash of its own."""


def main() -> None:
    options = _options()
    measured = {size: _measured(options.folder, size, options.queries) for size in options.sizes}
    peak = _peak_mb()
    scan = _scan(options.folder, options.scan)
    rows = [
        ["images", "", "store", "open", "find", "one new image", "embed all", "search of a scan", "clone", "commit"]
    ]
    rows += [_row(size, measured, scan, options) for size in SIZES]
    figures = {"measured": measured, "scan": scan, "peak_mb": peak}
    report(figures, rows, reference=None, target=options.json)
    for size, found in measured.items():
        said = (f"{name} {taken:.2f} s" for name, taken in found.items() if "quer" in name)
        print(f"{size:,}: {', '.join(said)}; most memory {peak:,} MB")


def _options() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path, help="a folder of shards with a thousand real embeddings or more")
    arguments.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000], metavar="IMAGES")
    arguments.add_argument("--queries", type=int, default=1000, metavar="N", help="searched for at once, too")
    arguments.add_argument("--scan", type=int, default=10_000, metavar="IMAGES", help="of which all pairs are searched")
    arguments.add_argument("--embed", type=float, default=0.135, metavar="SECONDS", help="for one image, from bulk.py")
    arguments.add_argument(
        "--preview", type=int, default=20_000, metavar="BYTES", help="of one image's preview, if kept"
    )
    arguments.add_argument("--new", type=int, default=10, metavar="IMAGES", help="in a commit")
    arguments.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return arguments.parse_args()


def seconds(action: Callable[[], object]) -> float:
    """Of the processor, for all threads."""
    started = time.process_time()
    action()
    return time.process_time() - started


def _measured(real: Path, size: int, queries: int) -> dict[str, float]:
    """Seconds of what one new image takes, and the bytes of a stored one."""
    with tempfile.TemporaryDirectory() as folder:
        root, name = Path(folder), augnet.fingerprint("onnx")
        contents = _elsewhere(real, size, root, name)
        stored = sum(path.stat().st_size for path in root.rglob("*.safetensors"))
        store = Store(root, fingerprint=name, decoder=str, lazy=True)
        found: dict[str, float] = {"bytes": stored / size, "open": seconds(store.open)}
        found["find"] = seconds(lambda: store.find(contents))
        rows = store.find(contents)
        for name, count, rounds in (("query", 1, 3), (f"{queries} queries", queries, 1)):
            new, rest = dict(islice(rows.items(), count)), dict(islice(rows.items(), count, None))
            search = partial(retrieve_between, new, rest, store, bounds=Bounds())
            for _ in range(rounds):
                started = time.perf_counter()
                taken = seconds(search)
                found[name] = min(taken, found.get(name, taken))
                wall = time.perf_counter() - started
                found[f"{name}, wall clock"] = min(wall, found.get(f"{name}, wall clock", wall))
        return found


def _scan(real: Path, size: int) -> dict[str, float]:
    """Seconds of searching all pairs of so many images."""
    with tempfile.TemporaryDirectory() as folder:
        contents = _elsewhere(real, size, Path(folder), "scan")
        store = Store(Path(folder), fingerprint="scan", decoder=str)
        rows = store.find(contents)
        return {"images": size, "seconds": seconds(lambda: retrieve_among(rows, store, bounds=Bounds()))}


def _elsewhere(real: Path, size: int, folder: Path, fingerprint: str) -> list[str]:
    """Put so many images into a store, in a process of its own, whose memory does not count. Their contents' names."""
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        return other.submit(_published, real, size, folder, fingerprint).result()


def _published(real: Path, size: int, folder: Path, fingerprint: str) -> list[str]:
    contents, shards = [], read(real)
    for first, end in pairwise([*range(0, size, 10 * ROWS_OF_A_PUBLISHED_SHARD), size]):
        rows = list(_rows(blend(shards, end - first, seed=first), first))
        publish(rows, folder, fingerprint=fingerprint)
        contents += [f"git:{row.git.hex()}" for row in rows]
    return contents


def _rows(embeddings: Embeddings, first: int) -> Iterator[Row]:
    """Random hashes, on average 1.4 an image, which is what photographs have."""
    random = np.random.default_rng(first)
    hashes = random.integers(0, 256, (len(embeddings), HASHES, HASH_SIZE), np.uint8)
    hashes[..., 0] |= 0x80
    hashes[:, 2:] = 0
    hashes[random.random(len(hashes)) > HASHES_WITHIN, 1] = 0
    for at, embedding in enumerate(embeddings):
        digests = file_digests(b"image %d" % (first + at))
        yield Row(**digests, pixels=bytes(16), hashes=hashes[at].tobytes(), embedding=embedding)


def _row(
    size: int, measured: dict[int, dict[str, float]], scan: dict[str, float], options: argparse.Namespace
) -> list[str]:
    base = size if size in measured else max(measured)
    unit = {name: value * size / base for name, value in measured[base].items() if name != "bytes"}
    each = measured[base]["bytes"]
    return [
        f"{size:,}",
        "measured" if size in measured else "computed",
        _size(each * size) + f" + {_size(options.preview * size)}",
        *(_time(unit[name]) for name in ("open", "find", "query")),
        _time(options.embed * size),
        _time(scan["seconds"] * (size / scan["images"]) ** 2) + ("" if size == scan["images"] else " (computed)"),
        _size(each * size),
        _size(each * options.new),
    ]


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004  of the next unit
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} TB"


def _time(taken: float) -> str:
    for length, unit in ((60, "s"), (60, "min"), (24, "h")):
        if taken < 2 * length:
            return f"{taken:.2g} {unit}" if taken < length else f"{taken:.0f} {unit}"
        taken /= length
    return f"{taken:,.0f} days"


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024**2 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
