"""What goes into the store comes out again, all of it or none."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ragqa.errors import IndexDamaged, IndexMismatch, IndexMissing, StorageError
from ragqa.index import postings, vectorfile
from ragqa.index.lexical import Bm25Index
from ragqa.index.records import Batch, DocumentRecord, EmbedderRecord, Touched
from ragqa.index.store import Store
from ragqa.index.vectors import ExactVectors

TEXT = "Rent is due on Monday.\nThe deposit is two months.\n租約可提前終止。"


def keys(store: Store) -> list[int]:
    return [chunk.key for chunk in store.chunks()]


def found_texts(store: Store, *terms: str) -> list[str]:
    hits = Bm25Index(store).search(terms, 10)
    return [passage.chunk.text for passage in store.passages([hit.key for hit in hits])]


def test_a_document_comes_out_as_it_went_in(store: Store, made: SimpleNamespace) -> None:
    stored = made.put(store, b"/docs/lease.txt", TEXT, title="Lease")
    [content_id] = store.content_ids()
    assert store.content(content_id) == (stored.sha256, stored.document)
    passages = store.passages(list(reversed(keys(store))))
    assert [passage.chunk for passage in passages] == list(reversed(stored.chunks))
    assert {(p.document, p.path, p.title, p.language) for p in passages} == {
        ("/docs/lease.txt", b"/docs/lease.txt", "Lease", "en")
    }
    assert store.unknown_shares(keys(store)) == {1: 0.0, 2: 0.1, 3: 0.2}
    assert store.pages(1) == stored.document.pages


def test_a_key_may_be_any_integer_type(store: Store, made: SimpleNamespace) -> None:
    """Searches hand out numpy integers, which SQLite would store as bytes and never find."""
    made.put(store, b"/a", TEXT)
    assert store.passages(list(np.array([2, 1], np.int64)))[0].key == 2


def test_more_passages_than_a_statement_has_parameters(store: Store, made: SimpleNamespace) -> None:
    made.put(store, b"/a", "\n".join(f"line {number}" for number in range(1203)))
    assert [passage.key for passage in store.passages(range(1203, 0, -1))] == list(range(1203, 0, -1))


def test_any_path_bytes_work(store: Store, made: SimpleNamespace) -> None:
    path = b"/docs/\xff\xfe \n'\";%s\x1b.txt"
    made.put(store, path, TEXT)
    assert store.states()[path].path == path
    assert store.passages([1])[0].path == path
    assert store.documents()[0].display == "/docs/\\udcff\\udcfe \n'\";%s\x1b.txt"


def test_a_passage_is_found_by_its_id_or_the_beginning_of_it(store: Store, made: SimpleNamespace) -> None:
    made.put(store, b"/a", TEXT)
    passage = store.passages([2])[0]
    assert store.passage_by_id(passage.chunk_id) == passage
    assert store.passage_by_id(passage.chunk_id[:6].upper()) == passage
    assert store.passage_by_id(passage.chunk_id[:5]) is None
    assert store.passage_by_id("%" * 16) is None
    assert store.passage_by_id(passage.chunk_id + "0") is None


def test_an_id_says_what_the_passage_is_and_not_when_it_was_stored(
    store: Store, made: SimpleNamespace, tmp_path: Path
) -> None:
    made.put(store, b"/a", TEXT)
    with Store.create(tmp_path / "other") as other:
        other.set_embedder(made.EMBEDDER)
        made.put(other, b"/z", "something before")
        made.put(other, b"/b", TEXT)
        assert other.passages([2])[0].chunk_id == store.passages([1])[0].chunk_id


def test_neighbours_stay_within_the_document(store: Store, made: SimpleNamespace) -> None:
    made.put(store, b"/a", TEXT)
    made.put(store, b"/b", "another\ndocument")
    assert [passage.key for passage in store.neighbours(3, before=1, after=5)] == [2, 3]
    assert [passage.key for passage in store.neighbours(4, before=9, after=0)] == [4]


def test_equal_bytes_at_two_paths_are_one_content(store: Store, made: SimpleNamespace) -> None:
    stored = made.put(store, b"/z", TEXT)
    store.commit(Batch(documents=[made.record(b"/a", stored)]))
    assert store.counts().contents == 1
    assert store.counts().documents == {"stored": 2}
    assert store.passages([1])[0].path == b"/a"
    store.commit(Batch(removed=[b"/a"]))
    assert store.passages([1])[0].path == b"/z"
    store.commit(Batch(removed=[b"/z"]))
    assert (store.counts().contents, keys(store), found_texts(store, "rent")) == (0, [], [])


def test_the_same_content_twice_in_a_batch_is_stored_once(store: Store, made: SimpleNamespace) -> None:
    stored = made.content(TEXT)
    store.commit(Batch(added=[stored, stored], documents=[made.record(b"/a", stored), made.record(b"/b", stored)]))
    assert store.counts().chunks == 3


def test_a_changed_document_takes_all_of_its_old_version_along(store: Store, made: SimpleNamespace) -> None:
    made.put(store, b"/a", "old words here\nand more")
    query = made.content("old words here").vectors[0]
    generation = store.generation
    made.put(store, b"/a", "new words here")
    assert found_texts(store, "words") == ["new words here"]
    assert [hit.key for hit in ExactVectors(store).search(query, 5)] == keys(store) == [3]
    assert store.generation == generation + 1
    assert store.counts().contents == 1


def test_a_content_added_again_is_replaced_under_all_its_paths(store: Store, made: SimpleNamespace) -> None:
    stored = made.put(store, b"/a", TEXT)
    store.commit(Batch(documents=[made.record(b"/b", stored)]))
    whole = replace(
        stored, chunks=stored.chunks[:1], vectors=stored.vectors[:1], terms=[["once"]], unknown_shares=[0.0]
    )
    store.commit(Batch(added=[whole]))
    assert keys(store) == [4]
    assert found_texts(store, "once") == ["Rent is due on Monday."]
    assert found_texts(store, "deposit") == []
    assert [state.chunks for state in store.documents()] == [1, 1]


def test_keys_are_never_used_twice(store: Store, made: SimpleNamespace) -> None:
    made.put(store, b"/a", TEXT)
    store.commit(Batch(removed=[b"/a"]))
    made.put(store, b"/a", TEXT)
    assert keys(store) == [4, 5, 6]


def test_what_was_not_stored_is_remembered_with_its_reason(store: Store, made: SimpleNamespace) -> None:
    made.put(store, b"/a.pdf", TEXT)
    failed = DocumentRecord(b"/a.pdf", "a.pdf", b"/", "", 7, 8, "failed", code="encrypted", reason="needs a password")
    store.commit(Batch(documents=[failed]))
    [state] = store.documents()
    assert (state.record, state.content_id, state.chunks) == (failed, None, 0)
    assert store.counts().documents == {"failed": 1}
    assert keys(store) == []


def test_a_touched_document_keeps_its_content_and_the_generation(store: Store, made: SimpleNamespace) -> None:
    stored = made.put(store, b"/a", TEXT)
    generation = store.generation
    assert store.commit(Batch(touched=[Touched(b"/a", 99, 2**60)], roots=[b"/docs", b"/\xff"])) == generation
    assert store.states()[b"/a"].record == replace(made.record(b"/a", stored), size=99, mtime_ns=2**60)
    assert store.roots() == [b"/docs", b"/\xff"]


def test_counts_follow_every_commit(store: Store, made: SimpleNamespace) -> None:
    made.put(store, b"/a", TEXT)
    made.put(store, b"/b", "one line")
    made.put(store, b"/b", "two\nlines")
    counts = store.counts()
    assert (counts.documents, counts.contents, counts.chunks, counts.languages) == ({"stored": 2}, 2, 5, {"en": 5})
    assert store.vector_count() == 5


def test_a_failed_commit_leaves_nothing(store: Store, made: SimpleNamespace) -> None:
    """The last part of the batch is impossible: nothing of the first parts may stay."""
    made.put(store, b"/a", TEXT)
    before = list(store.database._connection.iterdump())
    stored = made.content("never seen")
    nowhere = replace(made.record(b"/c", stored), sha256="0" * 64)
    with pytest.raises(ValueError, match="nowhere"):
        store.commit(Batch(added=[stored], documents=[made.record(b"/b", stored), nowhere], removed=[b"/a"]))
    assert list(store.database._connection.iterdump()) == before
    assert found_texts(store, "rent", "never") == ["Rent is due on Monday."]


@pytest.mark.parametrize(
    "wrong",
    [
        {"terms": [["a"]]},
        {"unknown_shares": []},
        {"vectors": np.ones((3, 7), np.float32) / 3},
        {"vectors": np.full((3, 8), np.nan, np.float32)},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_parts_that_do_not_fit_are_refused(store: Store, made: SimpleNamespace, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"every chunk|vectors must"):
        store.commit(Batch(added=[replace(made.content(TEXT), **wrong)]))


def test_vectors_of_two_embedders_are_never_mixed(store: Store, made: SimpleNamespace) -> None:
    made.put(store, b"/a", TEXT)
    other = EmbedderRecord("other", "2", 4)
    store.set_embedder(made.EMBEDDER)
    with pytest.raises(IndexMismatch):
        store.set_embedder(other)
    assert store.meta().embedder == made.EMBEDDER
    store.commit(Batch(removed=[b"/a"]))
    store.set_embedder(other)
    assert store.meta().embedder == other


def test_fingerprints_are_remembered(store: Store, folder: Path) -> None:
    store.set_fingerprint("analyzer", "a1")
    store.set_fingerprint("chunker", "c1")
    store.close()
    with Store.open(folder) as reader:
        assert (reader.meta().analyzer, reader.meta().chunker) == ("a1", "c1")


def test_compacting_changes_nothing_that_is_visible(store: Store, made: SimpleNamespace) -> None:
    for number in range(40):
        made.put(store, b"/%d" % number, f"shared word{number}\nshared again")
    store.commit(Batch(removed=[b"/%d" % number for number in range(0, 40, 3)]))
    query = made.content("shared again").vectors[0]
    before = (store.generation, Bm25Index(store).search(["shared"], 99), ExactVectors(store).search(query, 99))
    store.compact()
    after = (store.generation, Bm25Index(store).search(["shared"], 99), ExactVectors(store).search(query, 99))
    assert before == after


@pytest.mark.parametrize("column", ["text", "heading", "page_start", "unknown_share", "start"])
def test_a_changed_chunk_is_not_handed_out(store: Store, made: SimpleNamespace, column: str) -> None:
    made.put(store, b"/docs/lease.txt", TEXT)
    store.database.execute(f"UPDATE chunks SET {column} = 7 WHERE key = 2")
    assert store.passages([1, 3])
    for read in (lambda: store.passages([1, 2]), lambda: store.unknown_shares([2]), lambda: list(store.chunks())):
        with pytest.raises(IndexDamaged, match=r"/docs/lease\.txt") as raised:
            read()
        assert "ragqa check" in raised.value.remedy


@pytest.mark.parametrize(
    ("table", "column"),
    [("contents", "title"), ("contents", "language"), ("documents", "display"), ("documents", "path")],
)
def test_a_citation_is_never_made_from_a_changed_record(
    store: Store, made: SimpleNamespace, table: str, column: str
) -> None:
    made.put(store, b"/docs/lease.txt", TEXT)
    store.database.execute(f"UPDATE {table} SET {column} = 'zh-Hant'")
    with pytest.raises(IndexDamaged):
        store.passages([1])


@pytest.mark.parametrize("column", ["text", "structure"])
def test_a_changed_text_is_not_handed_out(store: Store, made: SimpleNamespace, column: str) -> None:
    made.put(store, b"/docs/lease.txt", TEXT)
    store.database.execute(f"UPDATE contents SET {column} = replace({column}, 'e', 'f')")
    with pytest.raises(IndexDamaged, match="lease"):
        store.content(1)


def test_a_changed_vector_or_posting_is_not_used(store: Store, made: SimpleNamespace) -> None:
    made.put(store, b"/docs/lease.txt", TEXT)
    for table in ("vectors", "segment_blocks"):
        store.database.execute(f"UPDATE {table} SET data = CAST(zeroblob(length(data)) AS BLOB)")
    with pytest.raises(IndexDamaged, match="lease"):
        ExactVectors(store).search(np.ones(8, np.float32), 3)
    with pytest.raises(IndexDamaged):
        Bm25Index(store).search(["rent"], 3)


def test_the_nearest_index_above_is_found(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (below / ".ragqa").mkdir()
    assert Store.find(below) is None
    Store.create(tmp_path / ".ragqa").close()
    assert Store.find(below) == tmp_path / ".ragqa"


def test_no_index_is_said_so(folder: Path) -> None:
    for write in (False, True):
        with pytest.raises(IndexMissing) as raised:
            Store.open(folder, write=write)
        assert "ragqa ingest" in raised.value.remedy


def test_an_index_where_no_folder_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError):
        Store.create(tmp_path / "file" / ".ragqa")


def test_reading_documents_imports_nothing_heavy(store: Store, made: SimpleNamespace, folder: Path) -> None:
    made.put(store, b"/a", TEXT)
    store.close()
    program = """
