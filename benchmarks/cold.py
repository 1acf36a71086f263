"""One whole process: one new image against a gallery of embedded ones, by the hook and by a script on the reference.

The gallery is a real git index of tiny pictures whose embeddings are random numbers, already stored: they come near
nothing, so that nothing is verified. The script loads the same number of saved embeddings with NumPy. The floor is what
no hook can do without: Python, NumPy, OpenCV, ONNX Runtime, the model, and one run of it. Last, a commit that renames
the image, in a larger gallery: there is nothing to embed.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from measuring import in_turns, parser, report, seconds, summary

from imgsim_guard import augnet
from imgsim_guard.augnet.embedder import MODEL_PATH
from imgsim_guard.search.hashes import HASH_SIZE, HASHES
from imgsim_guard.store.shard import Row, file_digests
from imgsim_guard.store.store import Store
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

REFERENCE = """
import sys, cv2, imgsim, numpy as np
gallery = np.load(sys.argv[2])
embedding = imgsim.Vectorizer().vectorize(cv2.imread(sys.argv[1]))
distances = np.array([imgsim.distance(embedding, other) for other in gallery])
print(np.flatnonzero(distances <= 10))
"""

FLOOR = """
import os, sys
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import cv2, numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.log_severity_level = 3
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
session.run(None, {"pixels": numpy.zeros((1, 3, 350, 525), numpy.float32)})
"""

ROWS_A_SHARD = 512


class Place(NamedTuple):
    """A repository, the store of its gallery's embeddings, and what was in that before anything was measured."""

    repository: Path
    cache: Path
    kept: frozenset[Path]

    def hook(self) -> float:
        """How long the hook takes; what it stores is deleted before, so that the image is new each time."""
        for path in self.cache.rglob("*"):
            if path not in self.kept:
                path.unlink()
        environment = {**os.environ, CACHE_VARIABLE: str(self.cache)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled
        command = [sys.executable, "-P", "-m", "imgsim_guard", "hook"]
        return seconds(
            lambda: subprocess.run(command, cwd=self.repository, env=environment, check=True, capture_output=True)
        )


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("image", type=Path)
    arguments.add_argument("--gallery", type=int, default=10_000)
    arguments.add_argument("--nothing-new", type=int, default=100_000, metavar="N", help="gallery of the renaming")
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = _gallery(Path(folder, "new"), options.gallery)
        _stage(place.repository, options.image)
        large = _gallery(Path(folder, "renamed"), options.nothing_new)
        _git(large.repository, "mv", "--force", "0.png", "renamed.png")
        saved = Path(folder, "saved.npy")
        np.save(saved, np.random.default_rng(0).normal(0, 0.9, (options.gallery, augnet.DIMENSIONS)).astype(np.float32))

        def theirs() -> float:
            command = [options.reference, "-c", REFERENCE, str(options.image), str(saved)]
            return seconds(lambda: subprocess.run(command, check=True, capture_output=True))

        def floor() -> float:
            command = [sys.executable, "-P", "-c", FLOOR, str(MODEL_PATH)]
            return seconds(lambda: subprocess.run(command, check=True, capture_output=True))

        in_turns(1, hook=place.hook, nothing=large.hook, floor=floor)  # files are read and compiled for the first time
        times = in_turns(options.rounds, reference=theirs, floor=floor, hook=place.hook, nothing_new=large.hook)
    _report(times, options.gallery, options.nothing_new, options.reference, options.json)


def _report(times: dict[str, list[float]], gallery: int, nothing_new: int, reference: str, target: Path | None) -> None:
    ratios = [theirs / ours for ours, theirs in zip(times["hook"], times["reference"], strict=True)]
    over = [ours - floor for ours, floor in zip(times["hook"], times["floor"], strict=True)]
    names = {
        "reference": f"the script on the reference, {gallery:,} saved embeddings",
        "floor": "Python, imports, model, one run of it",
        "hook": f"the hook, 1 new image, gallery of {gallery:,}",
        "nothing_new": f"the hook, 1 renamed image, gallery of {nothing_new:,}",
    }
    rows = [["seconds", "median"], *([names[name], summary(values)] for name, values in times.items())]
    rows += [["times as quick as the script", summary(ratios)], ["seconds over the floor", summary(over)]]
    figures = {
        "gallery": gallery,
        "gallery where nothing is new": nothing_new,
        "seconds": times,
        "ratios": ratios,
        "median ratio": statistics.median(ratios),
        "median over the floor": statistics.median(over),
    }
    report(figures, rows, reference=reference, target=target)


def _gallery(folder: Path, size: int) -> Place:
    """A repository whose only commit has so many distinct pictures, which are not checked out, and its store."""
    repository, cache = folder / "repository", folder / "cache"
    repository.mkdir(parents=True)
    _git(repository, "init", "--quiet", "--initial-branch=main", ".")
    store = Store(cache, fingerprint=augnet.fingerprint("onnx"), decoder=str)
    random = np.random.default_rng(0)
    commit = [b"commit refs/heads/main\ncommitter x <x@localhost> 0 +0000\ndata 0\n"]
    for start in range(0, size, ROWS_A_SHARD):
        pictures = [_picture(random) for _ in range(min(ROWS_A_SHARD, size - start))]
        store.add([_row(data, random) for data in pictures])
        for number, data in enumerate(pictures, start):
            commit.append(b"M 644 inline %d.png\ndata %d\n%s\n" % (number, len(data), data))
    _git(repository, "fast-import", "--quiet", given=b"".join(commit))
    _git(repository, "read-tree", "HEAD")
    _git(repository, "checkout-index", "0.png")
    return Place(repository, cache, frozenset(cache.rglob("*")))


def _picture(random: np.random.Generator) -> bytes:
    return cv2.imencode(".png", random.integers(0, 256, (8, 8, 3), np.uint8))[1].tobytes()


def _row(data: bytes, random: np.random.Generator) -> Row:
    embedding = np.clip(random.normal(0, 0.9, augnet.DIMENSIONS), -1, 1).astype(np.float16)
    hashes = random.integers(128, 256, HASHES * HASH_SIZE, np.uint8).tobytes()
    return Row(**file_digests(data), pixels=bytes(16), hashes=hashes, embedding=embedding)


def _stage(repository: Path, image: Path) -> None:
    repository.joinpath(f"new{image.suffix}").write_bytes(image.read_bytes())
    _git(repository, "add", f"new{image.suffix}")


def _git(repository: Path, *arguments: str, given: bytes = b"") -> None:
    subprocess.run(["git", *arguments], cwd=repository, input=given, check=True)


if __name__ == "__main__":
    main()
