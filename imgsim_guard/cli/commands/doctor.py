"""`imgsim-guard doctor`: check the installation and the set-up; the output can go into an issue."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard import __version__
from imgsim_guard.augnet import load
from imgsim_guard.cli import hook_runners
from imgsim_guard.cli.job import in_repository
from imgsim_guard.cli.terminal import say
from imgsim_guard.model import GuardError
from imgsim_guard.report.escaping import shown
from imgsim_guard.sources import tracked
from imgsim_guard.sources.trackers import TRACKERS, Trackers
from imgsim_guard.store.shared import inspect
from imgsim_guard.system.cache_folder import cache_folder

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

    from imgsim_guard.gate.workspace import Workspace
    from imgsim_guard.sources.git import Git

PACKAGES = (
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "safetensors",
    "pydantic",
    "pillow-heif",
    "dvc",
    "pre-commit",
)

PUSHING = "pre-push"
HOOKS = ("pre-commit", "pre-merge-commit", PUSHING)


def doctor(arguments: argparse.Namespace) -> int:
    """`imgsim-guard doctor`. The exit code is 1 if a problem was found."""
    problems = 0
    with in_repository(arguments) as (git, job):
        for name, look in _looks(git, job.workspace).items():
            try:
                lines = list(look())
            except GuardError as error:
                lines = [f"! {error}"]
            problems += sum(line.startswith("! ") for line in lines)
            say(f"{name}\n" + "".join(f"  {_without_home(shown(line))}\n" for line in lines))
    say("no problems found.\n" if not problems else f"problems found: {problems}, marked with !\n")
    return int(bool(problems))


def _looks(git: Git, workspace: Workspace) -> dict[str, Callable[[], Iterator[str]]]:
    return {
        "installed": _installed,
        "model": lambda: _model(workspace),
        "embeddings": lambda: _embeddings(git, workspace),
        "hooks": lambda: _hooks(git),
        "images": lambda: _images(git, workspace),
    }


def _installed() -> Iterator[str]:
    yield f"imgsim-guard {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"no {package}")
    yield ", ".join(found)
    yield f"in {sys.prefix}"


def _model(workspace: Workspace) -> Iterator[str]:
    load(workspace.settings.engine, device=workspace.settings.device)  # which checks its digest
    yield f"{workspace.fingerprint}: undamaged"


def _embeddings(git: Git, workspace: Workspace) -> Iterator[str]:
    team = workspace.team_store(git)
    for name, folder in (("cache", cache_folder()), ("tracked store", team.folder)):
        found = inspect(folder, fingerprint=workspace.fingerprint)
        yield f"{name}: {found.rows:,} embeddings in {found.shards:,} files ({folder})"
        for path, reason in found.damaged.items():
            yield f"! {path}: {reason}; delete it, and its images are embedded again"
    if lacking := team.lacking():
        yield f"! {lacking}; run {team.command('pull')}"


def _hooks(git: Git) -> Iterator[str]:
    configured = hook_runners.configured(git.root)
    yield f"{configured[0]} names imgsim-guard" if configured else ".pre-commit-config.yaml does not name imgsim-guard"
    folder = Path(git.text("rev-parse", "--path-format=absolute", "--git-path", "hooks"))
    if set_elsewhere := git.option("core.hooksPath"):
        yield f"git runs the hooks in {set_elsewhere} (core.hooksPath)"
    for name in HOOKS:
        yield _hook(git.root, folder / name, configured, needed=name == HOOKS[0])
    yield from (f"! {line}" for line in hook_runners.filters(git.root))


def _hook(root: Path, file: Path, configured: Sequence[str], *, needed: bool) -> str:
    runner = hook_runners.runner(root, file)
    if runner is None:
        return f"{'! ' * needed}{file.name} does not run imgsim-guard: {_advice(configured, file.name)}"
    if not os.access(file, os.X_OK):
        return f"! {file.name} is not executable, so git does not run it: chmod +x {file}"
    if file.name == PUSHING and (change := hook_runners.deaf_to_pushes(root, file)):
        return f"! {file.name} runs imgsim-guard, which is not told what is pushed, so nothing is checked: {change}"
    return f"{file.name} runs imgsim-guard" + (f", by {runner}" if runner else "")


def _advice(configured: Sequence[str], hook: str) -> str:
    if not configured:
        return "imgsim-guard init, or copy hooks/pre-commit"
    first = configured[0]
    if first.rpartition("/")[2] in hook_runners.PRE_COMMIT:  # those in subfolders are prek's
        return f"{'prek' if first.endswith('prek.toml') or '/' in first else 'pre-commit'} install -t {hook}"
    if first in hook_runners.LINT_STAGED:
        return f"run lint-staged in {hook}, which {first} configures"
    return f"add it to {hook} in {first}, then lefthook install"


def _images(git: Git, workspace: Workspace) -> Iterator[str]:
    selection = tracked.everything(git, workspace.is_image)
    source = Trackers(git, None)
    for key, name in TRACKERS.items():
        images = [image for image in selection.queries if image.content.startswith(f"{key}:")]
        absent = sum(not source.at_hand(image) for image in images)
        if images:
            yield f"{name}: {len(images):,}" + (f", {absent:,} of them not on this machine" if absent else "")
    if not selection.queries:
        yield "! no images are tracked: add some with git add or dvc add, and check images in .imgsim-guard.yaml"
    for path, why in selection.unreadable:
        yield f"! {path}: {why.reason}"
    yield from (f"! {note}" for note in selection.notes)


def _without_home(text: str) -> str:
    """Without the home folder, which would show the user's name in an issue."""
    home = os.path.expanduser("~")  # noqa: PTH111  Path.home() raises for a user without one
    return text.replace(home, "~") if len(home) > 1 else text
