"""The files that `imgsim-guard init` writes, made from what exists. Existing files are never overwritten."""

from __future__ import annotations

import posixpath
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from imgsim_guard import __version__
from imgsim_guard.cli.installed_from import installed_command, installed_from
from imgsim_guard.config.settings import FILE_NAME, Settings
from imgsim_guard.gate.accepted import write_accepted
from imgsim_guard.gate.layout import SPLIT_WORDS, split_called
from imgsim_guard.model import tracker_of
from imgsim_guard.sources.selection import has_image_suffix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from imgsim_guard.model import Image

IMAGES = '# images: ["data/**", "!data/icons/**"]'
"""The line of the template that says which images belong to the dataset."""

MOST_FOLDERS = 8
"""Folders that are listed one by one; more are summed up by a pattern."""

PRE_COMMIT = ".pre-commit-config.yaml"
PIPELINE = "dvc.yaml"


class File(NamedTuple):
    """A file to write. `text`: its content, or None if it needs no change. `advice`: what to do by hand instead, or why
    there is nothing to do.
    """

    path: str
    text: str | None
    advice: str = ""


def configuration(
    present: str | None, images: Sequence[Image], derived: Sequence[str] = (), *, project: str = ""
) -> File:
    """A commented configuration, with splits suggested by the folders of the images.

    `project`: the folder of a DVC project that is not the root, which has to hold the tracked store.
    """
    if present is not None:
        return File(FILE_NAME, None, "already exists")
    text = _template("configuration.yaml").format(version=__version__, splits=_splits(images))
    own = [posixpath.dirname(store_in(project))] if project else []
    outside = [path for path in derived if not any(map(split_called, path.split("/")))]
    if (
        outside or project
    ):  # derived images are no new ones; those in splits stay, since they are compared across splits
        patterns = ", ".join(
            _word(pattern) for pattern in ["**", *(f"!/{_literal(path)}/**" for path in sorted([*outside, *own]))]
        )
        text = text.replace(IMAGES, f"images: [{patterns}]")
    if project:
        store = f"store: {_word(store_in(project))}   # in the DVC project"
        text = text.replace("\n\n# How many", f"\n{store}\n\n# How many", 1)
    return File(FILE_NAME, text)


def store_in(project: str) -> str:
    """The path of the tracked store of a DVC project, which cannot track what is outside it."""
    return posixpath.join(project, Settings().store)


def pre_commit(present: str | None, *, dvc: bool = False) -> File:
    """The configuration of pre-commit, with the hook's entry at the end.

    `dvc`: also let it install the type of hook in which `dvc install --use-pre-commit-tool` checks data out.
    """
    entry = _entry()
    if present is None or not present.strip():
        text = _template("pre-commit.yaml")
        return File(PRE_COMMIT, (text.replace("pre-push]", "pre-push, post-checkout]") if dvc else text) + entry)
    if _has_hook(_mapping(present)):
        return File(PRE_COMMIT, None, "already has the hook")
    return File(PRE_COMMIT, *_appended(present, entry, key="repos"))


def _entry() -> str:
    """The hook from the repository that this package was installed from; else the installed command."""
    origin = installed_from()
    if origin is None:
        return _template("pre-commit-local.yaml").format(entry=_word(f"{installed_command()} hook"))
    return _template("pre-commit-entry.yaml").format(url=_word(origin.url), revision=origin.revision)


