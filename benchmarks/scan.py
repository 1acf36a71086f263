"""Whole scans of folders: what they take of the processor beside embedding alone, and beside peers.

imgsim-guard runs as the commands it is, each with a cache of its own: it embeds alone; it scans with nothing but these
embeddings stored, so that all pairs are compared; it scans again; and it scans without AugNet. The ratio is that of the
comparing alone to the embedding; of the quick scan and of peers, all of it. Peers run as in benchmarks/accuracy, where
it is told what they find and miss.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from measuring import report

from imgsim_guard.sources.selection import has_image_suffix
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

PEERS = Path(__file__).parent / "accuracy" / "peers.py"


class Taken(NamedTuple):
    """Seconds of the processor and of the clock, the most memory in MB, and how many images have copies."""

    processor: float
    clock: float
    memory: float
    found: int | None = None


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    arguments.add_argument("--peers-python", metavar="PYTHON", help="interpreter that has the peers")
    arguments.add_argument("--peers", nargs="+", default=["pHash", "imagededup", "fastdup", "czkawka"], metavar="NAME")
    arguments.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = arguments.parse_args()
    rows = [["folder", "images", "way", "processor", "clock", "memory", "copies", "ratio to embedding"]]
    figures: dict[str, Any] = {}
    for folder in options.folders:
        pictures = sorted(str(path) for path in folder.rglob("*") if has_image_suffix(path.name))
        taken = scans(folder)
        for peer in options.peers if options.peers_python else ():
            taken |= asked(options.peers_python, peer, pictures)
        figures[folder.name] = {name: one._asdict() for name, one in taken.items()} | {"images": len(pictures)}
        for name, one in taken.items():
            found = "" if one.found is None else str(one.found)
            cells = [f"{one.processor:.1f} s", f"{one.clock:.1f} s", f"{one.memory:.0f} MB", found]
            rows.append([folder.name, str(len(pictures)), name, *cells, ratio(name, taken)])
    report(figures, rows, reference=None, target=options.json)


def scans(folder: Path) -> dict[str, Taken]:
    """What each way of scanning takes."""
    with TemporaryDirectory() as cache, TemporaryDirectory() as other:
        return {
            "embed": run(cache, "embed", str(folder)),
            "bare scan": run(cache, *scan(folder, cache, "verify: never")),
            "first scan": run(cache, *scan(folder, cache)),
            "second scan": run(cache, *scan(folder, cache)),
            "quick scan": run(other, *scan(folder, other), "--quick"),
        }


def scan(folder: Path, cache: str, settings: str = "") -> list[str]:
    """The arguments of a scan under these settings."""
    configuration = Path(cache, "settings.yaml")
    configuration.write_text(settings)
    return ["scan", str(folder), "--config", str(configuration), "--json", str(Path(cache, "report.json"))]


def ratio(name: str, taken: dict[str, Taken]) -> str:
    """Of the comparing to the embedding, without what every command takes to start and to read the folder."""
    start = taken["bare scan"].processor
    embedding = taken["embed"].processor - start
    comparing = taken[name].processor - (start if name in {"first scan", "second scan"} else 0)
    return "" if name in {"embed", "bare scan"} else f"{comparing / embedding:.2f}"


def run(cache: str, *arguments: str) -> Taken:
    """One command in a process of its own."""
    environment = {**os.environ, CACHE_VARIABLE: cache}
    return measured([sys.executable, "-P", "-m", "imgsim_guard", *arguments], environment, Path(cache, "report.json"))


def measured(command: list[str], environment: dict[str, str], target: Path | None = None) -> Taken:
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 1}:
        raise SystemExit(f"{command} ended with {process.returncode}")
    clock = time.perf_counter() - started
    found = None
    if target is not None and target.exists():
        document = json.loads(target.read_text())
        found = len({match["query"] for match in document["matches"] if match["kind"] != "look-alike"})
    return Taken(usage.ru_utime + usage.ru_stime, clock, usage.ru_maxrss / 1024, found)


def asked(python: str, peer: str, pictures: list[str]) -> dict[str, Taken]:
    """What a peer takes, in a process of its own; nothing where it is not installed."""
    with TemporaryDirectory() as folder:
        job, answer = Path(folder, "job"), Path(folder, "answer")
        job.write_text(json.dumps({"peer": peer, "tasks": [{"queries": pictures, "gallery": None}]}))
        line = '"$0" "$1" < "$2" > "$3"'
        taken = measured(["sh", "-c", f"exec {line}", python, str(PEERS), str(job), str(answer)], dict(os.environ))
        said = json.loads(answer.read_text())
    if "missing" in said:
        print(f"{peer} is left out: {said['missing']}")
        return {}
    return {peer: taken._replace(found=len({query for query, _ in said["tasks"][0]["pairs"]}))}


if __name__ == "__main__":
    main()
