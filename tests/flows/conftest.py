"""An index in a temporary folder, ingested for real but for the embedder and the parser's process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ragqa.config import Config, load
from ragqa.documents.loader import InProcessLoader
from ragqa.flows.ingest import Parts, Report, ingest
from ragqa.index.store import Store
from tests.fakes import HashingEmbedder


@pytest.fixture
def embedder() -> HashingEmbedder:
    return HashingEmbedder()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the documents of a test lie."""
    made = tmp_path / "documents"
    made.mkdir()
    return made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / ".ragqa") as opened:
        yield opened


@pytest.fixture
def run_ingest(store: Store, embedder: HashingEmbedder, folder: Path) -> Callable[..., Report]:
    """Ingest the folder, or the given paths."""

    def run(*paths: Path, config: Config | None = None, **options: object) -> Report:
        parts = Parts(lambda: embedder, InProcessLoader, config or load(environment={}))
        return ingest([os.fsencode(path) for path in paths or (folder,)], store, parts, **options)  # type: ignore[arg-type]

    return run