def pipeline(present: str | None, dependencies: Sequence[str], *, embedding: bool, project: str = "") -> File:
    """The DVC pipeline of a project, with the stages at the end; the rules stay in the root of the repository."""
    file = posixpath.join(project, PIPELINE)
    if not dependencies:
        return File(
            file,
            None,
            "no images are tracked yet, so a stage has nothing to depend on; run this again later",
        )
    text = _template("dvc-embed.yaml" if embedding else "dvc-check.yaml")
    paths = [path.replace("${", r"\${") for path in dependencies if path]  # DVC would look for a parameter
    listed = "".join(f"    - {_word(path)}\n" for path in paths)
    text = text.replace("    - data/images\n", listed)
    if "" in dependencies:
        text = text.replace("    deps:\n", "    always_changed: true\n    deps:\n")
        text = text.replace("    deps:\n    params:\n", "    params:\n")  # a list of nothing is a mistake to DVC
    if project:
        for rules in (".imgsim-guard/accepted.yaml", ".imgsim-guard.yaml:"):
            text = text.replace(f"    - {rules}\n", f"    - {posixpath.relpath('.', project)}/{rules}\n")
    if present is None or not present.strip():
        return File(file, text)
    if "imgsim-guard-check" in ((_mapping(present) or {}).get("stages") or ()):
        return File(file, None, "already has the stage")
    return File(file, *_appended(present, text.partition("stages:\n")[2], key="stages"))


def accepted(path: str, present: str | None) -> File:
    """An empty list of accepted pairs, which the stage depends on."""
    return File(path, write_accepted([])) if present is None else File(path, None, "already exists")


def merging(accepted_path: str, read: Callable[[str], str | None]) -> File:
    """The attribute with which git merges accepted pairs: it keeps the lines of both branches."""
    folder, _, name = accepted_path.rpartition("/")
    path = f"{folder}/.gitattributes"
    return lines(path, read(path), [f"{name} merge=union"])


def lines(path: str, present: str | None, wanted: Sequence[str]) -> File:
    """A file that contains these lines."""
    missing = [line for line in wanted if line not in (present or "").splitlines()]
    if not missing:
        return File(path, None, "is already complete")
    return File(path, _joined(present or "", "".join(f"{line}\n" for line in missing)))


def dependencies(outs: Iterable[str], images: Iterable[Image]) -> list[str]:
    """What a stage over the dataset depends on: the outputs of DVC and the topmost folders that hold it.

    An image of the root has no such folder, which the empty name stands for: to notice the next one there, the stage
    has to run every time.
    """
    found = {out.rpartition("/")[0] if has_image_suffix(out) else out for out in outs}
    found |= {"/".join(image.path.split("/")[:-1][:1]) for image in images if tracker_of(image.content) != "md5"}
    found = {path if path.isprintable() else "" for path in found}  # DVC reads no others
    if len(found) > MOST_FOLDERS:
        found = {path.partition("/")[0] for path in found}
    return sorted(path for path in found if not any(path.startswith(f"{other}/") for other in found))


def dependencies_in(project: str, outs: Iterable[str], images: Iterable[Image]) -> list[str]:
    """The same, relative to the folder of a DVC project."""
    if not project:
        return dependencies(outs, images)
    outs, images, start = list(outs), list(images), f"{project}/"
    inside = dependencies(
        [out.removeprefix(start) for out in outs if out.startswith(start)],
        [image._replace(path=image.path.removeprefix(start)) for image in images if image.path.startswith(start)],
    )
    outside = dependencies([], [image for image in images if not image.path.startswith(start)])
    return [*inside, *(posixpath.relpath(path, project) if path else "" for path in outside)]


def _has_hook(pre_commits: dict[str, Any] | None) -> bool:
    """Whether the configuration of pre-commit, whatever it holds, names the hook."""
    repositories = (pre_commits or {}).get("repos")
    for repository in repositories if isinstance(repositories, list) else ():
        hooks = repository.get("hooks") if isinstance(repository, dict) else None
        for hook in hooks if isinstance(hooks, list) else ():
            if isinstance(hook, dict) and hook.get("id") == "imgsim-guard":
                return True
    return False


def _mapping(text: str) -> dict[str, Any] | None:
    """What a text in YAML holds; None if it is no mapping, or broken."""
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):  # PyYAML does not check dates and numbers
        return None
    return value if isinstance(value, dict) else {} if value is None else None


