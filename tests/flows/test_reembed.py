"""A re-embedding changes nothing that can be found until it changes all of it at once, and makes nothing twice."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragqa.config import ChunkConfig, Config, load
from ragqa.errors import IndexDamaged, StorageError
from ragqa.flows import reembed as flow
from ragqa.flows.ingest import Report, ingest
from ragqa.flows.reembed import Discarded, Event, Reembedded, Staged, Started, Switching, reembed
from ragqa.index import commits, integrity, layout, postings, staging, vectorfile
from ragqa.index.checksums import digest
from ragqa.index.database import Database
from ragqa.index.lexical import Bm25Index
from ragqa.index.records import Batch, DocumentRecord, EmbedderRecord, StoredContent, Target
from ragqa.index.repair import repair
from ragqa.index.store import Store
from ragqa.index.vectorblocks import vectors_of
from ragqa.index.vectors import ExactVectors
from ragqa.text import analyzer
from ragqa.types import Chunk, Document
from tests.fakes import HashingEmbedder

Ingest = Callable[..., Report]
SMALL = ChunkConfig(tokens=20, overlap=0)
TOPICS = ("rent", "deposit", "garden", "notice", "repair", "heating", "keys", "parking", "pets")


def write(folder: Path, names: str, *, version: str = "first") -> None:
    """A document for each letter: sections that share some words and differ in others."""
    for name in names:
        sections = (
            f"## {topic}\n\nThe {topic} of house {name} is {topic}{name}{place} in the {version} version. "
            f"Ask {version} about the {topic} when house {name} is number {place}."
            for place, topic in enumerate(random.Random(name).sample(TOPICS, 4))
        )
        (folder / f"{name}.md").write_text(f"# House {name}\n\n" + "\n\n".join(sections) + "\n")


def other() -> HashingEmbedder:
    return HashingEmbedder("other", dimensions=16)


def answers(store: Store, *, keys: bool = True) -> dict[str, object]:
    """All that can be found, in every way; without `keys` what does not depend on what was there before."""
    meta = store.meta()
    assert meta.embedder
    live = [chunk.key for chunk in store.chunks()]
    vectors = vectors_of(store.database, meta.embedder.dimensions, live)
    shares = store.unknown_shares(live)
    passages = {passage.key: passage for passage in store.passages(live)}

    def named(found: list[object]) -> list[object]:
        return [(hit.key if keys else passages[hit.key].chunk_id, hit.score) for hit in found]  # type: ignore[attr-defined]

    lexical, dense = Bm25Index(store), ExactVectors(store)
    queries = [vectors[key].astype(np.float32) for key in live[:4]] if live else []
    chunks = [
        (key if keys else 0, passages[key].document, passages[key].chunk_id, passages[key].chunk, shares[key])
        for key in live
    ]
    return {
        "made with": meta.made_with,
        "chunks": chunks if keys else sorted(chunks, key=str),
        "vectors": sorted((passages[key].chunk_id, vectors[key].tobytes()) for key in live),
        "lexical": [named(lexical.search(analyzer.analyze(topic), 50)) for topic in TOPICS] if keys else None,
        "dense": [named(dense.search(query, 50)) for query in queries] if keys else None,
        "documents": [(state.display, state.title, state.chunks) for state in store.documents()],
    }


def sound(store: Store) -> None:
    assert integrity.check(store, analyzer.analyze).findings == ()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several batches, several segments, and a vector file, with little to embed."""
    monkeypatch.setattr(flow, "BATCH_CHUNKS", 5)
    monkeypatch.setattr(commits, "SEGMENT_CHUNKS", 7)
    monkeypatch.setattr(vectorfile, "MINIMUM_ROWS", 10)
    monkeypatch.setattr(vectorfile, "MINIMUM_TAIL", 2)


@pytest.fixture
def filled(run_ingest: Ingest, store: Store, folder: Path) -> Store:
    """An index of six documents, in chunks of at most 40 tokens."""
    write(folder, "abcdef")
    run_ingest(config=settings(40))
    return store


def settings(tokens: int) -> Config:
    return replace(load(environment={}), chunk=ChunkConfig(tokens=tokens, overlap=0))


