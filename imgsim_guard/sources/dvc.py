"""Images that DVC tracks: the outputs of `.dvc` and `dvc.lock` files in a revision or the index, and the bytes of those
images.

Everything is read from git and from DVC's cache. DVC itself is only called for files that are not on this machine.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.model import Image, Pointer, Unreadable, content_id, digest_of
from imgsim_guard.sources.dvc_cache import Caches
from imgsim_guard.sources.dvc_remote import Remote
from imgsim_guard.sources.folders import read_file
from imgsim_guard.sources.manifests import (
    NEVER_DOWNLOADED,
    File,
    Pointed,
    read_lock,
    read_manifest,
    read_pointer,
    write_manifest,
)
from imgsim_guard.sources.pipelines import PIPELINE
from imgsim_guard.sources.plain_yaml import ManifestError
from imgsim_guard.sources.selection import SUFFIXES, ImageFilter, is_dvc_file
from imgsim_guard.system.files import leads_out

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from imgsim_guard.sources.git import Change, Entry, Git
    from imgsim_guard.sources.manifests import Out, Stage

LARGEST_POINTER = 2**25
"""Largest pointer that is read, in bytes. A dvc.lock with a hundred thousand outputs has half of that."""


A_LINK = re.compile(rb"[^\n:]*(\.dvc|dvc\.lock)")
"""The text of a link to a pointer, which is the path that it leads to."""

A_FILE = re.compile(
    r"\.(csv|tsv|jsonl?|ya?ml|toml|txt|md|xml|html?|pdf|pt|pth|ckpt|onnx|h5|hdf5|pkl|pickle|joblib|npy|npz|bin|safetensors"
    r"|tflite|pb|zip|tar|gz|tgz|bz2|xz|zst|7z|rar|mp3|mp4|mov|avi|wav|py|ipynb|log|db|sqlite)$",
    re.IGNORECASE,
)
"""Suffixes of files that are neither folders nor images, for outputs of which only the name is known."""

Listed = tuple[str, str]
"""A path and an MD5. An `Image` for each of a million files takes longer to make than the files take to compare."""


IsImage = Callable[[str], bool]


class Tracked(NamedTuple):
    """What DVC tracks in a state (the index or a revision), compared with the state before it.

    `held`: every image that could be listed, each once. `gained`, `lost`: images that are only in the new state, or
    only in the old one. `unreadable`: new pointers or outputs whose images could not be listed, by path. `notes`: the
    same of those that are not new. `relocated`: the `unreadable` ones that have a new path and the same content.
    `stages`: the stages of the pipelines.
    """

    held: Sequence[Image] = ()
    gained: Sequence[Image] = ()
    lost: Sequence[Image] = ()
    unreadable: tuple[tuple[str, Unreadable], ...] = ()
    notes: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    relocated: tuple[tuple[str, Unreadable], ...] = ()
    pointers: Mapping[str, Pointer] = {}


class Dvc:
    """DVC's part of a repository. `revision`: the commit to read; None for the index."""

    def __init__(self, git: Git, revision: str | None) -> None:
        self._git = git
        self._caches = Caches(git.worktrees())
        self._remote = Remote(git.root, lambda: revision or git.index_commit())

    def read(self, image: Image) -> bytes | Unreadable:
        """The image's bytes from DVC's cache, else from the workspace, else from the remote (with the extra `dvc`)."""
        md5 = digest_of(image.content)
        damaged = False
        for data in self._attempts(image.path, md5):
            if isinstance(data, bytes):
                if _md5(data) == md5:
                    return data
                damaged = True
        command = self.command("pull", image.path)
        why = "DVC's copy of it is not what was committed" if damaged else "not on this machine"
        return Unreadable(f"{why}; run {command}", absent=True)

    def at_hand(self, image: Image) -> bool:
        """Whether the bytes seem to be on this machine. Opens no file."""
        cached = self._caches.object(image.path, digest_of(image.content))
        file = self._git.root / image.path
        return cached is not None or (file.is_file() and not leads_out(file, self._git.root))

    def files(self, pointed: Pointed, *, new: bool) -> Sequence[File] | Unreadable:
        """The files of an output, by their path within it. The path of an output that is one file is empty.

        The list comes from the cache or, with the extra `dvc`, from the remote. If the output is `new`, the workspace
        is hashed, too.
        """
        out, pointer = pointed.out, pointed.pointer
        if out.problem:
            advice = f"; run {self.command('update', pointer)}" if out.problem == NEVER_DOWNLOADED else ""
            return Unreadable(f"{pointer}: {out.problem}{advice}", absent=True)
        if not out.is_directory:
            return [File("", out.md5)]
        if out.files is not None:
            return out.files
        return self._listed(out, pointer, new=new)

    def pointer(self, pointed: Pointed) -> Pointer:
        """The pointer of an output, with the paths that messages need."""
        return Pointer(pointed.pointer, pointed.out.path, self._caches.project(pointed.pointer))

    def _listed(self, out: Out, pointer: str, *, new: bool) -> Sequence[File] | Unreadable:
        """The files of a directory. A list is accepted from anywhere if its MD5 is that of the output."""
        cached = self._caches.object(out.path, f"{out.md5}.dir")
        data = read_file(str(cached)) if cached is not None else None
        if isinstance(data, bytes) and _md5(data) == out.md5:
            try:
                return read_manifest(data)
            except ManifestError as error:
                return Unreadable(f"{pointer}: its list of files is not valid: {error}", absent=True)
        for look in (*([self._in_workspace] if new else []), self._remote.files):
            found = look(out.path)
            if found and _md5(write_manifest(found)) == out.md5:
                return found
        command = self.command("pull", pointer if pointer.endswith(".dvc") else out.path)
        what = "is not in DVC's cache" if cached is None else f"is damaged in DVC's cache: delete {cached}"
        reason = f"{pointer}: its list of files {what}; run {command}, or dvc commit after dvc add --no-commit"
        return Unreadable(reason, absent=True)

    def _in_workspace(self, path: str) -> list[File]:
        """The files of the folder in the workspace, which may differ from the files that were added."""
        folder, root = self._git.root / path, self._git.root
        files = []
        for file in folder.rglob("*") if folder.is_dir() and not leads_out(folder, root) else ():
            data = read_file(str(file)) if file.is_file() and not leads_out(file, root) else None
            if isinstance(data, bytes):
                files.append(File(file.relative_to(folder).as_posix(), _md5(data)))
        return files

    def _attempts(self, path: str, md5: str) -> Iterator[bytes | Unreadable | None]:
        cached = self._caches.object(path, md5)
        if cached is not None:
            yield read_file(str(cached))
        file = self._git.root / path
        yield read_file(str(file)) if not leads_out(file, self._git.root) else None
        yield self._remote.read(path)

    def command(self, name: str, target: str) -> str:
        """A DVC command for a path that it tracks, to run in the root of the git repository."""
        project = self._caches.project(target)
        below = f"--cd {project} " if project else ""
        return f"dvc {below}{name} {posixpath.relpath(target, project or '.')}"


