"""The libraries that bench/peers.py compares, each as its user would get it: passages in, a question to passages out.

What a library does by default it does here. Where its documentation offers something for Chinese, that is a line of its
own. All that embed use the weights of ragqa's built-in embedder. ragqa itself goes through real files and `ingest`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from corpora import Corpus, build_index, work_folder

from ragqa.models.builtin import model_folder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DEPTH = 10
HAN_OR_WORD = re.compile(r"[㐀-鿿]+|[^\W㐀-鿿]+")

Ask = Callable[[str], Sequence[str]]
"""A question to the ids of distinct passages, best first, at most DEPTH."""


@dataclass(frozen=True)
class Passages:
    """A corpus as the libraries get it: title and text in one string. What embeds them is loaded on first use."""

    corpus: Corpus

    @cached_property
    def ids(self) -> list[str]:
        return list(self.corpus.passages)

    @cached_property
    def texts(self) -> list[str]:
        return [f"{title}\n{text}" if title else text for title, text in self.corpus.passages.values()]

    @cached_property
    def model(self) -> SentenceTransformer:
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(str(model_folder()), device="cpu", local_files_only=True)

    @cached_property
    def vectors(self) -> Any:
        """Made once, for every library that takes vectors."""
        return self.model.encode(self.texts, normalize_embeddings=True, show_progress_bar=False)

    def vector(self, question: str) -> Any:
        return self.model.encode([question], normalize_embeddings=True, show_progress_bar=False)


@dataclass(frozen=True, slots=True)
class Library:
    """`build` gives a name and a function for each line of the table; it may leave what it needs to be closed."""

    name: str
    packages: tuple[str, ...]
    build: Callable[[Passages, ExitStack], Iterator[tuple[str, Ask]]]


def _ragqa(passages: Passages, until_asked: ExitStack) -> Iterator[tuple[str, Ask]]:
    from ragqa import config, wiring
    from ragqa.flows.search import retrieve

    index, names = build_index(passages.corpus)
    # Several chunks may be of one passage: 30 chunks are ten distinct passages.
    settings = config.load(environment={}, flags={"retrieval.top_k": 3 * DEPTH})
    parts = wiring.searching(until_asked.enter_context(wiring.open_store(index)), settings, notice=print)

    def ask(question: str) -> list[str]:
        hits = retrieve(question, parts).hits
        return [*dict.fromkeys(names[PurePath(hit.passage.document).name] for hit in hits)][:DEPTH]

    yield "defaults", ask


def _rank_bm25(passages: Passages, _: ExitStack) -> Iterator[tuple[str, Ask]]:
    from rank_bm25 import BM25Okapi

    def line(split: Callable[[str], list[str]]) -> Ask:
        model = BM25Okapi([split(text) for text in passages.texts])
        return lambda question: list(model.get_top_n(split(question), passages.ids, n=DEPTH))

    yield "BM25Okapi, lower case, split at spaces", line(lambda text: text.lower().split())
    yield "BM25Okapi, words, Han characters and pairs", line(_words_and_characters)


def _words_and_characters(text: str) -> list[str]:
    """Words in lower case; of Chinese, each character and each two that stand together."""
    terms: list[str] = []
    for run in HAN_OR_WORD.findall(text.lower()):
        is_han = "㐀" <= run[0] <= "鿿"
        terms += [*run, *(first + second for first, second in pairwise(run))] if is_han else [run]
    return terms


def _bm25s(passages: Passages, _: ExitStack) -> Iterator[tuple[str, Ask]]:
    import bm25s
    import Stemmer

    stemmer = Stemmer.Stemmer("english")
    model = bm25s.BM25()
    model.index(
        bm25s.tokenize(passages.texts, stopwords="en", stemmer=stemmer, show_progress=False), show_progress=False
    )

    def ask(question: str) -> list[str]:
        tokens = bm25s.tokenize(question, stemmer=stemmer, show_progress=False)
        return list(model.retrieve(tokens, corpus=passages.ids, k=DEPTH, show_progress=False).documents[0])

    yield "English stop words and stemmer", ask


def _bm25s_jieba(passages: Passages, _: ExitStack) -> Iterator[tuple[str, Ask]]:
    import bm25s
    import jieba
    import Stemmer
    from bm25s.stopwords import STOPWORDS_CHINESE, STOPWORDS_EN

    jieba.setLogLevel("ERROR")
    tokenizer = bm25s.tokenization.Tokenizer(
        splitter=lambda text: [word for word in jieba.cut_for_search(text) if word.strip()],
        stopwords=[*STOPWORDS_EN, *STOPWORDS_CHINESE],
        stemmer=Stemmer.Stemmer("english"),
    )
    model = bm25s.BM25()
    model.index(tokenizer.tokenize(passages.texts, return_as="tuple", show_progress=False), show_progress=False)

    def ask(question: str) -> list[str]:
        tokens = tokenizer.tokenize([question], update_vocab=False, show_progress=False)
        return list(model.retrieve(tokens, corpus=passages.ids, k=DEPTH, show_progress=False).documents[0])

    yield "split by jieba, English and Chinese stop words, stemmer", ask


def _txtai(passages: Passages, _: ExitStack) -> Iterator[tuple[str, Ask]]:
    from txtai import Embeddings

    words = Embeddings(keyword=True)
    both = Embeddings(path=str(model_folder()), hybrid=True)
    for embeddings in (words, both):
        embeddings.index(zip(passages.ids, passages.texts, [None] * len(passages.ids), strict=True))
    yield "keyword", lambda question: [key for key, _ in words.search(question, DEPTH)]
    # The same ranking as an index without words gives, and a little slower.
    yield "dense (hybrid, all weight on it)", lambda question: [key for key, _ in both.search(question, DEPTH, 1.0)]
    yield "hybrid", lambda question: [key for key, _ in both.search(question, DEPTH)]


def _faiss(passages: Passages, _: ExitStack) -> Iterator[tuple[str, Ask]]:
    import faiss

    index = faiss.IndexFlatIP(passages.vectors.shape[1])
    index.add(passages.vectors)
    yield "dense", lambda question: [passages.ids[row] for row in index.search(passages.vector(question), DEPTH)[1][0]]


def _lancedb(passages: Passages, _: ExitStack) -> Iterator[tuple[str, Ask]]:
    import lancedb

    database = lancedb.connect(work_folder("peers") / "lancedb" / passages.corpus.name)
    rows = [
        {"id": key, "text": text, "vector": vector}
        for key, text, vector in zip(passages.ids, passages.texts, passages.vectors, strict=True)
    ]

    def line(tokenizer: str, name: str) -> Ask:
        table = database.create_table(name, rows, mode="overwrite")
        table.create_fts_index("text", base_tokenizer=tokenizer)

        def ask(question: str) -> list[str]:
            query = table.search(query_type="hybrid").vector(passages.vector(question)[0]).text(question)
            return [row["id"] for row in query.limit(DEPTH).to_list()]

        return ask

    yield "hybrid", line("simple", "plain")
    yield "hybrid, ICU words", line("icu", "icu")


def _haystack(passages: Passages, _: ExitStack) -> Iterator[tuple[str, Ask]]:
    from haystack import Document, Pipeline
    from haystack.components.joiners import DocumentJoiner
    from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore
    from haystack_integrations.components.embedders.sentence_transformers import SentenceTransformersTextEmbedder

    store = InMemoryDocumentStore()
    store.write_documents(
        [
            Document(id=key, content=text, embedding=vector.tolist())
            for key, text, vector in zip(passages.ids, passages.texts, passages.vectors, strict=True)
        ]
    )
    words = InMemoryBM25Retriever(store)
    yield "in-memory BM25", lambda question: [found.id for found in words.run(question, top_k=DEPTH)["documents"]]

    pipeline = Pipeline()
    pipeline.add_component("embedder", SentenceTransformersTextEmbedder(model=str(model_folder()), progress_bar=False))
    pipeline.add_component("dense", InMemoryEmbeddingRetriever(store))
    pipeline.add_component("words", InMemoryBM25Retriever(store))
    pipeline.add_component("joiner", DocumentJoiner(join_mode="reciprocal_rank_fusion"))
    pipeline.connect("embedder", "dense")
    pipeline.connect("words", "joiner")
    pipeline.connect("dense", "joiner")

    def ask(question: str) -> list[str]:
        found = pipeline.run({"embedder": {"text": question}, "words": {"query": question}})
        return [document.id for document in found["joiner"]["documents"]][:DEPTH]

    yield "in-memory hybrid, RRF", ask


LIBRARIES = (
    Library("ragqa", (), _ragqa),
    Library("rank_bm25", ("rank-bm25",), _rank_bm25),
    Library("bm25s", ("bm25s",), _bm25s),
    Library("bm25s", ("bm25s", "jieba"), _bm25s_jieba),
    Library("sentence-transformers + faiss", ("sentence-transformers", "faiss-cpu"), _faiss),
    Library("txtai", ("txtai",), _txtai),
    Library("LanceDB", ("lancedb",), _lancedb),
    Library("Haystack", ("haystack-ai", "sentence-transformers-haystack"), _haystack),
)
