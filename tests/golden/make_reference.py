"""Compute the reference embeddings in this folder with the real imgsim 0.1.2 on torch. Needs both, and scikit-image.

    python make_reference.py

Writes reference.safetensors: for each photograph that scikit-image bundles and OpenCV reads, a float32 [768] under the
file's name, and under `mirrored/` that of the photograph mirrored; the metadata holds the files' SHA-256.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import imgsim
import numpy as np
import skimage
from safetensors.numpy import save_file

SUFFIXES = {".png", ".jpg", ".gif", ".tif"}


def main() -> None:
    vectorizer = imgsim.Vectorizer()
    embeddings, digests = {}, {}
    for path in sorted(Path(skimage.__file__).parent.joinpath("data").iterdir()):
        pixels = cv2.imread(str(path)) if path.suffix in SUFFIXES else None
        if pixels is None:
            continue
        digests[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        embeddings[path.name] = vectorizer.vectorize(pixels)
        embeddings[f"mirrored/{path.name}"] = vectorizer.vectorize(np.ascontiguousarray(pixels[:, ::-1]))
    target = Path(__file__).with_name("reference.safetensors")
    save_file(embeddings, target, {"sha256": json.dumps(digests, sort_keys=True)})


if __name__ == "__main__":
    main()