def stop_after(batches: int) -> Callable[[Event], None]:
    """What a user does who presses Ctrl-C after so many batches."""

    def on_event(event: Event) -> None:
        nonlocal batches
        batches -= isinstance(event, Staged)
        if not batches:
            raise KeyboardInterrupt

    return on_event


def stopped(store: Store, embedder: HashingEmbedder, chunk: ChunkConfig = SMALL, *, after: int = 2) -> None:
    with pytest.raises(KeyboardInterrupt):
        reembed(store, embedder, chunk, on_event=stop_after(after))


# until the switch


def test_the_old_index_answers_until_all_of_it_is_new(filled: Store) -> None:
    """A reader from before, and one opened at every step; the one from before also after the switch."""
    folder = filled.folder
    before = answers(filled)
    looks: list[int] = []
    assert layout.vector_files(folder)
    with Store.open(folder) as old, Store.open(folder) as untouched:
        assert answers(old) == before

        def look(event: Event) -> None:
            with Store.open(folder) as reader:
                assert answers(reader) == answers(old) == before
                if isinstance(event, Staged):
                    under_way = staging.pending(reader.database)
                    assert under_way is not None and under_way.target.embedder.name == "other"
                    assert (under_way.staged, under_way.contents) == (event.documents, 6)
                    looks.append(event.documents)

        done = reembed(filled, other(), SMALL, on_event=look)
        assert answers(old) == answers(untouched) == before
    assert looks == sorted(set(looks)) and len(looks) > 2 and looks[-1] == 6
    with Store.open(folder) as reader:
        after = answers(reader)
        sound(reader)
        assert staging.pending(reader.database) is None
    assert after == answers(filled)
    assert done == Reembedded("switched", 6, filled.total("chunks"), 0)
    assert filled.meta().embedder == EmbedderRecord("other", "other-16", 16)
    assert filled.meta().chunker == "1:20+0"
    assert len(after["chunks"]) > len(before["chunks"])  # type: ignore[arg-type]


def test_what_is_new_is_what_a_new_index_of_the_same_files_holds(filled: Store, folder: Path, tmp_path: Path) -> None:
    reembed(filled, other(), SMALL)
    with Store.create(tmp_path / "fresh") as fresh:
        ingest([bytes(folder)], fresh, flow_parts(other(), 20))
        assert answers(fresh, keys=False) == answers(filled, keys=False)


def flow_parts(embedder: HashingEmbedder, tokens: int):  # type: ignore[no-untyped-def]
    from ragqa.documents.loader import InProcessLoader
    from ragqa.flows.ingest import Parts

    return Parts(lambda: embedder, InProcessLoader, settings(tokens))


def test_it_leaves_no_trace_but_what_it_is_for(filled: Store) -> None:
    """The tables are those of an index that knows nothing of re-embedding, and no key is used twice."""
    schema = filled.database.rows("SELECT type, name, sql FROM sqlite_schema ORDER BY name")
    greatest = max(chunk.key for chunk in filled.chunks())
    generation = filled.generation
    stopped(filled, other())
    assert filled.generation == generation
    reembed(filled, other(), SMALL)
    assert filled.database.rows("SELECT type, name, sql FROM sqlite_schema ORDER BY name") == schema
    assert min(chunk.key for chunk in filled.chunks()) == greatest + 1
    assert filled.generation == generation + 1
    assert filled.database.row("PRAGMA user_version") == (1,)


def test_events_come_in_order_and_say_what_is_safe(filled: Store) -> None:
    events: list[Event] = []
    reembed(filled, other(), SMALL, on_event=events.append)
    kinds = [type(event) for event in events]
    assert (kinds[0], kinds[-1], kinds[-2]) == (Started, Switching, Staged)
    assert events[0] == Started(6, 0)
    assert events[-2] == Staged(6, filled.total("chunks"))


# going on


@pytest.mark.parametrize("batches", [1, 2, 4])
def test_a_stopped_run_goes_on_and_makes_nothing_twice(filled: Store, tmp_path: Path, batches: int) -> None:
    copy = Store.create(tmp_path / "copy")
    filled.database._connection.backup(copy.database._connection)
    copy.close()
    with Store.open(tmp_path / "copy", write=True) as whole:
        reembed(whole, other(), SMALL)
        expected = answers(whole)
    first, second = other(), other()
    stopped(filled, first, after=batches)
    events: list[Event] = []
    done = reembed(filled, second, SMALL, on_event=events.append)
    assert answers(filled) == expected
    assert not set(first.embedded) & set(second.embedded) and first.embedded
    assert done.resumed > 0 and events[0] == Started(6, done.resumed)
    sound(filled)


