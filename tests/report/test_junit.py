from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

from hypothesis import given
from results import ALLOWED_BY_LIMITS, COPY, EVERYTHING, NOTHING, RESULTS, WARNING

from imgsim_guard.model import Limits, Result
from imgsim_guard.report.as_junit import junit_report

# The structure that Jenkins accepts: junit-10.xsd of its xunit plugin, as far as it is used here.
# By element: the attributes that it must have, those that it may have, and its children.
STRUCTURE: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, set(), set()),
    "testcase": (
        {"name"},
        {"time", "classname", "group"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": (set(), {"type", "message"}, set()),
    "error": (set(), {"type", "message"}, set()),
    "skipped": (set(), {"type", "message"}, set()),
    "system-out": (set(), set(), set()),
}


def suite_of(result: Result) -> ET.Element:
    suite = ET.fromstring(junit_report(result).encode())
    assert suite.tag == "testsuite"
    for element in suite.iter():
        required, allowed, children = STRUCTURE[element.tag]
        assert required <= set(element.keys()) <= required | allowed
        assert {child.tag for child in element} <= children
    return suite


def outcomes(result: Result) -> dict[str, list[str]]:
    return {test.attrib["name"]: [child.tag for child in test] for test in suite_of(result).iter("testcase")}


def test_nothing_found() -> None:
    assert junit_report(NOTHING) == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<testsuite name="imgsim-guard" tests="1" failures="0" errors="0" skipped="0">\n'
        " <properties>\n"
        '  <property name="queries" value="3" />\n'
        '  <property name="gallery" value="8412" />\n'
        " </properties>\n"
        ' <testcase classname="imgsim-guard" name="all other images">\n'
        "  <system-out>3 of 3 images</system-out>\n"
        " </testcase>\n"
        "</testsuite>\n"
    )


def test_one_failure() -> None:
    assert junit_report(replace(NOTHING, matches=(COPY,), notes=("a note",))) == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<testsuite name="imgsim-guard" tests="2" failures="1" errors="0" skipped="0">\n'
        " <properties>\n"
        '  <property name="queries" value="3" />\n'
        '  <property name="gallery" value="8412" />\n'
        " </properties>\n"
        ' <testcase classname="imgsim-guard" name="dog.jpg">\n'
        '  <failure type="exact duplicate" message="exact duplicate of old/dog.jpg: same bytes">'
        "error: exact duplicate of old/dog.jpg: same bytes</failure>\n"
        " </testcase>\n"
        ' <testcase classname="imgsim-guard" name="all other images">\n'
        "  <system-out>2 of 3 images</system-out>\n"
        " </testcase>\n"
        " <system-out>a note</system-out>\n"
        "</testsuite>\n"
    )


def test_each_image_is_one_test_with_one_outcome() -> None:
    assert outcomes(EVERYTHING) == {
        "broken.png": ["error"],
        "dog.jpg": ["failure", "system-out"],
        "far.png": ["skipped"],
        "train/cat.png": ["failure", "system-out"],
        "all other images": ["system-out"],
    }
    suite = suite_of(EVERYTHING)
    assert [suite.get(count) for count in ("tests", "failures", "errors", "skipped")] == ["5", "2", "1", "1"]


def test_all_that_is_said_about_an_image_is_in_its_test() -> None:
    [dog] = suite_of(EVERYTHING).findall("testcase[@name='dog.jpg']")
    assert dog.findtext("failure") == (
        "error: exact duplicate of old/dog.jpg: same bytes\nerror: exact duplicate of old/dog-2.jpg: same bytes"
    )
    assert dog.findtext("system-out") == (
        "note: near-duplicate of a.png: distance 3.00 (threshold 10); accepted: two frames of one film\n"
        "note: look-alike of b.png: distance 8.00 (threshold 10); "
        "refuted: they line up, but only 41% of what they show agrees"
    )


def test_a_warning_passes_and_is_said() -> None:
    assert outcomes(replace(NOTHING, matches=(WARNING,)))["train/cat.png"] == ["system-out"]


def test_what_the_limits_allow_passes() -> None:
    assert {tag for tags in outcomes(ALLOWED_BY_LIMITS).values() for tag in tags} == {"system-out"}


def test_what_could_not_be_checked_is_an_error_or_skipped_by_setting() -> None:
    assert outcomes(replace(EVERYTHING, limits=Limits()))["far.png"] == ["error"]
    assert outcomes(replace(EVERYTHING, limits=Limits(unreadable_fails=False)))["broken.png"] == ["skipped"]


@given(result=RESULTS)
def test_any_result_is_well_formed_and_fails_if_and_only_if_the_check_does(result: Result) -> None:
    suite = suite_of(result)
    failures, errors, tests = (int(suite.attrib[count]) for count in ("failures", "errors", "tests"))
    assert (failures + errors > 0) == result.failed
    paths = {match.query.path for match in result.matches} | {path for path, _ in result.unreadable}
    assert tests == len(paths) + 1
    assert junit_report(result) == junit_report(replace(result))
