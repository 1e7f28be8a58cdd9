"""Names stand out of Chinese text because they are not made of ordinary words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.text.folding import fold
from ragqa.text.ordinary import Words, words


@pytest.mark.parametrize(
    ("text", "unusual"),
    [
        ("員工享有十四天休假，應在兩年前以書面向經理提出。", []),
        ("他在上海出生，後來搬到北京", ["上海", "搬", "北京"]),
        ("忽必烈在位期間建立了元朝", ["忽必烈"]),
        ("發展中國家的工業", []),
        ("一九六六年九月", []),
        ("no Chinese at all", []),
    ],
)
def test_names_and_rare_terms_are_left_over(text: str, unusual: list[str]) -> None:
    assert words().unusual(fold(text)) == unusual


def test_a_text_is_cut_so_that_least_is_left_over() -> None:
    few = Words(frozenset("在"), frozenset(["甲乙", "乙丙"]), frozenset(["丁戊"]))
    assert few.unusual("在甲乙丙") == ["丙"]
    assert few.unusual("己甲乙庚辛") == ["己", "庚辛"]
    assert few.unusual("丁戊己庚") == ["丁戊", "己庚"]
    assert few.unusual("甲乙乙丙") == []


@given(st.text(st.sampled_from("在甲乙丙丁戊一 a，"), max_size=30))
def test_what_is_left_over_stands_in_the_text_in_order(text: str) -> None:
    few = Words(frozenset("在一"), frozenset(["甲乙", "乙丙"]), frozenset(["丁戊"]))
    position = 0
    for stretch in few.unusual(text):
        position = text.index(stretch, position) + len(stretch)
