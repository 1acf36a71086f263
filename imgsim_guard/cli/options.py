"""The commands and their options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, get_args

from imgsim_guard.cli import option_types
from imgsim_guard.model import Keep, Share

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

JSON = "the report as JSON"

KEEP = get_args(Keep)


class Add(Protocol):
    """Adds a command: its name, a one-line summary, and the options that it shares with others."""

    def __call__(
        self, name: str, summary: str, parents: Sequence[argparse.ArgumentParser], /
    ) -> argparse.ArgumentParser:
        """Return the command's parser."""


def judging(add: Add, common: argparse.ArgumentParser, reports: argparse.ArgumentParser) -> None:
    """The commands that check images."""
    hook = add("hook", "run by git hooks: check what is committed, merged or pushed", [common, reports])
    hook.add_argument(
        "files", nargs="*", metavar="FILE", help="when run by hand: the images to check (default: the staged ones)"
    )
    hook.add_argument(
        "--push",
        action="store_true",
        help='in a pre-push hook without pre-commit: check what git says is pushed (imgsim-guard hook --push "$@")',
    )
    hook.add_argument("--no-page", action="store_true", help="write no page with the pictures of what is refused")

    check = add("check", "check staged, changed or all images for near-duplicates", [common, reports])
    check.add_argument("paths", nargs="*", metavar="PATH", help="check only new images at or below these paths")
    scope = check.add_mutually_exclusive_group()
    scope.add_argument("--staged", action="store_true", help="check the staged images (the default)")
    scope.add_argument("--all", action="store_true", help="check all tracked images against each other")
    scope.add_argument(
        "--from-ref", metavar="A", help="check the images that --to-ref adds since it branched off from A"
    )
    check.add_argument(
        "--worktree", action="store_true", help="with --all: check the worktree, as if everything were staged"
    )
    check.add_argument("--to-ref", metavar="B", help="with --from-ref: the revision to check (default: HEAD)")

    scan = add("scan", "find all near-duplicates in folders, without git", [common, reports])
    scan.add_argument("paths", nargs="+", metavar="PATH", help="folders or images")
    _several(scan, "--against", "compare only with the images in these folders, not with each other")
    _distributing(scan)

    for command in (check, scan):
        command.add_argument(
            "--all-pairs",
            action="store_true",
            help="compare all pairs within reach, even if an image is already known to be a copy of three others",
        )
        command.add_argument("--fresh", action="store_true", help="compare pairs again whose verdict is stored")

    clean = add("clean", "move copies out of folders, and keep the best image of each group", [common])
    clean.add_argument("paths", nargs="*", metavar="PATH", help="folders or images; copies in them may be moved")
    _several(clean, "--against", "folders of the dataset: nothing in them is moved")
    clean.add_argument("--apply", action="store_true", help="move the copies (default: only show what would be moved)")
    clean.add_argument(
        "--to", metavar="FOLDER", help="where to move them (default: a folder beside, named ...-removed)"
    )
    way = clean.add_mutually_exclusive_group()
    way.add_argument(
        "--hardlink",
        dest="way",
        action="store_const",
        const="hardlink",
        default="move",
        help="move nothing: make copies with the same bytes hard links to the image that is kept",
    )
    way.add_argument(
        "--reflink",
        dest="way",
        action="store_const",
        const="reflink",
        help="the same with reflinks, which a later change parts again (Btrfs and XFS)",
    )
    clean.add_argument(
        "--undo",
        nargs="?",
        const="",
        metavar="MANIFEST",
        help="move back what the last clean-up here moved, or the clean-up of this manifest",
    )
    clean.add_argument("--plan", metavar="FILE", help="move what was chosen on the page of a scan (scan --html)")
    clean.add_argument("--keep", choices=KEEP, help="which image of a group to keep (default: the setting keep)")
    _several(clean, "--keep-in", "keep the images in these folders, and move none of them", called="FOLDER")
    clean.add_argument(
        "--resolve-leakage",
        metavar="keep=SPLIT",
        help="also move copies across splits, and keep those in this split (default: they stay)",
    )
    clean.add_argument(
        "--views",
        action="store_true",
        help="also move images of the same scene and overlapping views (default: only copies move)",
    )
    clean.add_argument(
        "--sidecars",
        choices=["auto", "none"],
        default="auto",
        help="auto: captions and boxes (.txt, .xml, .json, .caption; YOLO's labels/) move with their image",
    )
    clean.add_argument(
        "--rewrite-coco",
        action="store_true",
        help="write COCO annotations that name images which move to a new file without them",
    )

    for command in (scan, clean):
        command.add_argument(
            "--quick",
            action="store_true",
            help="leave AugNet out: find copies by hashes and local features, which is quicker and finds fewer",
        )

    compare = add("compare", "compare one image with others", [common])
    compare.add_argument("first", metavar="A")
    compare.add_argument("others", nargs="+", metavar="B")
    _written(compare, "--json", JSON)
    compare.add_argument(
        "--image", metavar="FILE", help="write both images side by side to FILE as PNG, with differences marked"
    )


