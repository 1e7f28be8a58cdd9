"""Finds the passages for a question: two searches, one fused order, a look into the best, a reranker if any; pure."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ragqa import fusion
from ragqa.closeness import Terms, distinct
from ragqa.config import RerankConfig, RetrievalConfig
from ragqa.ports import Embedder, LexicalIndex, Reranker, VectorIndex
from ragqa.query import Query, understand
from ragqa.reranking import Reranking, rerank_candidates
from ragqa.text.analyzer import analyze
from ragqa.text.exact import Exact, held_by
from ragqa.types import Hit, Passage, Scored, Searcher

POOL = 16
"""How many of the best fused candidates are looked into (more only where more hits are asked for)."""
HOLDING = 50
"""How many passages are looked into for each of the exact words of a question."""
QUOTED_BONUS, IDENTIFIER_BONUS = 1.0, 0.2
"""What holding all quoted phrases of a question adds to a fused score of 0 to 1, and all its identifiers: a phrase in
quotation marks comes before everything, a number that merely looks like an identifier decides between near equals."""

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
    query = understand(question, lexical, is_word=lambda word: _is_word(word, embedder), correct=settings.spelling)
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
        fused = _with_exact(query, fused, found.exact, place)
    stopwatch.lap("fusion")

    size = max(POOL, settings.top_k, rerank.candidates if reranker is not None else 0)
    if settings.coverage_weight and settings.fusion == "convex":
        fused = _with_coverage(query, fused, size, lexical, stored, settings, place, readable=found.readable)
        stopwatch.lap("coverage")
    fused = _demanded_first(fused, query, found.exact)
    pool = fused[:size]
    stored.read([hit.key for hit in pool])
    reranking: Reranking | None = None
    if reranker is not None:
        texts = [stored[hit.key].chunk.indexed_text for hit in pool]
        reranking = rerank_candidates(query.text, pool, texts, reranker, settings=rerank, clock=clock)
        pool = _demanded_first(reranking.order, query, found.exact)
        stopwatch.lap("rerank")
    best, duplicates = _without_duplicates(pool, fused[size:], stored, settings)
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
    may_hold = _scores([hit for each in query.exact for hit in _holding(each, query, lexical)])
    weights.update(may_hold)
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
    exact = {}
    for key in stored.read(sorted(may_hold)):
        if held := held_by(query.exact, stored[key].chunk.indexed_text):
            exact[key] = held
    stopwatch.lap("exact")
    shares = unknown_shares(sorted(cosines)) if unknown_shares is not None and cosines else {}
    unreadable = frozenset(key for key in cosines if shares.get(key, 0.0) > settings.gate_unknown)
    for key in unreadable:
        del cosines[key]
    stopwatch.lap("readable")
    return _Found(unknown, readable, by_meaning, by_words, cosines, weights, exact, unreadable)


def _holding(each: Exact, query: Query, lexical: LexicalIndex) -> list[Scored]:
    """Passages that may hold the exact words: those with the rarest of their terms, with all where that is common."""
    wanted: dict[tuple[str, ...], None] = {}
    for form in each.forms:
        frequencies = {term: count for term, count in lexical.frequencies(analyze(form)).items() if count}
        if frequencies:
            rarest = min(frequencies, key=lambda term: (frequencies[term], term))
            wanted[(rarest,) if frequencies[rarest] <= HOLDING else tuple(sorted(frequencies))] = None
    return [
        hit
        for required in wanted
        for hit in lexical.search(query.terms, HOLDING, question=query.text, required=required)
    ]


def _with_exact(
    query: Query, fused: Sequence[Scored], exact: Mapping[int, frozenset[Exact]], place: Place
) -> list[Scored]:
    """The candidates with what it adds to their scores that they hold the question's exact words; still from 0 to 1."""
    demanded = query.demanded
    bonus = {each: QUOTED_BONUS if each in demanded else IDENTIFIER_BONUS for each in query.exact}
    for demand in (True, False):
        alike = [each for each in query.exact if (each in demanded) == demand]
        bonus.update({each: bonus[each] / len(alike) for each in alike})
    most = 1.0 + sum(bonus.values())
    scores = fusion.spread(_scores(fused))
    return fusion.ordered(
        [
            Scored(key, (score + sum(bonus[each] for each in exact.get(key, ()))) / most)
            for key, score in scores.items()
        ],
        place,
    )


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
    rest = fused[size:]
    if looked and rest:
        # What was not looked into stays below, as far below as it was.
        shift = min(0.0, looked[-1].score - fused[size - 1].score)
        rest = [Scored(hit.key, round(hit.score + shift, 9)) for hit in rest]
    return [*looked, *rest]


def _demanded_first(order: Sequence[Scored], query: Query, exact: Mapping[int, frozenset[Exact]]) -> list[Scored]:
    """An order, but that passages with more of what the question demands stay before those with fewer."""
    demanded = query.demanded
    if not demanded:
        return list(order)
    ranked = sorted(order, key=lambda hit: -len(demanded.intersection(exact.get(hit.key, ()))))
    return [Scored(hit.key, place.score) for hit, place in zip(ranked, order, strict=True)]


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

    def terms(self, key: int) -> Terms:
        if key not in self._terms:
            self._terms[key] = Terms.of(self[key].chunk)
        return self._terms[key]


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
