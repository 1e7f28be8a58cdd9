"""Puts the best of the fused candidates into a reranker's order, within its time; pure over the port."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ragqa.config import RerankConfig
from ragqa.errors import ServiceError
from ragqa.ports import Reranker
from ragqa.types import Scored

_FIRST_BATCH = 2
"""Candidates that are scored whatever they cost: fewer have no order, and they tell how many more the time holds."""


@dataclass(frozen=True, slots=True)
class Reranking:
    """What a reranker did: of its `candidates` it scored the first `len(scored)` in order of fusion, in `milliseconds`.

    `order` holds the whole pool once, scores never rising: the scored ones, best first, on the ranks that they held
    together, then the others on the ranks that they had, their scores shifted below. `failure` says why a reranker that
    failed scored nothing; the order is then the fused one.
    """

    reranker: str
    candidates: int
    scored: tuple[Scored, ...]
    order: tuple[Scored, ...]
    milliseconds: float
    failure: str = ""


def rerank_candidates(
    question: str,
    pool: Sequence[Scored],
    texts: Sequence[str],
    reranker: Reranker,
    *,
    settings: RerankConfig,
    clock: Callable[[], float] = time.perf_counter,
) -> Reranking:
    """Scores the pool (in order of fusion; `texts` are its passages) from its top, until the budget is spent.

    A batch is the next candidates in that order, at most as many as the reranker takes at once and as the rest of the
    budget holds at the pace of the batch before; so none is scored before one that stands a batch above it. Equal
    scores keep the fused order. A service that fails, and a model whose scores are no numbers, leave the fused order.
    """
    depth = min(settings.candidates, len(pool))
    largest = depth if reranker.batch is None else reranker.batch
    size = min(depth, largest, depth if reranker.batch is None else _FIRST_BATCH)
    scores: list[float] = []
    failure = ""
    started = begun = clock()
    try:
        while size:
            batch = texts[len(scores) : len(scores) + size]
            found = reranker.score(question, batch)
            scores += [float(score) for _, score in zip(batch, found, strict=True)]
            now = clock()
            affordable = _affordable(settings.budget_s - (now - started), pace_s=(now - begun) / size)
            size, begun = min(depth - len(scores), largest, affordable), now
    except ServiceError as error:
        failure = error.line
    if not all(map(math.isfinite, scores)):
        failure = f"{reranker.name} gave scores that are no numbers"
    spent_ms = (clock() - started) * 1000
    if failure:
        return Reranking(reranker.name, depth, (), tuple(pool), spent_ms, failure)
    # Rounded, so that the last bits of a sum never decide an order; sorting is stable, so the fused order breaks ties.
    judged = [Scored(hit.key, round(score, 9)) for hit, score in zip(pool, scores, strict=False)]
    scored = sorted(judged, key=lambda hit: -hit.score)
    return Reranking(reranker.name, depth, tuple(scored), (*scored, *below(scored, pool[len(scored) :])), spent_ms)


def _affordable(left_s: float, *, pace_s: float) -> int:
    """How many candidates fit into the time that is left; any number where the clock is too coarse to tell."""
    return max(0, int(left_s / pace_s)) if pace_s > 0 else sys.maxsize


def below(scored: Sequence[Scored], rest: Sequence[Scored]) -> list[Scored]:
    """The rest at scores that are as far apart as they were, none above the lowest of the scored ones."""
    if not scored or not rest:
        return [*rest]
    shift = scored[-1].score - rest[0].score
    return [Scored(hit.key, round(hit.score + shift, 9)) for hit in rest]
