"""`ragqa reembed`: make all chunks, terms and vectors anew from stored text, beside the index, and switch over at once.

Until then the index answers as before. Every batch is kept as soon as it is made, so that a run that was killed goes on
where it stopped, also if documents came, changed or went in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from ragqa.flows import indexing
from ragqa.flows.ingest import BATCH_CHARACTERS, BATCH_CHUNKS, Embedded
from ragqa.index import staging
from ragqa.index.records import Batch, Target
from ragqa.text import analyzer

if TYPE_CHECKING:
    from ragqa.config import ChunkConfig
    from ragqa.index.records import Pending, StoredContent
    from ragqa.index.store import Store
    from ragqa.ports import Embedder, SparseEncoder
    from ragqa.types import Chunk, Document


@dataclass(frozen=True, slots=True)
class Discarded:
    """So many documents were made anew for another model or other settings, and will not be used."""

    model: str
    documents: int


@dataclass(frozen=True, slots=True)
class Started:
    """So many documents are to be made anew; `staged` of them an earlier run has made already."""

    documents: int
    staged: int


@dataclass(frozen=True, slots=True)
class Staged:
    """So many documents are made, with so many chunks in this run: committed, and safe from any crash."""

    documents: int
    chunks: int


@dataclass(frozen=True, slots=True)
class Switching:
    """Everything is made; the index is being switched over."""


Event = Discarded | Started | Embedded | Staged | Switching


@dataclass(frozen=True, slots=True)
class Reembedded:
    """How it ended: the index was switched over, or only completed where a repair had left gaps, or was right already.

    `documents` counts each content once, however many paths hold it. `resumed` of them an earlier run had made.
    """

    outcome: Literal["switched", "completed", "unchanged", "discarded"]
    documents: int = 0
    chunks: int = 0
    resumed: int = 0
    uncalibrated: bool = False
    """Whether a calibrated threshold was dropped: it was fitted on the scores of what is gone."""


def reembed(
    store: Store,
    embedder: Embedder,
    settings: ChunkConfig,
    *,
    sparse: SparseEncoder | None = None,
    force: bool = False,
    on_event: Callable[[Event], None] = lambda event: None,
) -> Reembedded:
    """Cut, embed and analyze every stored document as the settings are now; `force` does so even if they are as before.

    What was staged for other settings is discarded. Without `force`, and without a run to go on with, an index that was
    made with these settings keeps all it has, and only what a repair has left without vectors is made anew.
    """
    target = Target(
        indexing.embedder_record(embedder),
        analyzer.ANALYZER,
        indexing.chunker_fingerprint(settings),
        indexing.sparse_record(sparse),
    )
    make = partial(_made, store, embedder=embedder, sparse=sparse, settings=settings, on_event=on_event)
    pending = staging.pending(store.database)
    goes_on = pending is not None and target.makes_the_same(pending.target)
    if target.makes_the_same(store.meta().made_with) and not goes_on and not force:
        discard(store, on_event=on_event)
        return _complete(store, make, on_event)
    _tell_discarded(staging.begin(store, target), on_event)
    documents = store.total("contents")
    left = staging.missing(store.database)
    done = resumed = documents - len(left)
    on_event(Started(documents, resumed))
    chunks = 0
    for made in make(left):
        staging.put(store, made)
        done += len(made)
        chunks += sum(len(content.chunks) for content in made)
        on_event(Staged(done, chunks))
    on_event(Switching())
    calibrated = store.meta().calibration is not None
    staging.switch(store)
    store.compact()
    return Reembedded("switched", documents, store.total("chunks"), resumed, uncalibrated=calibrated)


def discard(store: Store, *, on_event: Callable[[Event], None] = lambda event: None) -> Reembedded:
    """Drop what is staged; the index stays as it is."""
    pending = staging.discard(store)
    _tell_discarded(pending, on_event)
    return Reembedded("discarded", pending.staged if pending else 0)


def _complete(
    store: Store, make: Callable[[Sequence[int]], Iterator[list[StoredContent]]], on_event: Callable[[Event], None]
) -> Reembedded:
    """Make what a repair has left without vectors, in its place."""
    left = store.contents_without_vectors()
    if not left:
        return Reembedded("unchanged")
    on_event(Started(len(left), 0))
    done = chunks = 0
    for made in make(left):
        store.commit(Batch(added=made))
        done += len(made)
        chunks += sum(len(content.chunks) for content in made)
        on_event(Staged(done, chunks))
    store.compact()
    return Reembedded("completed", done, chunks)


def _made(
    store: Store,
    content_ids: Sequence[int],
    *,
    embedder: Embedder,
    sparse: SparseEncoder | None,
    settings: ChunkConfig,
    on_event: Callable[[Event], None],
) -> Iterator[list[StoredContent]]:
    """These contents, cut, embedded and analyzed, in batches of a size that is not too much to lose."""
    batch: list[tuple[str, Document, Sequence[Chunk]]] = []
    chunks = characters = 0
    for place, content_id in enumerate(content_ids, start=1):
        sha256, document = store.content(content_id)
        batch.append((sha256, document, indexing.cut(document, embedder, settings)))
        chunks += len(batch[-1][-1])
        characters += len(document.text)
        if place == len(content_ids) or chunks >= BATCH_CHUNKS or characters >= BATCH_CHARACTERS:
            yield list(indexing.contents(batch, lambda: embedder, lambda done: on_event(Embedded(done)), sparse=sparse))
            batch = []
            chunks = characters = 0


def _tell_discarded(pending: Pending | None, on_event: Callable[[Event], None]) -> None:
    if pending is not None:
        on_event(Discarded(pending.target.embedder.name, pending.staged))
