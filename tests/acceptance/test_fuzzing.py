"""Hostile bytes for everything that reads bytes: what comes back is a value or the one exception that is promised.

Most inputs are real files with a few things changed, since noise rarely gets past the first check. The suite tries
11,800, the same ones every time. `HYPOTHESIS_PROFILE=long pytest tests/acceptance/test_fuzzing.py` tries a hundred
times as many, other ones every time; the input that a decoder was given last is then in `fuzzed-input`, should the
process die of it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import struct
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from conftest import photograph, whole_pixels
from encoders import every_way
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from imgsim_guard.augnet.checkpoint import checkpoint_bytes, read_checkpoint
from imgsim_guard.config.reader import parse_settings
from imgsim_guard.config.settings import Settings
from imgsim_guard.images.decode import decode
from imgsim_guard.images.headers import read_header
from imgsim_guard.model import GuardError, Unreadable
from imgsim_guard.sources.lfs import pointed_to
from imgsim_guard.sources.manifests import Out, read_lock, read_manifest, read_pointer
from imgsim_guard.sources.plain_yaml import ManifestError
from imgsim_guard.sources.selection import image_filter
from imgsim_guard.store.shard import SUFFIX, DamagedShardError, Row, file_digests, read_shard, write_shard
from imgsim_guard.store.unreadable import read_unreadable, write_unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"

LAST_INPUT = Path("fuzzed-input")

LARGEST_DECODED = 2**20
"""Pixels. Larger ones are slow, not different."""

KINDS = ("set", "set", "extreme", "extreme", "delete", "insert", "overwrite", "cut")

EXTREMES = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


def inputs(count: int) -> settings:
    """So many in the suite, and a hundred times as many in the long run."""
    return settings(
        max_examples=100 * count if LONG else count,
        deadline=None,
        derandomize=not LONG,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


class Edit(NamedTuple):
    """One change of a file: what, where, with what of elsewhere, and how many bytes."""

    kind: int
    position: int
    other: int
    length: int

    def apply(self, data: bytearray) -> None:
        kind = KINDS[self.kind % len(KINDS)]
        near_the_start = self.kind & 0x80
        at = (self.position % 300 if near_the_start else self.position) % (len(data) + 1)
        other, length = self.other % (len(data) + 1), 1 + self.length % 64
        if kind == "set":
            data[at : at + 1] = bytes([self.other % 256])
        elif kind == "extreme":
            width = (1, 2, 4, 8)[length % 4]
            value = EXTREMES[self.other % len(EXTREMES)] % 256**width
            data[at : at + width] = value.to_bytes(width, "little" if length & 4 else "big")
        elif kind == "delete":
            del data[at : at + length]
        elif kind == "insert":
            data[at:at] = data[other : other + length]
        elif kind == "overwrite":
            data[at : at + length] = data[other : other + length]
        else:
            del data[at:]


def as_edits(octets: bytes) -> list[Edit]:
    """Six bytes each: what hypothesis makes quickly, and shrinks well."""
    return [Edit(*struct.unpack_from("<BHHB", octets, at)) for at in range(0, len(octets) - 5, 6)]


EDITS = st.binary(min_size=6, max_size=36).map(as_edits)


def edited(data: bytes, edits: Sequence[Edit]) -> bytes:
    changed = bytearray(data)
    for edit in edits:
        edit.apply(changed)
    return bytes(changed)


def accepts(read: Callable[[], object], *promised: type[Exception]) -> object:
    """What it returns; None when it raises what it promises, with a text. Anything else fails the test."""
    try:
        return read()
    except promised as error:
        assert str(error)  # noqa: PT017  it may also succeed
        return None


# The front of the decoders

PHOTO = Image.open(io.BytesIO(photograph("chelsea.png"))).convert("RGB").resize((70, 44))
PHOTO.info.clear()
IMAGES = every_way(PHOTO, PHOTO.rotate(180))
STARTS = sorted({data[:length] for data in IMAGES.values() for length in (2, 4, 12, 16, 24, 32, 64)})
NAMES = st.sampled_from(sorted(IMAGES))


def assert_decoded_or_refused(data: bytes) -> None:
    header = read_header(data)
    assume(header is None or header.width * header.height <= LARGEST_DECODED)
    if LONG:
        LAST_INPUT.write_bytes(data)
    outcome = whole_pixels(data)
    if isinstance(outcome, Unreadable):
        assert outcome.reason
        return
    assert outcome.dtype == np.uint8
    assert outcome.ndim == 3
    assert outcome.shape[2] == 3
    assert outcome.size > 0
    assert header is not None, "decoded without a header that was looked at"


@inputs(1000)
@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=300))
def test_noise_after_a_signature_has_a_header_or_none(start: bytes, rest: bytes) -> None:
    header = read_header(start + rest)
    assert header is None or (header.width > 0 and header.height > 0)


@inputs(2000)
@given(name=NAMES, edits=EDITS)
def test_the_header_of_a_changed_image_is_read_or_not(name: str, edits: list[Edit]) -> None:
    header = read_header(edited(IMAGES[name], edits))
    assert header is None or (header.width > 0 and header.height > 0)


@inputs(500)
@given(data=st.builds(lambda start, rest: start + rest, st.sampled_from(STARTS), st.binary(max_size=300)))
def test_noise_is_decoded_or_unreadable(data: bytes) -> None:
    assert_decoded_or_refused(data)


@inputs(2500)
@given(name=NAMES, edits=EDITS)
def test_a_changed_image_is_decoded_or_unreadable(name: str, edits: list[Edit]) -> None:
    assert_decoded_or_refused(edited(IMAGES[name], edits))


@inputs(300)
@given(first=NAMES, second=NAMES, at=st.integers(0, 2**13), back=st.integers(0, 2**13))
def test_two_images_in_one_are_decoded_or_unreadable(first: str, second: str, at: int, back: int) -> None:
    assert_decoded_or_refused(IMAGES[first][: at % len(IMAGES[first])] + IMAGES[second][back % len(IMAGES[second]) :])


@inputs(100)
@given(name=NAMES, edits=EDITS)
def test_what_is_decoded_is_decoded_alike_again(name: str, edits: list[Edit]) -> None:
    """No picture depends on what was in memory before it."""
    data = edited(IMAGES[name], edits)
    header = read_header(data)
    assume(header is None or header.width * header.height <= LARGEST_DECODED)
    first = whole_pixels(data)
    decode(IMAGES["JPEG baseline"])
    second = whole_pixels(data)
    if isinstance(first, Unreadable) or isinstance(second, Unreadable):
        assert first == second
    else:
        assert np.array_equal(first, second)


# The store


def shard_of(rows: int) -> bytes:
    random = np.random.default_rng(0)
    made = [
        Row(
            **file_digests(bytes([number])),
            pixels=random.bytes(16),
            hashes=random.bytes(160),
            embedding=random.uniform(-1, 1, 768).astype(np.float16),
        )
        for number in range(rows)
    ]
    return write_shard(made, fingerprint="fuzz")[1]


SHARD = shard_of(3)
HEADER = 8 + int.from_bytes(SHARD[:8], "little")


@inputs(1000)
@given(edits=EDITS)
def test_a_changed_shard_is_damaged_or_sound(edits: list[Edit]) -> None:
    """Under a name that fits, as a hostile writer would make it."""
    data = edited(SHARD, edits)
    name = hashlib.sha256(data).hexdigest() + SUFFIX
    shard = accepts(lambda: read_shard(name, data, fingerprint="fuzz"), DamagedShardError)
    assert shard is None or len(shard.embeddings) == 3  # type: ignore[attr-defined]


numbers = st.sampled_from([-1, 0, 3, 16, 20, 32, 160, 768, 2**31, 2**63, 2**64])
anything: st.SearchStrategy[object] = numbers | st.sampled_from([None, True, 0.5, "x", [], {}, [[]], {"a": {}}])
shard_entries = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F16", "F16", "U8", "U8", "F32", "BF16", "F8_E4M3", "BOOL", "I64", "X", 3]),
        "shape": st.lists(numbers, max_size=3) | anything,
        "data_offsets": st.lists(numbers, max_size=3) | anything,
    }
)


@inputs(200)
@given(
    document=st.dictionaries(
        st.sampled_from(["embeddings", "git", "md5", "sha256", "pixels", "hashes", "__metadata__", ""]),
        shard_entries | anything,
        max_size=8,
    ),
    length=st.none() | st.sampled_from([0, 1, 2**31, 2**63, 2**64 - 1]),
)
def test_a_shard_with_any_header_is_damaged_or_sound(document: dict[str, object], length: int | None) -> None:
    header = json.dumps(document).encode()
    data = (len(header) if length is None else length).to_bytes(8, "little") + header + SHARD[HEADER:]
    name = hashlib.sha256(data).hexdigest() + SUFFIX
    accepts(lambda: read_shard(name, data, fingerprint="fuzz"), DamagedShardError)


RECORD = write_unreadable({"sha256:" + "0" * 64: "an empty file"}, decoder="fuzz")[1]


@inputs(300)
@given(edits=EDITS)
def test_a_changed_record_of_what_is_unreadable_gives_texts(edits: list[Edit]) -> None:
    data = edited(RECORD, edits)
    reasons = read_unreadable(hashlib.sha256(data).hexdigest() + ".unreadable.json", data, decoder="fuzz")
    assert all(isinstance(text, str) for item in reasons.items() for text in item)


# DVC and git LFS

ONE, TWO = "1" * 32, "2" * 32
MANIFEST = json.dumps([{"md5": ONE, "relpath": "a/b.png"}, {"md5": TWO, "relpath": "c.png"}]).encode()
POINTER = f"wdir: ..\nouts:\n- md5: {ONE}.dir\n  size: 9\n  nfiles: 2\n  hash: md5\n  path: data/images\n".encode()
LOCK = f"""schema: '2.0'
stages:
  each@a:
    cmd: x
    outs: [{{path: "é/a.png", md5: {ONE}}}, {{path: b, md5: {TWO}.dir, files: [{{relpath: c, md5: {ONE}}}]}}]
