"""How long the gate looks before it embeds: new images in a folder that DVC tracks, beside many that are embedded.

The repository is real, and so are the new images; the old ones are only names in DVC's list of files, with random
embeddings in the store, since nothing may open them. Each round is a process of its own,
ended where the model would be loaded.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from measuring import in_turns, summary

from imgsim_guard import augnet
from imgsim_guard.search.hashes import HASH_SIZE, HASHES
from imgsim_guard.sources.manifests import File, write_manifest
from imgsim_guard.store.shard import Row
from imgsim_guard.store.store import Store
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

ROWS_A_SHARD = 512

LOOK = """
import sys, time
started = time.perf_counter()
opened = []
sys.addaudithook(lambda event, arguments: event == "open" and opened.append(str(arguments[0])))
from imgsim_guard.cli import main
from imgsim_guard.gate import pipeline
def load(*_, **__):
    print(time.perf_counter() - started, sum("/.dvc/cache/files/md5/" in path for path in opened))
    sys.stdout.flush()
    import os
    os._exit(0)
pipeline.load = load
main(["hook"])
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--images", type=int, default=10_000)
    arguments.add_argument("--new", type=int, default=5)
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        repository, cache = Path(folder, "repository"), Path(folder, "cache")
        _make(repository, cache, images=options.images, new=options.new)
        environment = {**os.environ, CACHE_VARIABLE: str(cache)}

        def look() -> float:
            command = [sys.executable, "-P", "-c", LOOK]
            result = subprocess.run(command, cwd=repository, env=environment, check=True, stdout=subprocess.PIPE)
            taken, opened = result.stdout.split()
            if int(opened) > options.new + 3:  # two lists of files; and an image is decoded ahead of the model
                raise AssertionError(f"{opened!r} files of DVC's cache were opened")
            return float(taken)

        times = in_turns(options.rounds, seconds=look)["seconds"]
    print(f"{options.images:,} images, {options.new} new: {summary(times)} s until the model is loaded")
    if options.json:
        options.json.write_text(json.dumps({"images": options.images, "new": options.new, "seconds": times}) + "\n")


def _make(repository: Path, cache: Path, *, images: int, new: int) -> None:
    random = np.random.default_rng(0)
    repository.mkdir()
    git = ["git", "-C", str(repository), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    old = [File(f"{number:06}.jpg", hashlib.md5(b"%d" % number).hexdigest()) for number in range(images)]
    store = Store(cache, fingerprint=augnet.fingerprint("onnx"), decoder=lambda: "none")
    for start in range(0, images, ROWS_A_SHARD):
        store.add([_row(file.md5, random) for file in old[start : start + ROWS_A_SHARD]])
    _commit_pointer(repository, git, old)
    subprocess.run([*git, "commit", "--quiet", "-m", "old"], check=True)
    added = []
    for number in range(new):
        data = cv2.imencode(".png", random.integers(0, 256, (64, 64, 3), np.uint8))[1].tobytes()
        added.append(File(f"new-{number}.png", _cached(repository, data)))
    _commit_pointer(repository, git, [*old, *added])


def _row(md5: str, random: np.random.Generator) -> Row:
    embedding = np.clip(random.normal(0, 0.9, augnet.DIMENSIONS), -1, 1).astype(np.float16)
    return Row(
        random.bytes(20), bytes.fromhex(md5), random.bytes(32), random.bytes(16), bytes(HASHES * HASH_SIZE), embedding
    )


def _commit_pointer(repository: Path, git: list[str], files: list[File]) -> None:
    md5 = _cached(repository, write_manifest(files), ".dir")
    text = f"outs:\n- md5: {md5}.dir\n  size: 1\n  nfiles: {len(files)}\n  hash: md5\n  path: images\n"
    (repository / "images.dvc").write_text(text)
    subprocess.run([*git, "add", "images.dvc"], check=True)


def _cached(repository: Path, data: bytes, suffix: str = "") -> str:
    md5 = hashlib.md5(data).hexdigest()
    target = repository / ".dvc" / "cache" / "files" / "md5" / md5[:2] / (md5[2:] + suffix)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return md5


if __name__ == "__main__":
    main()
