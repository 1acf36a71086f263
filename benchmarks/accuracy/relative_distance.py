"""Does a distance relative to the dataset's own background tell copies from look-alikes better than the distance?

A pair's score is its distance, or that less (or over) the mean or median distance of the query to the k images of the
gallery that are nearest to it besides the pair's; or the same with the background of both images. Every copy is scored
against all of the gallery, the look-alikes included; every look-alike against all of the gallery but itself.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scoring import Copy, read_truth

from imgsim_guard.config.settings import Settings
from imgsim_guard.gate.workspace import open_store
from imgsim_guard.model import Candidate
from imgsim_guard.sources.folders import Folders, identified
from imgsim_guard.sources.selection import has_image_suffix

sys.path.append(str(Path(__file__).resolve().parent.parent))  # measuring.py is beside this folder
from measuring import report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Score = Callable[[Numbers, Numbers, Numbers], Numbers]
    """Distances [n, m], and the backgrounds of the queries and of the gallery images, both [n, m] -> scores [n, m]."""

PRECISION = 0.9

LEAST = 1e-4
"""Of a background that a distance is divided by: copies of the same bytes have none."""

CANDIDATES = 20
"""That imgsim-guard verifies for each new image."""

RETRIEVED = {True: "near", False: "far"}
"""Whether an image is among the CANDIDATES."""

SCORES: Mapping[str, Score] = {
    "less the query's mean": lambda distance, query, _: distance - query,
    "over the query's mean": lambda distance, query, _: distance / np.maximum(query, LEAST),
    "less the mean of both": lambda distance, query, gallery: distance - (query + gallery) / 2,
    "over the mean of both": lambda distance, query, gallery: 2 * distance / np.maximum(query + gallery, LEAST),
}


class Pairs(NamedTuple):
    """What is scored. `distances` [n, m]: of queries to the gallery, inf where both are one image; `among` [m, m]: of
    the gallery to itself, likewise; `right` [n, m]: where the query is a copy; `groups` [n]: the query's edit or its
    set of look-alikes; `copies` [n]: whether it is an edit.
    """

    distances: Numbers
    among: Numbers
    right: NDArray[np.bool_]
    groups: Sequence[str]
    copies: NDArray[np.bool_]


class Worth(NamedTuple):
    """What a score is worth at the highest threshold that keeps to PRECISION. Recall is a mean over edits.

    `by_pair`: of all pairs within the threshold so many are right. `by_image`: of all images whose nearest pair is
    within it, so many are copies of what it names, where copies weigh as much as all look-alikes, of which each set
    weighs the same. `nearest`: the picture is among the CANDIDATES nearest, without any threshold. `blocked`:
    look-alikes at the threshold of `by_image`, by set.
    """

    by_pair: float
    by_image: float
    nearest: float
    blocked: Mapping[str, int]


def main() -> None:
    options = _options()
    copies = read_truth(options.copies)
    sets = {name: _images([folder]) for name, folder in options.look_alikes}
    gallery = sorted({*_images([options.base, *options.gallery]), *(path for paths in sets.values() for path in paths)})
    held = [copy for copy in copies if copy.edit in options.held]
    copies = [_with_held(copy, held) for copy in copies if copy.edit not in options.held]
    gallery += [copy.path for copy in held]
    pairs = _pairs(copies, gallery, sets)
    worth = {"distance": _worth(pairs, pairs.distances)}
    for k in options.k:
        mean, both = _background(pairs, k, np.mean)
        median, _ = _background(pairs, k, np.median)
        worth |= {
            f"{name}, k = {k}": _worth(pairs, score(pairs.distances, mean, both)) for name, score in SCORES.items()
        }
        worth[f"less the query's median, k = {k}"] = _worth(pairs, pairs.distances - median)
    rows = [
        [
            "score",
            "recall by pair",
            "recall by image",
            f"among {CANDIDATES}",
            *(f"blocked, {name} ({len(sets[name])})" for name in sets),
        ]
    ]
    rows += [
        [
            name,
            f"{one.by_pair:.3f}",
            f"{one.by_image:.3f}",
            f"{one.nearest:.3f}",
            *(str(one.blocked[of]) for of in sets),
        ]
        for name, one in worth.items()
    ]
    figures = {
        "images": {
            "copies": len(copies),
            "gallery": len(gallery),
            **{name: len(paths) for name, paths in sets.items()},
        },
        "scores": {name: one._asdict() for name, one in worth.items()},
    }
    if options.verdicts is not None:
        left = _left(options.verdicts, copies, pairs, gallery)
        figures["left_by_verification"] = left
        rows += [[f"missed: {what}", str(count), *[""] * (2 + len(sets))] for what, count in left.items()]
    report(figures, rows, reference=sys.executable, target=options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--copies", required=True, type=Path, help="edited copies, with a ground_truth.csv")
    parser.add_argument("--base", required=True, type=Path, help="the pictures that they were made of")
    parser.add_argument("--gallery", nargs="+", default=[], type=Path, help="folders of other pictures")
    parser.add_argument("--look-alikes", nargs="+", required=True, type=_named, metavar="NAME=FOLDER")
    parser.add_argument("--k", nargs="+", default=[1, 5, 20, 100], type=int, help="neighbours that are the background")
    parser.add_argument("--held", nargs="+", default=[], metavar="EDIT", help="edits whose copies the gallery holds")
    parser.add_argument("--verdicts", type=Path, metavar="FILE", help="JSON of `scan COPIES --against` the gallery")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser.parse_args()


def _with_held(copy: Copy, held: Sequence[Copy]) -> Copy:
    """The same, with those of the copies in the gallery right that show what it shows."""
    return replace(copy, right=copy.right | {other.path for other in held if other.right & copy.right})


def _named(text: str) -> tuple[str, Path]:
    name, _, folder = text.partition("=")
    return name, Path(folder)


def _images(folders: Sequence[Path]) -> list[str]:
    files = (path for folder in folders for path in folder.rglob("*"))
    return sorted({os.path.realpath(path) for path in files if has_image_suffix(path.name) and path.is_file()})


def _pairs(copies: Sequence[Copy], gallery: Sequence[str], sets: Mapping[str, Sequence[str]]) -> Pairs:
    """A gallery image that has a query's bytes is not itself unless it is in a set of look-alikes."""
    alike = [(name, path) for name, paths in sets.items() for path in paths]
    paths = [*(copy.path for copy in copies), *(path for _, path in alike)]
    ours, theirs = _embeddings(paths), _embeddings(gallery)
    distances, among = _distances(ours, theirs), _distances(theirs, theirs)
    place = {path: number for number, path in enumerate(gallery)}
    right = np.zeros(distances.shape, bool)
    for number, copy in enumerate(copies):
        right[number, [place[path] for path in copy.right]] = True
    for number, (_, path) in enumerate(alike, start=len(copies)):
        distances[number, place[path]] = np.inf
    np.fill_diagonal(among, np.inf)
    groups = [*(copy.edit for copy in copies), *(name for name, _ in alike)]
    return Pairs(distances, among, right, groups, np.arange(len(paths)) < len(copies))


