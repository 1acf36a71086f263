"""AugNet on ONNX Runtime."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Semaphore
from typing import TYPE_CHECKING

import numpy as np

from imgsim_guard.augnet import DIMENSIONS, MODEL_SHA256
from imgsim_guard.augnet.preprocessing import preprocess
from imgsim_guard.errors import GuardError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnxruntime
    from numpy.typing import NDArray

MODEL_PATH = Path(__file__).with_name("augnet.onnx")


class OnnxEmbedder:
    """Runs the model one image at a time, so that no image's embedding depends on its neighbours in a call."""

    def __init__(self, session: onnxruntime.InferenceSession, at_once: int) -> None:
        self._session = session
        self._turns = Semaphore(at_once)

    @classmethod
    def load(cls, path: Path = MODEL_PATH, *, at_once: int = 1) -> OnnxEmbedder:
        """Read, check and load the model: for one image at a time on all cores, or for several, each on one.

        Raises GuardError when it is absent or not the recorded one.
        """
        # Since 1.29 it reports on its use to its maker, unless this is set when it is imported. Nothing here may
        # reach for the network.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only: warnings of the runtime are about its own tuning
        # Threads that spin while they wait gain 3 % on an idle machine, and cost 20 % on one that is busy.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.intra_op_num_threads = 1 if at_once > 1 else 0  # 0: one for each core
        model = _read(path)
        with ThreadPoolExecutor(1, "session") as pool:  # the digest takes a sixth of the time that the session takes
            session = pool.submit(onnxruntime.InferenceSession, model, options, providers=["CPUExecutionProvider"])
            _require_recorded(model, path)
            return cls(session.result(), at_once)

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed n images of shape [h, w, 3], BGR; [n, 768] between -1 and 1, every number representable in float16.

        Rounding to float16 here makes a fresh embedding and a stored one the same numbers. Threads may call it.
        """
        rows = [self._run(preprocess(pixels)) for pixels in images]
        return np.array(rows, np.float32).reshape(-1, DIMENSIONS).astype(np.float16).astype(np.float32)

    def _run(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        with self._turns:
            embedding: NDArray[np.float32] = self._session.run(None, {"pixels": tensor})[0][0]
        return embedding


def read_model(path: Path) -> bytes:
    """The model's bytes. Raises GuardError unless they are the recorded ones."""
    model = _read(path)
    _require_recorded(model, path)
    return model


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise GuardError(f"AugNet's model cannot be read ({path}: {error.strerror}); reinstall imgsim-guard") from error


def _require_recorded(model: bytes, path: Path) -> None:
    if hashlib.sha256(model).hexdigest() != MODEL_SHA256:
        raise GuardError(
            f"AugNet's model is damaged ({path} does not match its recorded digest); reinstall imgsim-guard"
        )
