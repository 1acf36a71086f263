"""A whole scan of a folder: every pair of its pictures, by imgsim-guard and by peers that hash.

imgsim-guard runs as the command it is, first with an empty cache and then with what that stored; each peer as in
benchmarks/accuracy, where it is told what they find and miss. Hashing is quicker, and sees less.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from measuring import report, seconds

from imgsim_guard.sources.selection import has_image_suffix
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

PEERS = Path(__file__).parent / "accuracy" / "peers.py"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path, metavar="FOLDER")
    arguments.add_argument("--peers-python", metavar="PYTHON", help="interpreter that has the peers")
    arguments.add_argument("--peers", nargs="+", default=["pHash", "imagededup"], metavar="NAME")
    arguments.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = arguments.parse_args()
    pictures = sorted(str(path) for path in options.folder.rglob("*") if has_image_suffix(path.name))
    taken = {}
    with TemporaryDirectory() as cache:
        for name in ("imgsim-guard, nothing stored", "imgsim-guard, all stored"):
            taken[name] = seconds(lambda: _scan(options.folder, cache))
    for peer in options.peers if options.peers_python else ():
        answer = _asked(options.peers_python, peer, pictures)
        if "missing" in answer:
            print(f"{peer} is left out: {answer['missing']}")
        else:
            taken[peer] = answer["tasks"][0]["seconds"]
    rows = [["way", "seconds", "images a second"]]
    rows += [[name, f"{took:.1f}", f"{len(pictures) / took:.1f}"] for name, took in taken.items()]
    report({"images": len(pictures), "seconds": taken}, rows, reference=None, target=options.json)


def _scan(folder: Path, cache: str) -> None:
    command = [sys.executable, "-P", "-m", "imgsim_guard", "scan", str(folder), "--quiet"]
    subprocess.run(command, env={**os.environ, CACHE_VARIABLE: cache}, check=False, capture_output=True)


def _asked(python: str, peer: str, pictures: list[str]) -> dict[str, Any]:
    job = json.dumps({"peer": peer, "tasks": [{"queries": pictures, "gallery": None}]})
    done = subprocess.run([python, str(PEERS)], input=job, stdout=subprocess.PIPE, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


if __name__ == "__main__":
    main()
