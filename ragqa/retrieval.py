"""Finds the passages for a question: two searches, one fused order, a look into the best, a reranker if any; pure."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ragqa import fusion, literal
from ragqa.closeness import Terms, distinct
from ragqa.config import RerankConfig, RetrievalConfig
from ragqa.ports import Embedder, LexicalIndex, Reranker, VectorIndex
from ragqa.query import Query, understand
from ragqa.reranking import Reranking, below, rerank_candidates
from ragqa.text.exact import Exact
from ragqa.types import Hit, Passage, Scored, Searcher

POOL = 16
"""How many of the best fused candidates are looked into (more only where more hits are asked for)."""
Passages = Callable[[Sequence[int]], Sequence[Passage]]
Place = Callable[[int], int]
"""Where a key stands among equals."""


@dataclass(frozen=True, slots=True)
class Trace:
    """How the hits came about, for `--explain` and for the JSON.

    `query` is what was searched. `readable` is the gate's reading of it: false means that its `unknown_share` is above
    the setting, so that it was not embedded. `unreadable` holds the candidates whose own text the embedder cannot read.
    `dense` and `lexical` are the two rankings as searched, `exact` the exact words of the question that a passage
    holds, where any, `fused` the order they gave. `duplicates` maps near-duplicates that were left out to the
    passage that stands for them.
    """

    query: Query
    unknown_share: float
    readable: bool
    dense: tuple[Scored, ...]
    lexical: tuple[Scored, ...]
    unreadable: frozenset[int]
    exact: Mapping[int, frozenset[Exact]]
    fused: tuple[Scored, ...]
    reranking: Reranking | None
    duplicates: Mapping[int, int]
    timings_ms: Mapping[str, float]
    lexical_index: str = "BM25"

    @property
    def background(self) -> tuple[float, ...]:
        """The cosines of the dense ranking that mean something: what a hit's own cosine is to be compared with."""
        return tuple(hit.score for hit in self.dense if hit.key not in self.unreadable)


@dataclass(frozen=True, slots=True)
class Retrieval:
    """At most `top_k` hits, best first, ranks from 1 without gaps; and how they were found.

    `parts` are set where the question asks for several things: the question as a whole, then each part, with what was
    found for it. Hits are then those of all of them in turn, and `trace` is that of the whole.
    """

    hits: tuple[Hit, ...]
    trace: Trace
    parts: tuple[Part, ...] = ()

    @property
    def retrievals(self) -> tuple[Retrieval, ...]:
        """What was found for the whole question and for each part of it; this one alone where there are no parts."""
        return tuple(part.retrieval for part in self.parts) or (self,)


@dataclass(frozen=True, slots=True)
class Part:
    """One of the things that a question asks for, as a question of its own, and what was found for it."""

    question: str
    retrieval: Retrieval