def _appended(present: str, entry: str, *, key: str) -> tuple[str | None, str]:
    """The text with an entry at the end of what a key holds, if that is all that changes; else what to do by hand."""
    by_hand = None, f"add this under {key}:\n{entry}"
    before, expected = _mapping(present), (_mapping(f"{key}:\n{entry}") or {})[key]
    if before is None:
        return by_hand
    held = before.get(key) or type(expected)()
    if not isinstance(held, type(expected)):
        return by_hand
    text = _joined(present, _indented(entry, present) if key in before else f"{key}:\n{entry}")
    joined = [*held, *expected] if isinstance(held, list) else {**held, **expected}
    return (text, "") if _mapping(text) == {**before, key: joined} else by_hand


def _joined(present: str, added: str) -> str:
    """The text with more lines, which end as its own do."""
    newline = "\r\n" if "\r\n" in present else "\n"
    ended = present if not present or present.endswith("\n") else present + newline
    return ended + added.replace("\n", newline)


def _indented(entry: str, present: str) -> str:
    """The entry, as far to the right as the first one that is there."""
    key = "repos" if entry.startswith("- ") else "stages"
    first = re.search(rf"^{key}:[^\n]*\n(?:\s*(?:#[^\n]*)?\n)*( *)(?=\S)", present, re.MULTILINE)
    own = len(entry) - len(entry.lstrip(" "))
    shift = (len(first[1]) if first else own) - own
    return "".join(" " * shift + line if shift > 0 else line[-shift:] for line in entry.splitlines(keepends=True))


def _splits(images: Iterable[Image]) -> str:
    """The setting with the folders that are called as splits are; as a comment when they are none, or overlap."""
    patterns = _split_patterns([image.path.split("/")[:-1] for image in images])
    if len(patterns) < 2:  # noqa: PLR2004  one split crosses nothing
        return (
            "# Parts of the dataset that must not share images; a duplicate across two of them is called leakage.\n"
            '# splits: {train: "data/train/**", test: "data/test/**"}\n'
            "# rules:\n# - {within: train, on_match: warn}"
        )
    listed = "".join(f"  {name}: {_listed(patterns[name])}\n" for name in SPLIT_WORDS if name in patterns)
    return (
        "# Parts of the dataset; a duplicate across two of them is called leakage. Rules may treat them differently:\n"
        f"# rules: [{{within: train, on_match: warn}}]\nsplits:\n{listed.rstrip()}"
    )


def _split_patterns(folders: Sequence[Sequence[str]]) -> dict[str, set[str]]:
    """By split, what matches the topmost folders that are called as it is: each of them, or any, if they are many."""
    named: dict[str, set[str]] = {}
    anywhere: dict[str, set[str]] = {}
    overlap = False
    for parts in folders:
        splits = [(depth, split) for depth, part in enumerate(parts) if (split := split_called(part))]
        if splits:
            depth, split = splits[0]
            named.setdefault(split, set()).add("/".join(map(_literal, parts[: depth + 1])) + "/**")
            anywhere.setdefault(split, set()).add(f"**/{_literal(parts[depth])}/**")
            overlap |= len({split for _, split in splits}) > 1
    if all(len(patterns) <= MOST_FOLDERS for patterns in named.values()):
        return named
    return {} if overlap else anywhere


def _literal(folder: str) -> str:
    """As a pattern that matches this name; a character that cannot be printed is any one."""
    escaped = re.sub(r"([][\\*?!#])", r"\\\1", folder)
    return "".join(character if character.isprintable() else "?" for character in escaped)


def _listed(patterns: Iterable[str]) -> str:
    words = [_word(pattern) for pattern in sorted(patterns)]
    return words[0] if len(words) == 1 else f"[{', '.join(words)}]"


def _word(text: str) -> str:
    """As YAML writes it, also in a list; quoted where a reader, such as DVC's, might take it for a number."""
    style = None if text[:1].isalpha() else '"'
    written = yaml.safe_dump([text], default_flow_style=True, default_style=style, width=10_000, allow_unicode=True)
    return written.strip().removeprefix("[").removesuffix("]")


def _template(name: str) -> str:
    return files("imgsim_guard.cli").joinpath("templates", name).read_text("utf-8")