def test_documents_may_come_change_and_go_in_between(filled: Store, folder: Path, run_ingest: Ingest) -> None:
    """With the old model, which still answers; the end is what the same files give to a new index."""
    first = other()
    stopped(filled, first, after=3)
    (folder / "a.md").unlink()
    write(folder, "b", version="second")
    write(folder, "gh")
    (folder / "i.md").write_bytes((folder / "c.md").read_bytes())
    report = run_ingest(config=settings(40))
    assert [len(paths) for paths in (report.added, report.changed, report.removed)] == [3, 1, 1]
    found = filled.passages([hit.key for hit in Bm25Index(filled).search(["second"], 9)])
    assert {Path(passage.document).name for passage in found} == {"b.md"}
    sound(filled)
    under_way = staging.pending(filled.database)
    assert under_way is not None and 0 < under_way.staged < under_way.contents == 7
    second = other()
    done = reembed(filled, second, SMALL)
    assert done.resumed == under_way.staged
    assert not set(first.embedded) & set(second.embedded)
    sound(filled)
    test_what_is_new_is_what_a_new_index_of_the_same_files_holds(filled, folder, folder.parent)


def test_a_content_whose_text_is_read_anew_is_made_anew(filled: Store) -> None:
    """The same bytes, read by a loader that knows more now."""
    stopped(filled, other(), after=2)
    staged = staging.pending(filled.database)
    assert staged is not None
    sha256, document = filled.content(1)
    better = replace(document, text=document.text.replace("Ask first", "Inquire"), pages=(), blocks=())
    chunk = Chunk(0, len(better.text), better.text)
    one = StoredContent(sha256, better, [chunk], np.eye(1, 32, dtype=np.float32), [["x"]], [0.0])
    filled.commit(Batch(added=[one]))
    assert staging.pending(filled.database) == replace(staged, staged=staged.staged - 1)
    reembed(filled, other(), SMALL)
    assert any("Inquire" in chunk.chunk.text for chunk in filled.chunks())
    sound(filled)


def test_another_target_discards_what_was_made_for_the_first(filled: Store) -> None:
    stopped(filled, other())
    events: list[Event] = []
    third = HashingEmbedder("third", dimensions=24)
    staged = staging.pending(filled.database)
    assert staged is not None
    done = reembed(filled, third, SMALL, on_event=events.append)
    assert events[:2] == [Discarded("other", staged.staged), Started(6, 0)]
    assert (done.outcome, done.resumed) == ("switched", 0)
    assert sorted(third.embedded) == sorted(chunk.chunk.indexed_text for chunk in filled.chunks())
    sound(filled)


def test_other_chunk_settings_are_another_target(filled: Store) -> None:
    stopped(filled, other())
    events: list[Event] = []
    reembed(filled, other(), ChunkConfig(tokens=30, overlap=0), on_event=events.append)
    assert isinstance(events[0], Discarded) and events[1] == Started(6, 0)
    assert filled.meta().chunker == "1:30+0"


def test_going_back_to_what_the_index_is_made_with_discards_and_embeds_nothing(
    filled: Store, embedder: HashingEmbedder
) -> None:
    before = answers(filled)
    stopped(filled, other())
    embedder.embedded.clear()
    events: list[Event] = []
    done = reembed(filled, embedder, settings(40).chunk, on_event=events.append)
    assert (done.outcome, [type(event) for event in events], embedder.embedded) == ("unchanged", [Discarded], [])
    assert answers(filled) == before and staging.pending(filled.database) is None


def test_what_is_staged_can_be_discarded(filled: Store) -> None:
    before = list(filled.database._connection.iterdump())
    stopped(filled, other())
    assert flow.discard(filled).documents > 0
    assert list(filled.database._connection.iterdump()) == before
    assert flow.discard(filled) == Reembedded("discarded")


# what need not be made


