"""The report for CI servers: JUnit XML, as Jenkins and GitLab read it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from imgsim_guard.report.escaping import shown
from imgsim_guard.report.remarks import TITLES, remarks

if TYPE_CHECKING:
    from imgsim_guard.model import Result
    from imgsim_guard.report.remarks import Remark

SUITE = "imgsim-guard"

REST = "all other images"
"""One test stands for the images that nothing is said about: they are counted, not listed, and a suite without any
test counts as broken.
"""


def junit_report(result: Result) -> str:
    """The result as XML in UTF-8, ending in a newline: a test for each image that something is said about.

    A test fails, or is an error where there is nothing to compare, if and only if the image makes the check fail.
    """
    by_path: dict[str, list[Remark]] = {}
    for remark in remarks(result):
        by_path.setdefault(remark.path, []).append(remark)
    suite = ET.Element("testsuite", name=SUITE)
    properties = ET.SubElement(suite, "properties")
    for name, count in (("queries", result.queries), ("gallery", result.gallery)):
        ET.SubElement(properties, "property", name=name, value=str(count))
    for path, about in sorted(by_path.items()):
        _add_test(suite, path, about)
    rest = ET.SubElement(suite, "testcase", classname=SUITE, name=REST)
    ET.SubElement(rest, "system-out").text = f"{max(0, result.queries - len(by_path)):,} of {result.queries:,} images"
    _count(suite)
    if result.notes:
        ET.SubElement(suite, "system-out").text = "\n".join(shown(note) for note in result.notes)
    ET.indent(suite, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"


def _add_test(suite: ET.Element, path: str, about: list[Remark]) -> None:
    test = ET.SubElement(suite, "testcase", classname=SUITE, name=shown(path))
    errors = [remark for remark in about if remark.severity == "error"]
    _add_outcome(test, "failure", [remark for remark in errors if remark.match is not None])
    _add_outcome(test, "error", [remark for remark in errors if remark.match is None])
    others = [remark for remark in about if remark.severity != "error"]
    if others and not errors and all(remark.match is None for remark in others):
        ET.SubElement(test, "skipped", message=others[0].sentence)
    elif others:
        ET.SubElement(test, "system-out").text = _lines(others)


def _add_outcome(test: ET.Element, tag: str, about: list[Remark]) -> None:
    """One element however many remarks there are: what reads more than one counts the image more than once."""
    if about:
        first = about[0]
        ET.SubElement(test, tag, type=TITLES[first.subject], message=first.sentence).text = _lines(about)


def _lines(about: list[Remark]) -> str:
    return "\n".join(f"{remark.severity}: {remark.sentence}" for remark in about)


def _count(suite: ET.Element) -> None:
    tags = {"tests": "testcase", "failures": "testcase/failure", "errors": "testcase/error"}
    for attribute, tag in {**tags, "skipped": "testcase/skipped"}.items():
        suite.set(attribute, str(len(suite.findall(tag))))
