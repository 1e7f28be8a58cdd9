"""A sparse model as the lexical half: made at ingest, searched, checked, repaired; never compared with another's."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ragqa.config import Config, load
from ragqa.documents.loader import InProcessLoader
from ragqa.errors import IndexMismatch
from ragqa.flows import look
from ragqa.flows.ingest import Parts, ingest
from ragqa.flows.reembed import reembed
from ragqa.flows.search import Searching, search
from ragqa.flows.upkeep import check, repaired
from ragqa.index import layout
from ragqa.index.lexical import Bm25Index
from ragqa.index.sparse import SparseIndex
from ragqa.index.store import Store
from ragqa.index.vectors import ExactVectors
from ragqa.ports import SparseEncoder
from ragqa.text import analyzer
from tests.fakes import HashingEmbedder, HashingSparse

TEXTS = {
    "car.md": "The automobile stands in the yard.",
    "cat.md": "The cat sleeps on the roof.",
    "tax.md": "The tax is due on Monday.",
}
CONFIG: Config = replace(load(environment={}), chunk=replace(load(environment={}).chunk, tokens=40, overlap=0))


def sparse(name: str = "hashing-sparse") -> HashingSparse:
    return HashingSparse(name, meanings={"car": ["automobile"]})


@pytest.fixture
def fill(store: Store, embedder: HashingEmbedder, folder: Path) -> Callable[..., Store]:
    """Ingest the three texts, with a sparse model or without."""

    def filled(model: SparseEncoder | None, texts: dict[str, str] | None = None) -> Store:
        for name, text in (texts or TEXTS).items():
            (folder / name).write_text(text)
        parts = Parts(lambda: embedder, InProcessLoader, CONFIG, lambda: model)
        ingest([os.fsencode(folder)], store, parts)
        return store

    return filled


def searching(store: Store, embedder: HashingEmbedder, model: SparseEncoder | None) -> Searching:
    lexical = SparseIndex(store, model) if model else Bm25Index(store)
    return Searching(store, embedder, ExactVectors(store), lexical, None, CONFIG, sparse=model)


def names(found: object) -> list[str]:
    return [Path(hit.passage.document).name for hit in found.retrieval.hits if "lexical" in hit.found_by]  # type: ignore[attr-defined]


def test_a_passage_is_found_by_what_the_model_makes_of_the_question(
    fill: Callable[..., Store], embedder: HashingEmbedder
) -> None:
    store, model = fill(sparse()), sparse()
    assert names(search("car", searching(store, embedder, None))) == []
    found = search("car", searching(store, embedder, model))
    assert names(found) == ["car.md"]
    assert found.models["sparse"] == model.name
    assert found.retrieval.trace.lexical_index == "sparse:hashing-sparse"
    # A question of nothing but stop words has no terms, and features all the same.
    assert names(search("the", searching(store, embedder, model)))
    assert check(store).findings == ()
    assert look.status(store).meta.sparse is not None


def test_features_go_and_come_with_their_documents(
    fill: Callable[..., Store], embedder: HashingEmbedder, folder: Path
) -> None:
    store = fill(sparse())
    fill(sparse(), {"car.md": "The cat has moved.", "new.md": "An automobile."})
    model = sparse()
    assert names(search("car", searching(store, embedder, model))) == ["new.md"]
    assert sorted(names(search("cat", searching(store, embedder, model)))) == ["car.md", "cat.md"]
    [[kept]] = store.database.rows("SELECT count(*) FROM features")
    assert kept == store.total("chunks")
    assert check(store).findings == ()


@pytest.mark.parametrize(
    ("held", "asked", "said", "remedy"),
    [
        (None, "hashing-sparse", "no features of a sparse model", "'bm25'"),
        ("old", "hashing-sparse", "features of old, .* hashing-sparse", "`ragqa reembed`"),
    ],
)
def test_features_of_another_model_are_never_searched(
    fill: Callable[..., Store], embedder: HashingEmbedder, held: str | None, asked: str, said: str, remedy: str
) -> None:
    store = fill(sparse(held) if held else None)
    with pytest.raises(IndexMismatch, match=said) as caught:
        search("car", searching(store, embedder, sparse(asked)))
    assert remedy in caught.value.remedy
    with pytest.raises(IndexMismatch, match=said):
        fill(sparse(asked), {"more.md": "More."})


def test_nothing_without_features_comes_into_an_index_with_them(fill: Callable[..., Store]) -> None:
    store = fill(sparse())
    with pytest.raises(IndexMismatch, match=r"retrieval\.lexical names none") as caught:
        fill(None, {"more.md": "More."})
    assert "'sparse:hashing-sparse'" in caught.value.remedy
    assert store.total("documents") == len(TEXTS)


@pytest.mark.parametrize("before", [None, "old", "hashing-sparse"])
@pytest.mark.parametrize("after", [None, "hashing-sparse"])
def test_a_reembedding_changes_the_sparse_model(
    fill: Callable[..., Store], embedder: HashingEmbedder, before: str | None, after: str | None
) -> None:
    store = fill(sparse(before) if before else None)
    model = sparse(after) if after else None
    done = reembed(store, embedder, CONFIG.chunk, sparse=model)
    assert done.outcome == ("unchanged" if before == after else "switched")
    assert check(store).findings == ()
    assert (store.meta().sparse is None) == (after is None)
    assert names(search("car", searching(store, embedder, model))) == (["car.md"] if after else [])
    fill(model, {"more.md": "More."})
    assert check(store).findings == ()


def test_a_reembedding_that_was_stopped_makes_no_features_twice(
    fill: Callable[..., Store], embedder: HashingEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, model = fill(None), sparse()
    monkeypatch.setattr("ragqa.flows.reembed.BATCH_CHUNKS", 1)

    def stop(event: object) -> None:
        if type(event).__name__ == "Staged":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reembed(store, embedder, CONFIG.chunk, sparse=model, on_event=stop)
    assert store.meta().sparse is None
    assert names(search("automobile", searching(store, embedder, None))) == ["car.md"]
    assert reembed(store, embedder, CONFIG.chunk, sparse=model).resumed == 1
    assert len(model.encoded) == len(TEXTS)
    assert names(search("car", searching(store, embedder, model))) == ["car.md"]


@pytest.mark.parametrize(
    "damage", ["UPDATE features SET data = x'01' WHERE key = 1", "DELETE FROM features WHERE key = 1"]
)
def test_damaged_features_are_found_and_made_anew_from_stored_text(
    fill: Callable[..., Store], embedder: HashingEmbedder, damage: str
) -> None:
    store, model = fill(sparse()), sparse()
    with store.transaction():
        store.database.execute(damage)
    report = check(store)
    assert [(finding.kind, bool(finding.document)) for finding in report.findings] == [("features", True)]
    assert "reembed" in report.findings[0].remedy
    assert repaired(store, report).findings == ()
    assert reembed(store, embedder, CONFIG.chunk, sparse=model).outcome == "completed"
    assert check(store).findings == ()
    assert len(model.encoded) == 1
    assert names(search("car", searching(store, embedder, model))) == ["car.md"]


def test_damaged_postings_are_built_again_with_their_features(
    fill: Callable[..., Store], embedder: HashingEmbedder
) -> None:
    store = fill(sparse())
    before = SparseIndex(store, sparse()).search([], 9, question="car sleeps monday")
    with store.transaction():
        store.database.execute("UPDATE segment_blocks SET data = x'00' WHERE kind = 'posts'")
    report = check(store)
    assert {finding.kind for finding in report.findings} == {"postings"}
    assert repaired(store, report).findings == ()
    assert SparseIndex(store, sparse()).search([], 9, question="car sleeps monday") == before


def test_postings_that_say_something_else_than_the_features_are_found(fill: Callable[..., Store]) -> None:
    store = fill(sparse())
    from ragqa.index import features

    with store.transaction():
        store.database.execute("DELETE FROM features WHERE key = 1")
        features.write(store.database, 1, [{5: 100}])
    assert {finding.kind for finding in check(store).findings} == {"postings"}


def test_an_index_with_features_is_not_for_a_ragqa_that_knows_none(
    fill: Callable[..., Store], embedder: HashingEmbedder
) -> None:
    store = fill(sparse())

    def schema() -> int:
        with sqlite3.connect(store.folder / layout.DATABASE) as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])

    assert schema() == 2
    reembed(store, embedder, CONFIG.chunk)
    assert schema() == 1


def test_an_index_from_before_there_were_features_is_as_good(
    fill: Callable[..., Store], embedder: HashingEmbedder
) -> None:
    store = fill(None)
    with store.transaction():
        store.database.execute("DELETE FROM meta WHERE key = 'sparse'")
    folder = store.folder
    store.close()
    with Store.open(folder, write=True) as again:
        assert again.meta().sparse is None
        assert check(again).findings == ()
        assert reembed(again, embedder, CONFIG.chunk, sparse=sparse()).outcome == "switched"
        assert again.meta().sparse is not None


def test_terms_of_documents_are_never_taken_for_features() -> None:
    """Whatever a document holds, no term begins as the name of a feature does."""
    assert not any(term.startswith("\0") for term in analyzer.analyze("\x005 a\x006 \0 7"))