import sys
from pathlib import Path
from ragqa.index.store import Store
with Store.open(Path(sys.argv[1])) as store:
    assert store.documents() and store.counts().chunks and store.passages([1]) and store.neighbours(1)
assert not {"numpy", "faiss", "rank_bm25"} & set(sys.modules)
from ragqa.index.vectors import ExactVectors
import numpy
with Store.open(Path(sys.argv[1])) as store:
    assert ExactVectors(store).search(numpy.ones(8, "f4"), 2)
assert "faiss" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program, str(folder)], check=True)


def test_a_folder_that_goes_leaves_one_run(
    store: Store, made: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every removal reads and writes the runs again: one for each document would take minutes for ten thousand."""
    monkeypatch.setattr(vectorfile, "MINIMUM_ROWS", 1)
    stored = [made.content(f"Page {number} one.\nPage {number} two.") for number in range(6)]
    paths = [b"/docs/%d.txt" % number for number in range(6)]
    store.commit(Batch(added=stored, documents=[made.record(*pair) for pair in zip(paths, stored, strict=True)]))
    store.compact()
    store.commit(Batch(removed=paths[1:5]))
    file = vectorfile.recorded(store.database)
    assert [segment.dead for segment in postings.segments(store.database)] == [((3, 10),)]
    assert file is not None and file.dead == ((3, 10),)
    assert [chunk.key for chunk in store.chunks()] == [1, 2, 11, 12]