def test_chunk_settings_alone_are_a_reason(filled: Store, embedder: HashingEmbedder, run_ingest: Ingest) -> None:
    before = filled.total("chunks")
    assert reembed(filled, embedder, SMALL).outcome == "switched"
    assert filled.total("chunks") > before
    assert run_ingest(config=settings(20)).warnings == []


def test_without_a_reason_nothing_is_made_unless_it_is_forced(filled: Store, embedder: HashingEmbedder) -> None:
    embedder.embedded.clear()
    generation = filled.generation
    embedder.name = "called something else"
    assert reembed(filled, embedder, settings(40).chunk) == Reembedded("unchanged")
    assert (embedder.embedded, filled.generation) == ([], generation)
    with pytest.raises(KeyboardInterrupt):
        reembed(filled, embedder, settings(40).chunk, force=True, on_event=stop_after(2))
    done = reembed(filled, embedder, settings(40).chunk)
    assert done.outcome == "switched" and done.resumed > 0
    assert len(embedder.embedded) == filled.total("chunks")


def test_what_a_repair_left_without_vectors_is_made_in_its_place(filled: Store, embedder: HashingEmbedder) -> None:
    before = answers(filled, keys=False)
    filled.database.execute("UPDATE vectors SET data = zeroblob(length(data)) WHERE content_id = 2")
    repair(filled, integrity.check(filled, analyzer.analyze), analyzer.analyze)
    assert filled.contents_without_vectors() == [2]
    embedder.embedded.clear()
    done = reembed(filled, embedder, settings(40).chunk)
    assert (done.outcome, done.documents, done.chunks) == ("completed", 1, len(embedder.embedded))
    assert answers(filled, keys=False) == before
    sound(filled)


def test_an_index_without_documents_takes_the_new_settings(store: Store) -> None:
    assert reembed(store, other(), SMALL) == Reembedded("switched", 0, 0, 0)
    assert store.meta().embedder == EmbedderRecord("other", "other-16", 16)


# what goes wrong


