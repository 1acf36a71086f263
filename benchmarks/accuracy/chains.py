"""Copies that were edited one to five times, as those of the DISC21 challenge: chains of edits of the library AugLy.

It runs in an environment of its own, since AugLy wants old versions of NumPy and Pillow:

  python3.11 -m venv augly
  augly/bin/pip install augly "numpy<1.24" "pillow<10" "opencv-python-headless<4.9"    (and libmagic from the system)
  augly/bin/python benchmarks/accuracy/chains.py make BASE OTHERS OUT --per 10 --seed 1
  imgsim-guard scan OUT/copies --against BASE FOLDER --json report.json
  augly/bin/python benchmarks/accuracy/chains.py score OUT/truth.csv report.json

OTHERS are pictures of other things, to be laid over and under. run.py compares other tools on the same copies, where
OTHERS are not in the gallery:

  python benchmarks/accuracy/run.py --copies OUT/copies --base BASE --gallery FOLDER --peers-python PYTHON --by-edit

The score is recall by number of edits and by edit, and
how many copies were matched with a picture that they do not show.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_BASE, LONGEST_COPY = 1000, 1200
MOST_EDITS = 5
STRENGTH = ("", "easy", "medium", "medium", "hard", "hard")
CAPTIONS = ("WHEN IT WORKS", "monday again", "LOOK AT THIS")
COLOURS = ((0, 0, 0), (255, 255, 255), (90, 120, 60))

Picture = Any
"""A Pillow image; AugLy's environment is not checked for types."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = arguments.add_subparsers(required=True)
    make = commands.add_parser("make")
    make.set_defaults(run=make_copies)
    make.add_argument("base", type=Path)
    make.add_argument("others", type=Path)
    make.add_argument("out", type=Path)
    make.add_argument("--per", type=int, default=10, help="copies of each picture")
    make.add_argument("--seed", type=int, default=1)
    scored = commands.add_parser("score")
    scored.set_defaults(run=score)
    scored.add_argument("truth", type=Path)
    scored.add_argument("report", type=Path)
    scored.add_argument("--missed", action="store_true", help="name the copies that were not found")
    options = arguments.parse_args()
    options.run(options)


