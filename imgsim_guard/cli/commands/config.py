"""`imgsim-guard config`: show the effective settings, and the rules for a path."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from imgsim_guard.cli.job import in_repository
from imgsim_guard.cli.terminal import say
from imgsim_guard.config.reader import as_written
from imgsim_guard.config.settings import FILE_NAME
from imgsim_guard.report.escaping import shown
from imgsim_guard.sources.selection import has_image_suffix, image_filter
from imgsim_guard.sources.tracked import below_root

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from imgsim_guard.config.settings import Settings
    from imgsim_guard.gate.policy import Policy
    from imgsim_guard.gate.workspace import Workspace


def config(arguments: argparse.Namespace) -> int:
    """`imgsim-guard config`."""
    with in_repository(arguments) as (git, job):
        settings, policy = job.workspace.settings, job.workspace.policy
        lines = _settings(job.workspace) if not arguments.paths else ()
        say("".join(f"{line}\n" for line in lines))
        for path in arguments.paths:
            say("".join(f"{line}\n" for line in _explained(below_root(path, git.root), settings, policy)))
    return 0


def _settings(workspace: Workspace) -> Iterator[str]:
    """The settings as YAML, with a comment at each default."""
    file = workspace.configuration
    yield f"# {shown(file)}" if file else f"# there is no {FILE_NAME}: these are the defaults"
    yield from (f"# {shown(note)}" for note in workspace.notes)
    for name, value in as_written(workspace.settings).items():
        origin = "" if name in workspace.given else "  # default"
        yield f"{name}: {json.dumps(value)}{origin}"


def _explained(path: str, settings: Settings, policy: Policy) -> Iterator[str]:
    yield f"{shown(path)}:"
    if not has_image_suffix(path):
        yield "  is not an image, by its suffix"
        return
    patterns = "" if settings.images is None else f" (images: {_listed(settings.images)})"
    if not image_filter(settings.images)(path):
        yield f"  is not an image of the dataset{patterns}"
        return
    yield f"  is an image of the dataset{patterns}"
    own = policy.split(path)
    if own:
        yield f"  is in the split {own} (splits.{own}: {_listed(settings.splits[own])})"
    elif settings.splits:
        yield f"  is in none of the splits {', '.join(settings.splits)}"
    for other in [*settings.splits] if own else [""]:
        yield f"  {_against(own, other)}: {_rule(policy, own, other)}"


def _listed(patterns: str | list[str]) -> str:
    return shown(patterns if isinstance(patterns, str) else ", ".join(patterns))


def _against(own: str, other: str) -> str:
    if not other:
        return "against any other image"
    return f"within {other}" if other == own else f"against {other}"


def _rule(policy: Policy, own: str, other: str) -> str:
    rule = policy.rule((own, other))
    where = f"rules.{policy.rules.index(rule)}" if rule in policy.rules else "no rule applies"
    limit = "" if rule.limit is None else f", limit {rule.limit}"
    return f"threshold {rule.threshold:g}, on_match {rule.on_match}{limit} ({where})"
