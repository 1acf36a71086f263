"""YAML to plain values, with the line and column of every key and value, and none of YAML's traps.

Plain scalars mean what people expect: `1e-3` is a number and `no` is a word. A key given twice is a mistake, and so are
anchors and aliases: nothing here needs them, and a few of them can expand to gigabytes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import yaml

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]
Location = tuple[str | int, ...]


class Mark(NamedTuple):
    """Line and column in the file, both from 1."""

    line: int
    column: int


class Document(NamedTuple):
    """A file's value, and by location (keys and list indices) the marks of each value and of each key."""

    value: Value
    marks: dict[Location, Mark]
    key_marks: dict[Location, Mark]


class _HasPlace(Protocol):
    """PyYAML's marks, of which there are two kinds."""

    line: int
    column: int


class YamlError(Exception):
    """The text is not the YAML that is read here."""

    def __init__(self, mark: Mark, message: str) -> None:
        super().__init__(message)
        self.mark = mark


MAX_DEPTH = 20
"""Lists and mappings in one another: more than anybody writes, and few enough for functions that call themselves."""

_CONFLICT = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
_WORDS: dict[str, Value] = {"true": True, "false": False, "null": None, "~": None, "": None}


def parse_yaml(text: str) -> Document:
    """Parse one YAML document. Raises YamlError, with the place, when it is not one."""
    import yaml
    from yaml.reader import ReaderError

    if conflict := _CONFLICT.search(text):
        raise YamlError(_mark_at(text, conflict.start()), "a merge conflict is not resolved here")
    try:
        _refuse_what_can_explode(text)
        node = yaml.compose(text)
    except yaml.MarkedYAMLError as error:
        problem = ": ".join(part for part in (error.context, error.problem) if part)
        raise YamlError(_mark(error.problem_mark or error.context_mark), f"not valid YAML: {problem}") from error
    except ReaderError as error:
        mark = _mark_at(text, error.position)
        raise YamlError(mark, f"not valid YAML: the character U+{error.character:04X} is not allowed") from error
    except (ValueError, OverflowError) as error:  # of numbers in directives and escapes, which PyYAML does not check
        raise YamlError(Mark(1, 1), f"not valid YAML: {error}") from error
    document = Document(None, {}, {})
    value = _read(node, (), document) if node is not None else None
    return document._replace(value=value)


def _refuse_what_can_explode(text: str) -> None:
    import yaml

    depth = 0
    for event in yaml.parse(text):
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:  # an alias's is the one it refers to
            raise YamlError(_mark(event.start_mark), "anchors and aliases are not supported; write the value out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise YamlError(_mark(event.start_mark), "nested too deeply")


def _read(node: yaml.Node, location: Location, document: Document) -> Value:
    import yaml

    document.marks[location] = _mark(node.start_mark)
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return [_read(item, (*location, index), document) for index, item in enumerate(node.value)]
    values: dict[str, Value] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise YamlError(_mark(key.start_mark), "a key must be a word")
        if key.value in values:
            raise YamlError(_mark(key.start_mark), f"the key {key.value!r} is given twice")
        document.key_marks[*location, key.value] = _mark(key.start_mark)
        values[key.value] = _read(value, (*location, key.value), document)
    return values


def _scalar(node: yaml.ScalarNode) -> Value:
    text: str = node.value
    if node.style is not None:
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _NUMBER.fullmatch(text):
        return int(text) if re.fullmatch(r"[-+]?\d{1,18}", text) else float(text)
    return text


def _mark(mark: _HasPlace | None) -> Mark:
    return Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)


def _mark_at(text: str, position: int) -> Mark:
    before = text[:position]
    return Mark(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)
