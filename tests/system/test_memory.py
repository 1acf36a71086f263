import ctypes
import os
import subprocess
import sys

import pytest

from imgsim_guard.system import memory

PYRAMIDS = """
import resource
import numpy as np
from imgsim_guard.system.memory import keep_freed_memory

if {kept}:
    keep_freed_memory()

def pyramid():
    return [np.ones(size, np.uint8) for size in 6 * [1_700_000, 430_000, 110_000]]

pyramid()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    pyramid()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(os.name == "nt" or not hasattr(ctypes.CDLL(None), "mallopt"), reason="a setting of glibc")
def test_memory_of_freed_arrays_is_used_again() -> None:
    plain, kept = (
        int(subprocess.check_output([sys.executable, "-c", PYRAMIDS.format(kept=kept)])) for kept in (False, True)
    )

    assert kept * 10 < plain


def test_a_c_library_without_the_setting_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda _name: object())

    memory.keep_freed_memory()
