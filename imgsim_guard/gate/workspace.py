"""The folder or repository that a command works in: its settings, policy, store and pictures, each opened once."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.augnet import fingerprint
from imgsim_guard.config.settings import FILE_NAME, PREVIEWS, Settings
from imgsim_guard.model import GuardError
from imgsim_guard.sources.selection import image_filter
from imgsim_guard.system.cache_folder import cache_folder
from imgsim_guard.system.files import leads_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgsim_guard.gate.policy import Policy
    from imgsim_guard.sources.git import Git
    from imgsim_guard.sources.source import Source
    from imgsim_guard.sources.team_store import TeamStore
    from imgsim_guard.store.previews import Previews
    from imgsim_guard.store.store import Store


class Workspace:
    """What is set up in a folder. Everything but the settings is read when it is first asked for.

    `root`: the folder of the configuration. `config`: the configuration file that was named, instead of the one in the
    root. Raises GuardError for a configuration that is wrong.
    """

    def __init__(self, root: Path, *, config: str | None = None) -> None:
        self.root = root
        self.settings = _settings(root, config)

    @cached_property
    def fingerprint(self) -> str:
        """Which embeddings are compared here: the model's, with this preprocessing."""
        return fingerprint(self.settings.engine, self.settings.preprocessing)

    @cached_property
    def is_image(self) -> Callable[[str], bool]:
        """Tells whether a path is an image of the dataset, by suffix and by the setting `images`."""
        return image_filter(self.settings.images)

    @cached_property
    def policy(self) -> Policy:
        """What the configuration and the accepted pairs want."""
        from imgsim_guard.gate.accepted import load_accepted
        from imgsim_guard.gate.policy import policy_of

        return policy_of(self.settings, load_accepted(_own(self.root, self.settings.accepted)), root=self.root)

    @property
    def store_folder(self) -> Path:
        """Where the store is that the team shares, if it has one."""
        return self.root / self.settings.store

    @cached_property
    def store(self) -> Store:
        """The embeddings of this user and of the team."""
        return open_store(self.settings, self.store_folder)

    @cached_property
    def lazy_store(self) -> Store:
        """The same, of which only content ids are read before `Store.open` is called."""
        return open_store(self.settings, self.store_folder, lazy=True)

    @cached_property
    def previews(self) -> Previews:
        """The small pictures that come with the repository, if there are any."""
        from imgsim_guard.store.previews import Previews

        return Previews(self.store_folder.with_name(PREVIEWS))

    def pictures(self, source: Source, store: Store) -> Source:
        """Where pairs are looked at: the images' own pixels or, where those are not on this machine, the previews."""
        from imgsim_guard.sources.previewed import Previewed

        return Previewed(source, store, self.previews)

    def team_store(self, git: Git) -> TeamStore:
        """The same store, as DVC tracks it."""
        from imgsim_guard.sources.team_store import TeamStore

        return TeamStore(git, self.settings.store)


def nearest_root() -> Path:
    """The nearest folder, from here upwards, with a configuration; this one if there is none."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if os.path.lexists(folder / FILE_NAME)), here)


def open_store(settings: Settings, tracked: Path | None, *, lazy: bool = False) -> Store:
    """The cache of this user, and the tracked store in that folder if there is one; `lazy` as Store has it."""
    from imgsim_guard.store.store import Store  # which loads NumPy: not before the configuration is known to be right

    name = fingerprint(settings.engine, settings.preprocessing)
    store = Store(cache_folder(), fingerprint=name, decoder=_decoder, tracked=tracked, lazy=lazy)
    if tracked is not None and not (tracked / name).is_dir():
        store.advice = _advice(tracked)
    return store


def _settings(root: Path, config: str | None) -> Settings:
    """Those of the file that was named, else of the one in the root, else the defaults."""
    path = _own(root, FILE_NAME) if config is None else Path(config)
    if config is None and not os.path.lexists(path):
        return Settings()
    from imgsim_guard.config.reader import load_settings  # which loads pydantic

    return load_settings(path)


def _own(root: Path, name: str) -> Path:
    """A file of the repository. Raises GuardError for a link out of it: messages repeat what they find in a file."""
    path = root / name
    if leads_out(path, root):
        raise GuardError(f"{name} is a link to a place outside the repository, so it is not read")
    return path


def _advice(tracked: Path) -> str:
    """What to do about a tracked store without embeddings of this model; nothing where there is no such store."""
    if not tracked.with_name(f"{tracked.name}.dvc").exists():
        return ""
    if tracked.is_dir() and any(path.is_dir() for path in tracked.iterdir()):
        made = "the tracked store was made with another version of the model, or another preprocessing"
        return f"{made}; run imgsim-guard sync to publish new embeddings"
    return f"run dvc pull {tracked.parent.name}/{tracked.name} to get the team's embeddings"


def _decoder() -> str:
    from imgsim_guard.images.decode import DECODER

    return DECODER
