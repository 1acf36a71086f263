"""`imgsim-guard clean`: move the copies in folders away, and put them back."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.cli.job import in_folders
from imgsim_guard.cli.terminal import progress_display, say, terminal_width
from imgsim_guard.cli.verdict import examined
from imgsim_guard.cli.wiring import images_in
from imgsim_guard.gate.check import nothing_new
from imgsim_guard.gate.cleaning.choice import groups_chosen
from imgsim_guard.gate.cleaning.coco import naming, written_without
from imgsim_guard.gate.cleaning.in_git import dvc_targets, repository_around, stage_again, staged, unstage
from imgsim_guard.gate.cleaning.moving import require_outside
from imgsim_guard.gate.cleaning.plan import default_folder, going, sharing
from imgsim_guard.gate.cleaning.run import apply, made_with, manifest_at, undo
from imgsim_guard.gate.grouping import for_folders
from imgsim_guard.model import GuardError
from imgsim_guard.report.cleaning_text import moved_text, plan_text, shared_text, undone_text, what_follows
from imgsim_guard.report.escaping import shell_word
from imgsim_guard.sources import folders
from imgsim_guard.system.files import relative_path

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from imgsim_guard.cli.job import Job
    from imgsim_guard.gate.cleaning.coco import Coco
    from imgsim_guard.gate.cleaning.plan import Going
    from imgsim_guard.gate.policy import Policy
    from imgsim_guard.model import Result, Selection

SPLIT_THAT_KEEPS = "keep="


def clean(arguments: argparse.Namespace) -> int:
    """`imgsim-guard clean`."""
    if arguments.undo is not None:
        return _undo(arguments)
    if not arguments.paths:
        raise GuardError("name the folders to clean, such as imgsim-guard clean photos; or --undo")
    job = in_folders(arguments, retrieve="hashes" if arguments.quick else None)
    with repository_around() as git:
        folder = Path(arguments.to) if arguments.to else default_folder(arguments.paths, git.root if git else None)
        require_outside(folder, arguments.paths)
        result, files = _found(arguments, job)
        if not arguments.apply or not files:
            what = what_follows(arguments.way, _short(folder), _coco(files, arguments))
            say(plan_text(result, files, what=what, command=_command(arguments), width=terminal_width()))
            return 0
        in_index = staged((one.path for one in files), git) if arguments.way == "move" else {}
        with progress_display(quiet=arguments.quiet) as progress:
            moved = apply(files, arguments.paths, folder, staged=in_index, progress=progress, way=arguments.way)
        if arguments.way != "move":
            say(shared_text(files, moved.problems, manifest=_short(moved.manifest)))
            return int(bool(moved.problems))
        gone = [one for one in files if not os.path.lexists(one.path)]
        unstage((one.path for one in gone if one.path in in_index), git)
    targets = dvc_targets(one.path for one in gone)
    coco = _coco(gone, arguments)
    written = [written_without(one) for one in coco] if arguments.rewrite_coco else []
    if written:
        made_with(moved.manifest, written)
    say(
        moved_text(
            gone,
            moved.problems,
            manifest=_short(moved.manifest),
            targets=targets,
            coco=coco,
            written=[name for name, _ in written],
        )
    )
    return int(bool(moved.problems))


def _coco(files: Sequence[Going], arguments: argparse.Namespace) -> list[Coco]:
    """The annotations that name what goes."""
    if arguments.way != "move":
        return []
    return naming([one.path for one in files if one.kind != "sidecar"], arguments.paths)


def _found(arguments: argparse.Namespace, job: Job) -> tuple[Result, list[Going]]:
    """What is in the folders, and which files would move."""
    selection = images_in(arguments, mutual=True)
    if arguments.plan is not None:
        _require_nothing_chosen(arguments)
        chosen = groups_chosen(Path(arguments.plan), arguments.paths)
        result = replace(nothing_new(selection, job.workspace.policy), groups=chosen, queries=len(selection.queries))
        return result, _going(result, selection, arguments)
    policy = _policy(arguments, job)
    resolve = _splits_that_keep(arguments.resolve_leakage)
    _require_splits(resolve, for_folders(policy, selection, job.workspace.root)[0], selection)
    result = examined(
        selection,
        folders.Folders(),
        job,
        named=arguments.paths,
        resolve=resolve,
        views=arguments.views,
        policy=policy,
    )
    return result, _going(result, selection, arguments)


def _going(result: Result, selection: Selection, arguments: argparse.Namespace) -> list[Going]:
    if arguments.way != "move":
        return sharing(result.groups)
    return going(result.groups, selection.links, sidecars=arguments.sidecars == "auto")


def _policy(arguments: argparse.Namespace, job: Job) -> Policy:
    """What the configuration wants, and above it the options."""
    policy = job.workspace.policy
    if arguments.keep is not None:
        policy = replace(policy, keep=arguments.keep)
    if arguments.keep_in:
        for path in arguments.keep_in:
            if not os.path.lexists(path):
                raise GuardError(f"--keep-in {path}: no such file or folder")
        kept = [os.path.abspath(path) for path in arguments.keep_in]  # noqa: PTH100  links stay
        configured = policy.protected
        policy = replace(
            policy,
            protected=lambda path: (
                any(Path(os.path.abspath(job.workspace.root / path)).is_relative_to(folder) for folder in kept)  # noqa: PTH100
                or (configured is not None and configured(path))
            ),
        )
    return policy


def _undo(arguments: argparse.Namespace) -> int:
    path = manifest_at(arguments.undo or arguments.to or "")
    with progress_display(quiet=arguments.quiet) as progress, repository_around() as git:
        manifests, problems = undo(path, progress)
        for manifest in manifests:
            stage_again(manifest, git)
    moves = [move for manifest in manifests for move in manifest.moves]
    targets = dvc_targets(
        _short(Path(manifest.root, move.source))
        for manifest in manifests
        for move in manifest.moves
        if move.way == "move"
    )
    say(undone_text(moves, problems, targets))
    return int(bool(problems))


def _short(path: Path) -> str:
    """The path from here, where that is shorter."""
    relative = relative_path(path)
    return relative if len(relative) <= len(str(path)) else str(path)


def _splits_that_keep(given: str | None) -> tuple[str, ...]:
    """The splits that --resolve-leakage names."""
    if given is None:
        return ()
    names = tuple(filter(None, given.removeprefix(SPLIT_THAT_KEEPS).split(",")))
    if not given.startswith(SPLIT_THAT_KEEPS) or not names:
        raise GuardError(f"--resolve-leakage {given}: say which split keeps an image, such as keep=test")
    return names


def _require_splits(named: tuple[str, ...], policy: Policy, selection: Selection) -> None:
    """Raise GuardError for a split that no image is in: a slip of the pen would leave all leakage as it is."""
    if not named:
        return
    splits = {policy.split(image.path) for image in (*selection.queries, *selection.gallery)} - {""}
    for name in named:
        if name not in splits:
            there = f"the splits are {', '.join(sorted(splits))}" if splits else "there are no splits"
            raise GuardError(f"--resolve-leakage {SPLIT_THAT_KEEPS}{name}: no image is in {name}; {there}")


def _require_nothing_chosen(arguments: argparse.Namespace) -> None:
    """Raise GuardError for options that say what stays, beside a plan that says it already."""
    for option in ("keep", "keep_in", "resolve_leakage", "views"):
        if getattr(arguments, option):
            raise GuardError(f"--{option.replace('_', '-')} says nothing where --plan says what stays; leave it out")


def _command(arguments: argparse.Namespace) -> str:
    """The command that does it."""
    words = [*arguments.paths]
    words += [word for path in arguments.against or () for word in ("--against", path)]
    for option in ("config", "plan", "keep", "resolve_leakage", "to"):
        if getattr(arguments, option) is not None:
            words += [f"--{option.replace('_', '-')}", getattr(arguments, option)]
    words += [word for path in arguments.keep_in or () for word in ("--keep-in", path)]
    words += ["--views"] if arguments.views else []
    words += [f"--{arguments.way}"] if arguments.way != "move" else []
    words += ["--rewrite-coco"] if arguments.rewrite_coco else []
    words += ["--quick"] if arguments.quick else []
    words += ["--sidecars", "none"] if arguments.sidecars == "none" else []
    return " ".join(["imgsim-guard clean", *map(shell_word, words), "--apply"])
