"""How many edited copies are found, and how many different pictures blocked: by imgsim-guard and by its peers?"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from peers import PEERS
from scoring import STRENGTHS, Copy, Pair, Recall, blocked, read_truth, recall, strengths

from imgsim_guard import __version__
from imgsim_guard.sources.selection import has_image_suffix
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

sys.path.append(str(Path(__file__).resolve().parent.parent))  # measuring.py is beside this folder
from measuring import report, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OURS = {
    "imgsim-guard": "verify: auto\n",
    "bare AugNet": "verify: never\n",
    "without AugNet": "retrieve: hashes\n",
}
"""The configurations of imgsim-guard. The second finds the embeddings stored that the first has made."""

FOUND = (0, 1)
"""The exit codes of a scan that ran: nothing above the limits, or something."""

PEERS_SCRIPT = Path(__file__).with_name("peers.py")


@dataclass(frozen=True)
class Task:
    """Folders to search for copies of what is in other folders; without those, of what is in them."""

    folders: Sequence[Path]
    against: Sequence[Path] = ()


@dataclass(frozen=True)
class Matches:
    """A method's answer to a task."""

    pairs: Sequence[Pair]
    unreadable: Sequence[str]
    seconds: float


@dataclass(frozen=True)
class Answer:
    """A method's answers to all tasks in their order; none where it did not run, and then why."""

    version: str
    tasks: Sequence[Matches] = ()
    missing: str = ""


@dataclass(frozen=True)
class Result:
    """What a method's answers are worth."""

    answer: Answer
    recall: Recall
    false_blocks: Mapping[str, int]


def main() -> None:
    options = _options()
    copies = read_truth(options.copies)
    sets = dict(options.look_alikes)
    tasks = [Task([options.copies], [options.base, *options.gallery]), *(Task([folder]) for folder in sets.values())]
    answers = {name: _peer(options.peers_python, name, tasks) for name in PEERS if name in options.only}
    with tempfile.TemporaryDirectory() as place:
        answers |= {name: ours(OURS[name], tasks, Path(place)) for name in OURS if name in options.only}
    results = {name: _result(answers[name], copies, list(sets)) for name in (*OURS, *PEERS) if name in options.only}
    sizes = {"copies": len(copies), "gallery": len(_images(tasks[0].against))}
    sizes |= {name: len(_images([folder])) for name, folder in sets.items()}
    rows = _rows(results, copies, sizes)
    if options.by_edit:
        rows += _edit_rows(results, copies)
    figures = {
        "images": sizes,
        "embeddings_stored_before": CACHE_VARIABLE in os.environ,
        "methods": {name: _figures(result) for name, result in results.items()},
    }
    report(figures, rows, reference=options.peers_python, target=options.json)


