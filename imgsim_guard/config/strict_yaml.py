"""YAML to plain values, with none of YAML's traps: for the configuration, and for the files that DVC writes.

A key given twice is a mistake, and so are anchors and aliases: nothing here needs them, and a few of them can expand to
gigabytes. (Pipelines may have them: there an alias shares what it stands for, and nothing expands.) In what people
write, plain scalars mean what people expect: `1e-3` is a number and `no` is a word. In what DVC writes, every scalar is
its text: a checksum such as 1e5... must not become a number.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import yaml

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]
Words = str | list["Words"] | dict[str, "Words"]
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
    """The text is not the YAML that is read here. `message`: what is wrong, without the parser's own words."""

    def __init__(self, mark: Mark, message: str, detail: str = "") -> None:
        super().__init__(": ".join(part for part in (message, detail) if part))
        self.mark = mark
        self.message = message


MAX_DEPTH = 20
"""Lists and mappings in one another: DVC writes nine, people fewer, and the functions here call themselves."""

_CONFLICT = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
_WORDS: dict[str, Value] = {"true": True, "false": False, "null": None, "~": None, "": None}


def parse_yaml(text: str) -> Document:
    """Parse one YAML document that a person wrote. Raises YamlError, with the place, when it is not one."""
    import yaml

    reader = _Reader(_scalar, keeps_marks=True)
    return Document(reader.read(text, yaml.SafeLoader), reader.marks, reader.key_marks)


def parse_words(text: str, *, anchors: bool = False) -> Words:
    """Parse one YAML document that a program wrote: its scalars as text, "" for no document. Raises YamlError.

    `anchors`: allow them, and aliases, and that `<<` merges mappings.
    """
    import yaml

    # The parser in C, where there is one, takes a tenth of the time.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    value = _Reader(lambda event: str(event.value), keeps_marks=False, anchors=anchors).read(text, loader)
    return "" if value is None else cast("Words", value)


class _Reader:
    """Builds a value from the parser's events: nothing is constructed that the text does not spell out."""

    def __init__(
        self, scalar: Callable[[yaml.ScalarEvent], Value], *, keeps_marks: bool, anchors: bool = False
    ) -> None:
        self.marks: dict[Location, Mark] = {}
        self.key_marks: dict[Location, Mark] = {}
        self._scalar = scalar
        self._keeps_marks = keeps_marks
        self._known: dict[str, Value] | None = {} if anchors else None
        self._events: Iterator[yaml.Event] = iter(())

    def read(self, text: str, loader: type[yaml.SafeLoader | yaml.BaseLoader]) -> Value:
        """The document's value; None where there is no document. Raises YamlError."""
        import yaml
        from yaml.reader import ReaderError

        if conflict := _CONFLICT.search(text):
            raise YamlError(_mark_at(text, conflict.start()), "a merge conflict is not resolved here")
        unneeded = yaml.StreamStartEvent, yaml.StreamEndEvent, yaml.DocumentStartEvent, yaml.DocumentEndEvent
        self._events = (event for event in yaml.parse(text, Loader=loader) if not isinstance(event, unneeded))
        try:
            first = next(self._events, None)
            value = None if first is None else self._value(first, (), depth=1)
            if another := next(self._events, None):
                raise YamlError(_mark(another.start_mark), "not valid YAML", "a second document begins here")
        except yaml.MarkedYAMLError as error:
            problem = ": ".join(part for part in (error.context, error.problem) if part)
            raise YamlError(_mark(error.problem_mark or error.context_mark), "not valid YAML", problem) from error
        except ReaderError as error:
            found = f"the character U+{_code(error.character):04X} is not allowed"
            raise YamlError(_mark_at(text, error.position), "not valid YAML", found) from error
        except (
            ValueError,
            OverflowError,
        ) as error:  # PyYAML does not check numbers in escapes
            raise YamlError(Mark(1, 1), "not valid YAML", str(error)) from error
        return value

    def _value(self, event: yaml.Event, location: Location, *, depth: int) -> Value:
        import yaml

        anchor = event.anchor if isinstance(event, yaml.NodeEvent) else None  # an alias's is the one it refers to
        if anchor is not None and self._known is None:
            raise YamlError(_mark(event.start_mark), "anchors and aliases are not supported; write the value out")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        value = self._built(event, location, depth=depth)
        if anchor is not None and self._known is not None:
            self._known[anchor] = value
        return value

    def _alias(self, event: yaml.AliasEvent) -> Value:
        if self._known is None or event.anchor not in self._known:
            raise YamlError(_mark(event.start_mark), f"there is no anchor {event.anchor!r} before this alias")
        return self._known[event.anchor]

    def _built(self, event: yaml.Event, location: Location, *, depth: int) -> Value:
        import yaml

        if self._keeps_marks:
            self.marks[location] = _mark(event.start_mark)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if depth > MAX_DEPTH:
            raise YamlError(_mark(event.start_mark), "nested too deeply")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(location, depth + 1)
        return self._mapping(location, depth + 1)

    def _list(self, location: Location, depth: int) -> list[Value]:
        import yaml

        items: list[Value] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*location, len(items)), depth=depth))
        return items

    def _mapping(self, location: Location, depth: int) -> dict[str, Value]:
        import yaml

        values: dict[str, Value] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, values)
            if self._keeps_marks:
                self.key_marks[*location, key] = _mark(event.start_mark)
            values[key] = self._value(next(self._events), (*location, key), depth=depth)
        return values if self._known is None or "<<" not in values else _merged(values)

    def _key(self, event: yaml.Event, values: dict[str, Value]) -> str:
        import yaml

        if not isinstance(event, yaml.ScalarEvent):
            raise YamlError(_mark(event.start_mark), "a key must be a word")
        if event.anchor is not None:
            raise YamlError(_mark(event.start_mark), "anchors and aliases are not supported; write the value out")
        if event.value in values:
            raise YamlError(_mark(event.start_mark), f"the key {event.value!r} is given twice")
        return str(event.value)


def _merged(values: dict[str, Value]) -> dict[str, Value]:
    """The mapping with what its `<<` brings: its own keys decide, then the first mapping that has one."""
    merged = values["<<"]
    found = {key: value for key, value in values.items() if key != "<<"}
    for one in merged if isinstance(merged, list) else [merged]:
        if isinstance(one, dict):
            found = {**one, **found}
    return found


def _scalar(event: yaml.ScalarEvent) -> Value:
    text = str(event.value)
    if event.style:
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _NUMBER.fullmatch(text):
        return int(text) if re.fullmatch(r"[-+]?\d{1,18}", text) else float(text)
    return text


def _code(character: str | int) -> int:
    """PyYAML's parser in C tells the number of a character, the other one the character."""
    return character if isinstance(character, int) else ord(character)


def _mark(mark: _HasPlace | None) -> Mark:
    return Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)


def _mark_at(text: str, position: int) -> Mark:
    before = text[:position]
    return Mark(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)
