"""DVC's files, read without DVC: the outputs of a `.dvc` file or a `dvc.lock`, and the list of files of a directory.

The files come from commits, so from anybody: a file that is not as DVC writes it raises ManifestError. Unknown keys are
skipped, since every version of DVC adds some.
"""

from __future__ import annotations

import json
import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.sources.pipelines import PIPELINE, Pipeline
from imgsim_guard.sources.plain_yaml import ManifestError, mapping, parsed, text_of, word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

OWN_FOLDER = ".imgsim-guard/"
"""The folder of the tracked store of embeddings, in the root or in a DVC project. In the root it is never part of the
dataset. In other places `images:` excludes it, so that a folder of images cannot be hidden by this name.
"""

NEVER_DOWNLOADED = "it has no checksum yet, because it was never downloaded"

_MD5 = re.compile(r"[0-9a-f]{32}")
_CHECKSUM = re.compile(r"([0-9a-f]{32})(\.dir)?")
_NUMBER = re.compile(r"[0-9]{1,18}")
_UNUSUAL_PATH = re.compile(r"(^|[/\\])\.\.([/\\]|$)|^[/\\]|\0|^[A-Za-z]:[/\\]|^\w+://")
"""Paths that lead out of the folder, on Windows too: a backslash separates folders there, and two
name another machine.
"""

_AS_DVC_WRITES_IT = re.compile(
    r"outs:\n- md5: '?([0-9a-f]{32})'?\n  size: \d+\n(?:  hash: md5\n)?  path: ([A-Za-z_][\w./-]*)\n"
)
"""A pointer to one file as `dvc add` writes it. 10,000 of them take 0.10 s, and 0.43 s with the YAML parser."""


_USUAL_FILE = re.compile(r'\{"md5": "([0-9a-f]{32})", "relpath": "([^"\\/:\0-\x1f][^"\\:\0-\x1f]*)"\}(?:, (?=\{)|\]\Z)')
"""An entry of a list of files as DVC writes it, and the separator after it. 300,000 entries take 0.77 s, and 1.65 s
with orjson and the same checks of each path. Escaped and unusual paths do not match.
"""

_AROUND_A_PATH = len('{"md5": "", "relpath": ""}, ') + 32
"""Characters of such an entry besides its path."""


class File(NamedTuple):
    """A file of a directory: its path in the directory, and the MD5 of its bytes in hex."""

    path: str
    md5: str


class Out(NamedTuple):
    """An output of a pointer.

    `path` is relative to the root of the repository. `md5` is that of the file's bytes or, for a directory
    (`is_directory`), that of its list of files. The list is in `files` if the pointer contains it. `md5` is empty if
    none is recorded; then `problem` says why the output cannot be read. `size`: how many files a directory is said to
    have, 1 for a file and if that is not said.
    """

    path: str
    md5: str
    is_directory: bool = False
    files: tuple[File, ...] | None = None
    problem: str = ""
    size: int = 1


class Stage(NamedTuple):
    """A stage of a pipeline: its name for DVC's commands, its dependencies, and all its outputs, whether DVC keeps them
    or not. Paths are relative to the root of the repository.
    """

    name: str
    dependencies: tuple[str, ...]
    outputs: tuple[str, ...]


class Pointed(NamedTuple):
    """An output, the path of its pointer, and the name of the stage that makes it; empty for `dvc add` and imports."""

    out: Out
    pointer: str
    stage: str = ""


def read_pointer(path: str, data: bytes, *, own: bool = False) -> list[Out]:
    """The outputs in a `.dvc` file at this path. Raises ManifestError.

    Outputs in the folder of imgsim-guard, such as the store of embeddings, are only included with `own`.
    """
    text = text_of(data)
    if usual := _AS_DVC_WRITES_IT.fullmatch(text):
        md5, name = usual.groups()
        return list(_outs([{"md5": md5, "path": name}], posixpath.dirname(path), own=own))
    document = mapping(parsed(text), "the file")
    working = word(document.get("wdir", "."), "wdir")
    return list(_outs(document.get("outs", []), posixpath.join(posixpath.dirname(path), working), own=own))


def read_lock(
    path: str, data: bytes, read: Callable[[str], bytes | None], *, own: bool = False
) -> tuple[list[Pointed], list[Stage]]:
    """The outputs in a `dvc.lock` at this path that DVC keeps, and its stages. Raises ManifestError.

    `read` returns the bytes of another file, or None. The `dvc.yaml` beside the lock file has each stage's working
    directory and the outputs that DVC does not keep, which may be templates with parameters from further files. If they
    cannot be determined, an output has the path of the lock file, and the reason in `problem`.
    """
    document = mapping(parsed(text_of(data)), "the file")
    stages = document.get("stages") if "schema" in document else document  # schema 1 had neither key
    pipeline = Pipeline(posixpath.dirname(path), read)
    pointed: list[Pointed] = []
    known: list[Stage] = []
    for name, stage in mapping(stages or {}, "stages").items():
        outs = mapping(stage, name).get("outs", [])
        address = name if path == "dvc.lock" else f"{posixpath.dirname(path)}/{PIPELINE}:{name}"
        try:
            declared = pipeline.stage(name)
        except ManifestError as error:
            pointed += [Pointed(Out(path, "", problem=f"where {name} works cannot be told: {error}"), path, address)]
            continue
        folder = posixpath.join(posixpath.dirname(path), declared.working)
        found = _outs(outs, folder, own=own, leave_out=declared.not_kept)
        pointed += [Pointed(out, path, address) for out in found]
        known.append(Stage(address, _paths(mapping(stage, name).get("deps"), folder), _paths(outs, folder)))
    return pointed, known


