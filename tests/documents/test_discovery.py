"""Folders are walked without leaving them; each file is listed once, and read once or refused."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.documents import discovery
from ragqa.documents.discovery import Found, discover, display, read
from ragqa.errors import DocumentError


def write(folder: Path, *names: str, text: str = "The library opens at nine.\n") -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def listed(folder: Path, *paths: Path, **options: object) -> list[str]:
    """What would be read under the paths (the folder itself if none is given), relative to the folder."""
    found = discover([os.fsencode(path) for path in paths or (folder,)], **options)  # type: ignore[arg-type]
    return [os.fsdecode(os.path.relpath(file.path, os.fsencode(folder))) for file in found if file.reason is None]


def refused(paths: Sequence[Path]) -> dict[str, str]:
    return {
        os.fsdecode(file.path.rpartition(b"/")[2]): file.code
        for file in discover([os.fsencode(path) for path in paths])
        if file.reason is not None
    }


def test_files_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(tmp_path, "b.txt", "a/z.md", "a/b.txt", "C.pdf", "a.txt")
    assert listed(tmp_path) == ["C.pdf", "a/b.txt", "a/z.md", "a.txt", "b.txt"]


def test_overlapping_paths_list_each_file_once(tmp_path: Path) -> None:
    write(tmp_path, "a/b.txt", "c.txt")
    assert listed(tmp_path, tmp_path / "a", tmp_path, tmp_path / "a" / "b.txt") == ["a/b.txt", "c.txt"]


def test_hidden_files_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    write(tmp_path, ".hidden.txt", ".folder/a.txt", "b.txt")
    assert listed(tmp_path) == ["b.txt"]
    assert listed(tmp_path, hidden=True) == [".folder/a.txt", ".hidden.txt", "b.txt"]
    assert listed(tmp_path, tmp_path / ".hidden.txt", tmp_path / ".folder") == [".hidden.txt", ".folder/a.txt"]


def test_ignore_files_hold_for_their_own_folder(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "draft.txt", "sub/draft.txt", "sub/keep.txt", "sub/deep/keep.txt", "old/a.txt")
    write(tmp_path, ".ragqaignore", text="draft.txt\n/old/\n")
    write(tmp_path, "sub/.ragqaignore", text="!draft.txt\nkeep.txt\n")
    assert listed(tmp_path) == ["a.txt", "sub/draft.txt"]


def test_an_unreadable_ignore_file_lets_nothing_through(tmp_path: Path) -> None:
    write(tmp_path, "secret.txt")
    (tmp_path / ".ragqaignore").mkdir()
    found = list(discover([os.fsencode(tmp_path)]))
    assert [file.code for file in found] == ["unreadable"]


def test_include_and_exclude_are_patterns_of_gitignore(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "a.md", "sub/b.md", "sub/c.md", "tmp/d.md")
    assert listed(tmp_path, include=["*.md"], exclude=["/tmp/", "sub/c.*"]) == ["a.md", "sub/b.md"]
    assert listed(tmp_path, tmp_path / "a.txt", include=["*.md"]) == ["a.txt"]


def test_links_never_lead_out(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    inside = tmp_path / "inside"
    write(outside, "secret.txt")
    write(inside, "real.txt", "sub/x.txt")
    (inside / "good.txt").symlink_to("real.txt")
    (inside / "out.txt").symlink_to(outside / "secret.txt")
    (inside / "out_dir").symlink_to(outside)
    (inside / "sub" / "loop").symlink_to("..")
    (inside / "broken.txt").symlink_to("nowhere.txt")
    (inside / "self.txt").symlink_to("self.txt")
    assert listed(inside) == ["good.txt", "real.txt", "sub/x.txt"]
    assert refused([inside]) == dict.fromkeys(["broken.txt", "out.txt", "out_dir", "loop", "self.txt"], "link")


def test_a_link_given_by_name_is_followed(tmp_path: Path) -> None:
    write(tmp_path / "real", "a.txt")
    (tmp_path / "link").symlink_to("real")
    assert listed(tmp_path, tmp_path / "link") == ["link/a.txt"]


def test_pipes_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert refused([tmp_path]) == {"pipe.txt": "special"}
    with pytest.raises(DocumentError) as caught:
        read(os.fsencode(tmp_path / "pipe.txt"), max_bytes=100)
    assert caught.value.code == "unreadable"


def test_what_is_not_there_is_said_and_the_rest_is_found(tmp_path: Path) -> None:
    write(tmp_path, "a.txt")
    assert refused([tmp_path / "nope", tmp_path]) == {"nope": "missing"}
    assert listed(tmp_path, tmp_path / "nope", tmp_path) == ["a.txt"]


def test_unsupported_formats_are_named_with_a_way_out(tmp_path: Path) -> None:
    write(tmp_path, "a.pptx", "b.doc", "c.png", "README")
    reasons = {file.display.rpartition("/")[2]: file.reason for file in discover([os.fsencode(tmp_path)])}
    assert reasons["a.pptx"] is not None and ".pdf" in reasons["a.pptx"]
    assert reasons["b.doc"] is not None and ".docx" in reasons["b.doc"]
    assert reasons["c.png"] == "unsupported format .png"
    assert reasons["README"] is not None and "suffix" in reasons["README"]


def test_the_index_is_never_ingested(tmp_path: Path) -> None:
    write(tmp_path, ".ragqa/a.txt", "index/b.txt", "sub/.ragqa/c.txt", "d.txt")
    index = os.fsencode(tmp_path / "index")
    assert listed(tmp_path, hidden=True, index_dir=index) == ["d.txt"]
    assert [file.code for file in discover([index], index_dir=index)] == ["index"]


def test_a_deep_tree_is_walked_to_its_end(tmp_path: Path) -> None:
    deep = "/".join(["d" * 20] * 60)
    write(tmp_path, f"{deep}/a.txt")
    assert listed(tmp_path) == [f"{deep}/a.txt"]


def test_names_are_shown_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "docs/sub/a.txt", "b.txt")
    monkeypatch.chdir(tmp_path)
    assert [file.display for file in discover([b"docs/", b"./b.txt", b"."])] == ["docs/sub/a.txt", "b.txt"]
    monkeypatch.chdir(tmp_path / "docs")
    assert [file.display for file in discover([b"..", b"."])] == ["../b.txt", "../docs/sub/a.txt"]


@pytest.mark.parametrize(
    "name",
    [b"latin1-\xe9.txt", b"esc-\x1b]0;x\x07.txt", b"line\nfeed.txt", b"-rf.txt", "\u202egnp.txt".encode(), b" a .txt"],
)
def test_any_name_is_found_shown_and_read(tmp_path: Path, name: bytes) -> None:
    path = os.fsencode(tmp_path) + b"/" + name
    with open(path, "wb") as file:  # noqa: PTH123  (pathlib cannot hold these names)
        file.write(b"The library opens at nine.")
    (found,) = discover([os.fsencode(tmp_path)])
    assert found.path == path
    assert found.reason is None
    assert all(character.isprintable() for character in found.display)
    assert read(found.path, max_bytes=100, root=found.root)[0] == b"The library opens at nine."


@given(st.binary(max_size=60))
def test_display_never_fails_and_is_printable(path: bytes) -> None:
    shown = display(path)
    shown.encode()
    assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in shown)


@given(st.text(st.characters(categories=["L", "N", "P"]), min_size=1))
def test_display_leaves_ordinary_names_alone(name: str) -> None:
    assert display(name.encode()) == name


def test_size_and_time_come_with_the_file(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", text="12345")
    (found,) = discover([os.fsencode(tmp_path)])
    data, status = read(found.path, max_bytes=5)
    assert (data, found.size, found.mtime_ns) == (b"12345", 5, status.st_mtime_ns)


def test_a_huge_file_is_refused_by_its_size_alone(tmp_path: Path) -> None:
    path = tmp_path / "sparse.txt"
    path.touch()
    os.truncate(path, 5 << 30)
    with pytest.raises(DocumentError) as caught:
        read(os.fsencode(path), max_bytes=200 << 20)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize("growth", [b"more", b""])
def test_a_file_that_changes_under_the_reader_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, growth: bytes
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"the first text")
    real = os.read

    def changing(handle: int, count: int) -> bytes:
        path.write_bytes(path.read_bytes() + growth if growth else b"short")
        return real(handle, count)

    monkeypatch.setattr(discovery.os, "read", changing)
    with pytest.raises(DocumentError) as caught:
        read(os.fsencode(path), max_bytes=100)
    assert caught.value.code == "changed"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs a file whose size is not what it says")
def test_a_file_longer_than_its_size_is_a_change() -> None:
    with pytest.raises(DocumentError) as caught:
        read(b"/proc/self/status", max_bytes=1 << 20)
    assert caught.value.code == "changed"


def test_a_vanished_file_is_a_change(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        read(os.fsencode(tmp_path / "gone.txt"), max_bytes=100)
    assert caught.value.code == "changed"


def test_a_file_swapped_for_a_link_after_the_walk_gains_nothing(tmp_path: Path) -> None:
    write(tmp_path / "outside", "secret.txt", text="secret")
    write(tmp_path / "inside", "a.txt")
    (found,) = discover([os.fsencode(tmp_path / "inside")])
    (tmp_path / "inside" / "a.txt").unlink()
    (tmp_path / "inside" / "a.txt").symlink_to(tmp_path / "outside" / "secret.txt")
    with pytest.raises(DocumentError) as caught:
        read(found.path, max_bytes=100, root=found.root)
    assert caught.value.code == "unreadable"


def test_found_is_in_the_promised_order_twice(tmp_path: Path) -> None:
    write(tmp_path, *(f"{number % 7}/{number}.txt" for number in range(50)))
    first: list[Found] = list(discover([os.fsencode(tmp_path)]))
    assert first == list(discover([os.fsencode(tmp_path)]))
    assert len({file.path for file in first}) == 50
