"""The `dvc.yaml` beside a `dvc.lock`: the working directories of its stages, and the outputs that DVC does not keep.

Its fields may be templates: see "Templating", "foreach stages" and "matrix stages" in DVC's user guide.
"""

from __future__ import annotations

import posixpath
import re
from functools import cached_property
from itertools import islice, product
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.sources.plain_yaml import ManifestError, mapping, parsed, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from imgsim_guard.config.strict_yaml import Words

PIPELINE = "dvc.yaml"

PARAMETERS = "params.yaml"
"""The file that DVC reads parameters from by default."""

MOST_ITEMS = 100_000
"""Most stages that one template may make."""

DEEPEST_MERGE = 4
"""Deepest nesting of mappings that are merged when several files have the same key."""

_EXPRESSION = re.compile(r"(?<!\\)\$\{([^{}]*)\}")
_STEPS = re.compile(r"[^.\[\]\s]+(?:\.[^.\[\]\s]+|\[\d{1,9}\])*")
_STEP = re.compile(r"[^.\[\]]+")


class Declared(NamedTuple):
    """A stage's working directory, relative to that of its `dvc.yaml`, and the outputs that DVC does not keep."""

    working: str = "."
    not_kept: frozenset[str] = frozenset()


class Pipeline:
    """The `dvc.yaml` in a folder of the repository. `read` returns the bytes of a file by its path, or None."""

    def __init__(self, folder: str, read: Callable[[str], bytes | None]) -> None:
        self._folder = folder
        self._read = read

    def stage(self, name: str) -> Declared:
        """The stage with this name in `dvc.lock`. A stage that was removed works in the folder, and DVC keeps all its
        outputs.

        Raises ManifestError if the working directory cannot be determined.
        """
        stages = self._document.get("stages")
        known = stages if isinstance(stages, dict) else {}
        template, _, item = name.partition("@")
        if name not in known and template not in known:
            return Declared()
        definition = mapping(known.get(name, known.get(template)), name)
        chosen: dict[str, Words] = {}
        if "foreach" in definition:
            chosen = self._item(_each(self._filled(definition["foreach"], {}, depth=3)), item, template)
            definition = mapping(definition.get("do"), name)
        elif "matrix" in definition:
            chosen = self._item(_combinations(self._filled(definition["matrix"], {}, depth=3)), item, template)
        working = self._text(definition.get("wdir", "."), chosen)
        paths = [*_not_kept(definition)]
        if any(map(_EXPRESSION.search, paths)):
            chosen |= self._loaded(definition.get("vars"), working)
        return Declared(working, frozenset(self._text(path, chosen) for path in paths))

    @cached_property
    def _document(self) -> dict[str, Words]:
        data = self._read(posixpath.join(self._folder, PIPELINE))
        if data is None or not data.strip():
            return {}
        try:
            return mapping(parsed(text_of(data), anchors=True), "the file")
        except ManifestError as error:
            raise ManifestError(f"{posixpath.join(self._folder, PIPELINE)}: {error}") from error

    @cached_property
    def _variables(self) -> dict[str, Words]:
        found = self._file(PARAMETERS) or {}
        return _merge(found, self._loaded(self._document.get("vars"), "."))

    def _loaded(self, entries: object, working: str) -> dict[str, Words]:
        """The values of `vars`: mappings, and files of which all or some keys are used."""
        found: dict[str, Words] = {}
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict):
                found = _merge(found, entry)
                continue
            name, _, keys = str(entry).partition(":")
            values = self._file(posixpath.join(working, name))
            if values is None and name.endswith(".py"):
                instead = "write its values into a .yaml, .json or .toml file"
                raise ManifestError(f"{name} of its vars is not read: {instead}")
            if values is None:
                raise ManifestError(f"{name} of its vars is not there, or no .yaml, .json or .toml file")
            wanted = [key.strip() for key in keys.split(",")] if keys else list(values)
            found = _merge(found, {key: values[key] for key in wanted if key in values})
        return found

    def _file(self, name: str) -> dict[str, Words] | None:
        path = posixpath.normpath(posixpath.join(self._folder, name))
        data = self._read(path)
        if data is None or not path.endswith((".yaml", ".yml", ".json", ".toml")):
            return None
        if path.endswith(".toml"):
            import tomllib

            try:
                return _texts(tomllib.loads(text_of(data)))
            except tomllib.TOMLDecodeError as error:
                raise ManifestError(f"{path}: it is not valid TOML") from error
        return mapping(parsed(text_of(data), anchors=True) or {}, path)

    def _item(self, items: Iterator[tuple[str, dict[str, Words]]], wanted: str, template: str) -> dict[str, Words]:
        for key, values in islice(items, MOST_ITEMS):
            if key == wanted:
                return values
        raise ManifestError(f"{template} has no item {wanted}")

    def _filled(self, value: Words, chosen: Mapping[str, Words], *, depth: int = 0) -> Words:
        """The value of a template such as `${sets}`, also within nested lists and mappings. `depth`: levels
        above it.
        """
        if isinstance(value, str):
            whole = _EXPRESSION.fullmatch(value.strip())
            return self._found(whole[1], chosen) if whole else self._text(value, chosen)
        if depth and isinstance(value, list):
            return [self._filled(one, chosen, depth=depth - 1) for one in value]
        if depth and isinstance(value, dict):
            return {key: self._filled(one, chosen, depth=depth - 1) for key, one in value.items()}
        return value

    def _text(self, value: object, chosen: Mapping[str, Words]) -> str:
        if not isinstance(value, str):
            raise ManifestError("a path in it is no text")

        def filled(expression: re.Match[str]) -> str:
            found = self._found(expression[1], chosen)
            if not isinstance(found, str):
                raise ManifestError(f"{expression[0]} is no single value")
            return found

        return _EXPRESSION.sub(filled, value).replace("\\${", "${")

    def _found(self, expression: str, chosen: Mapping[str, Words]) -> Words:
        steps = _STEP.findall(expression.strip()) if _STEPS.fullmatch(expression.strip()) else []
        if not steps:
            raise ManifestError(f"${{{expression}}} is no name of a value")
        at: Words = dict(chosen) if steps[0] in chosen else self._variables
        for step in steps:
            if isinstance(at, dict) and step in at:
                at = at[step]
            elif isinstance(at, list) and step.isdecimal() and int(step) < len(at):
                at = at[int(step)]
            else:
                raise ManifestError(f"${{{expression}}} has no value")
        return at


