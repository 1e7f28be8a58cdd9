"""Finds the passages for a question: two searches, one fused order, an optional reranker; pure over the ports."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ragqa.config import RerankConfig, RetrievalConfig
from ragqa.ports import Embedder, LexicalIndex, Reranker, VectorIndex
from ragqa.reranking import Reranking, rerank_candidates
from ragqa.text.analyzer import analyze
from ragqa.types import Hit, Passage, Scored, Searcher

RRF_K = 60


@dataclass(frozen=True, slots=True)
class Trace:
    """How the hits came about, for `--explain` and for the JSON.

    `readable` is the gate's reading of the question: false means that its `unknown_share` is above the setting, so that
    it was not embedded. `unreadable` holds the candidates whose own text the embedder cannot read. `dense` and
    `lexical` are the two rankings as searched, `fused` the order they gave; `reranking` what a reranker
    made of it, None where there is none.
    """

    terms: tuple[str, ...]
    unknown_share: float
    readable: bool
    dense: tuple[Scored, ...]
    lexical: tuple[Scored, ...]
    unreadable: frozenset[int]
    fused: tuple[Scored, ...]
    reranking: Reranking | None
    timings_ms: Mapping[str, float]
    lexical_index: str = "BM25"

    @property
    def background(self) -> tuple[float, ...]:
        """The cosines of the dense ranking that mean something: what a hit's own cosine is to be compared with."""
        return tuple(hit.score for hit in self.dense if hit.key not in self.unreadable)


@dataclass(frozen=True, slots=True)
class Retrieval:
    """At most `top_k` hits, best first, ranks from 1 without gaps; and how they were found."""

    hits: tuple[Hit, ...]
    trace: Trace


def retrieve(
    question: str,
    *,
    embedder: Embedder,
    vectors: VectorIndex,
    lexical: LexicalIndex,
    passages: Callable[[Sequence[int]], Sequence[Passage]],
    unknown_shares: Callable[[Sequence[int]], Mapping[int, float]] | None = None,
    reranker: Reranker | None = None,
    settings: RetrievalConfig,
    rerank: RerankConfig,
    clock: Callable[[], float] = time.perf_counter,
) -> Retrieval:
    """The best passages for `question`; an empty tuple of hits where neither search finds any.

    `passages` gives the passages of keys, in their order. `unknown_shares` gives, for keys, the share of tokens that
    the embedder cannot read; without it every passage counts as readable. The same index gives the same hits, unless a
    reranker runs out of its time budget.
    """
    stopwatch = _Stopwatch(clock)
    terms = tuple(analyze(question))
    unknown = embedder.unknown_share(question)
    readable = unknown <= settings.gate_unknown

    by_words = lexical.search(terms, settings.candidates, question=question)
    stopwatch.lap("lexical")
    by_meaning: list[Scored] = []
    cosines: dict[int, float] = {}
    if readable:
        vector = embedder.embed([question], kind="query")[0]
        stopwatch.lap("embed")
        by_meaning = vectors.search(vector, settings.candidates)
        cosines = _scores(by_meaning)
        cosines.update(vectors.scores(vector, [hit.key for hit in by_words if hit.key not in cosines]))
        stopwatch.lap("dense")
    weights = _scores(by_words)
    if terms or by_words:
        unweighed = [key for key in cosines if key not in weights]
        weights.update(lexical.scores(terms, unweighed, question=question))

    shares = unknown_shares(sorted(cosines)) if unknown_shares is not None and cosines else {}
    unreadable = frozenset(key for key in cosines if shares.get(key, 0.0) > settings.gate_unknown)
    for key in unreadable:
        del cosines[key]
    if settings.fusion == "rrf":
        fused = _reciprocal_ranks([hit for hit in by_meaning if hit.key not in unreadable], by_words)
    else:
        fused = _convex(cosines, weights, dense_weight=settings.dense_weight)
    # A passage that only the dense search found and that the embedder cannot read was found by nobody.
    found = {hit.key for hit in by_words} | (_scores(by_meaning).keys() - unreadable)
    fused = [hit for hit in fused if hit.key in found]
    stopwatch.lap("fusion")

    reranking: Reranking | None = None
    if reranker is None:
        best = fused[: settings.top_k]
        stored = passages([hit.key for hit in best])
    else:
        pool = fused[: max(settings.top_k, rerank.candidates)]
        candidates = dict(zip((hit.key for hit in pool), passages([hit.key for hit in pool]), strict=True))
        stopwatch.lap("passages")
        texts = [candidates[hit.key].chunk.indexed_text for hit in pool]
        reranking = rerank_candidates(question, pool, texts, reranker, settings=rerank, clock=clock)
        best = list(reranking.order[: settings.top_k])
        stored = [candidates[hit.key] for hit in best]
        stopwatch.lap("rerank")

    dense_keys, lexical_keys = _scores(by_meaning).keys() - unreadable, {hit.key for hit in by_words}
    hits = tuple(
        Hit(
            rank=rank,
            passage=passage,
            score=hit.score,
            found_by=_found_by(dense=hit.key in dense_keys, lexical=hit.key in lexical_keys),
            dense=cosines.get(hit.key),
            lexical=weights.get(hit.key),
        )
        for rank, (hit, passage) in enumerate(zip(best, stored, strict=True), start=1)
    )
    if reranker is None:
        stopwatch.lap("passages")
    return Retrieval(
        hits,
        Trace(
            terms=terms,
            unknown_share=unknown,
            readable=readable,
            dense=tuple(by_meaning),
            lexical=tuple(by_words),
            unreadable=unreadable,
            fused=tuple(fused),
            reranking=reranking,
            timings_ms=stopwatch.laps,
            lexical_index=lexical.name,
        ),
    )


def _convex(cosines: Mapping[int, float], weights: Mapping[int, float], *, dense_weight: float) -> list[Scored]:
    """Each half is spread over 0 to 1 among the candidates, then both are averaged.

    A candidate without a cosine (it cannot be read, or the question cannot) is judged by its words alone.
    """
    dense, lexical = _spread(cosines), _spread(weights)
    fused = []
    for key in sorted(dense.keys() | lexical.keys()):
        words = lexical.get(key, 0.0)
        fused.append(Scored(key, dense_weight * dense.get(key, words) + (1 - dense_weight) * words))
    return _ordered(fused)


def _spread(scores: Mapping[int, float]) -> dict[int, float]:
    """Scores as shares of the way from the lowest to the highest; all alike and above zero are all 1."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    if high - low <= 1e-9:
        return dict.fromkeys(scores, 1.0 if high > 0 else 0.0)
    return {key: (score - low) / (high - low) for key, score in scores.items()}


def _reciprocal_ranks(*rankings: Sequence[Scored]) -> list[Scored]:
    fused: dict[int, float] = {}
    for ranking in rankings:
        for rank, hit in enumerate(ranking, start=1):
            fused[hit.key] = fused.get(hit.key, 0.0) + 1 / (RRF_K + rank)
    return _ordered([Scored(key, score) for key, score in fused.items()])


def _ordered(scored: Sequence[Scored]) -> list[Scored]:
    """Best first. Scores are rounded, so that the last bits of a sum never decide an order that keys should."""
    return sorted((Scored(hit.key, round(hit.score, 9)) for hit in scored), key=lambda hit: (-hit.score, hit.key))


def _scores(hits: Sequence[Scored]) -> dict[int, float]:
    return {hit.key: hit.score for hit in hits}


def _found_by(*, dense: bool, lexical: bool) -> tuple[Searcher, ...]:
    return (*(("dense",) if dense else ()), *(("lexical",) if lexical else ()))


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
