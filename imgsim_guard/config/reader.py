"""Read and check the configuration, such as `.imgsim-guard.yaml`; report all mistakes at once."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError, create_model

from imgsim_guard.config import setting_types
from imgsim_guard.config.setting_types import PATTERNS
from imgsim_guard.config.settings import LARGEST_FILE as MAX_FILE_SIZE
from imgsim_guard.config.settings import PREVIEWS, RuleSettings, Settings
from imgsim_guard.config.strict_yaml import Document, Location, Mark, YamlError, parse_yaml
from imgsim_guard.model import GuardError
from imgsim_guard.system.files import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic_core import ErrorDetails

WHAT = "configuration"
"""What messages call the file."""

TABLE = "imgsim-guard"
"""The table of `tool` in a `pyproject.toml`."""

SHOWN_LENGTH = 60
"""Characters of a wrong value that a message repeats: enough to recognise it by."""

SHOWN_MESSAGE = 400
"""Characters of a message: each of a thousand mistakes could repeat a thousand names."""

_FOR_ONE_OF: list[JsonValue] = [
    {"required": [name], "properties": {name: {"type": kind}}}
    for name, kind in (("between", "array"), ("within", "string"))
]
"""To editors what `_contradictions` is to the program."""


def _model_of(settings: type[RuleSettings | Settings], config: ConfigDict, **names: object) -> type[BaseModel]:
    """The model that checks what the fields of a dataclass say. `names`: what else their annotations name."""
    hints = get_type_hints(settings, {**vars(setting_types), **names}, include_extras=True)
    declared: dict[str, Any] = {
        one.name: (hints[one.name], one.default if one.default_factory is MISSING else one.default_factory())
        for one in fields(settings)
    }
    return create_model(settings.__name__, __config__=config, __doc__=settings.__doc__, **declared)


_STRICTLY = ConfigDict(extra="forbid", strict=True, frozen=True)
_RULE = _model_of(RuleSettings, _STRICTLY | ConfigDict(json_schema_extra={"oneOf": _FOR_ONE_OF}))
_SETTINGS = _model_of(Settings, _STRICTLY, RuleSettings=_RULE)


def as_written(settings: Settings) -> dict[str, object]:
    """Each setting as a file would have it; None where it would have nothing."""
    rules = [_RULE.model_construct(**vars(rule)) for rule in settings.rules]
    written = _SETTINGS.model_construct(**vars(settings) | {"rules": rules}).model_dump(exclude_none=True)
    return dict.fromkeys(vars(settings)) | written


def names_in(name: str, text: str) -> set[str]:
    """Which settings a text has, which was read before; `name` is its file's."""
    named = tomllib.loads(text)["tool"][TABLE] if _is_toml(name) else parse_yaml(text).value
    return {*named} if isinstance(named, dict) else set()


def settings_schema() -> dict[str, object]:
    """The JSON Schema of the configuration, which editors complete by."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_SETTINGS.model_json_schema()}


def load_settings(path: Path) -> Settings:
    """The settings in a file. Raises GuardError with a line for every mistake: file:line:column: what is wrong."""
    text = read_text(path, what=WHAT, largest=MAX_FILE_SIZE)
    if _is_toml(path.name) and not has_table(text, name=str(path)):
        raise GuardError(f"{path}: it has no table [tool.{TABLE}]")
    return parse_settings(text, name=str(path))


def has_table(text: str, *, name: str) -> bool:
    """Whether a `pyproject.toml` holds a configuration. Raises GuardError for one that is no TOML."""
    if TABLE not in text:
        return False
    try:
        return TABLE in tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        raise GuardError(f"{name}: not valid TOML: {error}") from error


def parse_settings(text: str, *, name: str) -> Settings:
    """The settings in a text in YAML or, where the name ends in .toml, in a table of TOML; `name` is what messages call
    it. Raises GuardError as `load_settings` does.
    """
    document = _table(text) if _is_toml(name) else _document(text, name)
    try:
        read = _SETTINGS.model_validate({} if document.value is None else document.value)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        found = {(_mark_of(document, problem), _shortened(_message(problem), SHOWN_MESSAGE)) for problem in problems}
        raise _mistakes(found, name) from error
    settings = _of_model(read)
    found = {
        (_mark(document, location), _shortened(said, SHOWN_MESSAGE)) for location, said in _contradictions(settings)
    }
    if found:
        raise _mistakes(found, name)
    return settings


def _is_toml(name: str) -> bool:
    return name.endswith(".toml")


def _document(text: str, name: str) -> Document:
    try:
        return parse_yaml(text)
    except YamlError as error:
        raise GuardError(f"{name}:{error.mark.line}:{error.mark.column}: {error}") from error


def _table(text: str) -> Document:
    """TOML's values have no places, so that all mistakes are where the table begins."""
    before = text.partition(f"tool.{TABLE}")[0]
    value = tomllib.loads(text)["tool"][TABLE]
    return Document(value, {(): Mark(before.count("\n") + 1, 1)}, {})


