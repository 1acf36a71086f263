"""The folder or repository that a command works in: its settings, policy, store and pictures, each opened once."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.config.settings import FILE_NAMES, LARGEST_FILE, PREVIEWS, PYPROJECT, Settings
from imgsim_guard.gate.rule_files import RuleFiles
from imgsim_guard.model import GuardError
from imgsim_guard.sources.selection import image_filter
from imgsim_guard.system.cache_folder import cache_folder
from imgsim_guard.system.files import read_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgsim_guard.gate.policy import Policy
    from imgsim_guard.model import Retrieve
    from imgsim_guard.sources.git import Git
    from imgsim_guard.sources.source import Source
    from imgsim_guard.sources.team_store import TeamStore
    from imgsim_guard.store.previews import Previews
    from imgsim_guard.store.store import Store


ONLY_ONE = "the configuration of a repository is in its root; move it there, or name it with --config"
MISNAMED = "a configuration is called .imgsim-guard.yaml; rename it, or name it with --config"


class Workspace:
    """The configuration of a folder, and what follows from it. Everything but the settings is read when it is first
    used.

    `root`: the folder of the configuration. `config`: the path of another configuration file, kept as `named`. `rules`:
    where the files with rules are read; by default in the folder. `retrieve`: replaces the setting. Raises GuardError
    for an invalid configuration.
    """

    def __init__(
        self,
        root: Path,
        *,
        config: str | None = None,
        rules: RuleFiles | None = None,
        retrieve: Retrieve | None = None,
    ) -> None:
        self.root = root
        self._rules = rules or RuleFiles(root)
        self.named = config
        self.configuration, self._text = (
            (config, _named(config, self._rules)) if config else _configuration(self._rules)
        )
        self._shown = config or str(root / self.configuration)
        self.settings = Settings()
        if self._text is not None:
            from imgsim_guard.config.reader import parse_settings  # it imports pydantic

            self.settings = parse_settings(self._text, name=self._shown)
        if retrieve is not None:
            self.settings = replace(self.settings, retrieve=retrieve)
            if retrieve == "hashes" and self.settings.verify == "never":
                raise GuardError(f"{self._shown}: verify: never needs AugNet's distances, which --quick leaves out")

    @property
    def given(self) -> set[str]:
        """The settings that the configuration has."""
        from imgsim_guard.config.reader import names_in

        return set() if self._text is None else names_in(self._shown, self._text)

    @property
    def notes(self) -> list[str]:
        """Which rules were read, if it is not obvious."""
        nested = [name for name in self._rules.nested() if name != self.configuration]
        return [
            *self._rules.notes,
            *(f"{name} is not read: {ONLY_ONE if '/' in name else MISNAMED}" for name in nested),
        ]

    @cached_property
    def fingerprint(self) -> str:
        """The fingerprint of the store."""
        return self.settings.model.fingerprint

    @cached_property
    def is_image(self) -> Callable[[str], bool]:
        """A function that tells whether a path is an image of the dataset, by suffix and by the setting `images`."""
        return image_filter(self.settings.images)

    @cached_property
    def policy(self) -> Policy:
        """The policy of the configuration and the accepted pairs."""
        from imgsim_guard.gate.accepted import MAX_FILE_SIZE, WHAT, parse_accepted
        from imgsim_guard.gate.policy import policy_of

        name = self.settings.accepted
        text = self._rules.text(name, what=WHAT, largest=MAX_FILE_SIZE)
        return policy_of(self.settings, parse_accepted(text or "", name=str(self.root / name)), root=self.root)

    @property
    def store_folder(self) -> Path:
        """The folder of the tracked store, which may not exist."""
        return self.root / self.settings.store

    @cached_property
    def store(self) -> Store:
        """The embeddings in this user's cache and in the tracked store."""
        return open_store(self.settings, self.store_folder)

    @cached_property
    def lazy_store(self) -> Store:
        """The store, with only its content ids read until `Store.open` is called."""
        return open_store(self.settings, self.store_folder, lazy=True)

    @cached_property
    def previews(self) -> Previews:
        """The previews in the repository, if there are any."""
        from imgsim_guard.store.previews import Previews

        return Previews(self.store_folder.with_name(PREVIEWS))

    def pictures(self, source: Source, store: Store) -> Source:
        """The source for verification: the images' own pixels or, if those are not on this machine, the previews."""
        from imgsim_guard.sources.previewed import Previewed

        return Previewed(source, store, self.previews)

    def team_store(self, git: Git) -> TeamStore:
        """The tracked store as DVC tracks it."""
        from imgsim_guard.sources.team_store import TeamStore

        return TeamStore(git, self.settings.store)


