from __future__ import annotations

import io
import os
import pickle
import sys
import zipfile
from collections import OrderedDict, deque
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsim_guard.augnet.checkpoint import checkpoint_bytes, read_checkpoint
from imgsim_guard.model import GuardError


def _rebuild_tensor_v2(*arguments: object) -> None:
    """Only named in a pickle, never called."""


class FloatStorage:
    """As above."""


class LongStorage(FloatStorage): ...


class HalfStorage(FloatStorage): ...


@pytest.fixture(autouse=True)
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules with torch's names, so that pickle writes those names down."""
    package, utils = ModuleType("torch"), ModuleType("torch._utils")
    for module, member in (
        (utils, _rebuild_tensor_v2),
        (package, FloatStorage),
        (package, LongStorage),
        (package, HalfStorage),
    ):
        monkeypatch.setattr(member, "__module__", module.__name__)
        setattr(module, member.__name__, member)
    monkeypatch.setitem(sys.modules, "torch", package)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


class Storage(NamedTuple):
    """Pickled as torch pickles a storage: by a persistent id."""

    kind: type[FloatStorage]
    key: str
    values: np.ndarray[Any, Any]


class Tensor(NamedTuple):
    """Pickled as torch pickles a tensor."""

    storage: Storage
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_tensor_v2, (self.storage, 0, self.shape, self.stride, False, OrderedDict())


class TorchPickler(pickle.Pickler):
    def persistent_id(self, obj: object) -> object:
        if isinstance(obj, Storage):
            return ("storage", obj.kind, obj.key, "cpu", len(obj.values))
        return None


def checkpoint(description: object, **storages: np.ndarray[Any, Any]) -> bytes:
    """A checkpoint with any description and these storages, as torch lays it out."""
    pickled = io.BytesIO()
    TorchPickler(pickled, protocol=2).dump(description)
    return archive(
        {"archive/data.pkl": pickled.getvalue()} | {f"archive/data/{k}": v.tobytes() for k, v in storages.items()}
    )


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return buffer.getvalue()


def test_tensors_come_out_with_their_names_types_and_shapes() -> None:
    weight = np.arange(6, dtype="<f4")
    count = np.array([7], "<i8")
    data = checkpoint(
        OrderedDict(
            weight=Tensor(Storage(FloatStorage, "0", weight), (2, 3), (3, 1)),
            count=Tensor(Storage(LongStorage, "1", count), (), ()),
        ),
        **{"0": weight, "1": count},
    )
    tensors = read_checkpoint(data)
    assert list(tensors) == ["weight", "count"]
    assert np.array_equal(tensors["weight"], weight.reshape(2, 3))
    assert tensors["count"] == np.array(7)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("echo this must not run",)


@pytest.mark.parametrize(
    "description",
    [
        OrderedDict(weight=Evil()),
        eval,
        HalfStorage,
        deque,
        OrderedDict(weight=1),
        ["no", "mapping"],
    ],
)
def test_anything_but_plain_tensors_is_refused(description: object, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(GuardError, match="not a checkpoint of plain tensors"):
        read_checkpoint(checkpoint(description))
    assert capfd.readouterr().out == ""


def test_a_storage_shorter_than_promised_is_refused() -> None:
    values = np.arange(4, dtype="<f4")
    data = checkpoint(OrderedDict(weight=Tensor(Storage(FloatStorage, "0", values), (4,), (1,))), **{"0": values[:3]})
    with pytest.raises(GuardError, match="storage 0 holds 3 values, 4 expected"):
        read_checkpoint(data)


@given(st.binary(max_size=200))
def test_any_bytes_give_tensors_or_an_error(data: bytes) -> None:
    for candidate in (data, archive({"archive/data.pkl": data})):
        try:
            tensors = read_checkpoint(candidate)
        except GuardError as error:
            assert str(error).startswith("this is not a checkpoint of plain tensors: ")  # noqa: PT017  either is right
        else:
            assert tensors == {}


@pytest.mark.parametrize("opcode", [b"r\xff\xff\xff\x7f", b"p2147483647\n"])
def test_an_object_with_a_number_that_would_fill_memory_is_refused(opcode: bytes) -> None:
    with pytest.raises(GuardError, match="it numbers an object that it cannot hold"):
        read_checkpoint(archive({"archive/data.pkl": b"}" + opcode + b"."}))


def test_a_wheel_that_is_packed_wrongly_holds_no_weights() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("imgsim/model.pth", b"other" * 100)
    data = bytearray(buffer.getvalue())
    data[70:75] = b"\xff" * 5
    with pytest.raises(GuardError, match="not AugNet's weights"):
        checkpoint_bytes(bytes(data))


def test_weights_with_another_digest_are_refused() -> None:
    with pytest.raises(GuardError, match=r"not AugNet's weights: expected imgsim/model\.pth of imgsim 0\.1\.2"):
        checkpoint_bytes(archive({"imgsim/model.pth": b"other"}))
