"""Whether git's hooks run imgsim-guard: by themselves, or through pre-commit, prek, lefthook, husky or lint-staged."""

from __future__ import annotations

import glob
import os
import re
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from imgsim_guard.model import GuardError
from imgsim_guard.sources.git import Git

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = "imgsim-guard"

PRE_COMMIT = (".pre-commit-config.yaml", ".pre-commit-config.yml", "prek.toml")
LEFTHOOK = tuple(
    f"{start}lefthook{local}.{ending}"
    for ending in ("yml", "yaml", "toml", "json", "jsonc")
    for local in ("", "-local")
    for start in ("", ".", ".config/")
)
LINT_STAGED = (
    "package.json",
    *(f".lintstagedrc{ending}" for ending in ("", ".json", ".yaml", ".yml", ".mjs", ".cjs", ".js")),
    *(f"lint-staged.config.{ending}" for ending in ("mjs", "cjs", "js", "ts")),
)
RUNNERS = {
    "pre-commit or prek": (re.compile(r"pre_commit\b|\bprek\b|\bpre-commit\s+(run|hook-impl)\b"), PRE_COMMIT),
    "lefthook": (re.compile(r"lefthook"), LEFTHOOK),
    "lint-staged": (re.compile(r"\blint-staged\b"), LINT_STAGED),
}
"""By name: what shows in a script that it is run, and the files of which the first that exist configure it."""

PREK = re.compile(r"\bprek\b")
"""Other than pre-commit, prek also reads the configurations in subfolders."""

HUSKY = re.compile(r"/h[\"']?\s*$|husky\.sh", re.MULTILINE)
"""Husky's script only calls the user's, which has the same name one folder up."""

FILTERS_OF_LEFTHOOK = ("glob", "exclude", "files", "file_types", "skip", "only", "root")
OLD_STAGES = {"commit": "pre-commit", "merge-commit": "pre-merge-commit", "push": "pre-push"}


def runner(root: Path, file: Path) -> str | None:
    """What runs imgsim-guard in a hook's file: a name, empty if it is the hook itself; None if nothing does."""
    texts = _scripts(file)
    if any(OURS in text for text in texts):
        return ""
    nested = _nested_of_prek(root) if any(map(PREK.search, texts)) else []
    further = {"lefthook": _included_by_lefthook(root), "pre-commit or prek": nested}
    for name, (called, files) in RUNNERS.items():
        known = (*files, *further.get(name, ()))
        if any(map(called.search, texts)) and any(OURS in _text(root / path) for path in known):
            return name
    return None


def deaf_to_pushes(root: Path, file: Path) -> str | None:
    """Why a pre-push hook that runs imgsim-guard, but not by pre-commit or prek, does not learn what is pushed: what to
    change. None if it does.
    """
    by = runner(root, file)
    if by == "" and any("imgsim-guard hook" in text and "--push" not in text for text in _scripts(file)):
        return 'write imgsim-guard hook --push "$@"'
    if by == "lefthook":
        for name in configured(root):
            for command in _commands(_held(name, _text(root / name)).get(file.name)):
                run = str(command.get("run"))
                told = "--push" in run and command.get("use_stdin") is True
                if "imgsim-guard hook" in run and not told:
                    return f"write run: imgsim-guard hook --push {{1}}, and use_stdin: true, in {name}"
    return None


def configured(root: Path) -> list[str]:
    """The files of runners that name imgsim-guard."""
    names = [*(path for _, files in RUNNERS.values() for path in files)]
    names += [*_included_by_lefthook(root), *_nested_of_prek(root)]
    return [name for name in dict.fromkeys(names) if OURS in _text(root / name)]


def filters(root: Path) -> Iterator[str]:
    """What keeps a runner from running imgsim-guard although the runner itself runs: one line each."""
    for name in configured(root):
        held = _held(name, _text(root / name))
        if name.rpartition("/")[2] in PRE_COMMIT:
            for hook in _hooks(held):
                yield from (f"{name}: {line}" for line in _of_pre_commit(hook, held))
        elif name not in LINT_STAGED:
            for command in _commands(held):
                if named := [f"{key}: {command[key]}" for key in FILTERS_OF_LEFTHOOK if command.get(key)]:
                    yield f"{name}: lefthook may skip imgsim-guard because of {', '.join(named)}; remove it"


def _included_by_lefthook(root: Path) -> list[str]:
    """The files that the configurations of lefthook name: by `extends`, as `remotes`, and scripts."""
    found = [name for name in LEFTHOOK if os.path.isfile(root / name)]  # noqa: PTH113  Path raises for odd names
    own = len(found)
    for name in found:  # which grows: an included file may include others
        held = _held(name, _text(root / name))
        included = [*_extended(root, name, held.get("extends")), *_of_remotes(root, held)]
        found += [path for path in dict.fromkeys(included) if path not in found]
    scripts = [f".lefthook{local}/*/*" for local in ("", "-local")] if found else []
    return [*found[own:], *(path for pattern in scripts for path in _matching(root, root, pattern))]