def tracked_by_dvc(
    git: Git, states: tuple[Dvc, Dvc], entries: Iterable[Entry], changes: Iterable[Change], is_image: IsImage
) -> Tracked:
    """What DVC tracks in the state with these entries, after these changes. `states`: DVC before and
    after the changes.
    """
    there = {entry.path: entry.blob for entry in entries if _is_of_dvc(entry.path)}
    changed = {change.path: change.old for change in changes if _is_of_dvc(change.path)}
    if not any(is_dvc_file(path) for path in (*there, *changed)):
        return Tracked()
    now, damaged, stages = _pointed(there, _Texts(git, entries))
    earlier, _, _ = _pointed([path for path, old in changed.items() if old], _Texts(git, entries, changes))
    found = _compared(states, now=now, earlier=earlier, changed=changed.keys(), is_image=is_image)
    unreadable = [(path, why) for path, why in damaged if path in changed]
    notes = [f"the images of {path} were not compared: {why.reason}" for path, why in damaged if path not in changed]
    return found._replace(
        unreadable=(*found.unreadable, *unreadable), notes=(*found.notes, *notes), stages=tuple(stages)
    )


def outs_with_images(git: Git, dvc: Dvc, entries: Iterable[Entry], is_image: Callable[[str], bool]) -> list[str]:
    """The paths of the outputs that hold images, or that may hold images because their list of files is not on this
    machine.
    """
    there = [entry.path for entry in entries if _is_of_dvc(entry.path)]
    pointed, _, _ = _pointed(there, _Texts(git, entries))
    return sorted({one.out.path for one in pointed if _listed(dvc, one, is_image, new=False)})


class _Texts:
    """The bytes of the files of a state or, given `changes`, of the state before them. Reads all DVC files at once."""

    def __init__(self, git: Git, entries: Iterable[Entry], changes: Iterable[Change] = ()) -> None:
        self._git = git
        self._blobs: dict[str, str | None] = {entry.path: entry.blob for entry in entries}
        self._blobs |= {change.path: change.old for change in changes}
        own = {blob for path, blob in self._blobs.items() if blob and _is_of_dvc(path)}
        self._read = git.blobs(own, largest=LARGEST_POINTER)

    def __call__(self, path: str) -> bytes | None:
        """None if there is no such file, if it is too large, or if this clone lacks it."""
        blob = self._blobs.get(path)
        if blob and blob not in self._read and not _is_of_dvc(path):
            self._read |= self._git.blobs([blob], largest=LARGEST_POINTER)
        return self._read.get(blob or "")