def retrieve(
    question: str,
    *,
    embedder: Embedder,
    vectors: VectorIndex,
    lexical: LexicalIndex,
    passages: Passages,
    unknown_shares: Callable[[Sequence[int]], Mapping[int, float]] | None = None,
    reranker: Reranker | None = None,
    settings: RetrievalConfig,
    rerank: RerankConfig,
    place: Place = int,
    clock: Callable[[], float] = time.perf_counter,
) -> Retrieval:
    """The best passages for `question`; an empty tuple of hits where neither search finds any.

    `passages` gives the passages of keys, in their order. `unknown_shares` gives, for keys, the share of tokens that
    the embedder cannot read; without it every passage counts as readable. Passages that tie come in the order of
    `place`, as in both searches. The same index gives the same hits, unless a reranker runs out of its time budget.
    """
    stopwatch = _Stopwatch(clock)
    correct = settings.spelling and _knows_words(embedder)
    query = understand(question, lexical, is_word=lambda word: _is_word(word, embedder), correct=correct)
    stopwatch.lap("query")
    stored = _Stored(passages)
    found = _search(query, embedder, vectors, lexical, stored, unknown_shares, settings, stopwatch)
    if settings.fusion == "rrf":
        readable = [hit for hit in found.dense if hit.key not in found.unreadable]
        fused = fusion.reciprocal_ranks(readable, found.lexical)
    else:
        fused = fusion.convex(found.cosines, found.weights, dense_weight=settings.dense_weight)
    # A passage that only the dense search found and that the embedder cannot read was found by nobody.
    fused = fusion.ordered([hit for hit in fused if hit.key in found.keys], place)
    if query.exact:
        fused = literal.with_bonus(query, fused, found.exact, place)
    stopwatch.lap("fusion")

    size = max(POOL, settings.top_k, rerank.candidates if reranker is not None else 0)
    if settings.coverage_weight and settings.fusion == "convex":
        fused = _with_coverage(query, fused, size, lexical, stored, settings, place, readable=found.readable)
        stopwatch.lap("coverage")
    fused = literal.demanded_first(query, fused, found.exact, stored.heading)
    pool, rest = fused[:size], fused[size:]
    stored.read([hit.key for hit in pool])
    reranking: Reranking | None = None
    if reranker is not None:
        texts = [stored[hit.key].chunk.indexed_text for hit in pool]
        reranking = rerank_candidates(query.text, pool, texts, reranker, settings=rerank, clock=clock)
        pool = literal.demanded_first(query, reranking.order, found.exact, stored.heading)
        rest = below(pool, rest)
        stopwatch.lap("rerank")
    best, duplicates = _without_duplicates(pool, rest, stored, settings)
    stored.read([hit.key for hit in best])
    hits = tuple(
        Hit(
            rank=rank,
            passage=stored[hit.key],
            score=hit.score,
            found_by=found.by(hit.key),
            dense=found.cosines.get(hit.key),
            lexical=found.weights.get(hit.key),
        )
        for rank, hit in enumerate(best, start=1)
    )
    stopwatch.lap("passages")
    trace = Trace(
        query=query,
        unknown_share=found.unknown_share,
        readable=found.readable,
        dense=tuple(found.dense),
        lexical=tuple(found.lexical),
        unreadable=found.unreadable,
        exact=found.exact,
        fused=tuple(fused),
        reranking=reranking,
        duplicates=duplicates,
        timings_ms=stopwatch.laps,
        lexical_index=lexical.name,
    )
    return Retrieval(hits, trace)


@dataclass(frozen=True)
class _Found:
    """What both searches brought: their rankings, and both scores of whatever either found, where there is one.

    `exact` are passages that hold exact words of the question, with those words.
    """

    unknown_share: float
    readable: bool
    dense: Sequence[Scored]
    lexical: Sequence[Scored]
    cosines: Mapping[int, float]
    weights: Mapping[int, float]
    exact: Mapping[int, frozenset[Exact]]
    unreadable: frozenset[int]

    @cached_property
    def by_dense(self) -> frozenset[int]:
        return frozenset(hit.key for hit in self.dense) - self.unreadable

    @cached_property
    def by_words(self) -> frozenset[int]:
        return frozenset(hit.key for hit in self.lexical) | self.exact.keys()

    @property
    def keys(self) -> frozenset[int]:
        return self.by_dense | self.by_words

    def by(self, key: int) -> tuple[Searcher, ...]:
        return (*(("dense",) if key in self.by_dense else ()), *(("lexical",) if key in self.by_words else ()))


def _search(
    query: Query,
    embedder: Embedder,
    vectors: VectorIndex,
    lexical: LexicalIndex,
    stored: _Stored,
    unknown_shares: Callable[[Sequence[int]], Mapping[int, float]] | None,
    settings: RetrievalConfig,
    stopwatch: _Stopwatch,
) -> _Found:
    unknown = embedder.unknown_share(query.text)
    readable = unknown <= settings.gate_unknown
    by_words = lexical.search(query.terms, settings.candidates, question=query.text)
    weights = _scores(by_words)
    located = literal.locate(query, lexical)
    weights.update(_scores(located.hits))
    stopwatch.lap("lexical")
    by_meaning: list[Scored] = []
    cosines: dict[int, float] = {}
    if readable:
        vector = embedder.embed([query.text], kind="query")[0]
        stopwatch.lap("embed")
        by_meaning = vectors.search(vector, settings.candidates)
        cosines = _scores(by_meaning)
        cosines.update(vectors.scores(vector, [key for key in weights if key not in cosines]))
        stopwatch.lap("dense")
    if query.terms or by_words:
        unweighed = [key for key in cosines if key not in weights]
        weights.update(lexical.scores(query.terms, unweighed, question=query.text))
    looked_into = sorted(weights.keys() | cosines.keys()) if located.is_partial else sorted(_scores(located.hits))
    texts = {key: stored[key].chunk.indexed_text for key in stored.read(looked_into)}
    exact = literal.held(query, texts)
    stopwatch.lap("exact")
    shares = unknown_shares(sorted(cosines)) if unknown_shares is not None and cosines else {}
    unreadable = frozenset(key for key in cosines if shares.get(key, 0.0) > settings.gate_unknown)
    for key in unreadable:
        del cosines[key]
    stopwatch.lap("readable")
    return _Found(unknown, readable, by_meaning, by_words, cosines, weights, exact, unreadable)