def _extended(root: Path, name: str, patterns: object) -> Iterator[str]:
    """The files of `extends`: their patterns are relative to the file that has them, or to the root."""
    for pattern in patterns if isinstance(patterns, list) else ():
        for folder in dict.fromkeys(((root / name).parent, root)):
            yield from _matching(root, folder, str(pattern))


def _of_remotes(root: Path, held: dict[str, Any]) -> Iterator[str]:
    """The configurations in other repositories, where `lefthook install` puts them."""
    remotes = held.get("remotes")
    for remote in [*(remotes if isinstance(remotes, list) else ()), held.get("remote")]:
        if isinstance(remote, dict) and remote.get("git_url"):
            url, ref = str(remote["git_url"]), remote.get("ref")
            folder = url.rstrip("/").rpartition("/")[2].removesuffix(".git") + (f"-{ref}" if ref else "")
            configs = remote.get("configs") or [remote.get("config") or "lefthook.yml"]
            with suppress(GuardError):  # without git, nothing was put anywhere
                info = Path(Git(root).text("rev-parse", "--path-format=absolute", "--git-path", "info"))
                for config in configs if isinstance(configs, list) else ():
                    yield os.path.relpath(info / "lefthook-remotes" / folder / str(config), root)


def _matching(root: Path, folder: Path, pattern: str) -> list[str]:
    return sorted(os.path.relpath(folder / path, root) for path in glob.glob(pattern, root_dir=folder))  # noqa: PTH207


def _nested_of_prek(root: Path) -> list[str]:
    """The configurations in subfolders."""
    with suppress(GuardError):
        patterns = [f":(glob)*/**/{name}" for name in PRE_COMMIT]
        return [os.fsdecode(path) for path in Git(root).run("ls-files", "-z", "--", *patterns).split(b"\0") if path]
    return []


def _of_pre_commit(hook: dict[str, Any], whole: dict[str, Any]) -> Iterator[str]:
    published = hook.get("entry") is None  # then our manifest says what the entry does not
    stages = hook.get("stages") or ([] if published else whole.get("default_stages")) or ["pre-commit"]
    if "pre-commit" not in [OLD_STAGES.get(str(stage), stage) for stage in stages]:
        yield f"the stages of the hook {OURS} leave out pre-commit, so commits are not checked; add pre-commit to them"
    if not hook.get("always_run", published):
        keys = ("files", "exclude")
        named = [f"{key}: {hook[key]}" for key in keys if hook.get(key)]
        named += [f"{key} of all hooks: {whole[key]}" for key in keys if whole.get(key)]
        hidden = f", nor files that a filter hides ({'; '.join(named)})" if named else ""
        yield (
            "the hook imgsim-guard has no always_run: true, so pre-commit does not check merges with conflicts, pushes "
            f"of other branches and sparse checkouts{hidden}; add always_run: true"
        )


def _hooks(held: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The hooks of a configuration of pre-commit that run imgsim-guard."""
    repositories = held.get("repos")
    for repository in repositories if isinstance(repositories, list) else ():
        hooks = repository.get("hooks") if isinstance(repository, dict) else None
        for hook in hooks if isinstance(hooks, list) else ():
            if isinstance(hook, dict) and (hook.get("id") == OURS or f"{OURS} hook" in str(hook.get("entry"))):
                yield hook


def _commands(held: object) -> Iterator[dict[str, Any]]:
    """The commands, jobs and scripts of lefthook, at any depth, that run imgsim-guard."""
    if isinstance(held, dict):
        if OURS in str(held.get("run")):
            yield held
        for value in held.values():
            yield from _commands(value)
    elif isinstance(held, list):
        for value in held:
            yield from _commands(value)


def _scripts(file: Path) -> list[str]:
    """The texts of a hook's file, and of those that it calls."""
    texts = [_text(file), _text(file.with_name(f"{file.name}.legacy"))]  # which pre-commit and prek run first
    if HUSKY.search(texts[0]):
        texts.append(_text(file.parent.parent / file.name))
    return texts


def _text(file: Path) -> str:
    return file.read_text("utf-8", "replace") if os.path.isfile(file) else ""  # noqa: PTH113  Path raises for odd names


def _held(name: str, text: str) -> dict[str, Any]:
    """What a configuration holds; nothing if it is broken, of which the runner itself complains, or a program."""
    try:
        held = tomllib.loads(text) if name.endswith(".toml") else yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):  # PyYAML does not check dates and numbers
        return {}
    return held if isinstance(held, dict) else {}
