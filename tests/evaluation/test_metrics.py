"""Metrics against values worked out by hand, and bounds that fail on the right side."""

from __future__ import annotations

from math import log2

import pytest

from ragqa.errors import UsageError
from ragqa.evaluation.metrics import (
    METRICS,
    Mean,
    Ranked,
    answer_values,
    bound,
    broken,
    means,
    percentiles,
    ranking_values,
)


def values(*places: int | None, gains: tuple[int, ...] = (1,)) -> dict[str, float]:
    return ranking_values({"q": Ranked(places, gains)})["q"]


def test_one_target_at_rank_three() -> None:
    found = values(None, None, 0, None)
    assert found == {
        "recall@1": 0,
        "recall@5": 1,
        "recall@10": 1,
        "recall@50": 1,
        "mrr@10": pytest.approx(1 / 3),
        "ndcg@10": pytest.approx(1 / log2(4)),
    }


def test_two_targets_at_ranks_two_and_four() -> None:
    found = values(None, 1, None, 0, gains=(1, 1))
    assert (found["recall@1"], found["recall@5"], found["mrr@10"]) == (0, 1, 0.5)
    assert found["ndcg@10"] == pytest.approx((1 / log2(3) + 1 / log2(5)) / (1 + 1 / log2(3)))


def test_graded_targets_count_by_their_gain() -> None:
    found = values(0, 1, gains=(1, 3))
    assert found["ndcg@10"] == pytest.approx((1 + 3 / log2(3)) / (3 + 1 / log2(3)))
    assert found["recall@1"] == 0.5


@pytest.mark.parametrize(("rank", "ten", "fifty"), [(10, 1, 1), (11, 0, 1), (50, 0, 1), (51, 0, 0)])
def test_cut_offs_are_exact(rank: int, ten: int, fifty: int) -> None:
    found = values(*[None] * (rank - 1), 0)
    assert (found["recall@10"], found["recall@50"]) == (ten, fifty)
    assert found["mrr@10"] == pytest.approx(ten / rank)
    assert (found["ndcg@10"] > 0) == bool(ten)


def test_what_is_not_found_or_not_in_the_index_counts_as_zero() -> None:
    assert set(values().values()) == {0}
    assert values(0, gains=(1, 1))["recall@50"] == 0.5
    assert ranking_values({"q": Ranked([None], ())}) == {}, "without a target there is nothing to rank"


def test_questions_are_not_mixed_up() -> None:
    found = ranking_values(
        {"a": Ranked([0], (1,)), "b": Ranked([None], (1,)), "c": Ranked([], ()), "d": Ranked([], (1,))}
    )
    assert {question: each["mrr@10"] for question, each in found.items()} == {"a": 1, "b": 0, "d": 0}


def answered(**known: object) -> dict[str, float]:
    given = {"answerable": True, "refused": False, "containment": None, "f1": None, "cited": None, "verified": None}
    return answer_values(**{**given, **known})  # type: ignore[arg-type]


def test_refusals_are_judged_from_both_sides() -> None:
    rows = [
        *[answered(refused=True)] * 1,  # wrongly
        *[answered()] * 4,
        *[answered(answerable=False, refused=True)] * 3,
        *[answered(answerable=False)] * 1,
    ]
    found = means(rows)
    assert found["refusal_precision"] == Mean(3 / 4, 4)
    assert found["refusal_recall"] == Mean(3 / 4, 4)
    assert found["wrong_refusal_rate"] == Mean(1 / 5, 5)
    assert found["token_f1"] == Mean(None, 0)


def test_where_everything_can_be_answered_the_precision_of_refusals_says_nothing() -> None:
    assert means([answered(refused=True), answered()])["refusal_precision"] == Mean(None, 0)


def test_means_are_over_the_questions_that_a_metric_applies_to() -> None:
    found = means([{"token_f1": 1.0, "mrr@10": 0.5}, {"token_f1": 0.0}, {}])
    assert (found["token_f1"], found["mrr@10"], found["recall@1"]) == (Mean(0.5, 2), Mean(0.5, 1), Mean(None, 0))
    assert tuple(found) == METRICS


def test_percentiles_by_stage() -> None:
    found = percentiles([{"lexical": float(number)} for number in range(101)] + [{"embed": 7.0}])
    assert found == {"lexical": {"p50_ms": 50.0, "p95_ms": 95.0}, "embed": {"p50_ms": 7.0, "p95_ms": 7.0}}


def groups(**values: float | None) -> dict[str, dict[str, Mean]]:
    return {"all": {name: Mean(values.get(name.replace("@", "_")), 1) for name in METRICS}, "en": means([])}


LATENCY = {"retrieval": {"p50_ms": 20.0, "p95_ms": 50.0}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mrr@10=.9", ["mrr@10 is 0.8, below 0.9"]),
        ("MRR@10=0.8", []),
        ("mrr@10:en=.1", ["mrr@10:en was not measured: no question tells it; the bound is 0.1"]),
        ("wrong_refusal_rate=.05", ["wrong_refusal_rate is 0.1, above 0.05"]),
        ("wrong_refusal_rate=.1", []),
        ("retrieval_p95_ms=40", ["retrieval_p95_ms is 50, above 40"]),
        ("retrieval_p50_ms=40", []),
        ("mrr@10:fr=.9", ["mrr@10:fr was not measured: no question tells it; the bound is 0.9"]),
        ("rerank_p95_ms=40", ["rerank_p95_ms was not measured: no question tells it; the bound is 40"]),
    ],
)
def test_bounds(text: str, said: list[str]) -> None:
    assert broken([bound(text)], groups(mrr_10=0.8, wrong_refusal_rate=0.1), LATENCY) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mmr@10=.9", "did you mean `mrr@10`?"),
        ("ndcg10=.9", "did you mean `ndcg@10`?"),
        ("recal@5=.9", "did you mean `recall@5`?"),
        ("retreival_p95_ms=40", "did you mean `retrieval_p95_ms`?"),
        ("brewing_p50_ms=40", "one of split, query, lexical, "),
        ("mrr@10", "takes METRIC=NUMBER"),
        ("mrr@10=high", "takes METRIC=NUMBER"),
        ("mrr@10=nan", "takes METRIC=NUMBER"),
        ("mrr@10=90", "is between 0 and 1"),
    ],
)
def test_a_bound_that_cannot_be_meant_is_a_usage_error(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        bound(text)
    assert said in caught.value.line
