from __future__ import annotations

from pathlib import Path

import pytest

from imgsim_guard.system.cache_folder import cache_folder


def test_a_test_that_forgets_the_cache_fixture_cannot_write_to_the_users_cache() -> None:
    with pytest.raises(NotADirectoryError):
        cache_folder().mkdir(parents=True)


def test_a_test_cannot_write_to_the_users_home() -> None:
    with pytest.raises(NotADirectoryError):
        Path("~/anything").expanduser().write_text("x")


def test_the_cache_fixture_gives_a_folder_of_ones_own(cache: Path) -> None:
    assert cache_folder() == cache
