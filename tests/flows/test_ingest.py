"""Ingest makes the index hold what the files hold, at the cost of what changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ragqa.config import load
from ragqa.errors import IndexMismatch
from ragqa.flows.ingest import Event, Report, Stored, plan
from ragqa.index.store import Store
from tests.fakes import HashingEmbedder

Ingest = Callable[..., Report]


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")


def dump(store: Store) -> dict[str, list[str]]:
    """Everything that can be found: chunk texts by document."""
    texts: dict[str, list[str]] = {}
    for passage in store.passages([chunk.key for chunk in store.chunks()]):
        texts.setdefault(Path(passage.document).name, []).append(passage.chunk.text)
    return texts


def test_every_kind_of_change_is_reported_once(run_ingest: Ingest, store: Store, folder: Path) -> None:
    write(folder, a_md="# A\n\nalpha", b_md="# B\n\nbeta", c_md="# C\n\ngamma")
    first = run_ingest()
    assert [Path(path).name for path in first.added] == ["a.md", "b.md", "c.md"]
    write(folder, b_md="# B\n\nbeta, but longer", d_md="# D\n\ndelta")
    (folder / "c.md").unlink()
    second = run_ingest()
    names = [[Path(path).name for path in paths] for paths in (second.added, second.changed, second.removed)]
    assert names == [["d.md"], ["b.md"], ["c.md"]]
    assert second.unchanged == 1
    assert set(dump(store)) == {"a.md", "b.md", "d.md"}
    assert dump(store)["b.md"] == ["beta, but longer"]


def test_unchanged_files_are_not_read(
    run_ingest: Ingest, folder: Path, embedder: HashingEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, a_md="alpha", b_txt="beta")
    run_ingest()
    embedder.embedded.clear()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a file was read")

    monkeypatch.setattr("ragqa.documents.discovery.read", refuse)
    report = run_ingest()
    assert report.unchanged == 2
    assert not embedder.embedded


def test_a_touched_file_is_read_but_not_embedded(run_ingest: Ingest, folder: Path, embedder: HashingEmbedder) -> None:
    write(folder, a_md="alpha")
    run_ingest()
    embedder.embedded.clear()
    os.utime(folder / "a.md", (1, 1))
    report = run_ingest()
    assert (report.unchanged, report.changed, embedder.embedded) == (1, [], [])


def test_a_moved_or_copied_file_is_not_embedded_again(
    run_ingest: Ingest, store: Store, folder: Path, embedder: HashingEmbedder
) -> None:
    write(folder, a_md="alpha beta", b_md="gamma")
    run_ingest()
    embedder.embedded.clear()
    (folder / "a.md").rename(folder / "moved.md")
    (folder / "copy.md").write_bytes((folder / "b.md").read_bytes())
    report = run_ingest()
    assert not embedder.embedded
    assert {Path(path).name for path in report.added} == {"moved.md", "copy.md"}
    assert {Path(path).name for path in report.removed} == {"a.md"}
    assert {Path(state.display).name for state in store.documents()} == {"moved.md", "b.md", "copy.md"}
    assert sorted(text for texts in dump(store).values() for text in texts) == ["alpha beta", "gamma"]


def test_twins_in_one_run_are_embedded_once(run_ingest: Ingest, folder: Path, embedder: HashingEmbedder) -> None:
    write(folder, a_md="the very same", b_md="the very same")
    report = run_ingest()
    assert len(report.added) == 2
    assert len(embedder.embedded) == 1


def test_one_bad_file_never_stops_the_others(run_ingest: Ingest, store: Store, folder: Path) -> None:
    write(folder, a_md="alpha", z_md="omega")
    (folder / "bad.pdf").write_bytes(b"%PDF-1.7\nnothing that could be read")
    (folder / "slides.pptx").write_bytes(b"PK\x03\x04")
    report = run_ingest()
    assert len(report.added) == 2
    assert [Path(refused.document).name for refused in report.failed] == ["bad.pdf"]
    assert [Path(refused.document).name for refused in report.skipped] == ["slides.pptx"]
    again = run_ingest()
    assert [refused.reason for refused in again.failed] == [refused.reason for refused in report.failed]


def test_a_file_that_can_no_longer_be_read_keeps_what_was_stored(
    run_ingest: Ingest, store: Store, folder: Path
) -> None:
    write(folder, a_html="<h1>A</h1><p>what was said</p>")
    run_ingest()
    (folder / "a.html").write_bytes(bytes(range(256)) * 20)
    report = run_ingest()
    assert report.refused
    kept = dump(store)
    if report.failed:
        assert kept == {"a.html": ["what was said"]}


def test_a_missing_path_is_a_failure_that_removes_nothing(run_ingest: Ingest, store: Store, folder: Path) -> None:
    write(folder, a_md="alpha")
    run_ingest()
    aside = folder.with_name("aside")
    folder.rename(aside)
    report = run_ingest()
    assert len(report.failed) == 1
    assert set(dump(store)) == {"a.md"}


def test_a_folder_that_cannot_be_read_keeps_what_was_stored_from_it(
    run_ingest: Ingest, store: Store, folder: Path
) -> None:
    (folder / "sub" / "deep").mkdir(parents=True)
    write(folder, a_md="alpha")
    write(folder / "sub", b_md="beta")
    write(folder / "sub" / "deep", c_md="gamma")
    write(folder, sub2_md="delta")
    run_ingest()
    (folder / "sub2.md").unlink()
    (folder / "sub" / ".ragqaignore").mkdir()  # what is to be left out cannot be told, so the folder is not entered
    report = run_ingest()
    assert [refused.code for refused in report.failed] == ["unreadable"]
    assert [Path(path).name for path in report.removed] == ["sub2.md"]
    assert set(dump(store)) == {"a.md", "b.md", "c.md"}
    (folder / "sub" / ".ragqaignore").rmdir()
    (folder / "sub" / "b.md").unlink()
    assert [Path(path).name for path in run_ingest().removed] == ["b.md"]


def test_patterns_of_one_run_remove_nothing(run_ingest: Ingest, store: Store, folder: Path) -> None:
    write(folder, a_md="alpha", b_txt="beta")
    run_ingest()
    only = load(environment={}, flags={"ingest.include": ("*.md",)})
    assert run_ingest(config=only).removed == []
    (folder / ".ragqaignore").write_text("*.txt\n")
    assert [Path(path).name for path in run_ingest().removed] == ["b.txt"]


def test_other_folders_are_left_alone(run_ingest: Ingest, store: Store, folder: Path) -> None:
    for name in ("one", "two"):
        (folder / name).mkdir()
        write(folder / name, a_md=f"alpha {name}")
    run_ingest(folder / "one", folder / "two")
    (folder / "two" / "a.md").unlink()
    assert run_ingest(folder / "one").removed == []
    assert len(run_ingest(folder / "two").removed) == 1


def test_stored_is_said_only_after_the_commit(run_ingest: Ingest, store: Store, folder: Path) -> None:
    write(folder, **{f"d{number}_md": f"text number {number}" for number in range(5)})
    seen: list[tuple[str, bool]] = []

    def listen(event: Event) -> None:
        if isinstance(event, Stored):
            with Store.open(store.folder) as reader:
                seen.append((event.document, any(state.display == event.document for state in reader.documents())))

    run_ingest(on_event=listen)
    assert len(seen) == 5
    assert all(there for _, there in seen)


def test_another_embedder_is_refused_before_anything_changes(
    run_ingest: Ingest, store: Store, folder: Path, embedder: HashingEmbedder
) -> None:
    write(folder, a_md="alpha")
    run_ingest()
    before = store.generation
    embedder.fingerprint = "something else"
    write(folder, b_md="beta")
    with pytest.raises(IndexMismatch) as caught:
        run_ingest()
    assert "reembed" in caught.value.remedy
    assert store.generation == before


def test_plan_says_what_ingest_would_do_and_does_nothing(run_ingest: Ingest, store: Store, folder: Path) -> None:
    write(folder, a_md="alpha", b_md="beta")
    run_ingest()
    write(folder, b_md="beta and more", c_md="gamma")
    (folder / "a.md").unlink()
    generation = store.generation
    report = plan([os.fsencode(folder)], store, load(environment={}))
    assert [len(paths) for paths in (report.added, report.changed, report.removed)] == [1, 1, 1]
    assert store.generation == generation


def test_chunks_that_the_model_cannot_read_are_counted(run_ingest: Ingest, folder: Path) -> None:
    write(folder, a_md="plain words", b_md="這是一份中文文件，模型讀不懂。")
    assert run_ingest().unreadable_chunks == 1


def test_copies_do_not_wait_for_the_end(
    run_ingest: Ingest, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragqa.flows.ingest.BATCH_DOCUMENTS", 2)
    write(folder, a_md="alpha", b_md="alpha", c_md="alpha", d_md="alpha", e_md="alpha")
    generations: list[int] = []
    report = run_ingest(
        on_event=lambda event: generations.append(store.generation) if isinstance(event, Stored) else None
    )
    assert generations == [1, 1, 2, 2, 3]
    assert (len(report.added), report.chunks) == (5, 1)


def test_plan_does_not_announce_what_failed_before_as_new(run_ingest: Ingest, store: Store, folder: Path) -> None:
    (folder / "bad.pdf").write_bytes(b"%PDF-1.7\nnothing that could be read")
    failed = run_ingest().failed
    report = plan([os.fsencode(folder)], store, load(environment={}))
    assert (report.added, report.failed) == ([], failed)


def test_small_documents_do_not_wait_for_a_large_one(run_ingest: Ingest, store: Store, folder: Path) -> None:
    write(folder, a_md="alpha", b_md="\n\n".join(f"Paragraph {n}. " + "word " * 120 for n in range(400)))
    generations: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, Stored):
            generations.append(store.generation)

    run_ingest(on_event=listen)
    assert generations[0] < generations[1]
