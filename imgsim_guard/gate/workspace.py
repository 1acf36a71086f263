"""What is set up in a place: its settings, its policy, its store and its previews."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.augnet import fingerprint
from imgsim_guard.config.settings import FILE_NAME, PREVIEWS, Settings
from imgsim_guard.model import GuardError
from imgsim_guard.system.cache_folder import cache_folder
from imgsim_guard.system.files import leads_out

if TYPE_CHECKING:
    from imgsim_guard.gate.policy import Policy
    from imgsim_guard.sources.source import Source
    from imgsim_guard.store.previews import Previews
    from imgsim_guard.store.store import Store


def settings_at(root: Path, given: str | None) -> Settings:
    """Those of the file that was named, else of the one in the root, else the defaults."""
    path = _own(root, FILE_NAME) if given is None else Path(given)
    if given is None and not os.path.lexists(path):
        return Settings()
    from imgsim_guard.config.reader import load_settings  # which loads pydantic

    return load_settings(path)


def nearest_root() -> Path:
    """The nearest folder, from here upwards, with a configuration; this one if there is none."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if os.path.lexists(folder / FILE_NAME)), here)


def policy_at(root: Path, settings: Settings) -> Policy:
    """What the configuration and the accepted pairs in the root want."""
    from imgsim_guard.gate.accepted import load_accepted
    from imgsim_guard.gate.policy import policy_of

    return policy_of(settings, load_accepted(_own(root, settings.accepted)))


def open_store(settings: Settings, tracked: Path | None, *, lazy: bool = False) -> Store:
    """The cache of this user, and the tracked store in that folder if there is one; `lazy` as Store has it."""
    from imgsim_guard.store.store import Store  # which loads NumPy: not before the configuration is known to be right

    name = fingerprint(settings.engine, settings.preprocessing)
    store = Store(cache_folder(), fingerprint=name, decoder=_decoder, tracked=tracked, lazy=lazy)
    if tracked is not None and not (tracked / name).is_dir():
        store.advice = _advice(tracked)
    return store


def pictures_at(root: Path, settings: Settings, source: Source, store: Store) -> Source:
    """Where pairs are looked at: the images' own pixels or, where those are not at hand, the previews."""
    from imgsim_guard.sources.previewed import Previewed

    return Previewed(source, store, previews_at(root, settings))


def previews_at(root: Path, settings: Settings) -> Previews:
    """The previews that come with the repository, if any do."""
    from imgsim_guard.store.previews import Previews

    return Previews((root / settings.store).with_name(PREVIEWS))


def _own(root: Path, name: str) -> Path:
    """A file of the repository. Raises GuardError for a link out of it: messages repeat what they find in a file."""
    path = root / name
    if leads_out(path, root):
        raise GuardError(f"{name} is a link that leads out of the repository, so it is not read")
    return path


def _advice(tracked: Path) -> str:
    """What to do about a tracked store without embeddings of this model; nothing where there is no such store."""
    if not tracked.with_name(f"{tracked.name}.dvc").exists():
        return ""
    if tracked.is_dir() and any(path.is_dir() for path in tracked.iterdir()):
        made = "the tracked store was made with another version of the model, or another preprocessing"
        return f"{made}; imgsim-guard sync publishes anew"
    return f"dvc pull {tracked.parent.name}/{tracked.name} brings what the team has embedded"


def _decoder() -> str:
    from imgsim_guard.images.decode import DECODER

    return DECODER
