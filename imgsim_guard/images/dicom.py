"""DICOM, the format of medical images, by pydicom (the extra [dicom])."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from imgsim_guard.images.picture import NotDecodedError, Raw
from imgsim_guard.model import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

PACKAGE = "pydicom"

_PICTURES = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def dicom_decoder() -> list[str]:
    """The name and version of the decoder; empty if the extra is not installed."""
    if find_spec("pydicom") is None:
        return []
    from importlib.metadata import version

    return [f"{PACKAGE}-{version(PACKAGE)}"]


def load_dicom() -> None:
    """Import what reads DICOM, if it is installed."""
    with suppress(ImportError):
        import pydicom.pixels  # noqa: F401


_FAILURES = (ValueError, LookupError, TypeError, AttributeError, OSError, EOFError, struct.error, zlib.error)
"""What pydicom raises for damaged bytes."""

_LACKS = (NotImplementedError, ImportError, RuntimeError)
"""What it raises where it needs another package."""


def decode_dicom(data: bytes, most: int) -> tuple[int, Iterable[Raw]] | Unreadable:
    """How many frames there are, and at most `most` of them, windowed as the file says; or why there are none."""
    try:
        import pydicom
    except ImportError:
        return Unreadable(f"DICOM, which {PACKAGE} reads: pip install 'imgsim-guard[dicom]'")
    warnings.filterwarnings("ignore", category=UserWarning, module=PACKAGE)  # unusual fields are no concern here
    try:
        dataset = pydicom.dcmread(io.BytesIO(data))
        if not any(field in dataset for field in _PICTURES):
            return Unreadable("DICOM without a picture")
        total = int(dataset.get("NumberOfFrames") or 1)
    except (*_FAILURES, *_LACKS) as error:
        return Unreadable(_why(error))
    return total, (_frame(dataset, index) for index in range(min(total, most)))


def _why(error: Exception) -> str:
    if isinstance(error, _LACKS):
        return f"DICOM whose compression needs another package beside {PACKAGE}: {' '.join(str(error).split())[:200]}"
    return "damaged, cut short or of an unusual kind: the DICOM decoder gave up"


def _frame(dataset: Any, index: int) -> Raw:  # noqa: ANN401  pydicom's attributes have no types
    from pydicom.pixels.processing import apply_modality_lut
    from pydicom.pixels.utils import pixel_array

    try:
        samples = pixel_array(dataset, index=index)  # RGB, also if the file has another colour space
        if samples.ndim == 3:  # noqa: PLR2004
            return Raw(np.ascontiguousarray(samples[:, :, ::-1]))
        shown = _windowed(np.asarray(apply_modality_lut(samples, dataset), np.float32), dataset)
    except (*_FAILURES, *_LACKS) as error:
        raise NotDecodedError(_why(error)) from error
    return Raw(-shown if dataset.get("PhotometricInterpretation") == "MONOCHROME1" else shown, everything=samples)


def _windowed(samples: NDArray[np.float32], dataset: Any) -> NDArray[np.float32]:  # noqa: ANN401
    """Samples cut to the first window of the file (PS3.3, C.11.2.1.2); unchanged without a window."""
    if "WindowCenter" not in dataset or "WindowWidth" not in dataset:
        return samples
    centre, width = (np.atleast_1d(dataset[name].value)[0] for name in ("WindowCenter", "WindowWidth"))
    low, high = float(centre) - float(width) / 2, float(centre) + float(width) / 2
    return (np.clip(samples, low, high) - np.float32(low)) / np.float32(max(high - low, 1e-6))
