"""The fusion's promises: what both halves say, weighed as agreed, whatever scale each of them has."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.fusion import RRF_K, convex, ordered, reciprocal_ranks, spread
from ragqa.types import Scored

# Steps of an eighth are exact in binary, so that the oracle cannot differ in a last bit.
COSINES = st.dictionaries(st.integers(0, 30), st.integers(-8, 8).map(lambda step: step / 8), max_size=20)
WEIGHTS = st.dictionaries(st.integers(0, 30), st.integers(0, 40).map(lambda step: step / 4), max_size=20)
WEIGHT = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])


@given(COSINES, WEIGHTS, WEIGHT)
def test_convex_agrees_with_numpy(cosines: dict[int, float], weights: dict[int, float], weight: float) -> None:
    """The score is the weighted mean of the min-max normalised columns; a missing cosine is what the words say."""
    every = sorted(cosines | weights)

    def column(scores: dict[int, float]) -> dict[int, float]:
        values = np.array([scores[key] for key in scores])
        if not len(values):
            return {}
        width = values.max() - values.min()
        spread = (values - values.min()) / width if width else np.full(len(values), float(values.max() > 0))
        return dict(zip(scores, spread.tolist(), strict=True))

    words = column(weights)
    meanings = {key: words.get(key, 0.0) for key in every} | column(cosines)
    expected = [weight * meanings[key] + (1 - weight) * words.get(key, 0.0) for key in every]
    fused = convex(cosines, weights, dense_weight=weight)
    assert [hit.key for hit in fused] == every
    assert np.allclose([hit.score for hit in fused], expected, atol=1e-9)
    assert all(0 <= hit.score <= 1 for hit in fused)


@given(COSINES, WEIGHTS, WEIGHT, st.sampled_from([0.5, 2.0, 1024.0]), st.sampled_from([0.0, 4.0]))
def test_the_scale_of_a_half_says_nothing(
    cosines: dict[int, float], weights: dict[int, float], weight: float, factor: float, more: float
) -> None:
    scaled = {key: factor * score + more * (len(set(weights.values())) > 1) for key, score in weights.items()}
    assert convex(cosines, weights, dense_weight=weight) == convex(cosines, scaled, dense_weight=weight)


def test_scores_that_are_all_alike_count_one_where_anything_was_found() -> None:
    assert spread({1: 3.0, 2: 3.0}) == {1: 1.0, 2: 1.0}
    assert spread({1: 0.0, 2: 0.0}) == {1: 0.0, 2: 0.0}
    assert spread({}) == {}


@given(st.lists(st.lists(st.integers(0, 12), unique=True, max_size=8), max_size=4))
def test_reciprocal_ranks_are_added(rankings: list[list[int]]) -> None:
    fused = reciprocal_ranks(*[[Scored(key, -place) for place, key in enumerate(keys)] for keys in rankings])
    expected = {
        key: sum(1 / (RRF_K + 1 + keys.index(key)) for keys in rankings if key in keys)
        for key in {key for keys in rankings for key in keys}
    }
    assert {hit.key: hit.score for hit in fused} == pytest.approx(expected)
    assert len(fused) == len(expected)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), unique_by=lambda pair: pair[0]))
def test_the_order_is_by_score_then_by_place(pairs: list[tuple[int, int]]) -> None:
    scored = [Scored(key, float(score)) for key, score in pairs]
    assert ordered(scored, int) == sorted(scored, key=lambda hit: (-hit.score, hit.key))
    assert ordered(scored, lambda key: -key) == sorted(scored, key=lambda hit: (-hit.score, -hit.key))
    assert ordered(ordered(scored, int), int) == ordered(list(reversed(scored)), int)


def test_scores_that_differ_in_a_last_bit_are_a_tie() -> None:
    assert [hit.key for hit in ordered([Scored(2, 0.3), Scored(1, 0.1 + 0.2 - 1e-12), Scored(7, 0.0)], int)] == [
        1,
        2,
        7,
    ]
