"""Makes one order of two rankings: the convex combination of their scores, or the sum of reciprocal ranks; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ragqa.types import Scored

RRF_K = 60
"""Cormack, Clarke and Büttcher (2009): what flattens the difference between the first ranks."""


def convex(cosines: Mapping[int, float], weights: Mapping[int, float], *, dense_weight: float) -> list[Scored]:
    """Each half is spread over 0 to 1 among the candidates, then both are averaged (Bruch, Gai and Ingber, 2023).

    A candidate without a cosine (it cannot be read, or the question cannot) is judged by its words alone.
    """
    dense, lexical = spread(cosines), spread(weights)
    fused = []
    for key in sorted(dense.keys() | lexical.keys()):
        words = lexical.get(key, 0.0)
        fused.append(Scored(key, dense_weight * dense.get(key, words) + (1 - dense_weight) * words))
    return fused


def reciprocal_ranks(*rankings: Sequence[Scored]) -> list[Scored]:
    """The sum, over the rankings that hold a candidate, of 1 / (RRF_K + its rank)."""
    fused: dict[int, float] = {}
    for ranking in rankings:
        for rank, hit in enumerate(ranking, start=1):
            fused[hit.key] = fused.get(hit.key, 0.0) + 1 / (RRF_K + rank)
    return [Scored(key, score) for key, score in fused.items()]


def spread(scores: Mapping[int, float]) -> dict[int, float]:
    """Scores as shares of the way from the lowest to the highest; all alike and above zero are all 1."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    if high - low <= 1e-9:
        return dict.fromkeys(scores, 1.0 if high > 0 else 0.0)
    return {key: (score - low) / (high - low) for key, score in scores.items()}


def ordered(scored: Sequence[Scored], place: Callable[[int], int]) -> list[Scored]:
    """Best first. Scores are rounded, so that the last bits of a sum never decide an order that places should."""
    return sorted(
        (Scored(hit.key, round(hit.score, 9)) for hit in scored), key=lambda hit: (-hit.score, place(hit.key))
    )
