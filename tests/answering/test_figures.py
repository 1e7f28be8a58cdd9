"""Numbers and dates compare equal however they are written, and different when they differ."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.answering.figures import Date, Number, read, remove

HAN_DIGITS = "零一二三四五六七八九"
ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen"""
TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety"
MONTHS = "January February March April May June July August September October November December"
ENGLISH_ONES, ENGLISH_TENS, MONTH_NAMES = ONES.split(), TENS.split(), MONTHS.split()


def in_han(number: int) -> str:
    """An independent writer of Chinese numerals up to 99,999,999."""
    if number >= 10_000:
        rest = number % 10_000
        return in_han(number // 10_000) + "萬" + ("" if not rest else ("零" if rest < 1000 else "") + in_han(rest))
    out, zero = "", False
    for scale, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // scale % 10
        if digit:
            out += ("零" if zero and out else "") + HAN_DIGITS[digit] + name
            zero = False
        else:
            zero = True
    return out.removeprefix("一") if 10 <= number < 20 else out


def in_english(number: int) -> str:
    if number >= 1000:
        rest = number % 1000
        return in_english(number // 1000) + " thousand" + (f" {in_english(rest)}" if rest else "")
    if number >= 100:
        rest = number % 100
        return ENGLISH_ONES[number // 100] + " hundred" + (f" and {in_english(rest)}" if rest else "")
    if number >= 20:
        return ENGLISH_TENS[number // 10] + (f"-{ENGLISH_ONES[number % 10]}" if number % 10 else "")
    return ENGLISH_ONES[number]


def values(text: str) -> set[Decimal]:
    return {number.value for number in read(text).numbers}


@given(st.integers(2, 99_999_999))
def test_a_number_is_the_same_in_figures_full_width_and_chinese(number: int) -> None:
    full_width = "".join(chr(ord(digit) + 0xFEE0) for digit in str(number))
    for text in (f"共 {number} 元", f"共{number:,}元", f"共{full_width}元", f"共{in_han(number)}元"):
        assert values(text) == {number}, text


def test_numbers_in_a_list_are_read_one_by_one() -> None:
    assert values("分別為30，45，2,500和１，２００元") == {30, 45, 2500, 1200}
    assert values("30, 45, 1,200") == {30, 45, 1200}


@given(st.integers(2, 999_999))
def test_a_number_is_the_same_in_english_words(number: int) -> None:
    assert values(f"pay {in_english(number)} units") == {number}


@given(st.dates())
def test_a_date_is_the_same_in_every_way_of_writing(date: datetime.date) -> None:
    written = {Date(date.year, date.month, date.day)}
    year = f"{date.year:04}"
    name = MONTH_NAMES[date.month - 1]
    for text in (
        f"{year}-{date.month:02}-{date.day:02}",
        f"{year}/{date.month}/{date.day}",
        f"{year}年{date.month}月{date.day}日",
        f"{''.join(HAN_DIGITS[int(digit)] for digit in year)}年{in_han(date.month)}月{in_han(date.day)}日",
        f"{name} {date.day}, {year}",
        f"the {date.day}th of {name} {year}",
        f"{date.day} {name[:3]} {year}",
    ):
        assert read(text).dates == written, text
        assert read(text).numbers == frozenset(), text


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("twelve months", "12", "month"),
        ("a 12-month term", "12", "month"),
        ("十二個月", "12", "month"),
        ("百分之十二", "12", "percent"),
        ("12 per cent", "12", "percent"),
        ("12.5％", "12.5", "percent"),
        ("30 working days", "30", "workday"),
        ("三十個工作天", "30", "workday"),
        ("1.2 million people", "1200000", ""),
        ("120萬人", "1200000", "counted"),
        ("£4,500.00", "4500", "pound"),
        ("-5 °C", "-5", "degree"),
        ("零下五度", "5", "degree"),
        ("三點五公斤", "3.5", "kg"),
        ("10 miles east", "10", "mile"),
        ("21.8‰ of", "21.8", "permille"),
        ("三十二歲", "32", "year"),
        ("約一個月", "1", "month"),
        ("one century", "1", "century"),
        ("6 平方公里", "6", "sqkm"),
        ("80 km/h", "80", "kmh"),
    ],
)
def test_units_are_read(text: str, value: str, unit: str) -> None:
    assert Number(Decimal(value), unit, True) in read(text).numbers


@pytest.mark.parametrize(
    "text",
    [
        "one of them",
        "one day he came",
        "一度",
        "一分",
        "十分重要",
        "統一管理",
        "一般來說",
        "千萬不要",
        "X200",
        "version 1.2.3",
    ],
)
def test_what_is_no_number_asks_for_nothing(text: str) -> None:
    assert not [number for number in read(text).numbers if number.certain]


@pytest.mark.parametrize(
    ("source", "claim", "covered"),
    [
        ("in 2025年1月1日", "January 2025", True),
        ("on 1 January 2025", "in 2025", True),
        ("in 2025", "2025年", True),
        ("民國114年", "2025", True),
        ("January 2025", "January 2, 2025", False),
        ("2 January 2025", "3 January 2025", False),
        ("12 months", "12 days", False),
        ("12 months", "12", True),
        ("between 20-30 days", "20 days", True),
        ("30 days", "30 working days", False),
        ("$5", "€5", False),
        ("3月", "3個月", False),
    ],
)
def test_what_covers_what(source: str, claim: str, covered: bool) -> None:
    assert read(source).cover(read(claim)) is covered


@given(st.text(st.sampled_from("0123456789,.-年月日一二十百千萬點分之 onetw/%$"), max_size=40))
def test_any_text_is_read_and_covers_itself(text: str) -> None:
    figures = read(text)
    assert figures.cover(figures)


def test_the_words_beside_the_figures_are_left() -> None:
    words = " ".join(remove("From 1 May 2025 staff get 25 days, one of them paid.").split())
    assert words == "from staff get , one of them paid."
    assert "".join(remove("自二〇二五年五月一日起，员工每年享有十四天特休假。").split()) == "自起,员工每年享有特休假。"