def _paths(entries: object, folder: str) -> tuple[str, ...]:
    """The paths of a stage's dependencies or outputs, without those outside the repository."""
    names = [entry.get("path") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    paths = [posixpath.normpath(posixpath.join(folder, name)) for name in names if isinstance(name, str) and name]
    return tuple(path for path in paths if not _UNUSUAL_PATH.search(path))


def read_manifest(data: bytes) -> tuple[File, ...]:
    """A directory's list of files, as DVC keeps it in its cache. Raises ManifestError."""
    if usual := _as_dvc_writes_it(data):
        return usual
    try:
        entries = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ManifestError("it is not JSON") from error
    if not isinstance(entries, list):
        raise ManifestError("it is not a list of files")
    return _files(entries)


def write_manifest(files: Iterable[File]) -> bytes:
    """The list of files as DVC writes it: its MD5 is the directory's checksum."""
    entries = [{"md5": file.md5, "relpath": file.path} for file in sorted(files)]
    return json.dumps(entries, sort_keys=True).encode()


def _as_dvc_writes_it(data: bytes) -> tuple[File, ...] | None:
    """The files of a list whose entries all match `_USUAL_FILE`; None for any other list."""
    if not data.isascii() or b".." in data:
        return None
    text = data.decode()
    found = tuple(File(path, md5) for md5, path in _USUAL_FILE.findall(text))
    # And [ before them; ] is one character shorter than ", ".
    length = sum(len(file.path) + _AROUND_A_PATH for file in found)
    return found if text.startswith("[") and length == len(text) else None


def _outs(entries: object, folder: str, *, own: bool, leave_out: frozenset[str] = frozenset()) -> Iterator[Out]:
    if not isinstance(entries, list):
        raise ManifestError("its outputs are not a list")
    for entry in entries:
        out = mapping(entry, "an output")
        name = word(out.get("path"), "the path of an output")
        if name in leave_out or out.get("cache") == "false":
            continue  # DVC does not keep it: git does, or nobody
        path = name if "://" in name else posixpath.normpath(posixpath.join(folder, name))
        if f"/{OWN_FOLDER}" in f"/{path}/" if own else not path.startswith(OWN_FOLDER):
            yield _out(path, out)


def _out(path: str, entry: Mapping[str, object]) -> Out:
    if path == "." or _UNUSUAL_PATH.search(path):
        return Out(path, "", problem="its path is outside the repository")
    size = _count(path, entry.get("nfiles"))
    if entry.get("files"):  # a remote that keeps versions by itself: no list of files but this one
        files = _files(entry["files"])
        missing = size - len(files)
        problem = f"{missing:,} of its files are not listed; run dvc push again" if missing > 0 else ""
        return Out(path, "", is_directory=True, files=files, problem=problem, size=max(1, size))
    if "md5" not in entry:
        return Out(path, "", problem=NEVER_DOWNLOADED)
    checksum = _CHECKSUM.fullmatch(word(entry["md5"], "md5"))
    if checksum is None:
        raise ManifestError(f"the checksum of {path} is not an MD5")
    return Out(path, checksum[1], is_directory=checksum[2] is not None, size=max(1, size))


def _count(path: str, told: object) -> int:
    """How many files an output is said to have; 0 if that is not said."""
    if told is None:
        return 0
    if not isinstance(told, str) or not _NUMBER.fullmatch(told):
        raise ManifestError(f"the number of files of {path} is no number")
    return int(told)


def _files(entries: object) -> tuple[File, ...]:
    if not isinstance(entries, list):
        raise ManifestError("its files are not a list")
    return tuple(_file(entry) for entry in entries)


def _file(entry: object) -> File:
    if not isinstance(entry, dict):
        raise ManifestError("one of its files is not a mapping")
    path, md5 = entry.get("relpath"), entry.get("md5")
    if not isinstance(path, str) or not path or _UNUSUAL_PATH.search(path):
        raise ManifestError(f"it lists a file at {path!r}")
    if not isinstance(md5, str) or not _MD5.fullmatch(md5):
        raise ManifestError(f"it lists no checksum for {path}")
    return File(path, md5)
