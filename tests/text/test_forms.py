"""Other ways to write an identifier: numerals and dates are read and written without loss."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.text.exact import find
from ragqa.text.forms import Date, chinese, forms, number


@given(st.integers(0, 9_999))
def test_a_chinese_numeral_is_read_as_the_number_that_it_was_written_for(value: int) -> None:
    assert number(chinese(value)) == number(str(value)) == value


@pytest.mark.parametrize(
    ("value", "numeral"),
    [
        (0, "零"),
        (7, "七"),
        (10, "十"),
        (14, "十四"),
        (20, "二十"),
        (44, "四十四"),
        (103, "一百零三"),
        (110, "一百一十"),
        (1003, "一千零三"),
    ],
)
def test_chinese_numerals_are_written_as_statutes_write_them(value: int, numeral: str) -> None:
    assert chinese(value) == numeral


@pytest.mark.parametrize(("numeral", "value"), [("一〇三", 103), ("二○二五", 2025), ("1千2百", 1200), ("百", 100)])
def test_other_numerals_are_read_too(numeral: str, value: int) -> None:
    assert number(numeral) == value


@given(st.dates(datetime.date(1000, 1, 1)))
def test_every_form_of_a_date_is_that_date(day: datetime.date) -> None:
    date = Date(day.year, day.month, day.day)
    assert {Date.of(form) for form in date.forms()} == {date}
    month = Date(day.year, day.month, None)
    assert {Date.of(form) for form in month.forms()} == {month}


@pytest.mark.parametrize(
    "text", ["2025-13-01", "2025-01/01", "2025年13月", "32 May 2025", "2025", "TB-4425", "", "第44条"]
)
def test_what_is_no_date_is_not_read_as_one(text: str) -> None:
    assert Date.of(text) is None


@pytest.mark.parametrize("text", ["TB-4425", "force majeure", "GB/T 7714", "", "第3.2节"])
def test_what_has_no_other_form_stays_alone(text: str) -> None:
    assert forms(text) == (text,)


@given(st.text(max_size=30))
def test_what_was_asked_is_always_the_first_form(text: str) -> None:
    found = forms(text)
    assert found[0] == text
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("text", ["第3条之10000", "第3条之99999999", "3 Aprıl 2025", "Aprıl 2025", "13 ſeptember 2020"])
def test_what_only_looks_like_a_reference_is_left_as_it_is(text: str) -> None:
    assert forms(text)[0] == text
    for each in find(text):
        assert each.forms


@given(st.text(alphabet="第条之零〇○一十百千万0123456789年月日号§-/. AaprılJan", max_size=40))
def test_no_question_is_too_odd_to_be_looked_at(question: str) -> None:
    for each in find(question):
        assert each.text in each.forms
