"""The cache folder: where it is looked for, that it is its owner's alone, and what takes over without a home."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from ragqa.errors import StorageError
from ragqa.models.cache import cache_dir


def test_the_named_folder_wins(tmp_path: Path) -> None:
    environment = {
        "RAGQA_CACHE_DIR": str(tmp_path / "a"),
        "XDG_CACHE_HOME": str(tmp_path / "b"),
        "HOME": str(tmp_path / "c"),
    }
    assert cache_dir(environment) == tmp_path / "a"
    del environment["RAGQA_CACHE_DIR"]
    assert cache_dir(environment) == tmp_path / "b" / "ragqa"
    del environment["XDG_CACHE_HOME"]
    assert cache_dir(environment) == tmp_path / "c" / ".cache" / "ragqa"


def test_it_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = cache_dir({"HOME": str(tmp_path)})
    finally:
        os.umask(before)
    assert made.stat().st_mode & 0o777 == 0o700


def test_a_named_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be made"):
        cache_dir({"RAGQA_CACHE_DIR": str(tmp_path / "file" / "cache")})


@pytest.mark.parametrize("environment", [{}, {"HOME": ""}, {"HOME": "/proc/none"}, {"XDG_CACHE_HOME": "relative"}])
def test_without_a_home_a_private_temporary_folder_takes_over(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    first = cache_dir(environment)
    assert first.parent == tmp_path
    assert first.stat().st_mode & 0o777 == 0o700
    assert cache_dir(environment) == first


def test_a_temporary_folder_that_somebody_else_prepared_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    prepared = tmp_path / f"ragqa-{os.geteuid()}"
    (tmp_path / "trap").mkdir(mode=0o700)
    prepared.symlink_to(tmp_path / "trap")
    assert cache_dir({}) != prepared
    prepared.unlink()
    prepared.mkdir()
    prepared.chmod(0o777)
    assert cache_dir({}) != prepared
