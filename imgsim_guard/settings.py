"""The configuration file `.imgsim-guard.yaml`: read it, check it, and say every mistake at once."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from imgsim_guard.augnet import Engine  # noqa: TC001  pydantic reads annotations when the class is made
from imgsim_guard.errors import GuardError
from imgsim_guard.yaml_marks import Document, Location, Mark, YamlError, parse_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic_core import ErrorDetails

FILE_NAME = ".imgsim-guard.yaml"

MAX_FILE_SIZE = 100_000
"""Bytes. No configuration comes near it, and what reads more can be made to wait."""

SHOWN_LENGTH = 60
"""Characters of a wrong value that a message repeats: enough to recognise it by."""

MAX_DISTANCE = 56.0
"""Two embeddings of 768 numbers between -1 and 1 cannot be further apart than 2 * sqrt(768) = 55.4."""


class Settings(BaseModel):
    """Every setting, with its default and its range; the names are those of the file."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    images: Annotated[
        list[Annotated[str, Field(min_length=1)]] | None,
        Field(description="The dataset's images, as gitignore-style patterns; without it, all that is tracked"),
    ] = None
    threshold: Annotated[
        float,
        Field(ge=0, le=MAX_DISTANCE, description="The AugNet distance up to which two images are near-duplicates"),
    ] = 10.0
    reach: Annotated[
        float, Field(ge=0, le=MAX_DISTANCE, description="The distance up to which verification may confirm a pair")
    ] = 26.0
    candidates: Annotated[
        int, Field(ge=1, le=1000, description="How many of the nearest within reach are verified for each new image")
    ] = 20
    verify: Annotated[
        Literal["auto", "never"],
        Field(description="Whether pixels decide where they can; never: the bare distance rule of imgsim"),
    ] = "auto"
    max_near_duplicates: Annotated[
        int, Field(ge=0, description="Fail when more new images than this are near-duplicates")
    ] = 0
    max_exact_duplicates: Annotated[
        int, Field(ge=0, description="Fail when more new images than this are exact duplicates")
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


def load_settings(path: Path) -> Settings:
    """The settings in a file. Raises GuardError with a line for every mistake: file:line:column: what is wrong."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise GuardError(f"cannot read the configuration {path}: {error.strerror}") from error
    if len(data) > MAX_FILE_SIZE:
        raise GuardError(f"{path}: {len(data):,} bytes are too many for a configuration")
    try:
        return parse_settings(data.decode("utf-8-sig"), name=str(path))
    except UnicodeDecodeError as error:
        raise GuardError(f"{path}: not a text file in UTF-8 ({error.reason} at byte {error.start})") from error


def parse_settings(text: str, *, name: str) -> Settings:
    """The settings in a text; `name` is what messages call it. Raises GuardError as `load_settings` does."""
    try:
        document = parse_yaml(text)
    except YamlError as error:
        raise GuardError(f"{name}:{error.mark.line}:{error.mark.column}: {error}") from error
    try:
        return Settings.model_validate({} if document.value is None else document.value)
    except ValidationError as error:
        mistakes = list(_messages(error, document, name=name))
        raise GuardError("\n".join(["the configuration has mistakes:", *mistakes])) from error


def _messages(error: ValidationError, document: Document, *, name: str) -> Iterator[str]:
    found = {(_mark(document, problem), _message(problem)) for problem in error.errors(include_url=False)}
    for mark, message in sorted(found):
        yield f"{name}:{mark.line}:{mark.column}: {message}"


def _mark(document: Document, problem: ErrorDetails) -> Mark:
    """Where it stands: the key if the key itself is wrong, else the value, else what encloses it."""
    location: Location = problem["loc"]
    if problem["type"] == "extra_forbidden" and location in document.key_marks:
        return document.key_marks[location]
    while location not in document.marks:
        location = location[:-1]
        if not location:
            break
    return document.marks.get(location, Mark(1, 1))


def _message(problem: ErrorDetails) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        close = difflib.get_close_matches(str(problem["loc"][-1]), Settings.model_fields, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "the keys are " + ", ".join(Settings.model_fields)
        return f"unknown key {_shortened(repr(where))}; {hint}"
    if problem["type"] == "model_type":
        return "expected keys and values, such as 'threshold: 10'"
    given = "nothing" if problem["input"] is None else repr(problem["input"])
    return f"{where}: {problem['msg'].removeprefix('Input ')}, not {_shortened(given)}"


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 3] + "..."