""".encode()
PIPELINE = (
    b"stages:\n  each:\n    foreach: [a, b]\n    do: {wdir: 'w/${item}', outs: ['${item}.png': {cache: false}]}\n"
)


@inputs(500)
@given(edits=EDITS)
def test_a_changed_list_of_files_is_read_or_refused(edits: list[Edit]) -> None:
    files = accepts(lambda: read_manifest(edited(MANIFEST, edits)), ManifestError)
    for file in files or ():  # type: ignore[attr-defined]
        assert not file.path.startswith("/")
        assert ".." not in file.path.split("/")


@inputs(1000)
@given(which=st.sampled_from([("a/x.dvc", POINTER), ("dvc.lock", LOCK)]), edits=EDITS, pipeline=EDITS | st.none())
def test_a_changed_pointer_is_read_or_refused(
    which: tuple[str, bytes], edits: list[Edit], pipeline: list[Edit] | None
) -> None:
    name, data = which
    stages = None if pipeline is None else edited(PIPELINE, pipeline)

    def read() -> list[Out]:
        if name.endswith(".dvc"):
            return read_pointer(name, edited(data, edits))
        pointed, _ = read_lock(name, edited(data, edits), lambda path: stages if path == "dvc.yaml" else None)
        return [one.out for one in pointed]

    outs = accepts(read, ManifestError)
    for out in outs or ():  # type: ignore[attr-defined]
        assert out.problem or not (out.path.startswith("/") or ".." in out.path.split("/"))


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0123456789abcdef" * 4 + b"\nsize 12345\n"


@inputs(500)
@given(edits=EDITS)
def test_a_changed_lfs_pointer_names_a_digest_or_nothing(edits: list[Edit]) -> None:
    content = pointed_to(edited(LFS, edits))
    assert content is None or re.fullmatch("sha256:[0-9a-f]{64}", content)


# The configuration

CONFIGURATION = b"""\
# which images
images: ["data/**", '!data/icons/[a-z]?.png']
threshold: 1.0e1
max_near_duplicates: 0
unreadable: fail
engine: onnx
"""


@inputs(800)
@given(edits=EDITS)
def test_a_changed_configuration_gives_settings_or_mistakes_with_their_place(edits: list[Edit]) -> None:
    text = edited(CONFIGURATION, edits).decode("utf-8", errors="replace")
    found = accepts(lambda: parse_settings(text, name="f"), GuardError)
    if isinstance(found, Settings):
        is_image = accepts(lambda: image_filter(found.images), GuardError)
        assert is_image is None or is_image("data/a.png") in {True, False}  # type: ignore[operator]


@pytest.mark.parametrize(
    "text", ["x" * 100_000, "- " * 50_000, "[" * 50_000, "a: {" * 20_000, "? " * 30_000, "\t" * 90_000]
)
def test_a_large_configuration_of_nonsense_is_refused(text: str) -> None:
    with pytest.raises(GuardError):
        parse_settings(text, name="f")


# The checkpoint

PICKLE = (
    b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01X\x06\x00\x00\x00weightq\x02ctorch._utils\n_rebuild_tensor_v2\nq\x03"
    b"((X\x07\x00\x00\x00storageq\x04ctorch\nFloatStorage\nq\x05X\x01\x00\x00\x000q\x06X\x03\x00\x00\x00cpuq\x07K\x06tq"
    b"\x08QK\x00K\x02K\x03\x86q\tK\x03K\x01\x86q\n\x89h\x00)Rq\x0btq\x0cRq\rs."
)


def checkpoint(description: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("archive/data.pkl", description)
        archive.writestr("archive/data/0", np.arange(6, dtype="<f4").tobytes())
    return buffer.getvalue()


def test_the_checkpoint_that_is_changed_is_sound() -> None:
    [(name, weight)] = read_checkpoint(checkpoint(PICKLE)).items()
    assert name == "weight"
    assert np.array_equal(weight, np.arange(6).reshape(2, 3))


@inputs(700)
@given(edits=EDITS)
def test_a_changed_description_of_tensors_gives_tensors_or_an_error(edits: list[Edit]) -> None:
    tensors = accepts(lambda: read_checkpoint(checkpoint(edited(PICKLE, edits))), GuardError)
    assert tensors is None or all(isinstance(value, np.ndarray) for value in tensors.values())  # type: ignore[attr-defined]


@inputs(400)
@given(edits=EDITS, compression=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA]))
def test_a_changed_archive_gives_tensors_or_an_error(edits: list[Edit], compression: int) -> None:
    data = edited(checkpoint(PICKLE, compression), edits)
    accepts(lambda: read_checkpoint(data), GuardError)
    accepts(lambda: checkpoint_bytes(data), GuardError)
