"""Histories of an index: contents stored, replaced, copied, removed, compacted, re-embedded; and what must be left."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from ragqa.index import commits, postings, segments, staging, vectorblocks, vectorfile, vectors
from ragqa.index.records import Batch, DocumentRecord, EmbedderRecord, SparseRecord, StoredContent, Target
from ragqa.index.store import Store
from ragqa.ports import SparseEncoder
from ragqa.types import Chunk, Document

DIMENSIONS = 8
TERMS = st.sampled_from(["a", "b", "c", "d", "ee", "f" * 40, "合約", "約", "租", "\U00020000", "z"])
CHUNKS = st.lists(st.lists(TERMS, max_size=8), min_size=0, max_size=5)
STEP = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 5), CHUNKS),
    st.tuples(st.just("put"), st.integers(0, 5), CHUNKS),
    st.tuples(st.just("copy"), st.integers(0, 5), st.integers(0, 5)),
    st.tuples(st.just("remove"), st.integers(0, 5), st.none()),
    st.tuples(st.just("compact"), st.none(), st.none()),
    st.tuples(st.just("stage"), st.sampled_from("xy"), st.none()),
    st.tuples(st.just("switch"), st.sampled_from("xy"), st.none()),
)
HISTORY = st.lists(STEP, max_size=24)
SCOPE = st.none() | st.builds(lambda keys, size: keys[:size], st.permutations(range(1, 31)), st.integers(0, 30))
"""Keys that are allowed, in the order in which they tie; None for all there are."""


def vector_of(text: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A unit vector that the text alone decides; equal texts tie."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    vector = np.random.default_rng(seed).standard_normal(DIMENSIONS)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def content_of(chunks: Sequence[Sequence[str]], sparse: SparseEncoder | None = None) -> StoredContent:
    """A content whose chunks are these terms, separated by spaces; a chunk without terms is a dot."""
    texts = [" ".join(terms) or "." for terms in chunks]
    text = "\n".join(texts)
    places = np.cumsum([0, *(len(part) + 1 for part in texts)]).tolist()
    return StoredContent(
        sha256=hashlib.sha256(repr(chunks).encode()).hexdigest(),
        document=Document(text, loader="words"),
        chunks=[Chunk(start, start + len(part), part) for start, part in zip(places, texts, strict=False)],
        vectors=np.array([vector_of(part) for part in texts], np.float32).reshape(-1, DIMENSIONS),
        terms=chunks,
        unknown_shares=[0.0] * len(texts),
        features=sparse.encode(texts, kind="passage") if sparse else (),
    )


def stage(store: Store, contents: Iterable[StoredContent], chunker: str, sparse: SparseRecord | None) -> None:
    """Stage what is not staged yet, as a re-embedding does."""
    staging.begin(store, Target(EmbedderRecord("hash", "1", DIMENSIONS), "", chunker, sparse))
    by_identity = {content.sha256: content for content in contents}
    for content_id in staging.missing(store.database):
        staging.put(store, [by_identity[store.content(content_id)[0]]])


def record_of(path: int, content: StoredContent) -> DocumentRecord:
    return DocumentRecord(b"/%d" % path, f"/{path}", b"/", content.sha256, 1, 1, loader="words")


@contextmanager
def played(
    history: Sequence[tuple[str, Any, Any]], *, check: Callable[[Store], None], sparse: SparseEncoder | None = None
) -> Iterator[Store]:
    """A store with this history, in small blocks so that every border is met; `check` looks at it at every step."""
    model: dict[int, StoredContent] = {}
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(commits, "SEGMENT_CHUNKS", 4)
        patch.setattr(segments, "TERMS_PER_BLOCK", 3)
        patch.setattr(segments, "POSTINGS_PER_BLOCK", 5)
        patch.setattr(postings, "_MERGED_AT_ONCE", 7)
        patch.setattr(vectorblocks, "ROWS", 2)
        patch.setattr(vectorblocks, "_BATCH_BLOCKS", 3)
        patch.setattr(vectorfile, "MINIMUM_ROWS", 3)
        patch.setattr(vectorfile, "MINIMUM_TAIL", 2)
        patch.setattr(vectors, "_SPARE", 1)
        with Store.create(Path(folder) / ".ragqa") as store:
            store.set_embedder(EmbedderRecord("hash", "1", DIMENSIONS))
            recorded = SparseRecord(sparse.name, sparse.fingerprint) if sparse else None
            store.set_sparse(recorded)
            for step, place, value in history:
                if step == "put":
                    model[place] = content_of(value, sparse)
                    store.commit(Batch(added=[model[place]], documents=[record_of(place, model[place])]))
                elif step == "copy" and value in model:
                    model[place] = model[value]
                    store.commit(Batch(documents=[record_of(place, model[place])]))
                elif step == "remove":
                    model.pop(place, None)
                    store.commit(Batch(removed=[b"/%d" % place]))
                elif step == "compact":
                    store.compact()
                elif step in ("stage", "switch"):
                    stage(store, model.values(), place, recorded)
                    if step == "switch":
                        staging.switch(store)
                check(store)
            live = {content.sha256: content for content in model.values()}
            expected = sorted(chunk.text for content in live.values() for chunk in content.chunks)
            assert sorted(chunk.chunk.text for chunk in store.chunks()) == expected
            yield store


@pytest.fixture(scope="session")
def histories() -> SimpleNamespace:
    """The strategy and the player, for the contract tests."""
    return SimpleNamespace(
        HISTORY=HISTORY, SCOPE=SCOPE, TERMS=TERMS, played=played, vector_of=vector_of, DIMENSIONS=DIMENSIONS
    )
