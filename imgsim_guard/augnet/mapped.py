"""An ONNX model's graph without its weights, which stay in the file, where ONNX Runtime maps them instead of copying
them.

ONNX calls this external data (TensorProto in onnx.proto). It may be anywhere in a file: here, in the model itself. Only
the part of protocol buffers that a model uses is read: numbers, and fields with a length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from mmap import mmap

GRAPH, INITIALIZER, RAW_DATA, EXTERNAL_DATA, DATA_LOCATION = 7, 5, 9, 13, 14
"""Field numbers of ModelProto, of GraphProto, and of TensorProto."""

EXTERNAL = 1
"""The value of the data location."""

LEAST_SIZE = 1024
"""Tensors of fewer bytes stay in the graph."""


class _Part(NamedTuple):
    """The start and end of a field's value."""

    begin: int
    end: int


def graph_without_weights(model: mmap, name: str) -> bytes:
    """The model with weights that refer to the file `name`, which must be the file of this model."""

    def graph(part: _Part) -> bytes:
        return _field(GRAPH, _rewritten(model, part, INITIALIZER, initializer))

    def initializer(part: _Part) -> bytes:
        return _field(INITIALIZER, _rewritten(model, part, RAW_DATA, data))

    def data(part: _Part) -> bytes:
        size = part.end - part.begin
        if size < LEAST_SIZE:
            return _field(RAW_DATA, model[part.begin : part.end])
        place = {"location": name, "offset": str(part.begin), "length": str(size)}
        entries = [_field(1, key.encode()) + _field(2, value.encode()) for key, value in place.items()]
        return b"".join(_field(EXTERNAL_DATA, entry) for entry in entries) + bytes([DATA_LOCATION << 3, EXTERNAL])

    return _rewritten(model, _Part(0, len(model)), GRAPH, graph)


def _rewritten(model: mmap, message: _Part, number: int, change: Callable[[_Part], bytes]) -> bytes:
    """A message in which `change` is applied to the fields with this number."""
    fields, at = [], message.begin
    while at < message.end:
        key, begin = _number(model, at)
        value, end = _number(model, begin)
        if key & 7:  # it has a length
            begin, end = end, end + value
        fields.append(change(_Part(begin, end)) if key >> 3 == number else model[at:end])
        at = end
    return b"".join(fields)


def _number(model: mmap, at: int) -> tuple[int, int]:
    """A varint (7 bits for each byte, the lowest first) and the position after it."""
    value = shift = 0
    while True:
        value |= (model[at] & 127) << shift
        shift += 7
        at += 1
        if model[at - 1] < 128:  # noqa: PLR2004  the eighth bit says that more follow
            return value, at


def _field(number: int, value: bytes) -> bytes:
    size, length = len(value), bytearray()
    while size > 127:  # noqa: PLR2004
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + value
