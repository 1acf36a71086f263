"""Images a second from files on disk to stored embeddings: ours, and the reference's without storing them, in turns."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, get_args

from measuring import in_turns, parser, report, seconds, summary

from imgsim_guard import augnet
from imgsim_guard.gate.embed import embed_missing, missing
from imgsim_guard.gate.pipeline import Pipeline
from imgsim_guard.images.decode import DECODER
from imgsim_guard.images.headers import read_header
from imgsim_guard.sources.folders import Folders, in_folders
from imgsim_guard.store.store import Store
from imgsim_guard.system.memory import keep_freed_memory
from imgsim_guard.system.threads import cores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imgsim_guard.model import Image

REFERENCE = """
import sys, time, cv2, imgsim
vectorizer = imgsim.Vectorizer()
vectorizer.vectorize(cv2.imread(sys.argv[1]))
print("ready", flush=True)
for _ in sys.stdin:
    started = time.perf_counter()
    embeddings = [vectorizer.vectorize(cv2.imread(path)) for path in sys.argv[1:]]
    print(time.perf_counter() - started, flush=True)
"""


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--images", type=int, default=20, help="how many of the folder's pictures (default 20)")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--preprocessing", choices=get_args(augnet.Preprocessing), default="reference")
    options = arguments.parse_args()
    keep_freed_memory()  # as every command does
    images = list(islice(in_folders([str(options.folder)], None).queries, options.images))
    embedder = augnet.load("onnx", cores(), preprocessing=options.preprocessing)
    embed = partial(_embed, images, embedder, augnet.least_side(options.preprocessing))
    embed()
    command = [options.reference, "-W", "ignore", "-c", REFERENCE, *(image.path for image in images)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reference:
        read, write = _pipes(reference)
        read.readline()

        def theirs() -> float:
            write.write("go\n")
            write.flush()
            return float(read.readline())

        times = in_turns(options.rounds, reference=theirs, ours=partial(seconds, embed))
        write.close()
    rates = {name: [len(images) / taken for taken in values] for name, values in times.items()}
    ratios = [ours / theirs for ours, theirs in zip(rates["ours"], rates["reference"], strict=True)]
    overall = sum(times["reference"]) / sum(times["ours"])
    headers = [header for image in images if (header := read_header(Path(image.path).read_bytes()))]
    megapixels = statistics.median(header.width * header.height for header in headers) / 1e6
    rows = [
        ["images a second", "median"],
        *([name, f"{statistics.median(values):.2f}"] for name, values in rates.items()),
        ["ratio of a round", summary(ratios)],
        ["ratio of all rounds", f"{overall:.3f}"],
        ["pictures", f"{len(images)}, {megapixels:.2f} megapixels in the median"],
    ]
    figures = {
        "preprocessing": options.preprocessing,
        "images": len(images),
        "megapixels": megapixels,
        "rates": rates,
        "ratios": ratios,
        "ratio": overall,
    }
    report(figures, rows, reference=options.reference, target=options.json)


def _embed(images: Sequence[Image], embedder: augnet.Embedder, least_side: int | None) -> None:
    """Into a new store, with all that is kept of an image: its digests, its hashes, its embedding."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), fingerprint=augnet.fingerprint("onnx"), decoder=lambda: DECODER)
        pipeline = Pipeline(Folders(), store, lambda _at_once: embedder, _silent, least_side=least_side)
        if embed_missing(missing(images, store), pipeline):
            raise ValueError("some of the pictures cannot be read")


def _silent(_total: int, _doing: str) -> Callable[[], object]:
    return lambda: None


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    if process.stdout is None or process.stdin is None:
        raise TypeError("Popen was asked for pipes and gave none")
    return process.stdout, process.stdin


if __name__ == "__main__":
    main()
