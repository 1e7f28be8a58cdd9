"""Answers are compared by tokens: words and numbers, single characters in Chinese."""

from __future__ import annotations

import pytest

from ragqa.evaluation.answers import contains, f1, tokens


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The 27 days, of leave!", ["27", "days", "of", "leave"]),
        ("1,200 元 或 £40", ["1200", "元", "或", "£", "40"]),
        ("ＧＷ－２ gateway", ["gw", "2", "gateway"]),
        ("7.5kg, 4 %", ["7.5", "kg", "4", "%"]),
        ("電池PACK壽命", ["电", "池", "pack", "寿", "命"]),
        ("", []),
    ],
)
def test_tokens(text: str, wanted: list[str]) -> None:
    assert tokens(text) == wanted


@pytest.mark.parametrize(
    ("text", "answers", "inside"),
    [
        ("You pay 4 % and the company pays 9 %.", ["9%"], True),
        ("The company pays 19 %.", ["9 %"], False),
        ("It costs £1,200.", ["1200"], True),
        ("公司提供餐費160元", ["160 元"], True),
        ("公司提供餐费一百六十元", ["餐費"], True),
        ("They met in June.", ["May", "june"], True),
        ("Their team met.", ["tea"], False),
        ("anything", ["…"], False),
        ("anything", [], False),
    ],
)
def test_containment_is_token_for_token(text: str, answers: list[str], inside: bool) -> None:
    assert contains(text, answers) is inside


def test_f1_is_that_of_the_best_answer() -> None:
    # 2 of 4 given tokens are right, 2 of 2 wanted ones are there: 2 * .5 * 1 / 1.5.
    assert f1("there are 27 days", ["27 days"]) == pytest.approx(2 / 3)
    assert f1("there are 27 days", ["30 weeks", "27 days"]) == pytest.approx(2 / 3)
    # Three characters of four, and of three.
    assert f1("共三十天", ["三十天"]) == pytest.approx(6 / 7)
    assert f1("days days days", ["days"]) == pytest.approx(2 / 4)
    assert f1("nothing of it", ["27 days"]) == 0.0
    assert f1("", ["27 days"]) == 0.0
