"""`ragqa check`, `remove` and `reembed`: verify what is stored, take documents out, make all anew from stored text."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragqa.documents.discovery import absolute, is_inside
from ragqa.errors import NoEvidence
from ragqa.flows import indexing
from ragqa.flows.ingest import BATCH_CHUNKS
from ragqa.index import integrity, repair
from ragqa.index.records import Batch
from ragqa.text import analyzer

if TYPE_CHECKING:
    from ragqa.config import ChunkConfig
    from ragqa.index.integrity import Report
    from ragqa.index.store import Store
    from ragqa.ports import Embedder
    from ragqa.types import Chunk, Document


def check(store: Store) -> Report:
    """Verify every stored byte, and everything derived from it. Only reads."""
    return integrity.check(store, analyzer.analyze)


def repaired(store: Store, report: Report) -> Report:
    """Make what `report` found sound again, and check once more. Raises IndexDamaged where SQLite itself is damaged."""
    repair.repair(store, report, analyzer.analyze)
    store.compact()
    return check(store)


def removable(paths: Sequence[str], store: Store) -> list[bytes]:
    """The stored paths that `paths` name: a file, or a folder and all below it, as given to ingest or absolute.

    Raises NoEvidence for a path that names nothing, so that a misspelt one is not taken for done.
    """
    states = store.documents()
    chosen: dict[bytes, None] = {}
    for path in paths:
        target = absolute(os.fsencode(path))
        matches = [state.path for state in states if is_inside(state.path, target) or state.display == path]
        if not matches:
            raise NoEvidence(f"the index holds nothing from {path}", remedy="`ragqa list` shows what it holds")
        chosen.update(dict.fromkeys(matches))
    return list(chosen)


def remove(paths: Sequence[bytes], store: Store) -> None:
    """Take these paths out of the index, in one transaction. Files are never touched."""
    store.commit(Batch(removed=paths))
    store.compact()


@dataclass(frozen=True, slots=True)
class Reembedded:
    """How much was made anew."""

    documents: int
    chunks: int


def reembed(
    store: Store, embedder: Embedder, settings: ChunkConfig, *, on_embedded: Callable[[int, int], None]
) -> Reembedded:
    """Cut, embed and analyze every stored document again, from stored text, as the settings are now.

    Where the embedder changed, an interrupted run goes on where it stopped. `on_embedded` gets (done, all) contents.
    """
    wanted = indexing.embedder_record(embedder)
    if store.meta().embedder != wanted:
        store.change_embedder(wanted)
    left = store.contents_without_vectors() or store.content_ids()
    chunks = 0
    batch: list[tuple[str, Document, Sequence[Chunk]]] = []
    for done, content_id in enumerate(left, start=1):
        sha256, document = store.content(content_id)
        batch.append((sha256, document, indexing.cut(document, embedder, settings)))
        if done == len(left) or sum(len(cut) for _, _, cut in batch) >= BATCH_CHUNKS:
            added = list(indexing.contents(batch, lambda: embedder, lambda _: None))
            store.commit(Batch(added=added))
            chunks += sum(len(content.chunks) for content in added)
            batch = []
            on_embedded(done, len(left))
    store.set_fingerprint("analyzer", analyzer.ANALYZER)
    store.set_fingerprint("chunker", indexing.chunker_fingerprint(settings))
    store.compact()
    return Reembedded(len(left), chunks)
