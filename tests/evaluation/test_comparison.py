"""A difference is real where it would not be expected by chance, and only the same questions are compared."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest

from ragqa.evaluation.comparison import Comparison, Difference, Row, compare


def rows(values: Sequence[float | None], metric: str = "mrr@10", language: str = "en") -> list[Row]:
    return [
        Row(f"q{number}", "same", language, {} if value is None else {metric: value})
        for number, value in enumerate(values)
    ]


def one(found: Comparison, metric: str = "mrr@10", group: str = "all") -> Difference:
    (difference,) = [each for each in found.differences if (each.metric, each.group) == (metric, group)]
    return difference


def test_a_run_does_not_differ_from_itself() -> None:
    chance = random.Random(1)
    run = rows([chance.random() for _ in range(60)])
    difference = one(compare(run, run))
    assert (difference.mean, difference.low, difference.high, difference.is_real) == (0, 0, 0, False)


def test_the_interval_is_that_of_a_plain_paired_bootstrap() -> None:
    chance = np.random.default_rng(3)
    before, after = chance.random(80), chance.random(80) + 0.1
    difference = one(compare(rows(before.tolist()), rows(after.tolist())))
    assert difference.mean == pytest.approx((after - before).mean())
    drawn = [(after - before)[chance.integers(0, 80, 80)].mean() for _ in range(10_000)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert (difference.low, difference.high) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))


def test_pairs_decide_not_the_spread_of_the_questions() -> None:
    chance = random.Random(2)
    before = [chance.random() * 0.9 for _ in range(50)]
    assert one(compare(rows(before), rows([value + 0.02 for value in before]))).is_real
    shuffled = sorted(before)
    assert not one(compare(rows(before), rows(shuffled))).is_real


def test_one_question_of_many_is_not_real() -> None:
    before = [1.0] * 50
    assert not one(compare(rows(before), rows([0.0, *before[1:]]))).is_real
    assert one(compare(rows(before), rows([0.0] * 10 + before[10:]))).is_real


def test_a_metric_of_some_questions_is_compared_on_them() -> None:
    before, after = rows([1.0, None, 1.0, None]), rows([1.0, 0.0, None, None])
    difference = one(compare(before, after))
    assert (difference.before, difference.after, difference.questions) == (1.0, 0.5, 3)
    assert not compare(rows([None, None]), rows([1.0, 1.0])).differences, "one of them did not measure it"


def test_the_precision_of_refusals_is_compared_only_where_there_is_one() -> None:
    refused = rows([0.0, 0.0], "refusal_precision")
    assert not compare(refused, refused).differences


def test_languages_are_compared_too() -> None:
    def mixed(shift: float) -> list[Row]:
        return [
            Row(f"q{number}", "same", language, {"mrr@10": 0.5 + (shift if language == "en" else 0)})
            for number, language in enumerate(["en", "zh-Hans"] * 20)
        ]

    found = compare(mixed(0), mixed(0.2))
    assert one(found, group="en").is_real
    assert not one(found, group="zh-Hans").is_real
    assert {each.group for each in compare(rows([1.0]), rows([1.0])).differences} == {"all"}


def test_questions_that_only_one_run_asked_are_left_out_and_counted() -> None:
    before = [*rows([1.0, 1.0, 1.0]), Row("old", "same", "en", {"mrr@10": 0.0})]
    after = [*rows([1.0, 1.0]), Row("q2", "changed", "en", {"mrr@10": 0.0}), Row("new", "same", "en", {})]
    found = compare(before, after)
    assert (found.shared, found.only_before, found.only_after, found.changed) == (2, 1, 1, 1)
    assert one(found).after == 1.0


def test_it_is_the_same_every_time() -> None:
    chance = random.Random(5)
    before, after = ([chance.random() for _ in range(30)] for _ in range(2))
    assert compare(rows(before), rows(after)) == compare(rows(before), rows(after))
