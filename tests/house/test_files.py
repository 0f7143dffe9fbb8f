"""Where files go that nobody asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcheck_lm.course.screen.pictures import default_folder
from gradcheck_lm.files import user_cache, user_state
from gradcheck_lm.lm.cache import cache_folder


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/there"}, "/there"),
        ("linux", {"XDG_CACHE_HOME": ""}, "/home/me/.cache"),
        ("darwin", {"XDG_CACHE_HOME": "/there"}, "/home/me/Library/Caches"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local"),
        ("win32", {"LOCALAPPDATA": ""}, "/home/me/AppData/Local"),
    ],
)
def test_the_users_cache_is_where_the_system_has_it(
    platform: str, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradcheck_lm.files.sys.platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/me"))
    monkeypatch.delenv("GRADCHECK_LM_CACHE", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert user_cache() == Path(expected, "gradcheck_lm")
    assert cache_folder() == user_cache() / "lm"
    assert default_folder("l01") == user_cache() / "lessons" / "l01"


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_STATE_HOME": "/there"}, "/there"),
        ("linux", {"XDG_STATE_HOME": ""}, "/home/me/.local/state"),
        ("darwin", {"XDG_STATE_HOME": "/there"}, "/home/me/Library/Application Support"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local"),
        ("win32", {"LOCALAPPDATA": ""}, "/home/me/AppData/Local"),
    ],
)
def test_what_cannot_be_made_again_lies_in_no_cache(
    platform: str, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradcheck_lm.files.sys.platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/me"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert user_state() == Path(expected, "gradcheck_lm")