def nearest_root() -> Path:
    """The nearest folder with a configuration, from the working directory upwards; the working directory if there is
    none.
    """
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if _is_configured(folder)), here)


def open_store(settings: Settings, tracked: Path | None, *, lazy: bool = False) -> Store:
    """The store of this user's cache, and of the tracked store in that folder if there is one; `lazy` as for Store."""
    # It imports NumPy, which must not happen before the configuration is valid.
    from imgsim_guard.store.store import Store

    name = settings.model.fingerprint
    store = Store(cache_folder(), fingerprint=name, decoder=_decoder, tracked=tracked, lazy=lazy)
    if tracked is not None and not (tracked / name).is_dir():
        store.advice = _advice(tracked, settings.store)
    return store


def _named(config: str, rules: RuleFiles) -> str:
    """The text of a configuration file named by the user: as git has it, if it tracks the file."""
    text = rules.named(what="configuration", largest=LARGEST_FILE)
    if text is None:
        text = read_text(Path(config), what="configuration", largest=LARGEST_FILE)
    if config.endswith(".toml") and not _has_table(text, config):
        raise GuardError(f"{config}: it has no table [tool.imgsim-guard]")
    return text


def _is_configured(folder: Path) -> bool:
    if any(os.path.lexists(folder / name) for name in FILE_NAMES):
        return True
    project = folder / PYPROJECT
    try:
        return project.is_file() and _has_table(project.read_text("utf-8", "replace"), str(project))
    except (OSError, GuardError):  # the folder may be outside the dataset
        return False


def _has_table(text: str, name: str) -> bool:
    if "imgsim-guard" not in text:
        return False
    from imgsim_guard.config.reader import has_table

    return has_table(text, name=name)


def _configuration(rules: RuleFiles) -> tuple[str, str | None]:
    """The name and the text of the configuration file. Raises GuardError if there are two."""
    found = []
    for name in (*FILE_NAMES, PYPROJECT):
        text = rules.text(name, what="configuration", largest=LARGEST_FILE)
        if text is not None and (name != PYPROJECT or _has_table(text, name)):
            found.append((name, text))
    if len(found) > 1:
        raise GuardError(f"there are two configurations, {found[0][0]} and {found[1][0]}; keep one of them")
    return found[0] if found else ("", None)


def _advice(tracked: Path, path: str) -> str:
    """What to do about a tracked store without embeddings of this model; empty if there is no such store. `path`: that
    of the store, relative to the root.
    """
    if not tracked.with_name(f"{tracked.name}.dvc").exists():
        return ""
    if tracked.is_dir() and any(path.is_dir() for path in tracked.iterdir()):
        made = "the tracked store was made with another version of the model, or another preprocessing"
        return f"{made}; run imgsim-guard sync to publish new embeddings"
    from imgsim_guard.sources.dvc_cache import project_of
    from imgsim_guard.sources.dvc_command import as_typed

    root = tracked.parents[len(Path(path).parts) - 1]
    return f"run {as_typed('pull', path, project=project_of(root, path), root=root)} to get the team's embeddings"


def _decoder() -> str:
    from imgsim_guard.images.decode import DECODER

    return DECODER
