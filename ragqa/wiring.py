"""The only place that names implementations: each is built from the Config, on first use, and closed at the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ragqa.errors import IndexMissing
from ragqa.index import layout
from ragqa.index.store import Store

if TYPE_CHECKING:
    from ragqa.config import AnswerConfig, Config, EmbeddingConfig, RerankConfig
    from ragqa.flows.ingest import Parts
    from ragqa.flows.search import Searching
    from ragqa.ports import Embedder, Generator, Loader, Reranker, TokenCounter

INDEX = layout.FOLDER

Notice = Callable[[str], None]
"""Who is told, in one line, of something that takes long or that the user should know."""


# --- the index folder -------------------------------------------------------------------------------------------------


def index_to_read(named: Path | None) -> Path:
    """The folder of an index that exists: `named`, `$RAGQA_INDEX`, or the nearest `.ragqa` upward."""
    chosen = named or _from_environment()
    if chosen is not None:
        folder = _inside(chosen)
        if folder is None:
            raise IndexMissing(
                f"there is no index in {chosen}", remedy=f"`ragqa ingest PATH --index {chosen}` makes one"
            )
        return folder
    found = Store.find(Path.cwd())
    if found is None:
        raise IndexMissing("there is no index here or in a folder above", remedy="`ragqa ingest PATH` makes one here")
    return found


def index_to_write(named: Path | None) -> Path:
    """The same, but where there is none yet, the folder to make: as named, else `.ragqa` in the working directory.

    A named folder that holds other things gets its own `.ragqa`, so that nobody's files end up in an index.
    """
    chosen = named or _from_environment()
    if chosen is None:
        return Store.find(Path.cwd()) or Path.cwd() / INDEX
    folder = _inside(chosen)
    if folder is not None:
        return folder
    is_taken = chosen.name != INDEX and chosen.is_dir() and any(chosen.iterdir())
    return chosen / INDEX if is_taken else chosen


def _from_environment() -> Path | None:
    named = os.environ.get("RAGQA_INDEX")
    return Path(named) if named else None


def _inside(folder: Path) -> Path | None:
    """The index in `folder`: the folder itself, or its `.ragqa`."""
    return next((place for place in (folder, folder / INDEX) if _is_index(place)), None)


def _is_index(folder: Path) -> bool:
    return (folder / layout.DATABASE).is_file()


def open_store(named: Path | None, *, write: bool = False, wait_s: float = 0.0) -> Store:
    """Open the index of this command."""
    return Store.open(index_to_read(named), write=write, wait_s=wait_s)


def create_store(folder: Path, *, wait_s: float) -> Store:
    """Open an index for writing, made first where there is none."""
    return Store.create(folder, wait_s=wait_s)


@contextmanager
def maybe_open(folder: Path) -> Iterator[Store | None]:
    """The index in `folder`, or None where there is none yet."""
    if not _is_index(folder):
        yield None
        return
    with Store.open(folder) as store:
        yield store


# --- what a command works with ----------------------------------------------------------------------------------------


@contextmanager
def ingesting(config: Config, *, notice: Notice) -> Iterator[Parts]:
    """What an ingest works with; the parser child, if one was started, ends with it."""
    from ragqa.flows.ingest import Parts

    with ExitStack() as closing:

        @cache
        def loader() -> Loader:
            from ragqa.documents.child import ChildLoader

            return closing.enter_context(ChildLoader(config.ingest))

        @cache
        def model() -> Embedder:
            return embedder(config.embedding, notice=notice)

        yield Parts(embedder=model, loader=loader, config=config)


def searching(store: Store, config: Config, *, notice: Notice) -> Searching:
    """What a search stands on, over the snapshot of `store`."""
    from ragqa.flows.search import Searching
    from ragqa.index.lexical import Bm25Index
    from ragqa.index.vectors import ExactVectors

    return Searching(
        store=store,
        embedder=embedder(config.embedding, notice=notice),
        vectors=ExactVectors(store),
        lexical=Bm25Index(store, k1=config.retrieval.bm25_k1, b=config.retrieval.bm25_b),
        reranker=reranker(config.rerank),
        config=config,
    )