def _embeddings(paths: Sequence[str]) -> NDArray[np.float32]:
    """Of AugNet, embedded first where the cache lacks them."""
    subprocess.run([sys.executable, "-m", "imgsim_guard", "embed", *_folders(paths)], stdout=sys.stderr, check=True)
    store = open_store(Settings(), None)
    contents = [identified(path).content for path in paths]
    rows = store.find(contents)
    return np.asarray(store.embeddings([rows[content] for content in contents]), np.float32)


def _folders(paths: Iterable[str]) -> list[str]:
    return sorted({str(Path(path).parent) for path in paths})


def _distances(first: NDArray[np.float32], second: NDArray[np.float32]) -> Numbers:
    lengths = np.square(first).sum(axis=1)[:, None] + np.square(second).sum(axis=1)[None, :]
    return np.asarray(np.sqrt(np.maximum(lengths - 2 * (first @ second.T), 0)), np.float64)


def _background(pairs: Pairs, k: int, of: Callable[..., Numbers]) -> tuple[Numbers, Numbers]:
    """For each pair [n, m]: of the query's, and of the gallery image's distances to its k nearest but the other."""
    queries = _without_other(pairs.distances, k, of)
    gallery = np.broadcast_to(of(np.sort(pairs.among, axis=1)[:, :k], axis=1)[None, :], pairs.distances.shape)
    return queries, gallery


