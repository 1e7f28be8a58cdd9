"""`ragqa status`, `list` and `get`: what the index holds, read without any model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragqa.errors import NoEvidence
from ragqa.flows.search import stale
from ragqa.index import staging

if TYPE_CHECKING:
    from ragqa.index.records import Counts, DocumentState, IndexMeta, Pending
    from ragqa.index.store import Store
    from ragqa.types import Passage


@dataclass(frozen=True, slots=True)
class State:
    """The whole index at a glance."""

    folder: str
    meta: IndexMeta
    counts: Counts
    roots: tuple[bytes, ...]
    stale: tuple[str, ...]
    """Display paths of documents whose file changed or vanished since it was ingested."""
    bytes: int
    reembedding: Pending | None = None


def status(store: Store) -> State:
    """Counts, models and freshness."""
    return State(
        folder=str(store.folder),
        meta=store.meta(),
        counts=store.counts(),
        roots=tuple(store.roots()),
        stale=tuple(stale(store)),
        bytes=store.bytes_on_disk(),
        reembedding=staging.pending(store.database),
    )


def documents(store: Store) -> list[DocumentState]:
    """Every path the index knows, stored or refused, in order of the path."""
    return store.documents()


def get(store: Store, chunk_id: str, *, around: int = 0) -> list[Passage]:
    """The chunk with this id (or the only one that begins so), with `around` neighbours on both sides.

    Raises NoEvidence where there is none.
    """
    passage = store.passage_by_id(chunk_id)
    if passage is None:
        raise NoEvidence(f"no chunk has the id {chunk_id!r}", remedy="`ragqa search --json` shows chunk ids")
    return store.neighbours(passage.key, before=around, after=around) if around else [passage]
