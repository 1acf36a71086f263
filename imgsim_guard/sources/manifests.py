"""DVC's files, read without DVC: what a `.dvc` file or a `dvc.lock` points to, and the list of files of a directory.

They come from strangers, like everything in a commit: what is not as it must be is a ManifestError, never a guess.
Keys that are not known here are skipped, since every version of DVC adds some.
"""

from __future__ import annotations

import json
import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from imgsim_guard.config.strict_yaml import Words

OWN_FOLDER = ".imgsim-guard/"
"""The tracked store of embeddings is in there. It is no part of the dataset."""

_MD5 = re.compile(r"[0-9a-f]{32}")
_CHECKSUM = re.compile(r"([0-9a-f]{32})(\.dir)?")
_NUMBER = re.compile(r"[0-9]{1,18}")
_UNUSUAL_PATH = re.compile(r"(^|[/\\])\.\.([/\\]|$)|^[/\\]|\0|^[A-Za-z]:[/\\]|^\w+://")
"""Those of Windows included, wherever they are read: there a backslash is a slash, and two lead to another machine."""

_AS_DVC_WRITES_IT = re.compile(
    r"outs:\n- md5: '?([0-9a-f]{32})'?\n  size: \d+\n(?:  hash: md5\n)?  path: ([A-Za-z_][\w./-]*)\n"
)
"""A pointer to one file as `dvc add` writes it: ten thousand of them take 0.06 s, and 0.5 s with the YAML parser."""


_USUAL_FILE = re.compile(r'\{"md5": "([0-9a-f]{32})", "relpath": "([^"\\/:\0-\x1f][^"\\:\0-\x1f]*)"\}(?:, (?=\{)|\]\Z)')
"""An entry of a list of files as DVC writes it, with what separates it from the next: a million take a second, and
three as JSON. What is escaped, and a path that might be unusual, is none.
"""

_AROUND_A_PATH = len('{"md5": "", "relpath": ""}, ') + 32
"""Characters of such an entry, but for its path."""


class File(NamedTuple):
    """One file of a directory: its path in there, and the MD5 of its bytes in hex."""

    path: str
    md5: str


class Out(NamedTuple):
    """What one entry of a pointer stands for.

    `path` is relative to the root of the repository. `md5` is that of the file's bytes or, of a directory
    (`is_directory`), that of its list of files, which is elsewhere unless `files` holds it. It is empty when none is
    recorded; then `problem` says why nothing can be looked up.
    """

    path: str
    md5: str
    is_directory: bool = False
    files: tuple[File, ...] | None = None
    problem: str = ""


class ManifestError(Exception):
    """The bytes are not what DVC writes there. The text says in which way."""


def read_pointer(path: str, data: bytes, pipeline: bytes | None = None, *, own: bool = False) -> list[Out]:
    """The outputs in a `.dvc` file or a `dvc.lock` at this path. Raises ManifestError.

    Those in this tool's own folder, such as the store of embeddings, are no part of the dataset: only with `own`.
    `pipeline` is the `dvc.yaml` beside a `dvc.lock`: only it tells a stage's working directory and which outputs DVC
    does not keep. Without it, or where it is damaged or computes them, the lock file's folder and all outputs count.
    """
    text = _text(data)
    if usual := _AS_DVC_WRITES_IT.fullmatch(text):
        md5, name = usual.groups()
        return list(_outs([{"md5": md5, "path": name}], posixpath.dirname(path), own=own))
    document = _mapping(_parsed(text), "the file")
    folder = posixpath.dirname(path)
    if posixpath.basename(path) != "dvc.lock":
        working = _word(document.get("wdir", "."), "wdir")
        return list(_outs(document.get("outs", []), posixpath.join(folder, working), own=own))
    stages = document.get("stages") if "schema" in document else document  # before schema 2.0 there was neither
    known = _stages(pipeline)
    found: list[Out] = []
    for name, stage in _mapping(stages or {}, "stages").items():
        working, not_kept = _declared(known, name)
        outs = _mapping(stage, name).get("outs", [])
        found.extend(_outs(outs, posixpath.join(folder, working), own=own, leave_out=not_kept))
    return found


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
    """The files of a list that has none but usual entries, one after the other."""
    if not data.isascii() or b".." in data:
        return None
    text = data.decode()
    found = tuple(File(path, md5) for md5, path in _USUAL_FILE.findall(text))
    length = sum(len(file.path) + _AROUND_A_PATH for file in found)  # and [ before them; ] takes one place less than ,
    return found if text.startswith("[") and length == len(text) else None


