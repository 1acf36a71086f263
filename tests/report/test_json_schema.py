from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from typing import Any

import jsonschema
import pytest
from conftest import REPORT_SCHEMA, REPORT_SCHEMAS
from hypothesis import given
from results import ALLOWED_BY_LIMITS, EVERYTHING, NOTHING, RESULTS

from imgsim_guard.model import Limits, Result, Share
from imgsim_guard.report.as_json import FORMAT, json_report

VALIDATOR = jsonschema.Draft202012Validator(REPORT_SCHEMA)
DEFINITIONS = {f"#/$defs/{name}": schema for name, schema in REPORT_SCHEMA["$defs"].items()}


def keys(document: Any, where: str = "") -> set[str]:
    """The paths of all keys of a document, whatever stands in lists."""
    if isinstance(document, list):
        return {path for item in document for path in keys(item, f"{where}[]")}
    if not isinstance(document, dict):
        return set()
    own = {f"{where}.{key}" for key in document}
    return own.union(*(keys(value, f"{where}.{key}") for key, value in document.items()))


def described(schema: Any, where: str = "") -> set[str]:
    """The paths of all keys that a schema describes."""
    schema = DEFINITIONS.get(schema.get("$ref"), schema)
    properties = schema.get("properties", {})
    own = {f"{where}.{key}" for key in properties}
    own |= {path for key, value in properties.items() for path in described(value, f"{where}.{key}")}
    return own | (described(schema["items"], f"{where}[]") if "items" in schema else set())


def objects(schema: Any) -> list[Any]:
    nested = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    own = [schema] if isinstance(schema, dict) and schema.get("type") == "object" else []
    return own + [found for value in nested for found in objects(value)]


def test_the_schema_is_packaged_and_named_after_the_format() -> None:
    schema = resources.files("imgsim_guard.report") / "schemas" / f"report-{FORMAT}.schema.json"
    assert json.loads(schema.read_bytes()) == REPORT_SCHEMA, REPORT_SCHEMAS
    assert REPORT_SCHEMA["properties"]["format"] == {"const": FORMAT}


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(REPORT_SCHEMA)


def test_the_schema_describes_the_keys_of_a_report_and_no_others() -> None:
    assert keys(json.loads(json_report(EVERYTHING))) == described(REPORT_SCHEMA)


def test_the_schema_refuses_unknown_keys_everywhere() -> None:
    found = objects(REPORT_SCHEMA)
    assert len(found) == 8
    assert all(schema["additionalProperties"] is False for schema in found)


@pytest.mark.parametrize(
    "result", [NOTHING, EVERYTHING, ALLOWED_BY_LIMITS, replace(NOTHING, limits=Limits(Share(0.5)))]
)
def test_a_report_is_valid(result: Result) -> None:
    VALIDATOR.validate(json.loads(json_report(result)))


def test_format_1_is_still_written() -> None:
    older = json.loads(json_report(EVERYTHING, 1))
    assert older["format"] == 1
    assert {*json.loads(json_report(EVERYTHING))} - {*older} == {"groups", "retrieve"}
    jsonschema.Draft202012Validator(REPORT_SCHEMAS[1]).validate(older)


@given(result=RESULTS)
def test_any_report_is_valid_and_the_same_bytes_again(result: Result) -> None:
    report = json_report(result)
    VALIDATOR.validate(json.loads(report.encode("ascii")))
    assert report == json_report(replace(result))


@pytest.mark.parametrize(
    ("key", "value"), [("verdict", "maybe"), ("threshold", -1), ("limit", "many"), ("queries", 1.5), ("clock", "noon")]
)
def test_the_schema_refuses_what_no_report_says(key: str, value: object) -> None:
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(json.loads(json_report(NOTHING)) | {key: value})
