"""The report for code scanning: SARIF 2.1.0."""

from __future__ import annotations

import hashlib
import json
import urllib.parse
from collections import Counter
from typing import TYPE_CHECKING

from imgsim_guard import __version__
from imgsim_guard.report.escaping import octets, shown
from imgsim_guard.report.remarks import TITLES, remarks
from imgsim_guard.report.text import WORDS

if TYPE_CHECKING:
    from imgsim_guard.model import Result
    from imgsim_guard.report.remarks import Remark, Subject

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

ROOT = "%SRCROOT%"
"""What relative paths are relative to; by this name code scanning knows the checkout."""

FINGERPRINT = "primaryLocationLineHash"
"""The one fingerprint that GitHub reads. Its value need not come from a line, which an image has none of."""

RULES: dict[Subject, tuple[str, str]] = {
    "exact-duplicate": (
        "An image that the dataset already holds.",
        "The bytes or the decoded pixels of the two images are the same. Remove one, or accept the pair.",
    ),
    "near-duplicate": (
        "An edited copy of an image that the dataset already holds.",
        "The AugNet distance is within the threshold, or the pixels agree. Remove one image, or accept the pair.",
    ),
    "look-alike": (
        "An image that only looks like another.",
        "The AugNet distance is within the threshold, but the pixels show two different pictures. It passes.",
    ),
    "unreadable": (
        "An image that cannot be decoded.",
        "The file is damaged, or of a format that is not supported, so that it was not compared with anything.",
    ),
    "unchecked": (
        "An image whose bytes are not on the machine that checked.",
        "It was not compared with anything. `dvc pull` or `git lfs pull` brings it.",
    ),
}
"""In short and in full, in the order of `ruleIndex`."""


def sarif_report(result: Result) -> str:
    """The result as SARIF in ASCII, ending in a newline. Relative paths are relative to %SRCROOT%."""
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(result)]}
    return json.dumps(log, indent=1) + "\n"


def _run(result: Result) -> dict[str, object]:
    notes = [{"level": "note", "message": {"text": _text(shown(note))}} for note in result.notes]
    driver = {"name": "imgsim-guard", "version": __version__, "rules": [_rule(subject) for subject in RULES]}
    seen: Counter[str] = Counter()
    return {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notes}],
        "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the repository."}}},
        "results": [_result(remark, seen) for remark in remarks(result)],
        "properties": {
            "verdict": "failed" if result.failed else "passed",
            "queries": result.queries,
            "gallery": result.gallery,
        },
    }


def _rule(subject: Subject) -> dict[str, object]:
    short, full = RULES[subject]
    return {
        "id": subject,
        "name": subject.title().replace("-", ""),
        "shortDescription": {"text": short},
        "fullDescription": {"text": full},
        "help": {"text": full},
        "defaultConfiguration": {"level": "note" if subject == "look-alike" else "error"},
    }


def _result(remark: Remark, seen: Counter[str]) -> dict[str, object]:
    """`seen` counts the fingerprints given so far: several copies of one image differ in their number only."""
    fingerprint = _fingerprint(remark)
    seen[fingerprint] += 1
    found = {
        "ruleId": remark.subject,
        "ruleIndex": list(RULES).index(remark.subject),
        "level": remark.severity,
        "message": {"text": _message(remark)},
        "locations": [_location(remark.path)],
        "partialFingerprints": {FINGERPRINT: f"{fingerprint}:{seen[fingerprint]}"},
    }
    return found | _about_pair(remark)


def _about_pair(remark: Remark) -> dict[str, object]:
    match = remark.match
    if match is None:
        return {}
    about: dict[str, object] = {
        "relatedLocations": [{"id": 1, **_location(match.gallery.path)}],
        "properties": {"distance": match.distance} if match.measured else {},
    }
    if match.accepted is not None:
        about["suppressions"] = [{"kind": "external", "justification": shown(match.accepted)}]
    elif match.counts and match.rule.on_match == "ignore":
        about["suppressions"] = [{"kind": "external", "justification": "a rule ignores such pairs"}]
    return about


def _message(remark: Remark) -> str:
    """The path of the other image is a link to it: [text](id), the id that of the related location."""
    if remark.match is None:
        return _text(f"{TITLES[remark.subject]}: {remark.reason}")
    return f"{WORDS[remark.match.kind]} [{_text(shown(remark.match.gallery.path))}](1): {_text(remark.reason)}"


def _text(text: str) -> str:
    """With what SARIF would read as a link or as a placeholder escaped (3.11.5 and 3.11.6 of the standard)."""
    for special, escaped in (("\\", "\\\\"), ("[", "\\["), ("]", "\\]"), ("{", "{{"), ("}", "}}")):
        text = text.replace(special, escaped)
    return text


def _location(path: str) -> dict[str, object]:
    uri = urllib.parse.quote(octets(path))
    place = {"uri": f"file://{uri}"} if path.startswith("/") else {"uri": uri, "uriBaseId": ROOT}
    return {"physicalLocation": {"artifactLocation": place}}


def _fingerprint(remark: Remark) -> str:
    """Of contents, so that a renamed image is not news; of the path where the contents are not known."""
    match = remark.match
    named = [octets(remark.path)]
    if match is not None:
        named = sorted(content.encode() for content in (match.query.content, match.gallery.content))
    return hashlib.sha256(b"\0".join([remark.subject.encode(), *named])).hexdigest()
