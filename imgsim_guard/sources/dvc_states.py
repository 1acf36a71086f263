"""The images that DVC tracks in a state, the index or a revision, compared with the state before it."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from imgsim_guard.model import Image, Pointer, Unreadable, content_id
from imgsim_guard.sources.manifests import Pointed, read_lock, read_pointer
from imgsim_guard.sources.pipelines import PIPELINE
from imgsim_guard.sources.plain_yaml import ManifestError
from imgsim_guard.sources.selection import SUFFIXES, ImageFilter, is_dvc_file

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from imgsim_guard.sources.dvc import Dvc
    from imgsim_guard.sources.git import Git
    from imgsim_guard.sources.git_records import Change, Entry
    from imgsim_guard.sources.manifests import Stage

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
    same of those that are not new, and `not_listed`: how many files these are, as far as that is known. `stages`: those
    of the pipelines. `relocated`: the `unreadable` ones that have a new path and the same content.
    """

    held: Sequence[Image] = ()
    gained: Sequence[Image] = ()
    lost: Sequence[Image] = ()
    unreadable: tuple[tuple[str, Unreadable], ...] = ()
    notes: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    relocated: tuple[tuple[str, Unreadable], ...] = ()
    pointers: Mapping[str, Pointer] = {}
    not_listed: int = 0


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
        unreadable=(*found.unreadable, *unreadable),
        notes=(*found.notes, *notes),
        stages=tuple(stages),
        not_listed=found.not_listed + len(notes),
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
    not_listed = 0
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
            not_listed += pointed.out.size
            relocated.append((pointed.out.path, images))
        else:
            not_listed += pointed.out.size
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
    return Tracked(
        *three,
        tuple(unreadable),
        tuple(notes),
        relocated=tuple(relocated),
        pointers=pointers,
        not_listed=not_listed,
    )


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
