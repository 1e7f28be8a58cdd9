"""What an index is made with: it may change as long as nothing is stored, and a refusal changes nothing."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ragqa.config import Config, load
from ragqa.documents.loader import InProcessLoader
from ragqa.errors import IndexMismatch
from ragqa.flows.indexing import claim, require_comparable
from ragqa.flows.ingest import Parts, ingest
from ragqa.flows.search import Searching, search
from ragqa.flows.upkeep import check, remove
from ragqa.index import vectorfile
from ragqa.index.lexical import Bm25Index
from ragqa.index.records import Batch
from ragqa.index.sparse import SparseIndex
from ragqa.index.store import Store
from ragqa.index.vectors import ExactVectors
from ragqa.ports import Embedder, SparseEncoder
from tests.fakes import HashingEmbedder, HashingSparse

CONFIG: Config = load(environment={})
TEXTS = {"cat.md": "The cat sleeps on the roof.", "tax.md": "The tax is due on Monday.", "sun.md": "The sun is out."}
FIRST, OTHER = HashingEmbedder("first", dimensions=32), HashingEmbedder("other", dimensions=48)
SPARSE = HashingSparse("sparse", meanings={})


def fill(store: Store, folder: Path, embedder: Embedder, sparse: SparseEncoder | None, *, tokens: int = 50) -> None:
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    config = replace(CONFIG, chunk=replace(CONFIG.chunk, tokens=tokens, overlap=0))
    ingest([os.fsencode(folder)], store, Parts(lambda: embedder, InProcessLoader, config, lambda: sparse))


def found(store: Store, embedder: Embedder, sparse: SparseEncoder | None) -> list[str]:
    lexical = SparseIndex(store, sparse) if sparse else Bm25Index(store)
    parts = Searching(store, embedder, ExactVectors(store), lexical, None, CONFIG, sparse=sparse)
    return [Path(hit.passage.document).name for hit in search("cat roof", parts).retrieval.hits]


@pytest.mark.parametrize("compacts", [True, False])
@pytest.mark.parametrize(("before", "after"), [(None, None), (None, SPARSE), (SPARSE, None)])
def test_an_emptied_index_takes_whatever_comes(
    store: Store,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    compacts: bool,
    before: SparseEncoder | None,
    after: SparseEncoder | None,
) -> None:
    """Also where a kill has left the file with the old vectors behind."""
    monkeypatch.setattr(vectorfile, "MINIMUM_ROWS", 2)
    fill(store, folder, FIRST, before)
    assert vectorfile.recorded(store.database) is not None
    paths = [state.path for state in store.documents()]
    if compacts:
        remove(paths, store)
    else:
        store.commit(Batch(removed=paths))
    shutil.rmtree(folder)
    folder.mkdir()
    require_comparable(store, OTHER, sparse=after)
    assert found(store, OTHER, after) == []
    claim(store, OTHER, "1:50+0", sparse=after)
    assert vectorfile.recorded(store.database) is None
    fill(store, folder, OTHER, after, tokens=60)
    made_with = store.meta().made_with
    assert made_with is not None
    assert (made_with.embedder.name, made_with.chunker) == ("other", "1:60+0")
    assert (made_with.sparse is None) == (after is None)
    assert found(store, OTHER, after)[0] == "cat.md"
    assert check(store).findings == ()
    with pytest.raises(IndexMismatch):
        require_comparable(store, FIRST, sparse=after)


@pytest.mark.parametrize("before", [None, SPARSE])
@pytest.mark.parametrize("after", [None, HashingSparse("another", meanings={})])
def test_a_refusal_leaves_the_index_as_it_was(
    store: Store, folder: Path, before: SparseEncoder | None, after: SparseEncoder | None
) -> None:
    fill(store, folder, FIRST, before)
    held, revision = store.meta(), store.revision
    with pytest.raises(IndexMismatch):
        claim(store, OTHER, "1:60+0", sparse=after)
    assert (store.meta(), store.revision) == (held, revision)
