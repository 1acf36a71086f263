"""How far our embeddings of a folder's pictures are from the reference's."""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path

import numpy as np
from measuring import ask, parser, report

from imgsim_guard import augnet
from imgsim_guard.images.decode import decode
from imgsim_guard.model import Unreadable
from imgsim_guard.sources.selection import has_image_suffix

REFERENCE = """
import sys, cv2, imgsim, numpy as np
vectorizer = imgsim.Vectorizer()
paths = open(sys.argv[1]).read().splitlines()
np.save(sys.argv[2], np.array([vectorizer.vectorize(cv2.imread(path)) for path in paths]))
"""


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("folder", type=Path)
    options = arguments.parse_args()
    pixels = {
        path: decode(path.read_bytes()) for path in sorted(options.folder.rglob("*")) if has_image_suffix(path.name)
    }
    readable = {path: array for path, array in pixels.items() if not isinstance(array, Unreadable)}
    ours = augnet.load("onnx").embed(list(readable.values()))
    with tempfile.TemporaryDirectory() as folder:
        listing, output = Path(folder, "paths"), Path(folder, "embeddings.npy")
        listing.write_text("\n".join(str(path) for path in readable))
        ask(options.reference, REFERENCE, str(listing), str(output))
        theirs = np.load(output)
    distances = np.linalg.norm(ours - theirs, axis=1).tolist()
    figures = {"images": len(distances), "largest": max(distances), "median": statistics.median(distances)}
    rows = [
        ["images", "largest distance", "median"],
        [str(len(distances)), f"{max(distances):.4f}", f"{figures['median']:.4f}"],
    ]
    report(json.loads(json.dumps(figures)), rows, reference=options.reference, target=options.json)


if __name__ == "__main__":
    main()
