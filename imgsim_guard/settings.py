"""The configuration file `.imgsim-guard.yaml`: read it, check it, and say every mistake at once."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from imgsim_guard.augnet import Engine  # noqa: TC001  pydantic reads annotations when the class is made
from imgsim_guard.errors import GuardError
from imgsim_guard.files import read_text
from imgsim_guard.model import Action, Limit, Share
from imgsim_guard.yaml_marks import Document, Location, Mark, YamlError, parse_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic_core import ErrorDetails

FILE_NAME = ".imgsim-guard.yaml"

PREVIEWS = "previews"
"""The folder of previews, beside that of the store."""

MAX_FILE_SIZE = 100_000
"""Bytes. No configuration comes near it, and what reads more can be made to wait."""

SHOWN_LENGTH = 60
"""Characters of a wrong value that a message repeats: enough to recognise it by."""

MAX_DISTANCE = 56.0
"""Two embeddings of 768 numbers between -1 and 1 cannot be further apart than 2 * sqrt(768) = 55.4."""


_SHARE = re.compile(r"(\d{1,2}(?:\.\d{1,6})?|100(?:\.0{1,6})?) ?%")

_FOLDER_PATTERN = r"^\.imgsim-guard/[\w-][\w.-]*$"
_NAME_PATTERN = r"^[\w.-]+$"
_PATTERNS = {
    _FOLDER_PATTERN: "a name below .imgsim-guard/, such as .imgsim-guard/store",
    _NAME_PATTERN: "a name of letters, digits, dots and dashes",
}


def _limit(value: object) -> Limit:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    share = _SHARE.fullmatch(value) if isinstance(value, str) else None
    if share is None:
        raise PydanticCustomError("limit", "Input should be a number of images, or a share of them such as 2%")
    return Share(float(share[1]))


LimitSetting = Annotated[
    Limit,
    PlainValidator(_limit),
    PlainSerializer(lambda limit: str(limit) if isinstance(limit, Share) else limit, return_type=int | str),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^{_SHARE.pattern}$"}]}
    ),
]
Pattern = Annotated[str, Field(min_length=1)]
SplitName = Annotated[str, Field(pattern=_NAME_PATTERN)]
Distance = Annotated[float, Field(ge=0, le=MAX_DISTANCE)]


_FOR_ONE_OF: list[JsonValue] = [
    {"required": [name], "properties": {name: {"type": kind}}}
    for name, kind in (("between", "array"), ("within", "string"))
]
"""To editors what `_contradictions` is to the program."""


class RuleSettings(BaseModel):
    """One of `rules`: for pairs between two splits, or within one."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, json_schema_extra={"oneOf": _FOR_ONE_OF})

    between: Annotated[
        list[SplitName] | None,
        Field(
            min_length=2,
            max_length=2,
            description="The two splits whose pairs it is for",
            json_schema_extra={"uniqueItems": True},
        ),
    ] = None
    within: Annotated[SplitName | None, Field(description="The split within which it is for pairs")] = None
    threshold: Annotated[Distance | None, Field(description="Instead of the general threshold")] = None
    on_match: Annotated[Action, Field(description="fail; warn: report and let pass; ignore: only count")] = "fail"
    limit: Annotated[
        LimitSetting | None,
        Field(description="Fail above this many, or this share, instead of above max_near_duplicates and the like"),
    ] = None

    @property
    def splits(self) -> tuple[str, str]:
        """The names of the two splits, the same twice for `within`."""
        first, second = self.between or [self.within or ""] * 2
        return first, second


