"""`check` finds every changed byte that matters, names the document, and repair makes the index answer again."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ragqa.errors import IndexDamaged, IndexProblem
from ragqa.index import layout, vectorfile
from ragqa.index import repair as repairing
from ragqa.index.checksums import digest
from ragqa.index.integrity import Finding, Report, check
from ragqa.index.lexical import Bm25Index
from ragqa.index.records import Batch
from ragqa.index.repair import repair
from ragqa.index.store import Store
from ragqa.index.vectorblocks import vectors_of
from ragqa.index.vectors import ExactVectors

TEXTS = {b"/docs/%d.txt" % number: f"shared line\nonly number{number}\nthird thing" for number in range(6)}


@pytest.fixture
def filled(store: Store, made: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A closed index of six documents; one was removed and one added after the vector file was written."""
    monkeypatch.setattr(vectorfile, "MINIMUM_ROWS", 4)
    monkeypatch.setattr(vectorfile, "MINIMUM_TAIL", 5)
    for path, text in TEXTS.items():
        made.put(store, path, text)
    store.compact()
    store.commit(Batch(removed=[b"/docs/0.txt"]))
    made.put(store, b"/docs/new.txt", "new\nlines")
    store.close()
    assert layout.vector_files(store.folder)
    return store.folder


def answers(store: Store) -> dict[str, object]:
    """All that can be found, and what is shown of it."""
    query = np.ones(8, np.float32) / np.sqrt(np.float32(8))
    return {
        "lexical": Bm25Index(store).search(["shared", "third", "number3"], 50),
        "vectors": ExactVectors(store).search(query, 50),
        "passages": store.passages([chunk.key for chunk in store.chunks()]),
        "documents": store.documents(),
        "contents": [store.content(content_id) for content_id in store.content_ids()],
    }


def kinds(report: Report) -> set[str]:
    return {finding.kind for finding in report.findings}


def test_a_sound_index_has_no_findings(filled: Path, made: SimpleNamespace) -> None:
    with Store.open(filled) as store:
        assert check(store, made.analyze) == Report((), documents=6, contents=6, chunks=17)


CHUNKS = "'chunks'"
DAMAGE: dict[str, tuple[str, str]] = {
    "a chunk's text": ("passages", "UPDATE chunks SET text = 'x' WHERE key = 5"),
    "a chunk's page": ("passages", "UPDATE chunks SET page_start = 9 WHERE key = 5"),
    "a lost chunk": ("passages", "DELETE FROM chunks WHERE key = 5"),
    "a document's text": ("text", "UPDATE contents SET text = 'x' WHERE id = 2"),
    "a document's structure": ("text", "UPDATE contents SET structure = '{}' WHERE id = 2"),
    "a title": ("text", "UPDATE contents SET title = 'x' WHERE id = 2"),
    "a path": ("record", "UPDATE documents SET path = '/x' WHERE path = CAST('/docs/1.txt' AS BLOB)"),
    "a vector": ("vectors", "UPDATE vectors SET data = zeroblob(length(data)) WHERE first_key = 4"),
    "a lost vector": ("vectors", "DELETE FROM vectors WHERE first_key = 4"),
    "a posting": ("postings", "UPDATE segment_blocks SET data = zeroblob(length(data)) WHERE kind = 'posts'"),
    "a block for another": ("postings", "UPDATE segment_blocks SET number = 9 WHERE kind = 'posts'"),
    "a lost segment": ("postings", "DELETE FROM segments WHERE first_key = 1"),
    "a segment's record": ("postings", "UPDATE segments SET live = live + 1"),
    "a count": ("counts", "UPDATE meta SET value = '99', checksum = digest('chunks', '99') WHERE key = 'chunks'"),
    "the vector file's record": ("vector_file", "UPDATE vector_file SET dead = zeroblob(0)"),
}
DERIVED = ("postings", "counts", "vector_file")


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found_named_and_repaired(filled: Path, made: SimpleNamespace, name: str) -> None:
    """What is derived is as before; a damaged document is set aside, and every other one answers as before."""
    kind, statement = DAMAGE[name]
    with Store.open(filled) as store:
        before = answers(store)
    with Store.open(filled, write=True) as store:
        store.database._connection.create_function("digest", 2, digest)
        store.database.execute("PRAGMA foreign_keys=OFF")
        store.database.execute(statement)
    with Store.open(filled) as store:
        report = check(store, made.analyze)
    assert kind in kinds(report)
    assert "sqlite" not in kinds(report) or name.startswith("a lost")
    if kind in ("passages", "text", "vectors"):
        assert "/docs/1.txt" in {finding.document for finding in report.findings if finding.kind == kind}
    if "sqlite" in kinds(report):
        return
    with Store.open(filled, write=True) as store:
        repair(store, report, made.analyze)
        assert check(store, made.analyze).findings == ()
        after = answers(store)
        if kind in DERIVED:
            assert after == before
        else:
            kept = [state.path for state in store.documents() if state.chunks]
            assert kept == [path for path in sorted([*TEXTS, b"/docs/new.txt"]) if path[6:7] not in b"01"]
        if kind in ("passages", "vectors"):
            assert store.contents_without_vectors() == [2]
            assert store.content(2)[1].text == TEXTS[b"/docs/1.txt"]
        if kind == "text":
            record = store.states()[b"/docs/1.txt"].record
            assert (record.status, record.code, record.size) == ("failed", "damaged", -1)
        made.put(store, b"/docs/1.txt", TEXTS[b"/docs/1.txt"])
        assert check(store, made.analyze).findings == ()


