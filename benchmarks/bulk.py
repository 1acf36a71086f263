"""Images a second from decoded pixels to embeddings: ours and the reference's, in turns, on the same pictures."""

from __future__ import annotations

import statistics
import subprocess
from pathlib import Path
from typing import IO

from measuring import in_turns, parser, report, seconds, summary

from imgsim_guard import augnet
from imgsim_guard.images import decode
from imgsim_guard.model import Unreadable
from imgsim_guard.sources.selecting import has_image_suffix

REFERENCE = """
import sys, time, cv2, imgsim
vectorizer = imgsim.Vectorizer()
pictures = [cv2.imread(path) for path in sys.argv[1:]]
vectorizer.vectorize(pictures[0])
print("ready", flush=True)
for _ in sys.stdin:
    started = time.perf_counter()
    for picture in pictures:
        vectorizer.vectorize(picture)
    print(time.perf_counter() - started, flush=True)
"""


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--images", type=int, default=20, help="how many of the folder's pictures (default 20)")
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()
    paths: list[str] = []
    pictures = []
    for path in sorted(options.folder.rglob("*")):
        pixels = (
            decode(path.read_bytes()) if has_image_suffix(path.name) and len(paths) < options.images else Unreadable("")
        )
        if not isinstance(pixels, Unreadable):
            paths.append(str(path))
            pictures.append(pixels)
    embedder = augnet.load("onnx")
    embedder.embed(pictures[:1])
    command = [options.reference, "-c", REFERENCE, *paths]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reference:
        read, write = _pipes(reference)
        read.readline()

        def theirs() -> float:
            write.write("go\n")
            write.flush()
            return float(read.readline())

        times = in_turns(options.rounds, reference=theirs, ours=lambda: seconds(lambda: embedder.embed(pictures)))
        write.close()
    rates = {name: [len(pictures) / taken for taken in values] for name, values in times.items()}
    ratios = [ours / theirs for ours, theirs in zip(rates["ours"], rates["reference"], strict=True)]
    rows = [
        ["images a second", "median"],
        *([name, f"{statistics.median(values):.2f}"] for name, values in rates.items()),
        ["ratio", summary(ratios)],
    ]
    figures = {"images": len(pictures), "rates": rates, "ratios": ratios}
    report(figures, rows, reference=options.reference, target=options.json)


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    if process.stdout is None or process.stdin is None:
        raise TypeError("Popen was asked for pipes and gave none")
    return process.stdout, process.stdin


if __name__ == "__main__":
    main()
