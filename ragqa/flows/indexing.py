"""From a Document to what the store keeps of it: chunks, vectors, terms. What `ingest` and `reembed` share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ragqa.errors import IndexMismatch
from ragqa.index.records import EmbedderRecord, SparseRecord, StoredContent
from ragqa.text import analyzer

if TYPE_CHECKING:
    from ragqa.config import ChunkConfig
    from ragqa.index.store import Store
    from ragqa.ports import Embedder, SparseEncoder
    from ragqa.types import Chunk, Document, Vectors

CHUNKER = "1"
"""Raise it when the same document and the same settings give other chunks than before."""


def chunker_fingerprint(settings: ChunkConfig) -> str:
    """What decides how a document is cut."""
    return f"{CHUNKER}:{settings.tokens}+{settings.overlap}"


def embedder_record(embedder: Embedder) -> EmbedderRecord:
    """The embedder as the index remembers it."""
    return EmbedderRecord(embedder.name, embedder.fingerprint, embedder.dimensions)


def sparse_record(sparse: SparseEncoder | None) -> SparseRecord | None:
    """The sparse model as the index remembers it."""
    return SparseRecord(sparse.name, sparse.fingerprint) if sparse is not None else None


def claim(store: Store, embedder: Embedder, chunker: str, *, sparse: SparseEncoder | None = None) -> str:
    """Make sure that new content fits what is stored, and return the chunker that made the stored chunks.

    An index without a chunk takes whatever comes, whatever it was made with before. Raises IndexMismatch, before it has
    changed anything, where vectors or terms could not be compared.
    """
    require_comparable(store, embedder, sparse=sparse)
    meta = store.meta()
    if store.total("chunks"):
        if sparse is None and meta.sparse is not None:
            raise IndexMismatch(
                f"the index holds features of the sparse model {meta.sparse.name}, and retrieval.lexical names none",
                remedy=f"set retrieval.lexical = 'sparse:{meta.sparse.name}', or `ragqa reembed` drops them",
            )
        return meta.chunker
    store.set_sparse(sparse_record(sparse))
    store.set_embedder(embedder_record(embedder))
    store.set_fingerprint("analyzer", analyzer.ANALYZER)
    store.set_fingerprint("chunker", chunker)
    return chunker


def require_comparable(store: Store, embedder: Embedder, *, sparse: SparseEncoder | None = None) -> None:
    """Raise IndexMismatch if the index holds vectors of another embedder, or terms or features made in another way.

    They must never be compared with those of a question. An index without a chunk is comparable with anything, and one
    with features with a question without.
    """
    if not store.total("chunks"):
        return
    meta, wanted = store.meta(), embedder_record(embedder)
    if meta.embedder is not None and meta.embedder.fingerprint != wanted.fingerprint:
        same_name = "another version of " if meta.embedder.name == wanted.name else ""
        raise IndexMismatch(
            f"the index holds vectors of {meta.embedder.name}, the settings name {same_name}{wanted.name}",
            remedy=f"`ragqa reembed` embeds the stored text again; or set embedding.model = {meta.embedder.name!r}",
        )
    if meta.analyzer not in ("", analyzer.ANALYZER):
        raise IndexMismatch(
            f"the index was made with the analyzer {meta.analyzer}, this ragqa has {analyzer.ANALYZER}",
            remedy="`ragqa reembed` makes it anew from the stored text",
        )
    held = meta.sparse
    if sparse is not None and (held is None or held.fingerprint != sparse.fingerprint):
        version = "another version of " if held and held.name == sparse.name else ""
        raise IndexMismatch(
            f"the index holds {f'features of {held.name}' if held else 'no features of a sparse model'}, "
            f"retrieval.lexical names {version}{sparse.name}",
            remedy="`ragqa reembed` makes them from the stored text; or set retrieval.lexical = 'bm25'",
        )


def cut(document: Document, embedder: Embedder, settings: ChunkConfig) -> list[Chunk]:
    """The document's chunks, none longer than the embedder reads to its end."""
    from ragqa.documents import chunking  # a question stands on this file too, and cuts nothing

    return chunking.split(
        document,
        tokens=min(settings.tokens, embedder.max_tokens),
        overlap=settings.overlap,
        count=embedder.count_tokens,
    )


def contents(
    parsed: Sequence[tuple[str, Document, Sequence[Chunk]]],
    embedder: Callable[[], Embedder],
    on_embedded: Callable[[int], None],
    *,
    sparse: SparseEncoder | None = None,
) -> Iterator[StoredContent]:
    """Embed and analyze cut documents, given with the SHA-256 of their bytes.

    Chunks of all of them are embedded together, at most `EMBED_TOGETHER` at once, so that many small documents fill
    whole batches; `on_embedded` is told how many are done.
    """
    if not parsed:
        return
    texts = [chunk.indexed_text for _, _, chunks in parsed for chunk in chunks]
    vectors = _embed(texts, embedder(), on_embedded)
    shares = [embedder().unknown_share(text) for text in texts]
    start = 0
    for sha256, document, chunks in parsed:
        end = start + len(chunks)
        terms = [analyzer.analyze(text) for text in texts[start:end]]
        features = sparse.encode(texts[start:end], kind="passage") if sparse is not None else ()
        yield StoredContent(sha256, document, chunks, vectors[start:end], terms, shares[start:end], features)
        start = end


EMBED_TOGETHER = 256


def _embed(texts: Sequence[str], embedder: Embedder, on_embedded: Callable[[int], None]) -> Vectors:
    import numpy as np

    rows = np.empty((len(texts), embedder.dimensions), dtype=np.float32)
    for start in range(0, len(texts), EMBED_TOGETHER):
        part = texts[start : start + EMBED_TOGETHER]
        rows[start : start + len(part)] = embedder.embed(part, kind="passage")
        on_embedded(start + len(part))
    return rows
