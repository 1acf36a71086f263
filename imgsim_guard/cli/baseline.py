"""The duplicates of a repository when the gate is set up: shown, and accepted as the baseline."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from imgsim_guard.cli.refusal import page_of_refusal
from imgsim_guard.cli.scaffold import merging
from imgsim_guard.cli.terminal import agreed, say, text_of, write_texts
from imgsim_guard.cli.verdict import examined
from imgsim_guard.gate.accepted import accepted_pair, load_accepted, write_accepted
from imgsim_guard.report.escaping import shown
from imgsim_guard.sources import tracked
from imgsim_guard.sources.trackers import Trackers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgsim_guard.cli.job import Job
    from imgsim_guard.config.settings import Settings
    from imgsim_guard.gate.accepted import AcceptedPair
    from imgsim_guard.model import Match
    from imgsim_guard.sources.git import Git

REASON = "there before the gate"


def adopt(git: Git, state: Git, job: Job) -> bool:
    """Check all images of `state`, and accept the duplicates once a person has agreed; whether there are none left to
    accept.

    Embeddings and verdicts are stored as they are made, so a second run repeats none of them.
    """
    arguments, workspace, settings = job.arguments, job.workspace, job.workspace.settings
    selection = tracked.everything(state, workspace.is_image)
    source = Trackers(state, selection.revision)
    result = examined(selection, source, job)
    for path, why in result.unreadable:
        say(f"{shown(path)}   {'not checked' if why.absent else 'unreadable'}: {shown(why.reason)}\n")
    pairs = [match for match in result.matches if match.blocking]
    if not pairs:
        say("no duplicates to accept.\n")
        return True
    say(_found(pairs, result.queries))
    page = page_of_refusal(replace(result, matches=tuple(pairs)), workspace.pictures(source, workspace.store))
    say(f"  see them:    {page}\n" if page else "")
    say("  all of them: imgsim-guard check --all --html report.html\n")
    if not arguments.yes and not agreed("accept them as the baseline? [y/N] "):
        stages = f" --stages {arguments.stages}" if arguments.stages else ""
        again = f"imgsim-guard init{' --dvc' if arguments.dvc else ''}{stages} --adopt --yes"
        say(f"nothing was accepted; when you have seen them:  {again}\n")
        return False
    known = load_accepted(git.root / settings.accepted)
    stage_accepted(git, settings, [*known, *(accepted_pair(match, REASON) for match in pairs)])
    return True


def stage_accepted(git: Git, settings: Settings, pairs: Sequence[AcceptedPair]) -> None:
    """Write the accepted pairs and how they are merged, and stage both."""
    attributes = merging(settings.accepted, lambda path: text_of(git.root, path))
    texts = {settings.accepted: write_accepted(pairs), attributes.path: attributes.text}
    write_texts(git.root, {path: text for path, text in texts.items() if text is not None})
    git.text("add", "--", *texts)
    say(f"{settings.accepted} is staged; commit it with the images.\n")


def _found(pairs: Sequence[Match], queries: int) -> str:
    images = {path for match in pairs for path in (match.query.path, match.gallery.path)}
    return f"pairs of duplicates: {len(pairs):,}, among {len(images):,} of {queries:,} images.\n"
