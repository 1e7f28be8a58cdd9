"""Small contents to store: sentences cut into chunks, with vectors and terms that follow from their text."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ragqa.index.records import Batch, DocumentRecord, EmbedderRecord, StoredContent
from ragqa.index.store import Store
from ragqa.types import Block, Chunk, Document, Page

DIMENSIONS = 8
EMBEDDER = EmbedderRecord("words", "fingerprint", DIMENSIONS)


def analyze(text: str) -> list[str]:
    return text.lower().replace(".", " ").split()


def content(text: str, *, title: str = "", loader: str = "words") -> StoredContent:
    """Chunks are the lines of `text`; every two lines are a page."""
    lines = text.split("\n")
    starts = np.cumsum([0, *(len(line) + 1 for line in lines)]).tolist()
    pages = [
        Page(place // 2 + 1, starts[place], min(starts[min(place + 2, len(lines))], len(text)), label=f"p{place}")
        for place in range(0, len(lines), 2)
    ]
    chunks = [
        Chunk(start, start + len(line), line, (title,) if title else (), 1 + place // 2, 1 + place // 2, "i")
        for place, (start, line) in enumerate(zip(starts, lines, strict=False))
    ]
    seeds = [int.from_bytes(hashlib.sha256(line.encode()).digest()[:4], "big") for line in lines]
    vectors = np.array([np.random.default_rng(seed).standard_normal(DIMENSIONS) for seed in seeds])
    return StoredContent(
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        document=Document(
            text, title, "en", loader, tuple(pages), (Block(0, len(lines[0]), "heading", 1),), ("odd spacing",)
        ),
        chunks=chunks,
        vectors=(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32),
        terms=[analyze(chunk.indexed_text) for chunk in chunks],
        unknown_shares=[place / 10 for place in range(len(lines))],
    )


def record(path: bytes, stored: StoredContent) -> DocumentRecord:
    return DocumentRecord(
        path=path,
        display=os.fsdecode(path),
        root=b"/docs",
        sha256=stored.sha256,
        size=len(stored.document.text),
        mtime_ns=1,
        loader=stored.document.loader,
    )


def put(store: Store, path: bytes, text: str, *, title: str = "") -> StoredContent:
    """Store `text` under `path` in a commit of its own."""
    stored = content(text, title=title)
    store.commit(Batch(added=[stored], documents=[record(path, stored)]))
    return stored


@pytest.fixture(scope="session")
def made() -> SimpleNamespace:
    """The makers above, for the tests of this room."""
    return SimpleNamespace(content=content, record=record, put=put, analyze=analyze, EMBEDDER=EMBEDDER)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".ragqa"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    """A new index, open for writing."""
    with Store.create(folder) as opened:
        opened.set_embedder(EMBEDDER)
        yield opened