def make_copies(options: argparse.Namespace) -> None:
    """OUT/copies/*.jpg and OUT/truth.csv: copy, base, edits (joined by +), count, others shown (by |); and
    OUT/copies/ground_truth.csv for run.py, with the count as the edit.
    """
    import numpy as np
    from PIL import Image

    (options.out / "copies").mkdir(parents=True, exist_ok=True)
    others = [path for path in sorted(options.others.rglob("*")) if path.suffix.lower() in {".jpg", ".jpeg", ".png"}]
    rows = []
    for base in sorted(path.resolve() for path in options.base.iterdir() if path.is_file()):
        for number in range(options.per):
            draw = random.Random(f"{options.seed}/{base.name}/{number}")
            np.random.seed(draw.randrange(2**31))  # noqa: NPY002  AugLy's own randomness
            laid: list[Path] = []
            edits = edits_of(draw, others, laid)
            chain = draw.sample(sorted(edits), 1 + number % MOST_EDITS)
            picture = Image.open(base).convert("RGB")
            picture.thumbnail((LONGEST_BASE, LONGEST_BASE))
            for name in chain:
                picture = edits[name](picture).convert("RGB")
            picture.thumbnail((LONGEST_COPY, LONGEST_COPY))
            copy = (options.out / "copies" / f"{base.stem}_{number}.jpg").resolve()
            picture.save(copy, quality=draw.randint(70, 95))
            rows.append((copy, base, "+".join(chain), len(chain), "|".join(map(str, laid))))
    with (options.out / "truth.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("copy", "base", "edits", "count", "others"), *rows])
    truth = [(copy, base, f"{count} edits", STRENGTH[count], "") for copy, base, _, count, _ in rows]
    with (options.out / "copies" / "ground_truth.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("copy_path", "base_path", "transform", "strength", "also_contains"), *truth])
    print(len(rows), "copies")


def edits_of(draw: random.Random, others: list[Path], laid: list[Path]) -> dict[str, Callable[[Picture], Picture]]:
    """By name, each edit with a strength of its own. What it lays over or under the picture is added to `laid`."""
    import augly.image as edit
    from augly import utils
    from PIL import Image

    emojis = sorted(Path(utils.EMOJI_DIR).glob("*/*.png"))
    between, either = draw.uniform, draw.choice

    def other() -> Picture:
        laid.append(either(others))
        return Image.open(laid[-1]).convert("RGB")

    def crop(picture: Picture, kept: float) -> Picture:
        side = kept**0.5
        x, y = draw.random() * (1 - side), draw.random() * (1 - side)
        return edit.crop(picture, x1=x, y1=y, x2=x + side, y2=y + side)

    def letters() -> list[list[int]]:
        return [[draw.randrange(20) for _ in range(draw.randint(4, 12))] for _ in range(draw.randint(1, 3))]

    def colour() -> tuple[int, ...]:
        return tuple(draw.randrange(256) for _ in range(3))

    return {
        "aspect": lambda p: edit.change_aspect_ratio(p, ratio=between(0.6, 1.9)),
        "background": lambda p: edit.overlay_onto_background_image(
            p, other(), overlay_size=between(0.35, 0.8), x_pos=between(0, 0.3), y_pos=between(0, 0.2)
        ),
        "blur": lambda p: edit.blur(p, radius=between(1, 4)),
        "brightness": lambda p: edit.brightness(p, factor=either([between(0.4, 0.8), between(1.3, 2)])),
        "contrast": lambda p: edit.contrast(p, factor=between(0.4, 2)),
        "crop": lambda p: crop(p, between(0.25, 0.8)),
        "emoji": lambda p: edit.overlay_emoji(
            p,
            emoji_path=str(either(emojis)),
            emoji_size=between(0.2, 0.5),
            x_pos=between(0, 0.6),
            y_pos=between(0, 0.6),
        ),
        "grayscale": edit.grayscale,
        "hflip": edit.hflip,
        "jitter": lambda p: edit.color_jitter(
            p,
            brightness_factor=between(0.6, 1.5),
            contrast_factor=between(0.6, 1.6),
            saturation_factor=between(0, 2.5),
        ),
        "meme": lambda p: edit.meme_format(p, text=either(CAPTIONS), caption_height=max(40, p.height // 5)),
        "noise": lambda p: edit.random_noise(p, mean=0, var=between(0.005, 0.03), seed=draw.randrange(10**6)),
        "opacity": lambda p: edit.overlay_image(
            p, other(), opacity=between(0.15, 0.45), overlay_size=1.0, x_pos=0, y_pos=0
        ),
        "overlay": lambda p: edit.overlay_image(
            p, other(), overlay_size=between(0.3, 0.6), x_pos=between(0, 0.6), y_pos=between(0, 0.6)
        ),
        "pad": lambda p: edit.pad(p, w_factor=between(0.05, 0.4), h_factor=between(0.05, 0.4), color=either(COLOURS)),
        "perspective": lambda p: edit.perspective_transform(p, sigma=between(10, 60), seed=draw.randrange(10**6)),
        "pixelization": lambda p: edit.pixelization(p, ratio=between(0.25, 0.7)),
        "quality": lambda p: edit.encoding_quality(p, quality=draw.randint(5, 40)),
        "rotate": lambda p: edit.rotate(p, degrees=between(-40, 40)),
        "saturation": lambda p: edit.saturation(p, factor=either([0, between(2, 5)])),
        "scale": lambda p: edit.scale(p, factor=between(0.2, 0.6)),
        "screenshot": edit.overlay_onto_screenshot,
        "sharpen": lambda p: edit.sharpen(p, factor=between(3, 10)),
        "square": lambda p: edit.pad_square(p, color=(0, 0, 0)),
        "stripes": lambda p: edit.overlay_stripes(
            p,
            line_width=between(0.2, 0.5),
            line_color=colour(),
            line_angle=between(-90, 90),
            line_density=between(0.2, 0.6),
            line_opacity=between(0.5, 1),
        ),
        "text": lambda p: edit.overlay_text(
            p,
            text=letters(),
            font_size=between(0.08, 0.2),
            x_pos=between(0, 0.4),
            y_pos=between(0, 0.7),
            color=colour(),
        ),
        "vflip": edit.vflip,
    }


def score(options: argparse.Namespace) -> None:
    """Recall by number of edits and by edit."""
    with options.truth.open() as file:
        rows = list(csv.DictReader(file))
    found: dict[Path, set[Path]] = defaultdict(set)
    for match in json.loads(options.report.read_text())["matches"]:
        if match["blocking"]:
            found[Path(match["query"]).resolve()].add(Path(match["gallery"]).resolve())
    by_count, by_edit = defaultdict(list), defaultdict(list)
    wrong, missed = 0, []
    for row in rows:
        copy, base = Path(row["copy"]).resolve(), Path(row["base"]).resolve()
        hit = base in found[copy]
        shown = {Path(other).resolve() for other in row.get("others", "").split("|")}
        wrong += bool(found[copy] - {base} - shown)
        by_count[int(row["count"])].append(hit)
        for name in row["edits"].split("+"):
            by_edit[name].append(hit)
        if not hit:
            missed.append(f"{copy.name}: {row['edits']}")
    print(f"copies {len(rows)}, found {1 - len(missed) / len(rows):.4f}, matched with another picture {wrong}")
    print("by edits:", {count: round(sum(hits) / len(hits), 3) for count, hits in sorted(by_count.items())})
    shares = {name: round(sum(hits) / len(hits), 2) for name, hits in by_edit.items()}
    print("by edit:", dict(sorted(shares.items(), key=lambda item: (item[1], item[0]))))
    if options.missed:
        print(*missed, sep="\n")


if __name__ == "__main__":
    main()
