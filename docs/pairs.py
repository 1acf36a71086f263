"""Draw the pairs that `docs/deciding.md` shows, and let `imgsim-guard compare --image` picture what it finds.

All of it is drawn here or by `imgsim_guard.cli.demo_pictures`: no photograph of anybody's is in it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from imgsim_guard.cli import demo_pictures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

PICTURES = Path(__file__).parent / "pictures"
INK, PAPER = (40, 35, 30), 248
GOODS = ["MILK", "BREAD", "EGGS", "BUTTER", "RICE", "APPLES", "JUICE", "SOAP", "TEA", "COFFEE", "SUGAR", "CHEESE"]


def confirmed() -> tuple[Picture, Picture]:
    """Hills, and hills cropped and brightened."""
    return demo_pictures.edited_copy(demo_pictures.hills()), demo_pictures.hills()


def refuted() -> tuple[Picture, Picture]:
    """Two receipts of one shop."""
    return receipt(8), receipt(1)


def undecided() -> tuple[Picture, Picture]:
    """Two empty sheets of paper."""
    return _paper(1), _paper(2)


def receipt(day: int) -> Picture:
    """A receipt, [480, 360, 3], BGR."""
    picture, random = np.full((480, 360, 3), PAPER, np.uint8), np.random.default_rng(day)
    _print(picture, "CORNER SHOP", 95, 40, 0.75)
    _print(picture, "12 Long Street    Tel. 555 0100", 60, 66)
    _print(picture, f"Receipt {random.integers(10000, 99999)}   {day:02}/05   till 3", 60, 90)
    cv2.line(picture, (30, 104), (330, 104), INK, 1)
    prices = random.integers(50, 2000, 10) / 100
    for row, price in enumerate(prices):
        _print(picture, f"{random.integers(1, 6)} x {random.choice(GOODS)}", 40, 130 + 24 * row)
        _print(picture, f"{price:6.2f}", 270, 130 + 24 * row)
    cv2.line(picture, (30, 364), (330, 364), INK, 1)
    _print(picture, "TOTAL", 40, 390, 0.6)
    _print(picture, f"{prices.sum():6.2f}", 262, 390, 0.6)
    _print(picture, "THANK YOU, COME AGAIN", 80, 440)
    return picture


def _paper(seed: int) -> Picture:
    return np.random.default_rng(seed).normal(PAPER - 10, 2, (240, 320, 3)).clip(0, 255).astype(np.uint8)


def _print(picture: Picture, text: str, x: int, y: int, size: float = 0.5) -> None:
    cv2.putText(picture, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, INK, 1, cv2.LINE_AA)


PAIRS = {pair.__name__: pair for pair in (confirmed, refuted, undecided)}


def compare(name: str, folder: Path) -> tuple[str, Picture]:
    """What `imgsim-guard compare --image` says of the pair of that name, and what it draws."""
    for file, picture in zip(("new.png", "old.png"), PAIRS[name](), strict=True):
        cv2.imwrite(str(folder / file), picture)
    command = [sys.executable, "-P", "-m", "imgsim_guard", "compare", "new.png", "old.png", "--image", "pair.png"]
    said = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    return said, np.asarray(cv2.imread(str(folder / "pair.png")), np.uint8)


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    for name in PAIRS:
        with tempfile.TemporaryDirectory() as folder:
            said, drawn = compare(name, Path(folder))
        cv2.imwrite(str(PICTURES / f"{name}.webp"), drawn, [cv2.IMWRITE_WEBP_QUALITY, 80])
        print(said)


if __name__ == "__main__":
    main()
