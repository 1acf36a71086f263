"""Of pictures that programs draw, kind by kind: how many different pairs are blocked, and how many copies found?

Each pair is given to each method: to verification by pixels, to pHash (10 of 64 bits) and to AugNet's distance (10).
Copies are the picture as JPEG of quality 80, at two thirds of its size, and cropped by 6 pixels on every side.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from drawn import DRAWN, draw_drawn

from imgsim_guard import distance, embed
from imgsim_guard.verification.pair import verify
from imgsim_guard.verification.prepared import prepare

sys.path.append(str(Path(__file__).resolve().parent.parent))  # measuring.py is beside this folder
from measuring import report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Same = Callable[[Path, Path], bool]

THRESHOLD = 10
COPIED = 2
"""Pictures of each kind that are copied."""


class Pairs(NamedTuple):
    """Pairs of different pictures of one kind, and of a picture and its copy."""

    different: list[tuple[Path, Path]]
    copies: list[tuple[Path, Path]]

    def counts(self, same: Same) -> list[int]:
        """How many of each a method says to be the same."""
        return [sum(same(*pair) for pair in pairs) for pairs in self]


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as place:
        folder = options.keep or Path(place, "drawn")
        kinds = {name: _pairs(paths[: options.pictures]) for name, paths in draw_drawn(folder)}
        methods = _methods(list(kinds.values()), augnet=not options.without_augnet)
        figures = {
            name: {method: pairs.counts(same) for method, same in methods.items()} for name, pairs in kinds.items()
        }
    figures["all"] = {method: np.sum([row[method] for row in figures.values()], axis=0).tolist() for method in methods}
    sizes = {name: [len(pairs.different), len(pairs.copies)] for name, pairs in kinds.items()}
    sizes["all"] = np.sum(list(sizes.values()), axis=0).tolist()
    rows = [["different blocked / copies found", "pairs", *methods]]
    rows += [
        [name, *("{} / {}".format(*pair) for pair in (sizes[name], *row.values()))] for name, row in figures.items()
    ]
    report({"pairs": sizes, "same": figures}, rows, reference=sys.executable, target=options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="draw the pictures there; it must not exist yet")
    parser.add_argument(
        "--pictures", type=int, default=DRAWN, help=f"different pictures of each kind (default: {DRAWN})"
    )
    parser.add_argument("--without-augnet", action="store_true", help="leave AugNet out, which takes most of the time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser.parse_args()


def _pairs(paths: list[Path]) -> Pairs:
    return Pairs(list(combinations(paths, 2)), [(path, copy) for path in paths[:COPIED] for copy in _copies(path)])


def _copies(path: Path) -> list[Path]:
    picture = _read(path)
    saved, smaller, cropped = (path.with_name(path.stem + ending) for ending in (".jpg", "-small.png", "-cropped.png"))
    cv2.imwrite(str(saved), picture, [cv2.IMWRITE_JPEG_QUALITY, 80])
    cv2.imwrite(str(smaller), cv2.resize(picture, None, fx=2 / 3, fy=2 / 3, interpolation=cv2.INTER_AREA))
    cv2.imwrite(str(cropped), picture[6:-6, 6:-6])
    return [saved, smaller, cropped]


def _methods(kinds: Sequence[Pairs], *, augnet: bool) -> dict[str, Same]:
    paths = sorted({path for pairs in kinds for both in pairs for pair in both for path in pair})
    prepared = {path: prepare(_read(path)) for path in paths}
    hashes = {path: _phash(_read(path)) for path in paths}
    methods: dict[str, Same] = {
        "imgsim-guard": lambda one, two: verify(prepared[one], prepared[two]).outcome == "confirmed",
        "pHash": lambda one, two: int((hashes[one] != hashes[two]).sum()) <= THRESHOLD,
    }
    if augnet:
        rows = dict(zip(paths, embed(paths), strict=True))
        methods["bare AugNet"] = lambda one, two: distance(rows[one], rows[two]) <= THRESHOLD
    return methods


def _read(path: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path))
    if picture is None:
        sys.exit(f"{path} cannot be read")
    return np.asarray(picture, np.uint8)


def _phash(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(8, 8) signs of the lowest frequencies about their median, as imagehash has them."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    frequencies = cv2.dct(cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32))[:8, :8]
    return np.asarray(frequencies > np.median(frequencies))


if __name__ == "__main__":
    main()
