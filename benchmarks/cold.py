"""One whole process: one new image against a gallery of embedded ones, by the hook and by a script on the reference.

The gallery is a real repository whose images are small and whose embeddings are random numbers, already stored: what
they are does not matter to the time. The script loads the same number of saved embeddings with NumPy.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from measuring import in_turns, parser, report, seconds, summary

from imgsim_guard import augnet
from imgsim_guard.cache import CACHE_VARIABLE
from imgsim_guard.perceptual import HASH_SIZE, HASHES
from imgsim_guard.store import Store
from imgsim_guard.store.shard import Row, file_digests

REFERENCE = """
import sys, cv2, imgsim, numpy as np
gallery = np.load(sys.argv[2])
embedding = imgsim.Vectorizer().vectorize(cv2.imread(sys.argv[1]))
distances = np.array([imgsim.distance(embedding, other) for other in gallery])
print(np.flatnonzero(distances <= 10))
"""


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("image", type=Path)
    arguments.add_argument("--gallery", type=int, default=1000)
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        repository, cache = Path(folder, "repository"), Path(folder, "cache")
        embeddings = _make_gallery(repository, cache, size=options.gallery)
        saved = Path(folder, "saved.npy")
        np.save(saved, embeddings.astype(np.float32))
        _stage(repository, options.image)
        new = sorted(cache.rglob("*"))

        def ours() -> float:
            for path in cache.rglob("*"):  # the image must be new each time
                if path not in new:
                    path.unlink()
            environment = {**os.environ, CACHE_VARIABLE: str(cache)}
            command = [sys.executable, "-P", "-m", "imgsim_guard", "hook"]
            return seconds(
                lambda: subprocess.run(command, cwd=repository, env=environment, check=True, capture_output=True)
            )

        def theirs() -> float:
            command = [options.reference, "-c", REFERENCE, str(options.image), str(saved)]
            return seconds(lambda: subprocess.run(command, check=True, capture_output=True))

        times = in_turns(options.rounds, reference=theirs, ours=ours)
    ratios = [theirs / ours for ours, theirs in zip(times["ours"], times["reference"], strict=True)]
    rows = [
        ["seconds", "median"],
        *([name, summary(values)] for name, values in times.items()),
        ["ratio", summary(ratios)],
    ]
    figures = {
        "gallery": options.gallery,
        "seconds": times,
        "ratios": ratios,
        "median ratio": statistics.median(ratios),
    }
    report(figures, rows, reference=options.reference, target=options.json)


def _make_gallery(repository: Path, cache: Path, *, size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float16]]:
    random = np.random.default_rng(0)
    embeddings = np.clip(random.normal(0, 0.9, (size, augnet.DIMENSIONS)), -1, 1).astype(np.float16)
    contents = [b"image %d" % number for number in range(size)]
    repository.joinpath("data").mkdir(parents=True)
    for number, data in enumerate(contents):
        repository.joinpath("data", f"{number}.png").write_bytes(data)
    _git(repository, "init", "--quiet", ".")
    _git(repository, "add", ".")
    _git(repository, "-c", "user.name=x", "-c", "user.email=x", "commit", "--quiet", "-m", "gallery")
    store = Store(cache, fingerprint=augnet.fingerprint("onnx"), decoder=str)
    digests = [file_digests(data) for data in contents]
    nothing = bytes(HASHES * HASH_SIZE)
    store.add(
        [
            Row(**ids, pixels=bytes(16), hashes=nothing, embedding=row)
            for ids, row in zip(digests, embeddings, strict=True)
        ]
    )
    return embeddings


def _stage(repository: Path, image: Path) -> None:
    repository.joinpath("data", f"new{image.suffix}").write_bytes(image.read_bytes())
    _git(repository, "add", ".")


def _git(repository: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=repository, check=True)


if __name__ == "__main__":
    main()
