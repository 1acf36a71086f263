"""Read AugNet's released checkpoint with NumPy alone: without torch, and without running code from the pickle.

A torch checkpoint is a zip archive: `<name>/data.pkl` describes the tensors, and `<name>/data/<key>` has the
little-endian bytes of each storage. The pickle may name four things, which are handled here. Anything else is refused,
so a checkpoint cannot run code.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import pickle
import pickletools
import struct
import zipfile
import zlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from imgsim_guard.model import GuardError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

CHECKPOINT_SHA256 = "c2cb3cac82642c5698721bd4c57702c3d2ffab077ee9fc277c60ef7359293add"
"""SHA-256 of `imgsim/model.pth` in imgsim 0.1.2, the release that publishes AugNet."""

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    OSError,
    pickle.UnpicklingError,
    struct.error,
    EOFError,
    AttributeError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    RuntimeError,
    MemoryError,
)
"""What `zipfile` and `pickle` raise for invalid bytes."""

LARGEST_RELEASE = 2**27
"""Largest archive in bytes. The checkpoint has 100.7 MB, and its wheel 93 MB."""

CHECKPOINT_IN_WHEEL = "imgsim/model.pth"

_STORAGE_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


class _StorageType(NamedTuple):
    dtype: np.dtype[Any]


def checkpoint_bytes(archive: bytes) -> bytes:
    """The checkpoint's bytes, from the bytes of the checkpoint itself or of an imgsim wheel.

    Raises GuardError if neither has the expected SHA-256.
    """
    for data in (archive, _wheel_member(archive)):
        if data is not None and hashlib.sha256(data).hexdigest() == CHECKPOINT_SHA256:
            return data
    raise GuardError(
        "these are not AugNet's weights: expected imgsim/model.pth of imgsim 0.1.2 "
        f"(sha256 {CHECKPOINT_SHA256}), or the imgsim 0.1.2 wheel that contains it"
    )


def _wheel_member(archive: bytes) -> bytes | None:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as wheel, wheel.open(CHECKPOINT_IN_WHEEL) as member:
            return member.read(LARGEST_RELEASE)
    except _DAMAGE:
        return None


def read_checkpoint(data: bytes) -> dict[str, NDArray[Any]]:
    """The tensors of a torch checkpoint by name, float32 or int64, in their saved shapes.

    Raises GuardError if the file is no such checkpoint, or if it has anything but plain tensors.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _read_archive(archive)
    except _DAMAGE as error:
        raise GuardError(f"this is not a checkpoint of plain tensors: {error}") from error


def _read_archive(archive: zipfile.ZipFile) -> dict[str, NDArray[Any]]:
    descriptions = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(descriptions) != 1:
        raise ValueError("no single data.pkl in it")
    folder = descriptions[0].removesuffix("data.pkl")

    def storage(kind: _StorageType, key: str, count: int) -> NDArray[Any]:
        values = np.frombuffer(archive.read(f"{folder}data/{key}"), kind.dtype)
        if len(values) != count:
            raise ValueError(f"storage {key} holds {len(values)} values, {count} expected")
        return values

    description = archive.read(descriptions[0])
    _refuse_what_fills_memory(description)
    tensors = _RestrictedUnpickler(io.BytesIO(description), storage=storage).load()
    if not isinstance(tensors, dict) or not all(isinstance(value, np.ndarray) for value in tensors.values()):
        raise ValueError("it holds more than tensors")
    return dict(tensors)


def _refuse_what_fills_memory(description: bytes) -> None:
    """Refuse a memo index that is too large: `pickle` allocates memory for as many objects as the largest index."""
    for opcode, argument, _ in pickletools.genops(description):
        if opcode.name in {"PUT", "LONG_BINPUT"} and int(argument or 0) > len(description):
            raise ValueError("it numbers an object that it cannot hold")


def _rebuild_tensor(
    storage: NDArray[Any], offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_unused: object
) -> NDArray[Any]:
    """What `torch._utils._rebuild_tensor_v2` returns for the same arguments, for contiguous tensors."""
    contiguous = tuple(int(np.prod(shape[axis + 1 :])) for axis in range(len(shape)))
    if stride != contiguous:
        raise ValueError(f"a tensor of shape {shape} is not contiguous")
    return storage[offset : offset + int(np.prod(shape))].reshape(shape)


class _RestrictedUnpickler(pickle.Unpickler):
    """An unpickler that accepts the four names of a checkpoint of plain tensors and refuses every other."""

    def __init__(self, file: io.BytesIO, *, storage: Callable[[_StorageType, str, int], NDArray[Any]]) -> None:
        super().__init__(file)
        self._storage = storage

    def find_class(self, module: str, name: str) -> object:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in _STORAGE_DTYPES:
            return _StorageType(np.dtype(_STORAGE_DTYPES[name]))
        raise pickle.UnpicklingError(f"it names {module}.{name}, which no checkpoint of plain tensors needs")

    def persistent_load(self, pid: Any) -> object:  # noqa: ANN401  pickle's signature
        tag, kind, key, _location, count = pid
        if tag != "storage" or not isinstance(kind, _StorageType):
            raise pickle.UnpicklingError("it refers to something that is not a storage")
        return self._storage(kind, key, count)