def _outs(entries: object, folder: str, *, own: bool, leave_out: frozenset[str] = frozenset()) -> Iterator[Out]:
    if not isinstance(entries, list):
        raise ManifestError("its outputs are not a list")
    for entry in entries:
        out = _mapping(entry, "an output")
        name = _word(out.get("path"), "the path of an output")
        if name in leave_out or out.get("cache") == "false":
            continue  # DVC does not keep it: git does, or nobody
        path = name if "://" in name else posixpath.normpath(posixpath.join(folder, name))
        if f"{path}/".startswith(OWN_FOLDER) == own:
            yield _out(path, out)


def _out(path: str, entry: Mapping[str, object]) -> Out:
    if path == "." or _UNUSUAL_PATH.search(path):
        return Out(path, "", problem="its path is not one within the repository")
    if entry.get("files"):  # a remote that keeps versions by itself: no list of files but this one
        files = _files(entry["files"])
        missing = _count(path, entry.get("nfiles")) - len(files)
        problem = f"{missing:,} of its files are not listed; run dvc push again" if missing > 0 else ""
        return Out(path, "", is_directory=True, files=files, problem=problem)
    if "md5" not in entry:
        return Out(path, "", problem="no checksum of it is recorded yet, since it was never downloaded; run dvc update")
    checksum = _CHECKSUM.fullmatch(_word(entry["md5"], "md5"))
    if checksum is None:
        raise ManifestError(f"the checksum of {path} is no MD5")
    return Out(path, checksum[1], is_directory=checksum[2] is not None)


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
        raise ManifestError("one of its files is no mapping")
    path, md5 = entry.get("relpath"), entry.get("md5")
    if not isinstance(path, str) or not path or _UNUSUAL_PATH.search(path):
        raise ManifestError(f"it lists a file at {path!r}")
    if not isinstance(md5, str) or not _MD5.fullmatch(md5):
        raise ManifestError(f"it lists no checksum for {path}")
    return File(path, md5)


def _stages(pipeline: bytes | None) -> Mapping[str, object]:
    """The stages of a `dvc.yaml`; none where it cannot be read, which is DVC's to complain about."""
    try:
        stages = _mapping(_parsed(_text(pipeline or b"")), "the file").get("stages")
    except ManifestError:
        return {}
    return stages if isinstance(stages, dict) else {}


def _declared(stages: Mapping[str, object], name: str) -> tuple[str, frozenset[str]]:
    """A stage's working directory, and the outputs that DVC does not keep. `name@item` is one of a template's many."""
    template, _, item = name.partition("@")
    stage = stages.get(name, stages.get(template))
    if isinstance(stage, dict) and isinstance(stage.get("do"), dict):
        stage = stage["do"]
    if not isinstance(stage, dict):
        return ".", frozenset()

    def filled_in(text: str) -> str:
        return re.sub(r"\$\{\s*(item|key)\s*\}", lambda _: item, text)

    not_kept = set()
    for kind in ("outs", "metrics", "plots"):
        for out in stage[kind] if isinstance(stage.get(kind), list) else ():
            for path, options in out.items() if isinstance(out, dict) else ():
                if isinstance(options, dict) and options.get("cache") == "false":
                    not_kept.add(filled_in(path))
    working = stage.get("wdir", ".")
    working = filled_in(working) if isinstance(working, str) else "."
    return "." if "${" in working else working, frozenset(not_kept)


def _mapping(value: object, what: str) -> dict[str, Words]:
    if not isinstance(value, dict):
        raise ManifestError(f"{what} is not a mapping")
    return value


def _word(value: object, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise ManifestError(f"{what} is missing")
    return value


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ManifestError("it is not text in UTF-8") from error


def _parsed(text: str) -> Words:
    from imgsim_guard.config.strict_yaml import (  # which takes longer than pointers that need none
        YamlError,
        parse_words,
    )

    try:
        return parse_words(text)
    except YamlError as error:
        raise ManifestError(f"{error.message} (line {error.mark.line})") from error
