"""Write the parts of the pages that come from the code: `python docs/generate.py`.

Such a part stands between `<!-- generated: NAME -->` and `<!-- /generated -->`; the rest of a page is written by hand.
"""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from importlib.metadata import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgsim_guard.cli import parser as arguments
from imgsim_guard.config.reader import settings_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ROOT = Path(__file__).parent.parent
SCHEMA: dict[str, Any] = settings_schema()
PAGES = (*sorted((ROOT / "docs").glob("*.md")), ROOT / "THIRD-PARTY-LICENSES.md")
PART = re.compile(r"(<!-- generated: (.+?) -->\n).*?(<!-- /generated -->)", re.DOTALL)


def settings() -> Iterator[str]:
    """A row for each key of the configuration."""
    return _table(("key", "takes", "default", "means"), _keys(SCHEMA))


def rules() -> Iterator[str]:
    """A row for each key of a rule."""
    return _table(("key", "takes", "default", "means"), _keys(SCHEMA["$defs"]["RuleSettings"]))


def commands() -> Iterator[str]:
    """A section for each command, with what only it takes."""
    parsers = _commands()
    scan = _actions(parsers["scan"])
    shared = [action for action in _actions(parsers["hook"]) if action in scan]
    for name, parser in parsers.items():
        own = [action for action in _actions(parser) if action not in shared and action.dest != "help"]
        takes = "".join(f" {_usage(action)}" for action in own)
        yield f"### `{name}`\n\n{parser.description}\n\n```text\nimgsim-guard {name}{takes}\n```\n\n"
        described = [action for action in own if action.help]
        yield from [*_table(("takes", ""), map(_described, described)), "\n"] if described else ()


def common() -> Iterator[str]:
    return _table(("option", ""), map(_described, _options("common")))


def reports() -> Iterator[str]:
    return _table(("option", ""), map(_described, _options("reports")))


def exit_codes() -> Iterator[str]:
    """A row for each, from what `--help` says."""
    lines = arguments.EXIT_CODES.split("\n", 1)[1]
    found = re.findall(r"^  (\d+) +(.+?)\n(?=  \d|\Z)", lines, re.MULTILINE | re.DOTALL)
    return _table(("code", "means"), ((code, re.sub(r"\s+", " ", text)) for code, text in found))


def licences() -> Iterator[str]:
    """A row for each package that is installed with imgsim-guard, or by an extra but torch and onnxruntime-gpu."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [(name, extra) for name, needs in project["optional-dependencies"].items() for extra in needs]
    needed = [(need, "") for need in project["dependencies"]]
    needed += [(need, f"only with the extra `{name}`") for name, need in extras if name not in {"imgsim", "gpu"}]
    rows = ((_name(need), _licence(_name(need)), when) for need, when in needed)
    return _table(("package", "licence", ""), rows)


PARTS: dict[str, Callable[[], Iterable[str]]] = {
    "settings": settings,
    "rules": rules,
    "commands": commands,
    "common": common,
    "reports": reports,
    "exit codes": exit_codes,
    "licences": licences,
}


def generated(page: str) -> str:
    """The text of a page with its parts made anew."""
    return PART.sub(lambda part: f"{part[1]}{''.join(PARTS[part[2]]())}{part[3]}", page)


def main() -> None:
    for page in PAGES:
        page.write_text(generated(page.read_text()))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield "|".join(["", *(f" {cell} ".replace("|", "\\|") if cell != "---" else cell for cell in row), ""]) + "\n"


def _keys(schema: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, described in schema["properties"].items():
        default = described.get("default")
        shown = "" if default is None else f"`{json.dumps(default)}`".replace('"', "").replace(".0`", "`")
        yield f"`{name}`", " or ".join(_kinds(described)), shown, described["description"]


def _kinds(described: dict[str, Any]) -> Iterator[str]:
    """In words, what a part of the schema allows."""
    if "anyOf" in described:
        for one in described["anyOf"]:
            yield from _kinds(one)
    elif "enum" in described:
        yield ", ".join(f"`{value}`" for value in described["enum"])
    elif described.get("type") in {"integer", "number"}:
        bounds = [str(described[bound]).removesuffix(".0") for bound in ("minimum", "maximum") if bound in described]
        kind = "a whole number" if described["type"] == "integer" else "a number"
        yield f"{kind} from {bounds[0]} to {bounds[1]}" if len(bounds) > 1 else f"{kind} from {bounds[0]}"
    elif described.get("type") != "null":
        yield _words(described)


def _words(described: dict[str, Any]) -> str:
    pattern = str(described.get("pattern"))
    if pattern.endswith("%$"):
        return "a share such as `2%`"
    if "imgsim-guard/" in pattern:
        return "a path below `.imgsim-guard/`"
    if "\\w.-]+$" in pattern:
        return "a name"
    if described["type"] == "array" and "maxItems" in described:
        return "a list of two names"
    words = {"array": "a list", "object": "a mapping", "boolean": "`true`, `false`", "string": "a text"}
    return words[described["type"]]


def _commands() -> dict[str, argparse.ArgumentParser]:
    [choices] = (
        action.choices
        for action in _actions(arguments._parser())  # noqa: SLF001  only the commands and this need it
        if isinstance(action, argparse._SubParsersAction)  # noqa: SLF001  it has no other name
    )
    return dict(choices)


def _options(part: str) -> list[argparse.Action]:
    """What several commands have in common."""
    parser = arguments._common_options() if part == "common" else arguments._report_options()  # noqa: SLF001  as above
    return _actions(parser)


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return parser._actions  # noqa: SLF001  argparse tells in no other way


def _usage(action: argparse.Action) -> str:
    taken = _taken(action)
    if not action.option_strings:
        return taken if action.nargs in {None, "+"} else f"[{taken}]"
    return f"[{' '.join(filter(None, (action.option_strings[-1], taken)))}]"


def _taken(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    what = "|".join(action.choices) if action.choices else str(action.metavar)
    return what + "..." * (action.nargs in {"+", "*"})


def _described(action: argparse.Action) -> tuple[str, str]:
    name = " ".join(filter(None, (*action.option_strings[-1:], _taken(action))))
    return f"`{name}`", (action.help or "").replace("%%", "%")


def _name(need: str) -> str:
    found = re.match(r"[\w.-]+", need)
    return found[0] if found else need


def _licence(name: str) -> str:
    """As the installed package states it: as an expression, in a word, or as a classifier."""
    said = metadata(name)
    for key in ("License-Expression", "License"):
        if key in said and said[key] and "\n" not in said[key]:
            return str(said[key])
    of = [text.rpartition(" :: ")[2] for text in said.get_all("Classifier") or [] if text.startswith("License :: ")]
    return ", ".join(of) or "see the package"


if __name__ == "__main__":
    main()
