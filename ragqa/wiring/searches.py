"""What an ingest, a picture and a search stand on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

from ragqa.wiring.models import embedder, reranker, sparse_encoder
from ragqa.wiring.services import AS_SET, Notice, Sending, generator_name, service

if TYPE_CHECKING:
    from ragqa.config import Config, RetrievalConfig
    from ragqa.flows.context import Passed
    from ragqa.flows.ingest import Parts
    from ragqa.flows.opening import Draw
    from ragqa.flows.search import IndexFacts, Searchable, Searching
    from ragqa.index.store import Store
    from ragqa.ports import Embedder, LexicalIndex, Loader, SparseEncoder, Split
    from ragqa.types import Filter, Keys


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

        @cache
        def sparse() -> SparseEncoder | None:
            return sparse_encoder(config, notice=notice)

        yield Parts(embedder=model, loader=loader, config=config, sparse=sparse)


@contextmanager
def drawing(config: Config, *, password: str | None) -> Iterator[Draw]:
    """What draws a page of a PDF: the parser child, which ends with it."""
    from ragqa.documents.child import ChildLoader

    with ChildLoader(config.ingest) as loader:
        yield partial(loader.picture, password=password)


def searching(
    store: Store,
    config: Config,
    *,
    notice: Notice,
    chosen: Filter | None = None,
    sending: Sending = AS_SET,
    models: Searching | None = None,
) -> Searching:
    """What a search stands on: the snapshot of `store`, or the part that `chosen` lets through (NoEvidence: none).

    With `models`, those of an earlier search over the same index serve again.
    """
    from ragqa.flows.search import Searching
    from ragqa.index.scope import scope_of
    from ragqa.index.vectors import ExactVectors

    ranking = models.reranker if models else reranker(config.rerank, notice=notice, sending=sending)
    scope = scope_of(store, chosen) if chosen is not None else None
    allowed = scope.keys if scope is not None else None
    sparse = models.sparse if models else sparse_encoder(config, notice=notice)
    return Searching(
        store=store,
        embedder=models.embedder if models else embedder(config.embedding, notice=notice, sending=sending),
        vectors=ExactVectors(store, allowed=allowed),
        lexical=_lexical(store, config.retrieval, sparse, allowed),
        reranker=ranking,
        config=config,
        sparse=sparse,
        scope=scope,
        split=models.split if models else splitter(config, notice=notice, sending=sending),
    )


def searching_passed(
    passed: Passed, question: str, config: Config, *, notice: Notice, sending: Sending = AS_SET
) -> tuple[Searchable, IndexFacts]:
    """What a search for this question stands on that is made over one document in memory."""
    from ragqa.documents.child import ChildLoader
    from ragqa.flows import context

    ranking = reranker(config.rerank, notice=notice, sending=sending)
    model = embedder(config.embedding, notice=notice, sending=sending)
    with ChildLoader(config.ingest) as loader:
        held, facts = context.hold(passed, question, loader, model, config)
    return replace(held, reranker=ranking, split=splitter(config, notice=notice, sending=sending)), facts


def splitter(config: Config, *, notice: Notice, sending: Sending = AS_SET) -> Split:
    """What finds the parts of a question: rules, or the model that answers, where `retrieval.split` says so."""
    from ragqa.text import parts

    match config.retrieval.split:
        case "off":
            return parts.keep_whole
        case "rules":
            return parts.split
        case "model":
            settings = replace(config.answer, timeout_s=min(config.answer.timeout_s, sending.at_most_s))
            generator = service(generator_name(settings), settings, sending=sending)
            if generator is None:
                return parts.split
            from ragqa.models.splitting import ModelSplitter

            return ModelSplitter(generator, on_failure=lambda reason: notice(f"question split by rules: {reason}"))


def _lexical(
    store: Store, settings: RetrievalConfig, sparse: SparseEncoder | None, allowed: Keys | None
) -> LexicalIndex:
    if sparse is None:
        from ragqa.index.lexical import Bm25Index

        return Bm25Index(store, k1=settings.bm25_k1, b=settings.bm25_b, allowed=allowed)
    from ragqa.index.sparse import SparseIndex

    return SparseIndex(store, sparse, k1=settings.bm25_k1, b=settings.bm25_b, allowed=allowed)
