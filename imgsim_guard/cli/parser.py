"""The commands of the program. A command's module is imported only when the command runs."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import TYPE_CHECKING

from imgsim_guard import __version__
from imgsim_guard.cli.options import JSON, judging, living_with_it, looking, setting_up
from imgsim_guard.sources.selection import has_image_suffix, is_dvc_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EXIT_CODES = """\
exit codes:
  0    nothing above the limits
  1    near-duplicates, exact duplicates, unreadable or unchecked images above the limits;
       for doctor and store verify: a problem was found
  2    could not run: arguments, configuration, repository, model
  3    a bug in imgsim-guard
  130  interrupted
"""

REPORTS = {
    "json": JSON,
    "sarif": "the report as SARIF 2.1.0",
    "junit": "the report as JUnit XML",
    "metrics": "the counts for dvc metrics",
    "csv": "the groups of copies as CSV",
}
"""The reports that are written to a file, by option."""


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the arguments, or print help or a usage error and exit. `run` of the result is the command's function."""
    given = sys.argv[1:] if argv is None else list(argv)
    return _parser().parse_args([given[0], *_without_false_options(given[1:])] if given[:1] == ["hook"] else given)


def _without_false_options(words: Sequence[str]) -> list[str]:
    """A file in the root may be called `--config=x.png`, and pre-commit hands over its name as it is."""
    return [
        f"./{word}" if word.startswith("-") and (has_image_suffix(word) or is_dvc_file(word)) else word
        for word in words
    ]


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

    def add(name: str, summary: str, parents: Sequence[argparse.ArgumentParser]) -> argparse.ArgumentParser:
        return _command(commands, name, summary, parents)

    judging(add, common, reports)
    looking(add, common)
    setting_up(add, common)
    living_with_it(add, common)
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    parents: Sequence[argparse.ArgumentParser],
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=list(parents),
        allow_abbrev=False,
    )
    command.set_defaults(run=_runner(name))
    return command


def _runner(name: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        module = importlib.import_module(f"imgsim_guard.cli.commands.{name}")
        runner: Callable[[argparse.Namespace], int] = getattr(module, name)
        return runner(arguments)

    return run


def _common_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--config", metavar="FILE", help="configuration file (default: .imgsim-guard.yaml at the root)"
    )
    options.add_argument("--quiet", action="store_true", help="print nothing if nothing was found")
    options.add_argument(
        "--verbose",
        action="store_true",
        help="also list look-alikes, accepted pairs and all distances, and show the model and the store",
    )
    return options


def _report_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    for option, what in REPORTS.items():
        options.add_argument(f"--{option}", metavar="FILE", help=f"write {what} to FILE (- for standard output)")
    options.add_argument(
        "--json-format", choices=["1", "2"], default="2", help="of the JSON report (default: 2, which has groups)"
    )
    options.add_argument("--html", metavar="FILE", help="write the report as one HTML file with pictures to FILE")
    options.add_argument("--plots", metavar="DIR", help="write the distances for dvc plots to DIR/distances.csv")
    options.add_argument(
        "--github", action="store_true", help="print annotations for GitHub Actions, and write the step's summary"
    )
    return options
