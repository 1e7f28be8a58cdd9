"""A reranker's probability as a sign of support, where words alone cannot tell; within its time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from ragqa.answering.citations import Scorer
from ragqa.errors import ServiceError
from ragqa.ports import Reranker


def scorer(reranker: Reranker, *, budget_s: float, clock: Callable[[], float] = time.perf_counter) -> Scorer:
    """A scorer for one answer: all its sentences together are given `budget_s`.

    The first sentence is scored whatever it costs; another one only where the time that is left holds as many texts at
    the pace of those before. The reranker must give probabilities.
    """
    spent_s, scored = 0.0, 0

    def score(sentence: str, texts: Sequence[str]) -> float | None:
        nonlocal spent_s, scored
        if not texts or (scored and spent_s + len(texts) * spent_s / scored > budget_s):
            return None
        started = clock()
        try:
            found = reranker.score(sentence, texts)
        except ServiceError:
            return None
        spent_s, scored = spent_s + clock() - started, scored + len(texts)
        best = max(found)
        return 1 / (1 + math.exp(-max(-700.0, min(700.0, best)))) if math.isfinite(best) else None

    return score