def _without_other(distances: Numbers, k: int, of: Callable[..., Numbers]) -> Numbers:
    """Row by row, of the k least but this one: of the k + 1 least without it, or of the k least if it is no such."""
    order = np.argsort(distances, axis=1, kind="stable")[:, : k + 1]
    least = np.take_along_axis(distances, order, axis=1)
    result = np.repeat(of(least[:, :k], axis=1)[:, None], distances.shape[1], axis=1)
    for own in range(k):
        np.put_along_axis(result, order[:, own : own + 1], of(np.delete(least, own, axis=1), axis=1)[:, None], axis=1)
    return result


def _worth(pairs: Pairs, scores: Numbers) -> Worth:
    finite = np.isfinite(pairs.distances)
    weights = np.ones(int(finite.sum()))
    by_pair = _recall(pairs, scores, _threshold(scores[finite], pairs.right[finite], weights))
    nearest = np.argmin(np.where(finite, scores, np.inf), axis=1)[:, None]
    best = np.take_along_axis(scores, nearest, axis=1)[:, 0]
    sizes = Counter(pairs.groups)
    strangers = {name for name, copied in zip(pairs.groups, pairs.copies, strict=True) if not copied}
    weights = np.array(
        [
            1 / pairs.copies.sum() if copied else 1 / len(strangers) / sizes[name]
            for name, copied in zip(pairs.groups, pairs.copies, strict=True)
        ]
    )
    threshold = _threshold(best, np.take_along_axis(pairs.right, nearest, axis=1)[:, 0], weights)
    blocked = Counter(name for name, score in zip(pairs.groups, best, strict=True) if score <= threshold)
    within = np.partition(np.where(finite, scores, np.inf), CANDIDATES - 1, axis=1)[:, CANDIDATES - 1 : CANDIDATES]
    return Worth(
        by_pair,
        _recall(pairs, scores, threshold),
        _recall(pairs, scores, within),
        {name: blocked[name] for name in sorted(strangers)},
    )


def _threshold(scores: Numbers, right: NDArray[np.bool_], weights: Numbers) -> float:
    """The highest score up to which so great a part of the weight is right."""
    order = np.argsort(scores, kind="stable")
    precision = np.cumsum((weights * right)[order]) / np.cumsum(weights[order])
    kept = np.flatnonzero(precision >= PRECISION)
    return float(scores[order[kept[-1]]]) if len(kept) else -np.inf


def _recall(pairs: Pairs, scores: Numbers, threshold: float | Numbers) -> float:
    found = np.any((scores <= threshold) & pairs.right, axis=1).tolist()
    by_edit: dict[str, list[bool]] = defaultdict(list)
    for name, copied, hit in zip(pairs.groups, pairs.copies, found, strict=True):
        if copied:
            by_edit[name].append(hit)
    return float(np.mean([np.mean(hits) for hits in by_edit.values()]))


def _left(verdicts: Path, copies: Sequence[Copy], pairs: Pairs, gallery: Sequence[str]) -> dict[str, int]:
    """Of the copies that a scan misses: whether their picture is retrieved, by which score, and what verification says
    of it when it is asked.
    """
    from imgsim_guard.verification.verifier import Verifier

    matches = json.loads(verdicts.read_text())["matches"]
    found = {(os.path.realpath(one["query"]), os.path.realpath(one["gallery"])) for one in matches if one["blocking"]}
    missed = [n for n, copy in enumerate(copies) if not any((copy.path, path) in found for path in copy.right)]
    both = SCORES["less the mean of both"](pairs.distances, *_background(pairs, CANDIDATES, np.mean))
    candidates, retrieved = [], []
    for number in missed:
        right = min(np.flatnonzero(pairs.right[number]), key=lambda place: pairs.distances[number, place])
        own = identified(copies[number].path)
        candidates.append(Candidate(own, identified(gallery[int(right)]), 0.0, near=True))
        ranks = [int((scores[number] < scores[number, right]).sum()) for scores in (pairs.distances, both)]
        retrieved.append(tuple(rank < CANDIDATES for rank in ranks))
    evidence = Verifier(Folders()).verify(candidates, lambda: None)
    return dict(
        Counter(
            f"{RETRIEVED[by]} by distance, {RETRIEVED[relative]} relative; {one.outcome}"
            for (by, relative), one in zip(retrieved, evidence, strict=True)
        )
    )


if __name__ == "__main__":
    main()