def _options() -> argparse.Namespace:
    methods = [*OURS, *PEERS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", required=True, type=_folder, help="edited copies, with a ground_truth.csv")
    parser.add_argument("--base", required=True, type=_folder, help="the pictures that they were made of")
    parser.add_argument("--gallery", nargs="+", default=[], type=_folder, help="folders of other pictures")
    parser.add_argument(
        "--look-alikes", nargs="+", default=[], type=_named, metavar="NAME=FOLDER", help="sets of different pictures"
    )
    parser.add_argument("--peers-python", required=True, metavar="PYTHON", help="interpreter that has the peers")
    parser.add_argument("--only", nargs="+", default=methods, choices=methods, metavar="METHOD", help=str(methods))
    parser.add_argument("--by-edit", action="store_true", help="print the recall of each edit, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser.parse_args()


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a folder")
    return Path(text).resolve()


def _named(text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text} is not NAME=FOLDER")
    return name, _folder(folder)


def _images(folders: Sequence[Path]) -> list[str]:
    """The real paths of the images that a scan of the folders looks at."""
    files = (path for folder in folders for path in folder.rglob("*"))
    return sorted({os.path.realpath(path) for path in files if has_image_suffix(path.name) and path.is_file()})


def _peer(python: str, name: str, tasks: Sequence[Task]) -> Answer:
    print(f"{name} ...", file=sys.stderr, flush=True)
    listed = [
        {"queries": _images(task.folders), "gallery": _images(task.against) if task.against else None} for task in tasks
    ]
    job = json.dumps({"peer": name, "tasks": listed})
    process = subprocess.run([python, PEERS_SCRIPT], input=job, stdout=subprocess.PIPE, text=True, check=False)
    if process.returncode:
        return Answer(PEERS[name].package, missing=f"failed: exit code {process.returncode}")
    document = json.loads(process.stdout)
    if "missing" in document:
        return Answer(PEERS[name].package, missing=f"not installed: {document['missing']}")
    matches = [
        Matches([(query, other) for query, other in task["pairs"]], task["unreadable"], task["seconds"])
        for task in document["tasks"]
    ]
    return Answer(document["version"], matches)


def ours(configuration: str, tasks: Sequence[Task], place: Path) -> Answer:
    """What imgsim-guard answers under a configuration; `place` is a folder for its report and its cache."""
    config, target = place / "config.yaml", place / "report.json"
    config.write_text(configuration)
    matches = []
    for task in tasks:
        print(f"imgsim-guard, {configuration.strip()}, {task.folders[0]} ...", file=sys.stderr, flush=True)
        command = ["scan", *task.folders, "--config", config, "--json", target]
        command += ["--against", *task.against] if task.against else []
        taken = seconds(partial(_guard, *map(str, command), cache=place / "cache"))
        document = json.loads(target.read_text())
        pairs = [_real(match) for match in document["matches"] if match["blocking"]]
        matches.append(Matches(pairs, [image["image"] for image in document["unreadable"]], taken))
    return Answer(f"imgsim-guard {__version__}", matches)


def _guard(*arguments: str, cache: Path) -> None:
    environment = {CACHE_VARIABLE: str(cache), **os.environ}
    command = [sys.executable, "-m", "imgsim_guard", *arguments]
    code = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode
    if code not in FOUND:
        raise SystemExit(f"imgsim-guard ended with exit code {code}")


def _real(match: Mapping[str, str]) -> Pair:
    return os.path.realpath(match["query"]), os.path.realpath(match["gallery"])


def _result(answer: Answer, copies: Sequence[Copy], sets: Sequence[str]) -> Result:
    pairs = [task.pairs for task in answer.tasks] or [()] * (1 + len(sets))
    counts = {name: len(blocked(found)) for name, found in zip(sets, pairs[1:], strict=True)}
    return Result(answer, recall(copies, pairs[0]), counts)


def _rows(results: Mapping[str, Result], copies: Sequence[Copy], sizes: Mapping[str, int]) -> list[list[str]]:
    """A row for each measure, a column for each method."""
    columns = {name: _column(result, copies, sizes) for name, result in results.items()}
    measures = next(iter(columns.values()))
    return [["", *columns], *([measure, *(column[measure] for column in columns.values())] for measure in measures)]


def _column(result: Result, copies: Sequence[Copy], sizes: Mapping[str, int]) -> dict[str, str]:
    levels = list(strengths(copies).values())
    found = result.recall
    column = {
        f"recall, {level} ({levels.count(level)} edits)": f"{found.by_strength[level]:.3f}"
        for level in STRENGTHS
        if level in levels
    }
    column[f"recall, all ({len(levels)} edits)"] = f"{found.overall:.3f}"
    column[f"wrong pictures ({sizes['copies']:,} copies, gallery of {sizes['gallery']:,})"] = str(
        len({query for query, _ in found.wrong})
    )
    column |= {f"false blocks, {name} ({sizes[name]})": str(count) for name, count in result.false_blocks.items()}
    column["seconds, copies"] = "".join(f"{task.seconds:.0f}" for task in result.answer.tasks[:1])
    return _or_missing(column, result.answer)


def _edit_rows(results: Mapping[str, Result], copies: Sequence[Copy]) -> list[list[str]]:
    columns = [
        _or_missing({edit: f"{value:.3f}" for edit, value in result.recall.by_edit.items()}, result.answer)
        for result in results.values()
    ]
    return [[f"{edit}, {level}", *(column[edit] for column in columns)] for edit, level in strengths(copies).items()]


def _or_missing(column: dict[str, str], answer: Answer) -> dict[str, str]:
    """The figures, or of a method that did not run only that."""
    return dict.fromkeys(column, answer.missing.partition(":")[0]) if answer.missing else column


def _figures(result: Result) -> dict[str, object]:
    answer = result.answer
    if answer.missing:
        return {"version": answer.version, "missing": answer.missing}
    return {
        "version": answer.version,
        "recall": {**result.recall.by_strength, "all": result.recall.overall},
        "recall_by_edit": result.recall.by_edit,
        "wrong_pictures": result.recall.wrong,
        "false_blocks": result.false_blocks,
        "false_block_pairs": [task.pairs for task in answer.tasks[1:]],
        "unreadable": [task.unreadable for task in answer.tasks],
        "seconds": [task.seconds for task in answer.tasks],
    }


if __name__ == "__main__":
    main()
