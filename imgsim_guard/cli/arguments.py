"""The command line's grammar. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import argparse
import importlib
import re
from typing import TYPE_CHECKING

from imgsim_guard import __version__
from imgsim_guard.model import Share

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EXIT_CODES = """\
exit codes:
  0    nothing above the limits
  1    near-duplicates, exact duplicates, unreadable or unchecked images above the limits
  2    could not run: arguments, configuration, repository, model
  3    a bug in imgsim-guard
  130  interrupted
"""

MODULES = {
    "accept": "acceptance",
    "init": "setting_up",
    "config": "configuration",
    "calibrate": "calibration",
    "sync": "publishing",
    "store": "publishing",
    "doctor": "doctoring",
}
"""Where a command's function is, if not in `commands`."""


REPORTS = {
    "json": "the report as JSON",
    "sarif": "the report as SARIF 2.1.0",
    "junit": "the report as JUnit XML",
    "metrics": "the counts for dvc metrics",
}
"""What can be written to a file, by option."""


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse, or print help or what is wrong and exit; `run` of the result is the command's function."""
    return _parser().parse_args(argv)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="imgsim-guard",
        description="Keeps near-duplicate images out of a dataset.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=f"imgsim-guard {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    common, reports = _common_options(), _report_options()

    _command(commands, "hook", "what pre-commit calls: judge what is staged", [common, reports])

    check = _command(commands, "check", "the same by hand or in CI", [common, reports])
    check.add_argument("paths", nargs="*", metavar="PATH", help="judge only new images at or below these paths")
    scope = check.add_mutually_exclusive_group()
    scope.add_argument("--staged", action="store_true", help="what the index adds to HEAD (the default)")
    scope.add_argument("--all", action="store_true", help="every pair of all tracked images")
    scope.add_argument("--from-ref", metavar="A", help="what --to-ref adds to the point where it parted from A")
    check.add_argument("--worktree", action="store_true", help="with --all: as if all of the worktree had been staged")
    check.add_argument("--to-ref", metavar="B", help="a revision (default: HEAD); only with --from-ref")

    scan = _command(commands, "scan", "every near-duplicate in folders, no git needed", [common, reports])
    scan.add_argument("paths", nargs="+", metavar="PATH", help="folders, or images")
    scan.add_argument(
        "--against",
        nargs="+",
        action="extend",
        metavar="PATH",
        help="compare only with the images in these folders, not with one another",
    )

    compare = _command(commands, "compare", "the distances of one image to others", [common])
    compare.add_argument("first", metavar="A")
    compare.add_argument("others", nargs="+", metavar="B")
    compare.add_argument("--json", metavar="FILE", help=f"write {REPORTS['json']} to FILE; - for standard output")
    compare.add_argument("--image", metavar="FILE", help="write the two side by side as PNG, what disagrees marked")

    embed = _command(commands, "embed", "embed images once and keep the embeddings", [common])
    embed.add_argument("paths", nargs="*", metavar="PATH", help="folders, or images (default: all that is tracked)")
    embed.add_argument("--worktree", action="store_true", help="as if all of the worktree had been staged")
    embed.add_argument("--publish", action="store_true", help="add them to the tracked store, too: for a stage")

    init = _command(commands, "init", "write the configuration, the hook's entry and what merging needs", [common])
    init.add_argument("--dvc", action="store_true", help="also what the tracked store needs, and the check as a stage")
    init.add_argument(
        "--stages",
        choices=["check", "embed"],
        help="which stages: the check beside a store that sync publishes (as --dvc), or embedding and the check",
    )
    init.add_argument("--dry-run", action="store_true", help="show what would be written, and write nothing")

    config = _command(commands, "config", "what is in force, for a path and why", [common])
    config.add_argument("paths", nargs="*", metavar="PATH", help="images (default: the settings themselves)")

    calibrate = _command(commands, "calibrate", "which threshold this dataset wants", [common])
    calibrate.add_argument("paths", nargs="*", metavar="PATH", help="folders, or images (default: all that is tracked)")
    calibrate.add_argument(
        "--rate",
        type=_rate,
        default=Share(1.0),
        metavar="SHARE",
        help="of new images, how many may be blocked although they are no copies (default: 1%%)",
    )
    calibrate.add_argument("--write", action="store_true", help="put the threshold into the configuration")
    calibrate.add_argument("--no-verify", action="store_true", help="look at no pixels: the store alone")
    calibrate.add_argument(
        "--pairs", type=_number, metavar="N", help="look at the pixels of at most so many pairs (default: 2000)"
    )
    calibrate.add_argument("--json", metavar="FILE", help=f"write {REPORTS['json']} to FILE; - for standard output")
    calibrate.add_argument("--plot", metavar="FILE", help="draw the distances to the nearest neighbours as SVG to FILE")

    accept = _command(commands, "accept", "allow a pair, or take today's state as the baseline", [common])
    accept.add_argument("new", nargs="?", metavar="NEW", help="the new image")
    accept.add_argument("old", nargs="?", metavar="OLD", help="the image it matches (default: every one)")
    accept.add_argument("--reason", metavar="TEXT", help="why the pair may stay")
    accept.add_argument("--all", action="store_true", help="accept every pair that would fail today")
    accept.add_argument("--worktree", action="store_true", help="as if all of the worktree had been staged")
    accept.add_argument("--prune", action="store_true", help="drop the pairs whose images are gone")

    _command(commands, "sync", "publish the embeddings of committed images to the tracked store", [common])

    store = _command(commands, "store", "look after the tracked store", [common])
    store.add_argument(
        "action",
        choices=["info", "verify", "compact", "prune"],
        help="what is in it; whether it is undamaged; few large files instead of many small ones; "
        "without images that no branch has any more",
    )

    _command(commands, "doctor", "what is installed and set up here, to paste into an issue", [common])

    _command(commands, "demo", "let a real commit be refused in a throw-away repository", [common])
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    parents: list[argparse.ArgumentParser],
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=parents,
        allow_abbrev=False,
    )
    command.set_defaults(run=_runner(name))
    return command


def _runner(name: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        module = importlib.import_module(f"imgsim_guard.cli.{MODULES.get(name, 'commands')}")
        runner: Callable[[argparse.Namespace], int] = getattr(module, name)
        return runner(arguments)

    return run


def _common_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("--config", metavar="FILE", help="configuration (default: .imgsim-guard.yaml at the root)")
    options.add_argument("--quiet", action="store_true", help="say nothing when there is nothing to do")
    options.add_argument("--verbose", action="store_true", help="also say which model and which store were used")
    return options


def _report_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    for option, what in REPORTS.items():
        options.add_argument(f"--{option}", metavar="FILE", help=f"write {what} to FILE; - for standard output")
    options.add_argument("--html", metavar="FILE", help="write the report as one HTML file with pictures to FILE")
    options.add_argument("--plots", metavar="DIR", help="write the distances for dvc plots to DIR/distances.csv")
    options.add_argument("--github", action="store_true", help="print annotations for GitHub Actions")
    return options


def _rate(text: str) -> Share:
    share = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?) ?%", text)
    if share is None or not 0 < float(share[1]) <= 100:  # noqa: PLR2004  percent
        raise argparse.ArgumentTypeError(f"{text!r} is not a share such as 1% or 0.5%")
    return Share(float(share[1]))


def _number(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return int(text)
