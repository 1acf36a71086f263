"""What looking at pixels costs beside embedding, by set of pictures: the time of the processor, all threads together.

Each folder is scanned in itself with its embeddings stored, once with verification and once without: the difference is
what verification takes. Sets whose pictures look alike have more pairs to look at.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from measuring import report

from imgsim_guard import Settings, Store, augnet, scan
from imgsim_guard.images.decode import DECODER

if TYPE_CHECKING:
    from collections.abc import Callable

BARE = Settings(verify="never")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    arguments.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = arguments.parse_args()
    figures = {folder.name: measured(folder) for folder in options.folders}
    rows = [["processor seconds", "images", "embedding", "verification", "verification / embedding"]]
    rows += [
        [name, f"{images:.0f}", f"{embedding:.1f}", f"{verification:.1f}", f"{verification / embedding:.2f}"]
        for name, (images, embedding, verification) in figures.items()
    ]
    names = ("images", "embedding", "verification")
    named = {name: dict(zip(names, row, strict=True)) for name, row in figures.items()}
    report(named, rows, reference=None, target=options.json)


def measured(folder: Path) -> tuple[float, float, float]:
    """How many images there are, and the processor's seconds of embedding and of verifying them."""
    with TemporaryDirectory() as cache:
        store = Store(Path(cache), fingerprint=augnet.fingerprint("onnx"), decoder=lambda: DECODER)
        first = processor_seconds(lambda: scan([folder], settings=BARE, store=store))
        bare = processor_seconds(lambda: scan([folder], settings=BARE, store=store))
        verified = processor_seconds(lambda: scan([folder], store=store))
        return len(store), first - bare, max(0.0, verified - bare)


def processor_seconds(action: Callable[[], object]) -> float:
    """What the whole process takes for it."""
    started = time.process_time()
    action()
    return time.process_time() - started


if __name__ == "__main__":
    main()