def _with_coverage(
    query: Query,
    fused: Sequence[Scored],
    size: int,
    lexical: LexicalIndex,
    stored: _Stored,
    settings: RetrievalConfig,
    place: Place,
    *,
    readable: bool,
) -> list[Scored]:
    """The best of the fused order, judged also by how much of the question one of their sentences holds.

    BM25 counts words wherever they stand in a passage; what stands together more probably belongs together. The setting
    is a share of the weight that words have in the fusion.
    """
    stored.read([hit.key for hit in fused[:size]])
    weights = lexical.idf(query.terms)
    weight = settings.coverage_weight * ((1 - settings.dense_weight) if readable else 1.0)
    looked: list[Scored] = []
    for hit in fused[:size]:
        coverage = stored.terms(hit.key).coverage(weights)
        looked.append(Scored(hit.key, (1 - weight) * hit.score + weight * coverage))
    looked = fusion.ordered(looked, place)
    return [*looked, *below(looked, fused[size:])]


def _without_duplicates(
    pool: Sequence[Scored], rest: Sequence[Scored], stored: _Stored, settings: RetrievalConfig
) -> tuple[list[Scored], dict[int, int]]:
    """The first `top_k` that do not say the same as one before them; and who stands for each that was left out."""
    if not settings.collapse or len(pool) < 2:
        return list(pool[: settings.top_k]), {}
    originals = distinct([stored.terms(hit.key).all for hit in pool])
    kept = [hit for hit, original in zip(pool, originals, strict=True) if original is None]
    # Below the pool nothing is looked into: there it is enough that ranks have no gap.
    best = [*kept, *rest][: settings.top_k]
    chosen = {hit.key for hit in best}
    duplicates = {
        hit.key: pool[original].key
        for hit, original in zip(pool, originals, strict=True)
        if original is not None and pool[original].key in chosen
    }
    return best, duplicates


class _Stored:
    """The passages of one retrieval, each read once, and their terms, worked out once."""

    def __init__(self, passages: Passages) -> None:
        self._passages = passages
        self._read: dict[int, Passage] = {}
        self._terms: dict[int, Terms] = {}

    def read(self, keys: Sequence[int]) -> Sequence[int]:
        """Read those of `keys` that are not here yet, all at once."""
        missing = [key for key in keys if key not in self._read]
        if missing:
            self._read.update(zip(missing, self._passages(missing), strict=True))
        return keys

    def __getitem__(self, key: int) -> Passage:
        return self._read[key]

    def heading(self, key: int) -> tuple[str, ...]:
        return self[key].chunk.heading

    def terms(self, key: int) -> Terms:
        if key not in self._terms:
            self._terms[key] = Terms.of(self[key].chunk)
        return self._terms[key]


def _knows_words(embedder: Embedder) -> bool:
    """Whether its tokens tell a word from a slip of the hand; a service's are estimated, and tell nothing."""
    return embedder.count_tokens("house") == 1


def _is_word(word: str, embedder: Embedder) -> bool:
    """Whether the embedder has one token for the word, or for what it is a form of: then it is no slip of the hand."""
    forms = (word, *(word.removesuffix(ending) for ending in ("s", "es", "ed", "ing", "ly") if word.endswith(ending)))
    return any(len(form) > 2 and embedder.count_tokens(form) == 1 for form in forms)


def _scores(hits: Sequence[Scored]) -> dict[int, float]:
    return {hit.key: hit.score for hit in hits}


class _Stopwatch:
    """Milliseconds of each stage since the one before it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = clock()
        self.laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        now = self._clock()
        self.laps[stage] = self.laps.get(stage, 0.0) + (now - self._last) * 1000
        self._last = now
