"""Images that a change of the configuration brings into a split, a label or the dataset."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from imgsim_guard.config.settings import Settings
from imgsim_guard.gate.policy import Policy, policy_of
from imgsim_guard.gate.rule_files import RuleFiles
from imgsim_guard.gate.workspace import Workspace
from imgsim_guard.model import GuardError
from imgsim_guard.sources.selection import image_filter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imgsim_guard.model import Image, Match, Selection
    from imgsim_guard.sources.git import Git


def settings_before(git: Git, workspace: Workspace, commit: str | None) -> Settings | None:
    """The settings of a commit, if they name other images, splits or labels than those of the workspace; else None.

    A commit without a configuration, or with one that is not valid, has the defaults. `commit`: None for no commit.
    """
    if commit is None or (found := git.commit(commit)) is None:
        return None
    before = Settings()
    with suppress(GuardError):
        rules = RuleFiles(git.root, git, revision=found, named=workspace.named)
        before = Workspace(git.root, config=workspace.named, rules=rules).settings
    now = workspace.settings
    return before if (before.images, before.splits, before.labels) != (now.images, now.splits, now.labels) else None


def with_entering(selection: Selection, before: Settings | None, workspace: Workspace) -> Selection:
    """The selection with images of the gallery as queries that are new to their split, their label or the dataset by
    the change of the configuration since `before`.
    """
    if before is None or selection.base is None:
        return selection
    was_image, policy, earlier = image_filter(before.images), workspace.policy, _policy(before, workspace)
    joining = {image for image in selection.gallery if not was_image(image.path)}
    entering = {image for image in selection.gallery if image not in joining and _enters(image, policy, earlier)}

    def cell_before(path: str) -> str:
        split = _split(path, earlier)
        return split if policy.labels is None else f"{split}\0{earlier.label(path)}"

    moved = joining | entering
    note = (
        f"images that the change of {workspace.configuration or 'the configuration'} brings into another split or "
        f"label, or into the dataset: {len(moved):,}; they are checked as if they were moved there"
    )
    return replace(
        selection,
        queries=tuple(sorted((*selection.queries, *moved))),
        gallery=tuple(image for image in selection.gallery if image not in moved),
        entering=frozenset(image.path for image in moved),
        joining=frozenset(image.path for image in joining),
        cell_before=cell_before,
        notes=(*selection.notes, *([note] if moved else [])),
    )


def not_of_before(matches: Iterable[Match], selection: Selection, policy: Policy) -> list[Match]:
    """The matches without pairs that the dataset had before, and that are in one split and of one label now: the
    change of the configuration is about the others.
    """
    if not selection.entering:
        return [*matches]
    new = {image.path for image in selection.queries} - selection.entering | selection.joining
    return [
        match
        for match in matches
        if new & {match.query.path, match.gallery.path}
        or policy.cell(match.query.path) != policy.cell(match.gallery.path)
    ]


def _policy(settings: Settings, workspace: Workspace) -> Policy:
    try:
        return policy_of(settings, root=workspace.root)
    except GuardError:  # such as a table of labels that is gone
        return Policy()


def _enters(image: Image, policy: Policy, earlier: Policy) -> bool:
    split, label = policy.split(image.path), policy.label(image.path)
    return bool(split and split != _split(image.path, earlier)) or bool(label and label != earlier.label(image.path))


def _split(path: str, policy: Policy) -> str:
    try:
        return policy.split(path)
    except GuardError:  # it was in two
        return ""
