#!/usr/bin/env python3
"""Fails when a package beside this Python has a known vulnerability; says which ones nobody could be asked about.

The services that know are on the network, where a build may not reach: that is said, and fails only with --strict.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def installed(names: list[str]) -> dict[str, str]:
    """The versions of these packages, and of all that they need here."""
    found: dict[str, str] = {}
    while names:
        name = names.pop()
        try:
            if name in found:
                continue
            found[name] = version(name)
        except PackageNotFoundError:
            continue
        wanted = [Requirement(line) for line in requires(name) or []]
        names += [one.name for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


def main() -> int:
    """Ask; the exit code."""
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    packages = installed([Requirement(line).name for line in project["dependencies"]])
    pinned = "".join(f"{name}=={number}\n" for name, number in packages.items())
    options = ["--format=json", "--progress-spinner=off", "--no-deps", "--disable-pip", "--requirement=/dev/stdin"]
    command = [sys.executable, "-m", "pip_audit", *options]
    done = subprocess.run(command, input=pinned, capture_output=True, text=True, check=False)
    try:
        asked = json.loads(done.stdout)["dependencies"]
    except ValueError:
        asked = []
    answered = [one for one in asked if "vulns" in one]
    found = [(one, vulnerability) for one in answered for vulnerability in one["vulns"]]
    for one, vulnerability in found:
        print(f"{one['name']} {one['version']}: {vulnerability['id']}, fixed in {vulnerability['fix_versions']}")
    total = len(packages)
    print(f"{len(answered)} of {total} packages were asked about, {len(found)} vulnerabilities are known")
    if len(answered) < total:
        print("NOT AUDITED: the service that knows of vulnerabilities did not answer")
    return int(bool(found) or ("--strict" in sys.argv and len(answered) < total))


if __name__ == "__main__":
    sys.exit(main())
