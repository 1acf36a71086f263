"""Python's search for cycles is left out for a while, and only for that."""

from __future__ import annotations

import gc

import pytest

from imgsim_guard.system.garbage_collector import no_collecting


def test_cycles_are_looked_for_again_afterwards_whatever_happens() -> None:
    assert gc.isenabled()
    with no_collecting():
        with no_collecting():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(KeyError), no_collecting():
        raise KeyError
    assert gc.isenabled()


def test_who_had_it_off_keeps_it_off() -> None:
    gc.disable()
    try:
        with no_collecting():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
