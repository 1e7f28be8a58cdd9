"""A calibrated threshold refuses all it can at its price, and says how little a few questions tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.evaluation.calibration import Share, Weighed, fit, refusals

EVIDENCE = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.floats(0, 1))
KIND = st.lists(EVIDENCE, min_size=1, max_size=30)


def questions(there: list[float], absent: list[float]) -> list[Weighed]:
    return [*(Weighed(each, True) for each in there), *(Weighed(each, False) for each in absent)]


@given(KIND, KIND, st.sampled_from([0.0, 0.05, 0.1, 0.3, 0.5]), st.sampled_from([0.3, 0.5]))
def test_no_other_threshold_refuses_more_at_that_price(
    there: list[float], absent: list[float], at_most: float, default: float
) -> None:
    weighed = questions(there, absent)
    found = refusals(weighed, fit(weighed, at_most=at_most, default=default))
    assert found.wrongly.count <= at_most * len(there) + 1e-9
    # What is refused changes only at the scores themselves: just above each of them, and nowhere else.
    others = [refusals(weighed, each) for each in (0.0, *there, *absent, *(each + 1e-12 for each in (*there, *absent)))]
    allowed = [other for other in others if other.wrongly.count <= at_most * len(there) + 1e-9]
    assert found.rightly.count == max(other.rightly.count for other in allowed)
    if found.rightly.count:
        equal = [other for other in allowed if other.rightly.count == found.rightly.count]
        assert found.wrongly.count == min(other.wrongly.count for other in equal)


@given(KIND, KIND, st.sampled_from([0.0, 0.05, 0.3]))
def test_nothing_is_changed_without_a_reason(there: list[float], absent: list[float], at_most: float) -> None:
    weighed = questions(there, absent)
    found, usual = (refusals(weighed, each) for each in (fit(weighed, at_most=at_most, default=0.5), 0.5))
    same = (found.rightly, found.wrongly) == (usual.rightly, usual.wrongly)
    assert not same or found.refuse_below == 0.5


def test_it_lies_halfway_between_the_questions_on_either_side() -> None:
    weighed = questions([0.3, 0.8, 0.9], [0.0, 0.1])
    assert fit(weighed, at_most=0.05, default=0.5) == pytest.approx(0.2)


def test_a_price_that_is_allowed_is_paid_only_for_something() -> None:
    there = [0.1, *[0.9] * 19]
    assert fit(questions(there, [0.05]), at_most=0.05, default=0.5) == pytest.approx(0.075)
    assert fit(questions(there, [0.05, 0.6]), at_most=0.05, default=0.5) == pytest.approx(0.75)


def test_where_nothing_can_be_refused_for_it_nobody_is_refused_either() -> None:
    weighed = questions([0.2, 0.3], [0.9])
    assert refusals(weighed, fit(weighed, at_most=0.05, default=0.5)).wrongly.count == 0


@pytest.mark.parametrize("weighed", [questions([0.5], []), questions([], [0.5]), []])
def test_one_kind_alone_is_no_calibration(weighed: list[Weighed]) -> None:
    with pytest.raises(ValueError, match="both"):
        fit(weighed, default=0.5)


@pytest.mark.parametrize(
    ("share", "low", "high"),
    # Values of R: binom::binom.confint(x, n, methods = "wilson").
    [(Share(0, 10), 0.0, 0.2775), (Share(5, 10), 0.2366, 0.7634), (Share(1, 20), 0.0089, 0.2361)],
)
def test_the_interval_is_wilsons(share: Share, low: float, high: float) -> None:
    assert share.interval == pytest.approx((low, high), abs=2e-4)


def test_of_no_questions_nothing_is_known() -> None:
    assert Share(0, 0).value == 0.0 and Share(0, 0).interval == (0.0, 1.0)