def test_another_analyzer_is_noticed(filled: Path) -> None:
    with Store.open(filled) as store:
        assert kinds(check(store, lambda text: text.upper().split())) == {"postings"}


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-9])])
def test_a_missing_or_short_vector_file_is_found_and_made_again(
    filled: Path, made: SimpleNamespace, spoil: Callable[[Path], object]
) -> None:
    [path] = layout.vector_files(filled)
    spoil(path)
    with Store.open(filled, write=True) as store:
        before = answers(store)
        report = check(store, made.analyze)
        assert kinds(report) == {"vector_file"}
        repair(store, report, made.analyze)
        assert check(store, made.analyze).findings == ()
        assert layout.vector_files(filled)
        assert answers(store) == before


def test_vectors_of_the_file_are_compared_with_the_store(filled: Path, made: SimpleNamespace) -> None:
    """A file whose sums are right, and whose vectors are not: only a comparison can tell."""
    with Store.open(filled, write=True) as store:
        file = vectorfile.recorded(store.database)
        assert file is not None
        [stored] = vectors_of(store.database, 8, [5]).values()
        whole = bytearray(file.path(filled).read_bytes())
        whole[whole.index(stored.tobytes())] ^= 1
        file.path(filled).write_bytes(whole)
        sums = vectorfile.byte_sums(file.path(filled))
        vectorfile._record(
            store.database, vectorfile.VectorFile(file.generation, file.last_key, file.rows, file.dead, sums)
        )
        assert kinds(check(store, made.analyze)) == {"vector_file"}


def test_a_repair_leaves_each_document_in_one_segment(
    store: Store, made: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the document's removal would leave a part of it to be found."""
    monkeypatch.setattr(repairing, "_CHUNKS_PER_SEGMENT", 5)
    for path in (b"/docs/1.txt", b"/docs/2.txt"):
        made.put(store, path, TEXTS[path])
    store.database.execute("UPDATE segment_blocks SET data = zeroblob(length(data)) WHERE kind = 'posts'")
    repair(store, check(store, made.analyze), made.analyze)
    store.commit(Batch(removed=[b"/docs/2.txt"]))
    assert check(store, made.analyze).findings == ()


def test_damage_to_the_database_itself_is_not_touched(filled: Path, made: SimpleNamespace) -> None:
    with Store.open(filled, write=True) as store:
        beyond = Report((Finding("sqlite", "page 3 is not used"),), 0, 0, 0)
        with pytest.raises(IndexDamaged, match="page 3"):
            repair(store, beyond, made.analyze)


@pytest.mark.parametrize("seed", range(3))
def test_no_changed_bit_is_silent(filled: Path, made: SimpleNamespace, tmp_path: Path, seed: int) -> None:
    """For each of many damaged copies: an error that says so, or the very same answers; and `check` is never content
    with what it cannot read."""
    with Store.open(filled) as store:
        before = answers(store)
    whole = (filled / layout.DATABASE).read_bytes()
    chance = random.Random(seed)
    copy = tmp_path / "copy"
    outcomes = {"refused": 0, "harmless": 0, "found by check": 0}
    for _ in range(40):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(filled, copy, ignore=shutil.ignore_patterns("index.db-*"))
        spoiled = bytearray(whole)
        for _ in range(chance.choice([1, 4, 16])):
            spoiled[chance.randrange(len(spoiled))] ^= 1 << chance.randrange(8)
        (copy / layout.DATABASE).write_bytes(spoiled)
        try:
            with Store.open(copy) as store:
                outcomes["found by check"] += bool(check(store, made.analyze).findings)
                assert answers(store) == before
                outcomes["harmless"] += 1
        except IndexProblem:
            outcomes["refused"] += 1
    assert outcomes["refused"] > 0 and outcomes["found by check"] > 0