def _not_kept(definition: Mapping[str, Words]) -> Iterator[str]:
    """The paths of the outputs with `cache: false`, which may be templates."""
    for kind in ("outs", "metrics", "plots"):
        listed = definition.get(kind)
        for out in listed if isinstance(listed, list) else ():
            for path, options in out.items() if isinstance(out, dict) else ():
                if isinstance(options, dict) and str(options.get("cache")).lower() == "false":
                    yield path


def _each(items: Words) -> Iterator[tuple[str, dict[str, Words]]]:
    """The names of the stages that `foreach` makes, and their values."""
    if isinstance(items, dict):
        yield from ((key, {"key": key, "item": item}) for key, item in items.items())
    elif isinstance(items, list):
        numbered = any(not isinstance(item, str) for item in items)
        for index, item in enumerate(items):
            key = str(index) if numbered else str(item)
            yield key, {"key": key, "item": item}


def _combinations(axes: Words) -> Iterator[tuple[str, dict[str, Words]]]:
    """The names of the stages that `matrix` makes, and their values."""
    named = (
        {name: values for name, values in axes.items() if isinstance(values, list)} if isinstance(axes, dict) else {}
    )
    numbered = [[(index, value) for index, value in enumerate(values)] for values in named.values()]
    if all(numbered):
        for chosen in product(*numbered):
            words = [
                value if isinstance(value, str) else f"{name}{index}"
                for name, (index, value) in zip(named, chosen, strict=True)
            ]
            key = "-".join(words)
            item: dict[str, Words] = {name: value for name, (_, value) in zip(named, chosen, strict=True)}
            yield key, {"key": key, "item": item}


def _merge(first: dict[str, Words], second: Mapping[str, Words], *, depth: int = DEEPEST_MERGE) -> dict[str, Words]:
    found = dict(first)
    for key, value in second.items():
        there = found.get(key)
        if depth and isinstance(there, dict) and isinstance(value, dict):
            found[key] = _merge(there, value, depth=depth - 1)
        else:
            found[key] = value
    return found


def _texts(values: Mapping[str, object]) -> dict[str, Words]:
    """TOML's values with every scalar as text, as `plain_yaml` gives those of YAML."""

    def text(value: object) -> Words:
        if isinstance(value, dict):
            return _texts(value)
        if isinstance(value, list):
            return [text(one) for one in value]
        return str(value).lower() if isinstance(value, bool) else str(value)

    return {key: text(value) for key, value in values.items()}