class Settings(BaseModel):
    """Every setting, with its default and its range; the names are those of the file."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    images: Annotated[
        list[Pattern] | None,
        Field(description="The dataset's images, as gitignore-style patterns; without it, all that is tracked"),
    ] = None
    threshold: Annotated[
        Distance,
        Field(description="The AugNet distance up to which two images are near-duplicates"),
    ] = 10.0
    reach: Annotated[Distance, Field(description="The distance up to which verification may confirm a pair")] = 26.0
    candidates: Annotated[
        int, Field(ge=1, le=1000, description="How many of the nearest within reach are verified for each new image")
    ] = 20
    verify: Annotated[
        Literal["auto", "never"],
        Field(description="Whether pixels decide where they can; never: the bare distance rule of imgsim"),
    ] = "auto"
    max_near_duplicates: Annotated[
        LimitSetting, Field(description="Fail when more new images than this, or a greater share, are near-duplicates")
    ] = 0
    max_exact_duplicates: Annotated[
        LimitSetting,
        Field(description="Fail when more new images than this, or a greater share, are exact duplicates"),
    ] = 0
    unreadable: Annotated[
        Literal["fail", "warn"], Field(description="Whether new images that cannot be read fail the check")
    ] = "fail"
    unchecked: Annotated[
        Literal["fail", "warn"],
        Field(description="Whether new images that DVC or git LFS has not brought to this machine fail the check"),
    ] = "fail"
    engine: Annotated[Engine, Field(description="onnx, or imgsim for the reference package (extra [imgsim])")] = "onnx"
    max_missing_embeddings: Annotated[
        int,
        Field(ge=0, description="How many images the hook embeds by itself before it asks for `imgsim-guard embed`"),
    ] = 200

    splits: Annotated[
        dict[SplitName, Pattern | list[Pattern]],
        Field(
            description="Parts of the dataset by name, as gitignore-style patterns, which must not overlap",
            json_schema_extra={"additionalProperties": False},
        ),
    ] = {}
    rules: Annotated[
        list[RuleSettings],
        Field(description="What holds for pairs of certain splits; of several for the same splits, the first"),
    ] = []
    store: Annotated[
        str, Field(pattern=_FOLDER_PATTERN, description="The folder of embeddings that DVC tracks for the whole team")
    ] = ".imgsim-guard/store"
    previews: Annotated[
        bool, Field(description="Whether sync also publishes a small picture of each image, for machines without them")
    ] = False
    accepted: Annotated[str, Field(pattern=_FOLDER_PATTERN, description="The file of pairs that were accepted")] = (
        ".imgsim-guard/accepted.yaml"
    )


def load_settings(path: Path) -> Settings:
    """The settings in a file. Raises GuardError with a line for every mistake: file:line:column: what is wrong."""
    return parse_settings(read_text(path, what="configuration", largest=MAX_FILE_SIZE), name=str(path))


def parse_settings(text: str, *, name: str) -> Settings:
    """The settings in a text; `name` is what messages call it. Raises GuardError as `load_settings` does."""
    try:
        document = parse_yaml(text)
    except YamlError as error:
        raise GuardError(f"{name}:{error.mark.line}:{error.mark.column}: {error}") from error
    try:
        settings = Settings.model_validate({} if document.value is None else document.value)
    except ValidationError as error:
        found = {(_mark_of(document, problem), _message(problem)) for problem in error.errors(include_url=False)}
        raise _mistakes(found, name) from error
    if contradictions := {(_mark(document, location), message) for location, message in _contradictions(settings)}:
        raise _mistakes(contradictions, name)
    return settings


def _mistakes(found: set[tuple[Mark, str]], name: str) -> GuardError:
    lines = [f"{name}:{mark.line}:{mark.column}: {message}" for mark, message in sorted(found)]
    return GuardError("\n".join(["the configuration has mistakes:", *lines]))


def _contradictions(settings: Settings) -> Iterator[tuple[Location, str]]:
    """What each setting by itself allows, and all of them together do not, such as rules that can never hold."""
    decided: dict[tuple[str, ...], int] = {}
    previews = f".imgsim-guard/{PREVIEWS}"
    for name in ("store", "accepted"):
        if getattr(settings, name) == previews:
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
            yield where, f"rules.{index}: never holds, since rules.{earlier} is for the same splits"


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
    while location not in document.marks:
        location = location[:-1]
        if not location:
            break
    return document.marks.get(location, Mark(1, 1))


def _message(problem: ErrorDetails) -> str:
    where = ".".join(str(part) for part in problem["loc"] if part != "[key]")
    if problem["type"] == "extra_forbidden":
        known = RuleSettings.model_fields if problem["loc"][0] == "rules" else Settings.model_fields
        close = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "the keys are " + ", ".join(known)
        return f"unknown key {_shortened(repr(where))}; {hint}"
    if problem["type"] == "model_type":
        return "expected keys and values, such as 'threshold: 10'"
    expected = _PATTERNS.get(problem["ctx"]["pattern"]) if problem["type"] == "string_pattern_mismatch" else None
    said = f"should be {expected}" if expected else problem["msg"].removeprefix("Input ")
    given = "nothing" if problem["input"] is None else repr(problem["input"])
    return f"{where}: {said}, not {_shortened(given)}"


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 3] + "..."
