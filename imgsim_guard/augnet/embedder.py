"""AugNet on ONNX Runtime."""

from __future__ import annotations

import hashlib
import mmap
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Semaphore
from typing import TYPE_CHECKING

import numpy as np

from imgsim_guard.augnet import DIMENSIONS, MODEL_SHA256
from imgsim_guard.augnet.mapped import graph_without_weights
from imgsim_guard.model import GuardError
from imgsim_guard.system.faults import native_memory

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnxruntime
    from numpy.typing import NDArray

    from imgsim_guard.augnet import Device, Preprocessing

MODEL_PATH = Path(__file__).with_name("augnet.onnx")

CPU = "CPUExecutionProvider"

PROVIDERS: dict[Device, tuple[str, dict[str, str]]] = {
    "cpu": (CPU, {}),
    # TF32 has 10 bits of precision. Images have many shapes, and trying every algorithm for each of them takes long.
    "cuda": ("CUDAExecutionProvider", {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}),
    "coreml": ("CoreMLExecutionProvider", {}),
    "directml": ("DmlExecutionProvider", {}),
}
"""ONNX Runtime's provider for each device, and its options."""

INSTALLING = {
    "cuda": "With CUDA and cuDNN: pip uninstall onnxruntime onnxruntime-gpu, then pip install onnxruntime-gpu",
    "coreml": "It comes with onnxruntime on macOS",
    "directml": "On Windows: pip uninstall onnxruntime, then pip install onnxruntime-directml",
}

REINSTALL = "reinstall imgsim-guard (under pre-commit: pre-commit clean)"


class OnnxEmbedder:
    """Runs the model on one image at a time, so that an embedding does not depend on the other images of a call."""

    def __init__(self, session: onnxruntime.InferenceSession, at_once: int, preprocessing: Preprocessing) -> None:
        self._session = session
        self._turns = Semaphore(at_once)
        self._preprocessing = preprocessing

    @classmethod
    def load(
        cls,
        path: Path = MODEL_PATH,
        *,
        at_once: int = 1,
        threads: int = 0,
        preprocessing: Preprocessing = "reference",
        device: Device = "cpu",
    ) -> OnnxEmbedder:
        """Read, check and load the model: for one image at a time on `threads` threads (0: one for each core), or for
        `at_once` images, each on one thread. Devices other than the processor run one at a time.

        Raises GuardError if the model is missing or has another SHA-256, or if it does not run on the device.
        """
        # Since 1.29, ONNX Runtime sends telemetry unless this is set before it is imported. This package must not use
        # the network.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only: its warnings are about its own tuning
        # Threads that spin while they wait are 3 % faster on an idle machine, and 20 % slower on a busy one.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.intra_op_num_threads = 1 if at_once > 1 else threads  # 0: one for each core
        file = path.resolve()  # ONNX Runtime follows no links to weights
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(file.parent))
        with (
            mapped_model(path) as model,
            ThreadPoolExecutor(1, "session") as pool,  # the digest takes a sixth of the time of the session
        ):
            starting = pool.submit(_started, model, file.name, options, device)
            _require_recorded(model, path)
            session = starting.result()
        return cls(session, at_once if session.get_providers() == [CPU] else 1, preprocessing)

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed n images uint8 [h, w, 3], BGR. Returns float32 [n, 768] from -1 to 1; every number can be represented
        in float16.

        Rounding to float16 makes a new embedding equal to a stored one. Threads may call it at the same time.
        """
        # It imports OpenCV, which loading the model need not wait for.
        from imgsim_guard.augnet.preprocessing import preprocess

        rows = [self._run(preprocess(pixels, self._preprocessing)) for pixels in images]
        return np.array(rows, np.float32).reshape(-1, DIMENSIONS).astype(np.float16).astype(np.float32)

    def _run(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        with self._turns, native_memory():
            embedding: NDArray[np.float32] = self._session.run(None, {"pixels": tensor})[0][0]
        return embedding


def _started(
    model: mmap.mmap, name: str, options: onnxruntime.SessionOptions, device: Device
) -> onnxruntime.InferenceSession:
    import onnxruntime

    graph = graph_without_weights(model, name)
    if device == "auto":
        onnxruntime.set_default_logger_severity(4)  # fatal errors only: the reason for a missing CUDA does not matter
        session = _session(graph, options, "cuda") or _session(graph, options, "cpu")
    else:
        session = _session(graph, options, device)
    if session is None:
        raise GuardError(_unavailable(device, onnxruntime.get_available_providers()))
    return session


def _session(graph: bytes, options: onnxruntime.SessionOptions, device: Device) -> onnxruntime.InferenceSession | None:
    """A session on this device; None if the device is not available and ONNX Runtime would use the
    processor instead.
    """
    import onnxruntime

    name, settings = PROVIDERS[device]
    if name not in onnxruntime.get_available_providers():
        return None
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail

    try:
        with native_memory():
            session = onnxruntime.InferenceSession(graph, options, providers=[(name, settings)])
    except Fail as error:  # the digest of the model is right, so it is this machine
        why = str(error).partition("\n")[0]
        raise GuardError(f"ONNX Runtime cannot start here: {why}; is /proc mounted? {REINSTALL}") from error
    session.disable_fallback()  # to the processor, after an error of the device
    return session if name in session.get_providers() else None


def _unavailable(device: Device, providers: Sequence[str]) -> str:
    known = {name: kind for kind, (name, _) in PROVIDERS.items()}
    if PROVIDERS[device][0] in providers:
        return f"device: {device} is installed, but did not start, for the reason above; fix that, or set device: auto"
    there = ", ".join(known[name] for name in providers if name in known)
    return f"device: {device} is not installed; there is {there}. {INSTALLING[device]}; or set device: auto"


def mapped_model(path: Path) -> mmap.mmap:
    """The bytes of a model. Raises GuardError if the file is missing or cannot be read."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise GuardError(f"AugNet's model cannot be read ({path}: {error.strerror}); {REINSTALL}") from error
    raise _damaged(path)


def _require_recorded(model: mmap.mmap, path: Path) -> None:
    if hashlib.sha256(model).hexdigest() != MODEL_SHA256:
        raise _damaged(path)


def _damaged(path: Path) -> GuardError:
    return GuardError(f"AugNet's model is damaged ({path} does not match its recorded digest); {REINSTALL}")
