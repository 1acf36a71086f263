"""Load: large commits, manifests, repositories and images, and a cache that is used all day. Time and memory of each.

The repositories and what the gate reads are real. What the dataset already holds is only names and digests, with random
embeddings in the store, for nothing may open it; so are most images of the large commit, since embedding is what
`bulk.py` measures. Every measured run but those of the day is a process of its own, with the real model.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from measuring import report, seconds

from imgsim_guard import augnet
from imgsim_guard.cli import main as guard
from imgsim_guard.gate import pipeline
from imgsim_guard.search.hashes import HASH_SIZE, HASHES
from imgsim_guard.sources.manifests import File, write_manifest
from imgsim_guard.store.shard import Row, file_digests, write_shard
from imgsim_guard.store.store import Store
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


FINGERPRINT = augnet.fingerprint("onnx")
ROWS_A_SHARD = 4096

RUN = """
import sys
from pathlib import Path
from imgsim_guard.cli import main
code = main(sys.argv[2:])
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
Path(sys.argv[1]).write_text(status["VmHWM"].split()[0])
sys.exit(code)
"""


class Measured(NamedTuple):
    """Of one task: what of, seconds, and the most memory in megabytes."""

    task: str
    seconds: float
    megabytes: float


class Place:
    """A git repository and a cache, both new, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "repository"
        self.cache = folder / "cache"
        self.peak = folder / "peak"
        self.root.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, given: bytes | None = None) -> None:
        """Run git there, with what it is given on standard input."""
        author = ["-c", "user.name=Benchmark", "-c", "user.email=benchmark@example.com", "-c", "gc.auto=0"]
        subprocess.run(["git", *author, *arguments], cwd=self.root, check=True, input=given)

    def hold(self, rows: Iterable[Row]) -> None:
        """Put rows into the cache as a few large shards."""
        folder = self.cache / FINGERPRINT
        folder.mkdir(parents=True, exist_ok=True)
        waiting = list(rows)
        for start in range(0, len(waiting), ROWS_A_SHARD):
            name, data = write_shard(waiting[start : start + ROWS_A_SHARD], fingerprint=FINGERPRINT)
            (folder / name).write_bytes(data)

    def hook(self, task: str) -> Measured:
        """Run the hook there; it must find nothing."""
        command = [sys.executable, "-P", "-c", RUN, str(self.peak), "hook", "--quiet"]
        environment = {**os.environ, CACHE_VARIABLE: str(self.cache)}
        taken = seconds(lambda: subprocess.run(command, cwd=self.root, env=environment, check=True))
        return Measured(task, taken, int(self.peak.read_text()) / 1024)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS))
    arguments.add_argument("--commit", type=int, default=5_000, help="images in the large commit (default 5,000)")
    arguments.add_argument("--new", type=int, default=20, help="of them without an embedding (default 20)")
    arguments.add_argument("--entries", type=int, default=1_000_000, help="in the manifest (default 1,000,000)")
    arguments.add_argument("--files", type=int, default=200_000, help="tracked by git (default 200,000)")
    arguments.add_argument("--runs", type=int, default=1_000, help="of the hook in a day (default 1,000)")
    arguments.add_argument("--commits", type=int, default=10_000, help="additions to one cache (default 10,000)")
    arguments.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = arguments.parse_args()
    figures: dict[str, object] = {}
    table = [["task", "seconds", "peak MB"]]
    for name in options.only:
        with tempfile.TemporaryDirectory() as folder:
            for task, taken, megabytes in TASKS[name](Place(Path(folder)), options):
                figures[task] = {"seconds": taken, "peak_mb": megabytes}
                table.append([task, f"{taken:.2f}", f"{megabytes:.0f}"])
                print("  ".join(table[-1]), file=sys.stderr, flush=True)
    report(figures, table, reference=None, target=options.json)


def large_commit(place: Place, options: argparse.Namespace) -> list[Measured]:
    """Thousands of small pictures in one commit, a few of them really new."""
    random = np.random.default_rng(0)
    place.git("commit", "--quiet", "--allow-empty", "-m", "nothing")
    rows = []
    for number in range(options.commit):
        data = picture(number)
        (place.root / f"{number:05}.png").write_bytes(data)
        if number >= options.new:
            rows.append(_row(random, **file_digests(data)))
    place.hold(rows)
    place.git("add", ".")
    return [place.hook(f"a commit of {options.commit:,} images, {options.new:,} of them to embed")]


def large_manifest(place: Place, options: argparse.Namespace) -> list[Measured]:
    """A few new images in a folder that DVC tracks with a million others."""
    random = np.random.default_rng(0)
    names = ((f"{number % 100:02}/{number:07}.jpg", b"%d" % number) for number in range(options.entries))
    old = [File(name, hashlib.md5(text).hexdigest()) for name, text in names]
    place.hold(_row(random, md5=bytes.fromhex(file.md5)) for file in old)
    _commit_pointer(place, old)
    added = [File(f"new-{number}.png", _cached(place, picture(number))) for number in range(5)]
    _point(place, [*old, *added])
    return [place.hook(f"5 new images in a manifest of {options.entries:,} entries, all embedded")]


def large_repository(place: Place, options: argparse.Namespace) -> list[Measured]:
    """A few new images in a repository with many in git."""
    random = np.random.default_rng(0)
    stream = [b"commit refs/heads/main\ncommitter x <x@example.com> 0 +0000\ndata 3\nold\n"]
    rows = []
    for number in range(options.files):
        data = b"%d" % number
        stream.append(b"M 100644 inline %02d/%06d.png\ndata %d\n%b\n" % (number % 100, number, len(data), data))
        rows.append(_row(random, **file_digests(data)))
    place.git("fast-import", "--quiet", given=b"".join(stream))
    place.git("read-tree", "HEAD")
    place.hold(rows)
    _stage(place, {f"new-{number}.png": picture(number) for number in range(5)})
    return [place.hook(f"5 new images in a repository of {options.files:,} tracked files, all embedded images")]


