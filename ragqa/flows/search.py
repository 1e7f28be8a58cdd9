"""`ragqa search`: a question to ranked passages, and what the index was at that moment."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ragqa import retrieval
from ragqa.errors import IndexStale
from ragqa.flows import indexing
from ragqa.merging import merge
from ragqa.text.parts import keep_whole

if TYPE_CHECKING:
    from ragqa.config import Config
    from ragqa.index.scope import Scope
    from ragqa.index.store import Store
    from ragqa.ports import Embedder, LexicalIndex, Reranker, SparseEncoder, Split, Texts, VectorIndex
    from ragqa.types import Passage


@dataclass(frozen=True, slots=True)
class Searchable:
    """All that a search stands on, over texts that do not change meanwhile; both searches are made over `scope`."""

    store: Texts
    embedder: Embedder
    vectors: VectorIndex
    lexical: LexicalIndex
    reranker: Reranker | None
    config: Config
    sparse: SparseEncoder | None = None
    """What `lexical` is made with, where it is not made of words."""
    scope: Scope | None = None
    split: Split = keep_whole

    def passages(self, keys: Sequence[int]) -> list[Passage]:
        """In the order asked, each under a path that is in the scope."""
        found = self.store.passages(keys)
        return found if self.scope is None else self.scope.shown(found)


@dataclass(frozen=True, slots=True)
class Searching(Searchable):
    """The same over one snapshot of one index."""

    store: Store


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """The whole index that an answer came from: its generation, its size, and how many files changed since."""

    generation: int
    documents: int
    chunks: int
    stale_files: int


@dataclass(frozen=True, slots=True)
class Found:
    """The hits of one query, how they were found, the index they are from, and the models by their task.

    `scope` is the part of the index that was searched; None is all of it.
    """

    query: str
    retrieval: retrieval.Retrieval
    index: IndexFacts
    models: Mapping[str, str] = field(default_factory=dict)
    scope: Scope | None = None


def search(query: str, parts: Searching, *, strict_fresh: bool = False) -> Found:
    """Find passages. Raises IndexMismatch and IndexStale as `checked` does, before anything is searched."""
    return find(query, parts, checked(parts, strict_fresh=strict_fresh))


def checked(parts: Searching, *, strict_fresh: bool = False) -> IndexFacts:
    """What the index is now. Raises IndexMismatch where it was made with another embedder or analyzer.

    With `strict_fresh`, IndexStale where any stored file changed or vanished since.
    """
    indexing.require_comparable(parts.store, parts.embedder, sparse=parts.sparse)
    index = facts(parts.store)
    if strict_fresh and index.stale_files:
        raise IndexStale(
            f"{stale(parts.store)[0]} changed since it was ingested"
            + (f", and {index.stale_files - 1:,} other files" if index.stale_files > 1 else ""),
            remedy="`ragqa ingest` reads what changed",
        )
    return index


def find(query: str, parts: Searchable, index: IndexFacts) -> Found:
    """Find passages in an index that was looked at already, which costs a `stat` for each of its files."""
    found = retrieve(query, parts)
    reranking = found.trace.reranking
    models = {"embedding": parts.embedder.name, "rerank": reranking.reranker if reranking else "none"}
    if parts.sparse is not None:
        models["sparse"] = parts.sparse.name
    return Found(query, found, index, models, parts.scope)


def retrieve(query: str, parts: Searchable) -> retrieval.Retrieval:
    """The hits of a question, or of all its parts merged where it asks for several things.

    Only the question as a whole is reranked, so that one question never spends more than one budget.
    """
    started = time.perf_counter()
    asked = parts.split(query)
    split_ms = (time.perf_counter() - started) * 1000
    whole = _retrieve(query, parts, parts.reranker)
    if asked:
        found = [retrieval.Part(part, _retrieve(part, parts, None)) for part in asked]
        settings = parts.config.retrieval
        whole = merge(found, retrieval.Part(query, whole), top_k=settings.top_k, collapse=settings.collapse)
    return replace(whole, trace=replace(whole.trace, timings_ms={"split": split_ms, **whole.trace.timings_ms}))


def _retrieve(query: str, parts: Searchable, reranker: Reranker | None) -> retrieval.Retrieval:
    """Both searches, their fusion, a look into the best and, if there is a reranker, its order."""
    return retrieval.retrieve(
        query,
        embedder=parts.embedder,
        vectors=parts.vectors,
        lexical=parts.lexical,
        passages=parts.passages,
        unknown_shares=parts.store.unknown_shares,
        reranker=reranker,
        settings=parts.config.retrieval,
        rerank=parts.config.rerank,
        place=parts.scope.place if parts.scope else int,
    )


def facts(store: Store) -> IndexFacts:
    """Counts, and the number of stored files that changed or vanished since they were ingested (by `stat` alone)."""
    counts = store.counts()
    return IndexFacts(
        generation=store.generation,
        documents=counts.documents.get("stored", 0),
        chunks=counts.chunks,
        stale_files=len(stale(store)),
    )


def stale(store: Store) -> list[str]:
    """Stored documents whose file has another size or time than when it was ingested, or is gone; display paths."""
    changed = []
    for state in store.documents():
        if state.content_id is None:
            continue
        try:
            now = os.stat(state.path)  # noqa: PTH116 - paths are bytes here, which pathlib cannot hold
        except OSError:
            changed.append(state.display)
            continue
        if (now.st_size, now.st_mtime_ns) != (state.record.size, state.record.mtime_ns):
            changed.append(state.display)
    return changed
