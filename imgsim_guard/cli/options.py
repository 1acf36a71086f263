"""What can be asked of each command, and how that is written."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Protocol, get_args

from imgsim_guard.model import Keep, Share, share_of

if TYPE_CHECKING:
    from collections.abc import Sequence

JSON = "the report as JSON"

KEEP = get_args(Keep)


class Add(Protocol):
    """Adds a command: its name, what it does in a line, and what it has in common with others."""

    def __call__(
        self, name: str, summary: str, parents: Sequence[argparse.ArgumentParser], /
    ) -> argparse.ArgumentParser:
        """The command's parser."""


def judging(add: Add, common: argparse.ArgumentParser, reports: argparse.ArgumentParser) -> None:
    """The commands that judge images."""
    hook = add("hook", "what a git hook calls: judge what is committed, merged or pushed", [common, reports])
    hook.add_argument(
        "files", nargs="*", metavar="FILE", help="when run by hand: judge these (default: what is staged)"
    )

    check = add("check", "the same by hand or in CI", [common, reports])
    check.add_argument("paths", nargs="*", metavar="PATH", help="judge only new images at or below these paths")
    scope = check.add_mutually_exclusive_group()
    scope.add_argument("--staged", action="store_true", help="what the index adds to HEAD (the default)")
    scope.add_argument("--all", action="store_true", help="every pair of all tracked images")
    scope.add_argument("--from-ref", metavar="A", help="what --to-ref adds to the point where it parted from A")
    check.add_argument("--worktree", action="store_true", help="with --all: as if all of the worktree had been staged")
    check.add_argument("--to-ref", metavar="B", help="a revision (default: HEAD); only with --from-ref")

    scan = add("scan", "every near-duplicate in folders, no git needed", [common, reports])
    scan.add_argument("paths", nargs="+", metavar="PATH", help="folders, or images")
    scan.add_argument(
        "--against",
        nargs="+",
        action="extend",
        metavar="PATH",
        help="compare only with the images in these folders, not with one another",
    )
    _distributing(scan)

    for command in (check, scan):
        command.add_argument(
            "--all-pairs",
            action="store_true",
            help="look at all pairs within reach, also when an image is known to be a copy of three others",
        )
        command.add_argument("--fresh", action="store_true", help="look again at pairs that were looked at before")

    clean = add("clean", "move the copies in folders away, and keep the best of each", [common])
    clean.add_argument("paths", nargs="*", metavar="PATH", help="folders, or images, of which copies may be moved")
    clean.add_argument(
        "--against",
        nargs="+",
        action="extend",
        metavar="PATH",
        help="folders that hold the dataset: nothing moves there",
    )
    clean.add_argument("--apply", action="store_true", help="move them (default: only show what would be moved)")
    clean.add_argument("--to", metavar="FOLDER", help="where to (default: a folder beside, named ...-removed)")
    clean.add_argument(
        "--undo",
        nargs="?",
        const="",
        metavar="MANIFEST",
        help="put all back that the last clean-up here moved, or the one of this manifest",
    )
    clean.add_argument("--keep", choices=KEEP, help="which of several copies stays (default: the setting keep)")
    clean.add_argument(
        "--keep-in", nargs="+", action="extend", metavar="FOLDER", help="keep what is in there, and move nothing of it"
    )
    clean.add_argument(
        "--resolve-leakage",
        metavar="keep=SPLIT",
        help="move copies across splits, too, and keep those in this one (default: they stay)",
    )
    clean.add_argument(
        "--sidecars",
        choices=["auto", "none"],
        default="auto",
        help="captions and boxes (.txt, .xml, .json, .caption; YOLO's labels/) move with their image, or stay",
    )

    compare = add("compare", "the distances of one image to others", [common])
    compare.add_argument("first", metavar="A")
    compare.add_argument("others", nargs="+", metavar="B")
    compare.add_argument("--json", metavar="FILE", help=f"write {JSON} to FILE; - for standard output")
    compare.add_argument("--image", metavar="FILE", help="write the two side by side as PNG, what disagrees marked")


def setting_up(add: Add, common: argparse.ArgumentParser) -> None:
    """The commands that a repository needs to begin with."""
    embed = add("embed", "embed images once and keep the embeddings", [common])
    embed.add_argument("paths", nargs="*", metavar="PATH", help="folders, or images (default: all that is tracked)")
    embed.add_argument("--worktree", action="store_true", help="as if all of the worktree had been staged")
    embed.add_argument("--publish", action="store_true", help="add them to the tracked store, too: for a stage")
    _distributing(embed)

    init = add("init", "write the configuration, the hook's entry and what merging needs", [common])
    init.add_argument("--dvc", action="store_true", help="also what the tracked store needs, and the check as a stage")
    init.add_argument(
        "--stages",
        choices=["check", "embed"],
        help="which stages: the check beside a store that sync publishes (as --dvc), or embedding and the check",
    )
    init.add_argument("--dry-run", action="store_true", help="show what would be written, and write nothing")

    config = add("config", "what is in force, for a path and why", [common])
    config.add_argument("paths", nargs="*", metavar="PATH", help="images (default: the settings themselves)")

    calibrate = add("calibrate", "which threshold this dataset wants", [common])
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
    calibrate.add_argument("--json", metavar="FILE", help=f"write {JSON} to FILE; - for standard output")
    calibrate.add_argument("--plot", metavar="FILE", help="draw the distances to the nearest neighbours as SVG to FILE")


def living_with_it(add: Add, common: argparse.ArgumentParser) -> None:
    """The commands that a repository needs later."""
    accept = add("accept", "allow a pair, or take today's state as the baseline", [common])
    accept.add_argument("new", nargs="?", metavar="NEW", help="the new image")
    accept.add_argument("old", nargs="?", metavar="OLD", help="the image it matches (default: every one)")
    accept.add_argument("--reason", metavar="TEXT", help="why the pair may stay")
    accept.add_argument("--all", action="store_true", help="accept every pair that would fail today")
    accept.add_argument("--worktree", action="store_true", help="as if all of the worktree had been staged")
    accept.add_argument("--prune", action="store_true", help="drop the pairs whose images are gone")

    add("sync", "publish the embeddings of committed images to the tracked store", [common])

    store = add("store", "look after the tracked store", [common])
    store.add_argument(
        "action",
        choices=["info", "verify", "compact", "prune"],
        help="what is in it; whether it is undamaged; few large files instead of many small ones; "
        "without images that no branch has any more",
    )

    add("doctor", "what is installed and set up here, to paste into an issue", [common])

    add("demo", "let a real commit be refused in a throw-away repository", [common])


def _distributing(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--ray",
        nargs="?",
        const="",
        type=_address,
        metavar="ADDRESS",
        help="have a Ray cluster do the work: the one at HOST:PORT, the one around (auto), or one on this machine",
    )
    command.add_argument(
        "--shards",
        metavar="URL",
        help="with --ray: where its workers write embeddings, which all machines reach (default: your cache)",
    )


def _address(text: str) -> str:
    if not re.fullmatch(r"|auto|(ray://)?[^/\s]+:\d{1,5}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no address such as 10.0.0.5:6379; paths stand before --ray")
    return text


def _rate(text: str) -> Share:
    share = share_of(text)
    if share is None or share.percent == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share such as 1% or 0.5%")
    return share


def _number(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number such as 2000")
    return int(text)