def large_images(place: Place, _options: argparse.Namespace) -> list[Measured]:
    """One new image of about 50 MB, of each of these formats."""
    place.git("commit", "--quiet", "--allow-empty", "-m", "nothing")
    random = np.random.default_rng(0)
    measured = []
    parameters: dict[str, tuple[int, list[int]]] = {
        ".png": (4_100, []),
        ".tiff": (4_100, [cv2.IMWRITE_TIFF_COMPRESSION, 1]),
        ".jpg": (5_700, [cv2.IMWRITE_JPEG_QUALITY, 98]),
    }
    for suffix, (side, how) in parameters.items():
        pixels = random.integers(0, 256, (side, side, 3), np.uint8)
        data = cv2.imencode(suffix, pixels, how)[1].tobytes()
        _stage(place, {f"large{suffix}": data})
        measured.append(place.hook(f"one new {suffix[1:]} of {len(data) / 1e6:.0f} MB"))
        place.git("rm", "--quiet", "--cached", f"large{suffix}")
    return measured


def day(place: Place, options: argparse.Namespace) -> list[Measured]:
    """One new image, the hook, a commit: again and again on one cache, in one process that has loaded the model."""
    embedder = augnet.load("onnx")
    vars(pipeline)["load"] = lambda *_, **__: embedder
    os.environ[CACHE_VARIABLE] = str(place.cache)
    place.git("commit", "--quiet", "--allow-empty", "-m", "nothing")
    os.chdir(place.root)

    def once(number: int) -> float:
        _stage(place, {f"{number:05}.png": picture(number)})
        taken = seconds(lambda: _insist(guard(["hook", "--quiet"])))
        place.git("commit", "--quiet", "--no-verify", "-m", "more")
        return taken

    times = []
    measured = []
    tenth = max(1, options.runs // 10)
    for number in range(options.runs):
        times.append(once(number))
        if number + 1 in {tenth, options.runs}:
            files, size = _in_cache(place)
            said = (
                f"hook run, mean of {tenth:,} up to the {number + 1:,}th: {files:,} files, {size:.1f} MB in the cache"
            )
            measured.append(Measured(said, float(np.mean(times[-tenth:])), _resident()))
    os.chdir("/")
    return measured


def years(place: Place, options: argparse.Namespace) -> list[Measured]:
    """One row after the other added to the store, opened anew each time: what as many commits do to the cache."""
    random = np.random.default_rng(0)
    times = []
    measured = []
    tenth = max(1, options.commits // 10)
    for number in range(options.commits):
        row = _row(random, **file_digests(b"%d" % number))

        def once(row: Row = row) -> None:
            store = Store(place.cache, fingerprint=FINGERPRINT, decoder=lambda: "none", lazy=True)
            store.open()
            store.add([row])

        times.append(seconds(once))
        if number + 1 in {tenth, options.commits}:
            files, size = _in_cache(place)
            said = f"opened and added to, mean of {tenth:,} up to the {number + 1:,}th: {files:,} files, {size:.1f} MB"
            measured.append(Measured(said, float(np.mean(times[-tenth:])), _resident()))
    return measured


TASKS: dict[str, Callable[[Place, argparse.Namespace], Sequence[Measured]]] = {
    "commit": large_commit,
    "manifest": large_manifest,
    "repository": large_repository,
    "images": large_images,
    "day": day,
    "years": years,
}


def picture(number: int) -> bytes:
    """A small PNG of coarse coloured noise: any two numbers are far apart."""
    coarse = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.imencode(".png", cv2.resize(coarse, (128, 96), interpolation=cv2.INTER_CUBIC))[1].tobytes()


def _row(random: np.random.Generator, **digests: bytes) -> Row:
    """A row with these digests, others that are nobody's, and a random embedding."""
    sizes = {"git": 20, "md5": 16, "sha256": 32, "pixels": 16}
    found: dict[str, Any] = {name: digests.get(name) or random.bytes(size) for name, size in sizes.items()}
    embedding = np.clip(random.standard_normal(augnet.DIMENSIONS, np.float32), -1, 1).astype(np.float16)
    return Row(**found, hashes=bytes(HASHES * HASH_SIZE), embedding=embedding)


def _commit_pointer(place: Place, files: Sequence[File]) -> None:
    _point(place, files)
    place.git("commit", "--quiet", "-m", "old")


def _point(place: Place, files: Sequence[File]) -> None:
    md5 = _cached(place, write_manifest(files), ".dir")
    text = f"outs:\n- md5: {md5}.dir\n  size: 1\n  nfiles: {len(files)}\n  hash: md5\n  path: images\n"
    _stage(place, {"images.dvc": text.encode()})


def _cached(place: Place, data: bytes, suffix: str = "") -> str:
    md5 = hashlib.md5(data).hexdigest()
    target = place.root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / (md5[2:] + suffix)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return md5


def _stage(place: Place, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (place.root / name).write_bytes(data)
    place.git("add", "--", *files)


def _in_cache(place: Place) -> tuple[int, float]:
    sizes = [path.stat().st_size for path in place.cache.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes) / 1e6


def _resident() -> float:
    """Megabytes of this process now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def _insist(code: int) -> None:
    if code:
        raise SystemExit(f"the hook ended with {code}")


if __name__ == "__main__":
    main()