def looking(add: Add, common: argparse.ArgumentParser) -> None:
    """The commands that go by AugNet's distance alone."""
    similar = add("similar", "find the images that look most like an image, copies or not", [common])
    similar.add_argument("images", nargs="+", metavar="IMAGE", help="what to look for; write it before --in")
    _several(similar, "--in", "folders or images", dest="folders", required=True)
    similar.add_argument(
        "-k", type=option_types.count, default=12, metavar="N", help="how many for each image (default: 12)"
    )
    similar.add_argument("--html", metavar="FILE", help="write a page with the pictures to FILE")
    _written(similar, "--json", "the distances as JSON")

    sort = add("sort", "put images that look alike into folders, as links or copies", [common])
    sort.add_argument("paths", nargs="+", metavar="PATH", help="folders or images; nothing in them is changed")
    sort.add_argument("--into", metavar="FOLDER", help="a new folder for the groups (default: only list them)")
    sort.add_argument(
        "--distance",
        type=option_types.distance,
        default=20.0,
        metavar="D",
        help="any two images of a group are at most this far apart, by AugNet's distance (default: 20)",
    )
    sort.add_argument("--copy", action="store_true", help="with --into: copy the images (default: symbolic links)")
    _written(sort, "--csv", "the groups as CSV")


def setting_up(add: Add, common: argparse.ArgumentParser) -> None:
    """The commands that set up a repository."""
    embed = add("embed", "embed images and store the embeddings", [common])
    embed.add_argument("paths", nargs="*", metavar="PATH", help="folders or images (default: all tracked images)")
    embed.add_argument("--worktree", action="store_true", help="use the worktree, as if everything were staged")
    embed.add_argument(
        "--publish", action="store_true", help="also add the embeddings to the tracked store (for a DVC stage)"
    )
    _distributing(embed)

    init = add("init", "set up a repository: configuration, hook and merge rules", [common])
    init.add_argument("--dvc", action="store_true", help="also set up the tracked store, and the check as a DVC stage")
    init.add_argument(
        "--stages",
        choices=["check", "embed"],
        help="check: one stage, with a store that sync publishes (as --dvc); embed: two stages, embed and check",
    )
    init.add_argument("--dry-run", action="store_true", help="show what would be written, but write nothing")
    init.add_argument(
        "--adopt",
        action="store_true",
        help="also embed and check all images, show the duplicates, and accept them as the baseline if you agree",
    )
    init.add_argument("--yes", action="store_true", help="with --adopt: accept the duplicates without asking")
    init.set_defaults(all_pairs=True)  # a baseline has all of them

    config = add("config", "show the effective settings, and the rules for a path", [common])
    config.add_argument("paths", nargs="*", metavar="PATH", help="images (default: show all settings)")

    calibrate = add("calibrate", "suggest a threshold for this dataset", [common])
    calibrate.add_argument("paths", nargs="*", metavar="PATH", help="folders or images (default: all tracked images)")
    calibrate.add_argument(
        "--rate",
        type=option_types.rate,
        default=Share(1.0),
        metavar="SHARE",
        help="share of new images that may be blocked although they are not copies (default: 1%%)",
    )
    calibrate.add_argument("--write", action="store_true", help="write the threshold to the configuration")
    calibrate.add_argument(
        "--no-verify", action="store_true", help="do not compare pixels: use only the stored embeddings"
    )
    calibrate.add_argument(
        "--pairs", type=option_types.number, metavar="N", help="compare the pixels of at most N pairs (default: 2000)"
    )
    _written(calibrate, "--json", JSON)
    calibrate.add_argument(
        "--plot", metavar="FILE", help="write a plot of the distances to the nearest neighbours to FILE as SVG"
    )


def living_with_it(add: Add, common: argparse.ArgumentParser) -> None:
    """The commands for a repository that is set up."""
    accept = add("accept", "accept a pair, or all current duplicates as the baseline", [common])
    accept.add_argument("new", nargs="?", metavar="NEW", help="the new image")
    accept.add_argument("old", nargs="?", metavar="OLD", help="the image that it matches (default: all of them)")
    accept.add_argument("--reason", metavar="TEXT", help="why the pair is accepted")
    accept.add_argument("--all", action="store_true", help="accept every pair that fails the check now")
    accept.add_argument("--worktree", action="store_true", help="use the worktree, as if everything were staged")
    accept.add_argument("--prune", action="store_true", help="remove accepted pairs whose images are gone")

    add(
        "sync",
        "publish the embeddings of staged and committed images to the tracked store; embeds the staged ones",
        [common],
    )

    store = add("store", "inspect and maintain the tracked store", [common])
    store.add_argument(
        "action",
        choices=["info", "verify", "compact", "prune"],
        help="info: what is in it; verify: find damage; compact: merge small files; "
        "prune: remove the embeddings of images that no branch or tag has",
    )

    add("doctor", "check the installation and the set-up; paste the output into an issue", [common])

    add("demo", "have a real commit refused in a temporary repository", [common])


def _several(  # noqa: PLR0913  what argparse wants to know
    command: argparse.ArgumentParser,
    option: str,
    what: str,
    *,
    called: str = "PATH",
    dest: str | None = None,
    required: bool = False,
) -> None:
    """An option that takes paths, and more of them each time that it is given."""
    dest = dest or option.removeprefix("--").replace("-", "_")
    command.add_argument(option, dest=dest, nargs="+", action="extend", required=required, metavar=called, help=what)


def _written(command: argparse.ArgumentParser, option: str, what: str) -> None:
    """An option that names the file for something."""
    command.add_argument(option, metavar="FILE", help=f"write {what} to FILE (- for standard output)")


def _distributing(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--ray",
        nargs="?",
        const="",
        type=option_types.address,
        metavar="ADDRESS",
        help="run on a Ray cluster: at HOST:PORT, the running cluster (auto), or a new one on this machine",
    )
    command.add_argument(
        "--shards",
        metavar="URL",
        help="with --ray: a place that all machines can reach, for the workers' embeddings (default: your cache)",
    )
