"""How many different pictures of one layout are blocked, and how many different glyphs and icons?"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from run import OURS, Task, ours
from scoring import blocked
from templates import KINDS, draw_all

sys.path.append(str(Path(__file__).resolve().parent.parent))  # measuring.py is beside this folder
from measuring import report


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as place:
        folder = options.keep or Path(place, "drawn")
        numbers = dict(draw_all(folder))
        tasks = [Task([folder / name]) for name in numbers]
        answers = {name: ours(OURS[name], tasks, Path(place)) for name in OURS}
    counts = {
        method: {name: len(blocked(found.pairs)) for name, found in zip(numbers, answer.tasks, strict=True)}
        for method, answer in answers.items()
    }
    taken = {method: [found.seconds for found in answer.tasks] for method, answer in answers.items()}
    rows = [["blocked", "pictures", *OURS]]
    rows += [[name, str(number), *(str(counts[method][name]) for method in OURS)] for name, number in numbers.items()]
    for title, small in (("layouts, all", False), ("glyphs and icons, all", True)):
        those = [name for name in numbers if KINDS[name].small is small]
        totals = (str(sum(counts[method][name] for name in those)) for method in OURS)
        rows.append([title, str(sum(numbers[name] for name in those)), *totals])
    figures = {"images": numbers, "false_blocks": counts, "seconds": taken}
    report(figures, rows, reference=sys.executable, target=options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="draw the pictures there; it must not exist yet")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
