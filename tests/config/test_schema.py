"""The JSON Schema by which editors complete and check the configuration."""

from __future__ import annotations

import json

import pytest
from conftest import ROOT
from jsonschema import Draft202012Validator

from imgsim_guard import __version__
from imgsim_guard.cli import scaffold
from imgsim_guard.config.reader import parse_settings, settings_schema
from imgsim_guard.config.strict_yaml import parse_yaml
from imgsim_guard.model import GuardError

PATH = "imgsim_guard/schemas/imgsim-guard.schema.json"
REGENERATE = (
    "python -c 'import json; from imgsim_guard.config.reader import settings_schema; "
    f"print(json.dumps(settings_schema(), indent=1))' > {PATH}"
)


def test_the_published_schema_is_that_of_the_settings() -> None:
    published = (ROOT / PATH).read_text()
    assert published == json.dumps(settings_schema(), indent=1) + "\n", f"write it again: {REGENERATE}"


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(settings_schema())


def test_the_written_file_names_it() -> None:
    text = scaffold.configuration(None, []).text or ""
    url = f"https://raw.githubusercontent.com/imgsim-guard/imgsim-guard/v{__version__}/{PATH}"
    assert text.splitlines()[0] == f"# yaml-language-server: $schema={url}"


SPLITS = "splits: {a: 'a/**', b: ['b/**', 'c/**']}\n"
ACCEPTED = [
    "{}",
    "images: ['data/**', '!data/icons/']",
    "images:",
    "threshold: 0\nreach: 56\ncandidates: 1000",
    "threshold: 1e-3",
    "verify: never\nengine: imgsim\nunreadable: warn\nunchecked: warn",
    "preprocessing: antialiased\ndevice: cuda",
    "max_near_duplicates: 5\nmax_exact_duplicates: 0.5%",
    "max_near_duplicates: 100 %",
    "max_near_duplicates: 100.0%",
    "max_near_duplicates: 07%",
    "max_missing_embeddings: 0",
    f"{SPLITS}rules: [{{between: [a, b]}}, {{within: a, threshold: 12, on_match: ignore, limit: 1%}}, {{within: b}}]",
    f"{SPLITS}rules: [{{between: [a, b], within: null, limit: null}}]",
    "splits: {}\nrules: []",
    "splits: {na\u00efve.1-2: 'a/**'}",
    "store: .imgsim-guard/embeddings\npreviews: true\naccepted: .imgsim-guard/fine.yaml",
]
REFUSED = [
    "treshold: 5",
    "[]",
    "words",
    "images: data/**",
    "images: ['']",
    "images: [5]",
    "threshold: -1",
    "threshold: 57",
    "threshold: '5'",
    "threshold: no",
    "threshold:",
    "candidates: 0",
    "candidates: 2.5",
    "verify: always",
    "max_near_duplicates: -1",
    "max_near_duplicates: 1.5",
    "max_near_duplicates: 101%",
    "max_near_duplicates: 100.1%",
    "max_near_duplicates: many",
    "max_near_duplicates: true",
    "max_near_duplicates:",
    "max_missing_embeddings: -1",
    "unreadable: ignore",
    "engine: torch",
    "preprocessing: bilinear",
    "device: gpu",
    "splits: [a]",
    "splits: {a: 5}",
    "splits: {a: ''}",
    "splits: {'a b': 'a/**'}",
    f"{SPLITS}rules: {{within: a}}",
    f"{SPLITS}rules: [{{within: a, colour: red}}]",
    f"{SPLITS}rules: [{{between: [a]}}]",
    f"{SPLITS}rules: [{{between: [a, a]}}]",
    f"{SPLITS}rules: [{{between: [a, b], within: a}}]",
    f"{SPLITS}rules: [{{on_match: warn}}]",
    f"{SPLITS}rules: [{{within: a, on_match: maybe}}]",
    "store: ../elsewhere",
    "store: .imgsim-guard/a/b",
    "accepted: fine.yaml",
    "previews: maybe",
]
NOT_FOR_A_SCHEMA = [
    "rules: [{within: a}]",
    f"{SPLITS}rules: [{{within: a}}, {{within: a}}]",
]
"""What only a look at several settings at once tells."""


def is_refused(text: str) -> bool:
    try:
        parse_settings(text, name="f")
    except GuardError:
        return True
    return False


@pytest.mark.parametrize("text", [*ACCEPTED, *REFUSED])
def test_the_schema_and_the_program_agree(text: str) -> None:
    allowed = Draft202012Validator(settings_schema()).is_valid(parse_yaml(text).value)
    assert (allowed, is_refused(text)) == (text in ACCEPTED, text in REFUSED)


@pytest.mark.parametrize("text", NOT_FOR_A_SCHEMA)
def test_what_a_schema_cannot_tell_the_program_does(text: str) -> None:
    assert Draft202012Validator(settings_schema()).is_valid(parse_yaml(text).value)
    assert is_refused(text)
