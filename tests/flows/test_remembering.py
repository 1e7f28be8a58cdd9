"""The last answer over an index is kept for its owner alone, and never in the way of an answer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ragqa.flows import remembering

ANSWER = {"question": "湯?", "citations": [{"marker": 1, "quote": "lone \udcff"}]}


def test_an_answer_comes_back_as_it_was_each_index_has_its_own(tmp_path: Path) -> None:
    state, here, there = tmp_path / "state", tmp_path / "a" / ".ragqa", tmp_path / "b" / ".ragqa"
    assert remembering.recall(state, here) is None
    assert remembering.remember(state, here, ANSWER)
    assert remembering.remember(state, there, {"question": "other"})
    assert remembering.recall(state, here) == ANSWER
    assert remembering.recall(state, there) == {"question": "other"}
    assert remembering.recall(state, tmp_path / "b" / ".." / "a" / ".ragqa") == ANSWER


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o755)
    remembering.remember(tmp_path / "state", tmp_path, ANSWER)
    folders = [tmp_path / "state", *(tmp_path / "state").iterdir()]
    (file,) = (tmp_path / "state").rglob("*.json")
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}
    assert file.stat().st_mode & 0o777 == 0o600


def test_where_nothing_can_be_kept_nothing_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    for state in (None, tmp_path / "file", tmp_path / "file" / "below"):
        assert not remembering.remember(state, tmp_path, ANSWER)
        assert remembering.recall(state, tmp_path) is None


def test_a_damaged_file_is_no_answer(tmp_path: Path) -> None:
    remembering.remember(tmp_path, tmp_path, ANSWER)
    (file,) = tmp_path.rglob("*.json")
    for damage in (b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000):
        file.write_bytes(damage)
        assert remembering.recall(tmp_path, tmp_path) is None


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    remembering.remember(tmp_path, tmp_path, ANSWER)
    (file,) = tmp_path.rglob("*.json")
    file.unlink()
    os.mkfifo(file)
    assert remembering.recall(tmp_path, tmp_path) is None
    assert remembering.remember(tmp_path, tmp_path, ANSWER)
    assert remembering.recall(tmp_path, tmp_path) == ANSWER


def test_the_oldest_are_forgotten_and_no_part_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "_MOST", 3)
    for number in range(5):
        remembering.remember(tmp_path, tmp_path / str(number), {"n": number})
        for place, file in enumerate(sorted(tmp_path.rglob("*.json"), key=lambda file: file.stat().st_mtime_ns)):
            os.utime(file, (place, place))
    assert [remembering.recall(tmp_path, tmp_path / str(n)) is not None for n in range(5)] == [0, 0, 1, 1, 1]
    assert not list(tmp_path.rglob("*.part"))


def test_the_folder_is_where_the_environment_says() -> None:
    assert remembering.state_folder({"XDG_STATE_HOME": "/x", "HOME": "/h"}) == Path("/x/ragqa")
    assert remembering.state_folder({"XDG_STATE_HOME": "relative", "HOME": "/h"}) == Path("/h/.local/state/ragqa")
    assert remembering.state_folder({"HOME": ""}) is None
