"""One function a command: wire the parts together, print, and return the exit code."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from imgsim_guard.augnet import fingerprint, load
from imgsim_guard.cache import cache_folder
from imgsim_guard.check import check as run_check
from imgsim_guard.check import compare_with
from imgsim_guard.cli.terminal import STANDARD_OUTPUT, progress_display, say, write_report
from imgsim_guard.embedding import Pipeline, Source, embed_missing, missing
from imgsim_guard.errors import GuardError
from imgsim_guard.model import Bounds, Image, Limits, Selection, Unreadable
from imgsim_guard.policy import Policy
from imgsim_guard.report.as_json import compare_json, json_report
from imgsim_guard.report.escaping import shown
from imgsim_guard.report.text import compare_report, text_report
from imgsim_guard.settings import FILE_NAME, Settings, load_settings
from imgsim_guard.sources import folders, tracked
from imgsim_guard.sources.git import Git
from imgsim_guard.sources.selecting import image_filter

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from imgsim_guard.store import Store


def hook(arguments: argparse.Namespace) -> int:
    """`imgsim-guard hook`."""
    started = time.monotonic()
    with closing(Git.here()) as git:
        settings = _settings(arguments.config, git.root)
        selection = tracked.for_hook(git, image_filter(settings.images), os.environ)
        maximum = settings.max_missing_embeddings
        source = tracked.Trackers(git, selection.revision)
        return _judge(selection, source, settings, arguments, started=started, max_missing=maximum)


def check(arguments: argparse.Namespace) -> int:
    """`imgsim-guard check`."""
    started = time.monotonic()
    if arguments.to_ref and not arguments.from_ref:
        raise GuardError("--to-ref needs --from-ref: what the revision is compared with")
    with closing(Git.here()) as git:
        settings = _settings(arguments.config, git.root)
        is_image = image_filter(settings.images)
        if arguments.from_ref:
            base, revision = arguments.from_ref, arguments.to_ref or "HEAD"
            selection = tracked.between(git, is_image, base=base, revision=revision)
        else:
            selection = tracked.everything(git, is_image) if arguments.all else tracked.staged(git, is_image)
        if arguments.paths:
            selection = tracked.restricted(selection, git, arguments.paths)
        source = tracked.Trackers(git, selection.revision)
        return _judge(selection, source, settings, arguments, started=started)


def scan(arguments: argparse.Namespace) -> int:
    """`imgsim-guard scan`."""
    started = time.monotonic()
    settings = _settings(arguments.config, _nearest_configuration())
    selection = folders.in_folders(arguments.paths, arguments.against)
    return _judge(selection, folders.Folders(), settings, arguments, started=started)


def compare(arguments: argparse.Namespace) -> int:
    """`imgsim-guard compare`."""
    if arguments.image is not None and len(arguments.others) > 1:
        raise GuardError("--image shows one pair: name two images")
    settings = _settings(arguments.config, _nearest_configuration())
    first, *others = [folders.identified(path) for path in (arguments.first, *arguments.others)]
    source, store = folders.Folders(), _store(settings)
    for path, why in _embed([first, *others], source, settings, store, quiet=True).items():
        raise GuardError(f"{path}: {why.reason}")
    with progress_display(quiet=True) as progress:
        pipeline = Pipeline(source, store, lambda: load(settings.engine), progress)
        matches = compare_with(first, others, pipeline, bounds=_bounds(settings))
    if arguments.json != STANDARD_OUTPUT:
        say(compare_report(matches))
    if arguments.json is not None:
        write_report(compare_json(matches), arguments.json)
    if arguments.image is not None:
        from imgsim_guard.verifying import side_by_side_png

        write_report(side_by_side_png(matches[0], source), arguments.image)
    return 0


def embed(arguments: argparse.Namespace) -> int:
    """`imgsim-guard embed`."""
    started = time.monotonic()
    if arguments.paths:
        settings = _settings(arguments.config, _nearest_configuration())
        selection = folders.in_folders(arguments.paths, None)
        return _embed_selection(selection, folders.Folders(), settings, arguments, started=started)
    with closing(Git.here()) as git:
        settings = _settings(arguments.config, git.root)
        selection = tracked.everything(git, image_filter(settings.images))
        source = tracked.Trackers(git, selection.revision)
        return _embed_selection(selection, source, settings, arguments, started=started)


def demo(arguments: argparse.Namespace) -> int:
    """`imgsim-guard demo`."""
    from imgsim_guard.demo import run_demo

    run_demo(say=lambda line: None if arguments.quiet else say(line + "\n"))
    return 0


def _judge(  # noqa: PLR0913  where all parts of a run meet
    selection: Selection,
    source: Source,
    settings: Settings,
    arguments: argparse.Namespace,
    *,
    started: float,
    max_missing: int | None = None,
) -> int:
    store = _store(settings)
    with progress_display(quiet=arguments.quiet) as progress:
        result = run_check(
            selection,
            Pipeline(source, store, lambda: load(settings.engine), progress),
            policy=_policy(settings),
            max_missing=max_missing,
        )
    if result.failed or not arguments.quiet:
        text = text_report(result, seconds=time.monotonic() - started, look_alikes=arguments.verbose)
        say(text + _details(arguments, settings, store), to_stderr=arguments.json == STANDARD_OUTPUT)
    if arguments.json is not None:
        write_report(json_report(result), arguments.json)
    return int(result.failed)


def _bounds(settings: Settings) -> Bounds:
    return Bounds(settings.threshold, settings.reach, settings.candidates if settings.verify == "auto" else 0)


def _policy(settings: Settings) -> Policy:
    fails = settings.unreadable == "fail", settings.unchecked == "fail"
    return Policy(_bounds(settings), Limits(settings.max_near_duplicates, settings.max_exact_duplicates, *fails))


def _embed_selection(
    selection: Selection, source: Source, settings: Settings, arguments: argparse.Namespace, *, started: float
) -> int:
    store = _store(settings)
    count = len(missing(selection.queries, store))
    unreadable = dict(selection.unreadable) | _embed(selection.queries, source, settings, store, quiet=arguments.quiet)
    for path, why in sorted(unreadable.items()):
        say(f"{shown(path)}   {'not embedded' if why.absent else 'unreadable'}: {shown(why.reason)}\n")
    if not arguments.quiet:
        took = time.monotonic() - started
        say(f"new to the store: {count:,}; embeddings it now holds: {len(store):,}; {took:.1f} s.\n")
        say(_details(arguments, settings, store))
    return 0


def _embed(
    images: Sequence[Image], source: Source, settings: Settings, store: Store, *, quiet: bool
) -> dict[str, Unreadable]:
    """Embed what the store lacks of these; by path, which of them are unreadable."""
    with progress_display(quiet=quiet) as progress:
        pipeline = Pipeline(source, store, lambda: load(settings.engine), progress)
        reasons = embed_missing(missing(images, store), pipeline)
    reasons |= {content: Unreadable(reason) for content, reason in store.unreadable.items()}
    return {image.path: reasons[image.content] for image in images if image.content in reasons}


def _settings(given: str | None, root: Path) -> Settings:
    """Those of the file that was named, else of the one in the root, else the defaults."""
    if given is not None:
        return load_settings(Path(given))
    path = root / FILE_NAME
    return load_settings(path) if os.path.lexists(path) else Settings()


def _nearest_configuration() -> Path:
    """The nearest folder, from here upwards, with a configuration; this one if there is none."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if os.path.lexists(folder / FILE_NAME)), here)


def _store(settings: Settings) -> Store:
    from imgsim_guard.store import Store  # which loads NumPy: not before the configuration is known to be right

    def decoder() -> str:
        from imgsim_guard.images import DECODER

        return DECODER

    return Store(cache_folder(), fingerprint=fingerprint(settings.engine), decoder=decoder)


def _details(arguments: argparse.Namespace, settings: Settings, store: Store) -> str:
    if not arguments.verbose:
        return ""
    return f"model {fingerprint(settings.engine)}, {len(store):,} embeddings in {store.folder}\n"
