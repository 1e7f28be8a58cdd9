"""Reranking over a fake model and a fake clock: what is scored in the time there is, and what becomes of the order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.config import RerankConfig
from ragqa.errors import ServiceError
from ragqa.reranking import Reranking, rerank_candidates
from ragqa.types import Scored


class TimedReranker:
    """Scores a passage with the number that it is, and takes `cost_s` for each."""

    name = "timed"

    def __init__(self, cost_s: float = 0.0, *, batch: int | None = 8) -> None:
        self.cost_s = cost_s
        self.batch = batch
        self.now = 100.0
        self.calls: list[list[str]] = []

    def clock(self) -> float:
        return self.now

    def score(self, question: str, passages: Sequence[str]) -> Sequence[float]:
        self.calls.append([*passages])
        self.now += self.cost_s * len(passages)
        return [float(passage) for passage in passages]


def rerank(
    scores: Sequence[float], reranker: TimedReranker, *, budget_s: float = 1.0, candidates: int = 32
) -> Reranking:
    """The candidate with key n was fused to rank n, with falling scores, and is worth `scores[n]`."""
    pool = [Scored(key, 1 - key / 100) for key in range(len(scores))]
    settings = RerankConfig(budget_s=budget_s, candidates=candidates)
    texts = [str(score) for score in scores]
    return rerank_candidates("when?", pool, texts, reranker, settings=settings, clock=reranker.clock)


def keys(ranking: Sequence[Scored]) -> list[int]:
    return [hit.key for hit in ranking]


WORTHS = st.lists(st.integers(-3, 3).map(float), max_size=50)
COSTS = st.sampled_from([0.0, 0.01, 0.03, 0.1, 0.7, 5.0])


@given(WORTHS, COSTS, st.sampled_from([0.0, 0.2, 1.0, 3.0]), st.integers(1, 40), st.sampled_from([1, 3, 8, None]))
def test_the_scored_are_a_beginning_and_the_others_keep_their_ranks(
    worths: list[float], cost_s: float, budget_s: float, candidates: int, batch: int | None
) -> None:
    reranker = TimedReranker(cost_s, batch=batch)
    done = rerank(worths, reranker, budget_s=budget_s, candidates=candidates)
    scored = len(done.scored)
    assert [float(passage) for call in reranker.calls for passage in call] == worths[:scored]
    assert scored <= done.candidates == min(candidates, len(worths))
    assert keys(done.order) == [
        *sorted(range(scored), key=lambda key: (-worths[key], key)),
        *range(scored, len(worths)),
    ]
    assert done.order[:scored] == done.scored
    assert [hit.score for hit in done.scored] == sorted(worths[:scored], reverse=True)
    falling = [hit.score for hit in done.order]
    assert falling == sorted(falling, reverse=True)
    assert all(len(call) <= (batch or 40) for call in reranker.calls)
    if batch is None:
        assert len(reranker.calls) <= 1 and scored == done.candidates


@given(st.sampled_from([0.004, 0.01, 0.037, 0.1, 0.26]), st.integers(1, 8), st.sampled_from([0.5, 1.0, 3.0]))
def test_the_budget_is_used_and_kept(cost_s: float, batch: int, budget_s: float) -> None:
    """All that fit are scored; no more, but for the first two where not even these fit."""
    reranker = TimedReranker(cost_s, batch=batch)
    done = rerank([0.0] * 500, reranker, budget_s=budget_s, candidates=500)
    spent_s = reranker.now - 100
    assert spent_s <= max(budget_s, 2 * cost_s) + 1e-9
    assert len(done.scored) >= min(500, math.floor(budget_s / cost_s) - 1)
    assert done.milliseconds == pytest.approx(spent_s * 1000)


def test_two_candidates_are_compared_whatever_the_budget() -> None:
    assert keys(rerank([0.1, 0.7, 0.9], TimedReranker(5.0), budget_s=0.0).order) == [1, 0, 2]


def test_no_candidates_need_no_reranker() -> None:
    reranker = TimedReranker()
    done = rerank([], reranker)
    assert (done.order, done.candidates, reranker.calls) == ((), 0, [])


def test_scores_that_differ_in_a_last_bit_keep_the_fused_order() -> None:
    assert keys(rerank([0.3, 0.1 + 0.2], TimedReranker()).order) == [0, 1]


def failing(passages: Sequence[str]) -> Sequence[float]:
    raise ServiceError("the service did not finish within 20 seconds", remedy="try again")


@pytest.mark.parametrize(
    ("score", "failure"),
    [
        (failing, "the service did not finish within 20 seconds (try again)"),
        (lambda passages: [math.nan for _ in passages], "timed gave scores that are no numbers"),
        (lambda passages: [math.inf for _ in passages], "timed gave scores that are no numbers"),
    ],
)
@pytest.mark.parametrize("after", [0, 1])
def test_a_reranker_that_fails_leaves_the_fused_order(
    score: Callable[[Sequence[str]], Sequence[float]], failure: str, after: int
) -> None:
    class Failing(TimedReranker):
        def score(self, question: str, passages: Sequence[str]) -> Sequence[float]:
            found = super().score(question, passages)
            return found if len(self.calls) <= after else score(passages)

    done = rerank([0.1, 0.7, 0.9], Failing())
    assert done.failure == failure
    assert done.scored == ()
    assert done.order == tuple(Scored(key, 1 - key / 100) for key in range(3))


def test_a_bug_is_not_taken_for_a_failure() -> None:
    class Short(TimedReranker):
        def score(self, question: str, passages: Sequence[str]) -> Sequence[float]:
            return [0.0]

    with pytest.raises(ValueError):
        rerank([0.1, 0.7], Short())