def _pointed(pointers: Iterable[str], read: _Texts) -> tuple[list[Pointed], list[tuple[str, Unreadable]], list[Stage]]:
    """The outputs of these pointers, the pointers that cannot be read, and the stages of the pipelines."""
    found: list[Pointed] = []
    damaged = []
    stages: list[Stage] = []
    for path in filter(is_dvc_file, pointers):
        text = read(path)
        if text is None:
            damaged.append((path, Unreadable("it is too large, or not in this clone", absent=True)))
            continue
        if A_LINK.fullmatch(text):
            damaged.append(
                (path, Unreadable("it is a link, which is not followed; replace it by the file", absent=True))
            )
            continue
        try:
            if path.endswith(".dvc"):
                found.extend(Pointed(out, path) for out in read_pointer(path, text))
            else:
                pointed, known = read_lock(path, text, read)
                found.extend(pointed)
                stages.extend(known)
        except ManifestError as error:
            damaged.append((path, Unreadable(str(error), absent=True)))
    return found, damaged, stages


def _compared(
    states: tuple[Dvc, Dvc],
    *,
    now: list[Pointed],
    earlier: list[Pointed],
    changed: Container[str],
    is_image: IsImage,
) -> Tracked:
    before, after = states
    outs_now, outs_earlier = {pointed.out for pointed in now}, {pointed.out for pointed in earlier}
    gone = [pointed for pointed in earlier if pointed.out not in outs_now]
    moved = Counter(pointed.out.md5 for pointed in gone if pointed.out.md5)
    held: dict[Listed, None] = {}  # keeps its order, unlike a set
    gained: set[Listed] = set()
    pointers: dict[str, Pointer] = {}
    unreadable, left_out, relocated, notes = [], [], [], []
    for pointed in now:
        new = pointed.pointer in changed and (bool(pointed.out.problem) or pointed.out not in outs_earlier)
        images = _listed(after, pointed, is_image, new=new)
        if not isinstance(images, Unreadable):
            held |= dict.fromkeys(images)
            gained.update(images if new else ())
            pointers |= dict.fromkeys((path for path, _ in images), after.pointer(pointed)) if new else {}
        elif new and not moved[pointed.out.md5]:
            unreadable.append((pointed.out.path, images))
        elif new:
            moved[pointed.out.md5] -= 1
            relocated.append((pointed.out.path, images))
        else:
            left_out.append((pointed.out.path, images))
    left_out += relocated
    added = {pointed.out.path for pointed in now} - {path for path, _ in (*unreadable, *left_out)}
    left, lost = set(gained), set[Listed]()
    for pointed in gone:
        images = _listed(before, pointed, is_image, new=False)
        if not isinstance(images, Unreadable):
            left.difference_update(images)
            lost.update(image for image in images if image not in gained)
        elif pointed.out.path in added:
            notes.append(
                f"all images of {pointed.out.path} count as new, because the previous list is not on this machine"
            )
    if left_out:
        (path, why), more = left_out[0], f" and {len(left_out) - 1:,} more" if len(left_out) > 1 else ""
        notes.append(f"the images of {path}{more} were not compared: {why.reason}")
    three = (_images(held), _images(left), _images(lost))
    return Tracked(*three, tuple(unreadable), tuple(notes), relocated=tuple(relocated), pointers=pointers)


def _listed(dvc: Dvc, pointed: Pointed, is_image: IsImage, *, new: bool) -> list[Listed] | Unreadable:
    out = pointed.out
    if not _may_hold_images(pointed, is_image):
        return []
    files = dvc.files(pointed, new=new)
    if isinstance(files, Unreadable):
        return files
    if not out.is_directory:
        return [(out.path, file.md5) for file in files]
    paths = ((f"{out.path}/{file.path}", file.md5) for file in files)
    return [listed for listed in paths if is_image(listed[0])]


def _may_hold_images(pointed: Pointed, is_image: IsImage) -> bool:
    """Whether an output is an image of the dataset, or a folder that may have images."""
    out = pointed.out
    if out.path == pointed.pointer:  # the path of the output is not known
        return True
    may_be_folder = out.is_directory or (out.problem and not A_FILE.search(out.path) and not SUFFIXES.search(out.path))
    reached = is_image.reaches(out.path) if isinstance(is_image, ImageFilter) else True
    return is_image(out.path) or bool(may_be_folder and reached)


def _images(listed: Iterable[Listed]) -> list[Image]:
    return [Image(path, content_id("md5", md5)) for path, md5 in listed]


def _is_of_dvc(path: str) -> bool:
    """Whether a path is a `.dvc` file, a `dvc.lock`, or a file that a `dvc.lock` is read with."""
    return path.endswith((".dvc", "dvc.lock", PIPELINE)) and (is_dvc_file(path) or posixpath.basename(path) == PIPELINE)


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