def _of_model(read: BaseModel) -> Settings:
    given = dict(read)
    return Settings(**given | {"rules": [RuleSettings(**dict(rule)) for rule in given["rules"]]})


def _mistakes(found: set[tuple[Mark, str]], name: str) -> GuardError:
    lines = [f"{name}:{mark.line}:{mark.column}: {message}" for mark, message in sorted(found)]
    return GuardError("\n".join(["the configuration has mistakes:", *lines]))


def _contradictions(settings: Settings) -> Iterator[tuple[Location, str]]:
    """What each setting by itself allows, and all of them together do not, such as rules that can never hold."""
    yield from _of_the_model(settings)
    decided: dict[tuple[str, ...], int] = {}
    previews = f".imgsim-guard/{PREVIEWS}"
    for name in ("store", "accepted"):
        if f"/{getattr(settings, name)}".endswith(f"/{previews}"):
            yield (name,), f"{name}: {previews} is where previews are kept; choose another name"
    if settings.accepted == settings.store:
        yield ("accepted",), f"accepted: {settings.store} is the store; choose another name"
    for index, rule in enumerate(settings.rules):
        where: Location = ("rules", index)
        if (rule.between is None) == (rule.within is None):
            yield where, f"rules.{index}: needs either between or within"
            continue
        for name in sorted({*rule.splits} - {*settings.splits}):
            known = ", ".join(settings.splits) or "none is defined"
            yield where, f"rules.{index}: there is no split {name!r} (splits: {known})"
        if rule.between is not None and rule.splits[0] == rule.splits[1]:
            yield where, f"rules.{index}: between names one split twice; write within: {rule.splits[0]}"
        earlier = decided.setdefault(tuple(sorted(rule.splits)), index)
        if earlier != index:
            yield where, f"rules.{index}: never applies, because rules.{earlier} is for the same splits"


def _of_the_model(settings: Settings) -> Iterator[tuple[Location, str]]:
    if settings.retrieve == "hashes" and settings.verify == "never":
        yield ("retrieve",), "retrieve: without AugNet there is no distance to decide by; write all, or verify: auto"
    if settings.engine != "imgsim":
        return
    if settings.preprocessing != "reference":
        yield (
            ("preprocessing",),
            "preprocessing: the engine imgsim knows only reference; write reference, or engine: onnx",
        )
    if settings.device not in {"auto", "cpu"}:
        yield ("device",), "device: the engine imgsim runs on the CPU; write auto, or engine: onnx"


def _mark_of(document: Document, problem: ErrorDetails) -> Mark:
    """Where it stands: the key if the key itself is wrong, else the value."""
    location: Location = problem["loc"]
    if location[-1:] == ("[key]",):
        location = location[:-1]
    elif problem["type"] != "extra_forbidden":
        return _mark(document, location)
    return document.key_marks.get(location) or _mark(document, location)


def _mark(document: Document, location: Location) -> Mark:
    """Where it stands: the value, else what encloses it."""
    while location and location not in document.marks:
        location = location[:-1]
    return document.marks.get(location, Mark(1, 1))


def _message(problem: ErrorDetails) -> str:
    where = ".".join(str(part) for part in problem["loc"] if part != "[key]")
    if problem["type"] == "extra_forbidden":
        known = (_RULE if problem["loc"][0] == "rules" else _SETTINGS).model_fields
        close = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "the keys are " + ", ".join(known)
        return f"unknown key {_shortened(repr(where))}; {hint}"
    if problem["type"] == "model_type":
        return "expected keys and values, such as 'threshold: 10'"
    expected = PATTERNS.get(problem["ctx"]["pattern"]) if problem["type"] == "string_pattern_mismatch" else None
    said = f"should be {expected}" if expected else problem["msg"].removeprefix("Input ")
    given = "nothing" if problem["input"] is None else repr(problem["input"])
    return f"{where}: {said}, not {_shortened(given)}"


def _shortened(text: str, length: int = SHOWN_LENGTH) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."