def test_any_fault_in_the_switch_leaves_the_old_index_and_what_is_staged(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full at one statement after another, from the first to the last."""
    with pytest.raises(KeyboardInterrupt):
        reembed(filled, other(), SMALL, on_event=stop_at_switch)
    before = list(filled.database._connection.iterdump())
    found = answers(filled)
    fault = Fault(monkeypatch)
    faults = 0
    for place in [*range(1, 12), *range(12, 400, 7)]:
        fault.after = place
        try:
            staging.switch(filled)
        except StorageError:
            faults += 1
        else:
            break
        assert list(filled.database._connection.iterdump()) == before
        if faults % 9 == 1:
            with Store.open(filled.folder) as reader:
                assert answers(reader) == found
    assert faults > 20 and fault.after > 0, "it never got through, or never met a fault"
    assert filled.meta().embedder == EmbedderRecord("other", "other-16", 16)
    sound(filled)


class Fault:
    """The statement that writes after so many others fails; counts down."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.after = 0
        for name in ("execute", "execute_many"):
            monkeypatch.setattr(Database, name, self._failing(getattr(Database, name)))

    def _failing(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def run(database: Database, statement: str, *values: object) -> Any:
            self.after -= not statement.startswith("BEGIN")
            if self.after == 0:
                raise StorageError("the disk is full")
            return real(database, statement, *values)

        return run


def stop_at_switch(event: Event) -> None:
    if isinstance(event, Switching):
        raise KeyboardInterrupt


def test_a_content_that_is_not_staged_is_never_switched_away(filled: Store) -> None:
    before = answers(filled)
    stopped(filled, other())
    with pytest.raises(ValueError, match="not staged"):
        staging.switch(filled)
    assert answers(filled) == before


DAMAGE = {
    "a vector": "UPDATE staged_chunks SET vector = zeroblob(length(vector)) WHERE id = 2",
    "a chunk's terms": "UPDATE staged_chunks SET details = replace(details, 'rent', 'tent')",
    "a lost chunk": "DELETE FROM staged_chunks WHERE id = 2",
    "a chunk elsewhere": "UPDATE staged_chunks SET ordinal = 99 WHERE id = 2",
    "a count": "UPDATE staged_contents SET chunks = 1 WHERE id = 1",
    "a text": "UPDATE staged_contents SET text_sha256 = (SELECT text_sha256 FROM contents WHERE id = 2) WHERE id = 1",
    "chunks of nobody": "DELETE FROM staged_contents WHERE id = 1",
    "what it is for": "UPDATE staging SET target = replace(target, 'other', 'mother')",
}


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("cure", ["repair", "go on"])
def test_damage_to_what_is_staged_is_found_and_made_good(filled: Store, name: str, cure: str) -> None:
    """The index answers all the while; what is whole is not made again; what was damaged is never switched to."""
    expected = answers(filled)
    with pytest.raises(KeyboardInterrupt):
        reembed(filled, other(), SMALL, on_event=stop_at_switch)
    filled.database.execute(DAMAGE[name])
    report = integrity.check(filled, analyzer.analyze)
    assert {finding.kind for finding in report.findings} == {"staging"}
    assert answers(filled) == expected
    with pytest.raises((IndexDamaged, ValueError)):
        staging.switch(filled)
    assert answers(filled) == expected
    if cure == "repair":
        repair(filled, report, analyzer.analyze)
        sound(filled)
        assert answers(filled) == expected
    second = other()
    done = reembed(filled, second, SMALL)
    assert done.resumed == (0 if name == "what it is for" else 5 if name != "a chunk's terms" else done.resumed)
    assert done.resumed < 6 and len(second.embedded) <= filled.total("chunks")
    sound(filled)
    assert answers(filled) != expected


def test_what_another_release_has_staged_is_discarded(filled: Store) -> None:
    stopped(filled, other())
    target = '{"embedder": {"name": "other"}, "sparse": "x"}'
    filled.database.execute("UPDATE staging SET target = ?, checksum = ?", target, digest(target))
    assert staging.pending(filled.database) is None
    assert reembed(filled, other(), SMALL).resumed == 0
    sound(filled)


# size


def test_the_space_is_used_again(filled: Store, folder: Path, run_ingest: Ingest) -> None:
    for name in "klmnopqrstuvwxyz":
        write(folder, name)
    run_ingest(config=settings(40))
    pages: list[int] = []
    for turn in range(6):
        reembed(filled, HashingEmbedder(f"turn{turn}", dimensions=64), SMALL)
        pages.append((filled.database.row("PRAGMA page_count") or (0,))[0])
    assert pages[-1] <= pages[1] * 1.05, pages


def test_the_switch_holds_a_few_contents_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times as many contents take no more memory."""
    monkeypatch.setattr(commits, "SEGMENT_CHUNKS", 60)
    monkeypatch.setattr(postings, "_MERGED_AT_ONCE", 2000)
    peaks = [switch_peak(tmp_path / str(number), number) for number in (40, 160)]
    assert peaks[1] < 1.5 * peaks[0], peaks


def switch_peak(folder: Path, contents: int) -> int:
    target = Target(EmbedderRecord("other", "1", 256), "", "1")
    with Store.create(folder) as store:
        store.set_embedder(EmbedderRecord("first", "1", 256))
        for start in range(0, contents, 20):
            made = [large_content(number) for number in range(start, start + 20)]
            store.commit(Batch(added=made, documents=[record(content) for content in made]))
        staging.begin(store, target)
        for number in range(contents):
            staging.put(store, [large_content(number)])
        tracemalloc.start()
        staging.switch(store)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert staging.pending(store.database) is None
    return peak


def large_content(number: int) -> StoredContent:
    words = [f"word{number}x{place}" for place in range(400)]
    texts = [" ".join(words[start : start + 40]) for start in range(0, 400, 40)]
    text = "\n".join(texts)
    starts = np.cumsum([0, *(len(part) + 1 for part in texts)]).tolist()
    return StoredContent(
        sha256=f"{number:064x}",
        document=Document(text, loader="words"),
        chunks=[Chunk(start, start + len(part), part) for start, part in zip(starts, texts, strict=False)],
        vectors=np.eye(10, 256, dtype=np.float32),
        terms=[part.split() for part in texts],
        unknown_shares=[0.0] * 10,
    )


def record(content: StoredContent) -> DocumentRecord:
    return DocumentRecord(content.sha256.encode(), content.sha256, b"/", content.sha256, 1, 1, loader="words")
