from __future__ import annotations

import json
import os
import urllib.parse
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from conftest import ROOT
from hypothesis import given
from results import (
    ALIKE,
    ALLOWED,
    ALLOWED_BY_LIMITS,
    CAT,
    COPY,
    DOG,
    EVERYTHING,
    IGNORED,
    LEAK,
    NAMES,
    NOTHING,
    OTHER_CAT,
    RESULTS,
    SECOND_COPY,
    WARNING,
    image,
)

from imgsim_guard import __version__
from imgsim_guard.model import Match, Result, Unreadable
from imgsim_guard.report.as_sarif import sarif_report
from imgsim_guard.report.remarks import remarks

SCHEMA = json.loads((ROOT / "tests" / "schemas" / "sarif-2.1.0.json").read_bytes())
VALIDATOR = jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)


def run_of(result: Result) -> Any:
    log = json.loads(sarif_report(result).encode("ascii"))
    VALIDATOR.validate(log)
    [run] = log["runs"]
    return run


def results_of(*matches: Match) -> Any:
    return run_of(replace(EVERYTHING, matches=matches, unreadable=()))["results"]


def fingerprints(*matches: Match) -> list[str]:
    return [found["partialFingerprints"]["primaryLocationLineHash"] for found in results_of(*matches)]


def test_the_schema_refuses_what_is_no_sarif() -> None:
    log = json.loads(sarif_report(EVERYTHING))
    log["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError, match="fatal"):
        VALIDATOR.validate(log)


def test_a_leaking_near_duplicate_in_full() -> None:
    assert results_of(LEAK) == [
        {
            "ruleId": "near-duplicate",
            "ruleIndex": 1,
            "level": "error",
            "message": {
                "text": "near-duplicate of [test/cat 2.png](1): distance 4.31 (threshold 10); leakage: train -> test; "
                "mirrored, cropped to 82%; 1,214 matching points, 99% of the content matches"
            },
            "locations": [
                {"physicalLocation": {"artifactLocation": {"uri": "train/cat.png", "uriBaseId": "%SRCROOT%"}}}
            ],
            "partialFingerprints": {
                "primaryLocationLineHash": "1d86f8003a1cd30e95a46cd898033e50182273123c0f5314fa7c56da4d96bb59:1"
            },
            "relatedLocations": [
                {
                    "id": 1,
                    "physicalLocation": {"artifactLocation": {"uri": "test/cat%202.png", "uriBaseId": "%SRCROOT%"}},
                }
            ],
            "properties": {"distance": 4.3125},
        }
    ]


def test_what_fails_is_an_error_what_is_allowed_a_warning_and_what_passes_a_note() -> None:
    assert [(found["ruleId"], found["level"]) for found in run_of(EVERYTHING)["results"]] == [
        ("near-duplicate", "error"),
        ("exact-duplicate", "error"),
        ("near-duplicate", "warning"),
        ("near-duplicate", "note"),
        ("exact-duplicate", "error"),
        ("exact-duplicate", "error"),
        ("near-duplicate", "note"),
        ("look-alike", "note"),
        ("unreadable", "error"),
        ("unchecked", "warning"),
    ]


def test_what_the_limits_allow_is_a_warning() -> None:
    assert [found["level"] for found in run_of(ALLOWED_BY_LIMITS)["results"]] == ["warning", "warning"]


def test_accepted_and_ignored_pairs_are_suppressed_with_the_reason() -> None:
    suppressions = [found.get("suppressions") for found in results_of(LEAK, ALLOWED, IGNORED, WARNING, ALIKE)]
    assert suppressions == [
        None,
        [{"kind": "external", "justification": "two frames of one film"}],
        [{"kind": "external", "justification": "a rule ignores such pairs"}],
        None,
        None,
    ]


def test_an_image_without_pixels_has_one_location() -> None:
    [broken, far] = run_of(replace(EVERYTHING, matches=()))["results"]
    assert (broken["message"]["text"], far["message"]["text"]) == (
        "unreadable: an empty file",
        "not checked: not pulled",
    )
    assert "relatedLocations" not in broken | far


def test_the_run_names_the_tool_its_rules_the_notes_and_the_verdict() -> None:
    run = run_of(EVERYTHING)
    assert run["tool"]["driver"]["version"] == __version__
    assert [(rule["id"], rule["name"]) for rule in run["tool"]["driver"]["rules"]] == [
        ("exact-duplicate", "ExactDuplicate"),
        ("near-duplicate", "NearDuplicate"),
        ("look-alike", "LookAlike"),
        ("unreadable", "Unreadable"),
        ("unchecked", "Unchecked"),
    ]
    [invocation] = run["invocations"]
    assert invocation["toolExecutionNotifications"] == [{"level": "note", "message": {"text": "a note"}}]
    assert run["properties"] == {"verdict": "failed", "queries": 12, "gallery": 8412}


def test_nothing_found_has_an_empty_list_of_results() -> None:
    assert run_of(NOTHING)["results"] == []


def test_a_renamed_image_and_a_pair_the_other_way_round_are_no_news() -> None:
    renamed = replace(LEAK, query=CAT._replace(path="train/renamed.png"))
    turned = replace(LEAK, query=OTHER_CAT, gallery=CAT)
    assert fingerprints(LEAK) == fingerprints(renamed) == fingerprints(turned)


def test_other_contents_and_other_kinds_are_news() -> None:
    others = [replace(LEAK, query=image(CAT.path, "9")), replace(LEAK, kind="look-alike")]
    assert len({*fingerprints(LEAK), *(fingerprints(other)[0] for other in others)}) == 3


def test_several_copies_of_one_image_have_fingerprints_of_their_own() -> None:
    first, second = fingerprints(COPY, SECOND_COPY)
    assert first.removesuffix(":1") == second.removesuffix(":2")


def test_an_absolute_path_is_not_relative_to_the_root() -> None:
    [found] = results_of(replace(COPY, query=DOG._replace(path="/data/a b.png")))
    assert found["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "file:///data/a%20b.png"}


def test_a_name_can_be_no_link_no_placeholder_and_no_scheme() -> None:
    [found] = results_of(replace(COPY, gallery=COPY.gallery._replace(path="http:[x](1){0}\\.png")))
    assert found["message"]["text"] == "exact duplicate of [http:\\[x\\](1){{0}}\\\\.png](1): same bytes"
    place = found["relatedLocations"][0]["physicalLocation"]["artifactLocation"]
    assert place["uri"] == "http%3A%5Bx%5D%281%29%7B0%7D%5C.png"


@given(name=NAMES)
def test_the_location_gives_the_very_name(name: str) -> None:
    [found] = run_of(replace(NOTHING, unreadable=((name, Unreadable("x")),)))["results"]
    uri = found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    parts = urllib.parse.urlsplit(uri)
    assert (parts.scheme, parts.netloc) == ("file" if name.startswith("/") else "", "")
    decoded = urllib.parse.unquote_to_bytes(uri.removeprefix("file://"))
    assert name in {os.fsdecode(decoded), decoded.decode("utf-8", "surrogatepass" if "\ud800" in name else "replace")}


@given(result=RESULTS)
def test_any_result_is_valid_sarif_and_the_same_bytes_again(result: Result) -> None:
    texts = [found["message"]["text"] for found in run_of(result)["results"]]
    assert all(text.isprintable() for text in texts)
    assert sarif_report(result) == sarif_report(replace(result))


@given(result=RESULTS)
def test_there_is_an_error_if_and_only_if_the_check_fails(result: Result) -> None:
    assert any(remark.severity == "error" for remark in remarks(result)) == result.failed
