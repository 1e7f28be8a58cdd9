"""The filter options: what they take, what they become, and one clear line for what they do not take."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import pytest

from ragqa.cli import filters
from ragqa.errors import UsageError
from ragqa.types import Filter

NOTHING: dict[str, Any] = dict.fromkeys(filters.OPTIONS)


def parse(**values: Any) -> Filter | None:
    return filters.parse({**NOTHING, **values})


def test_no_option_is_no_filter() -> None:
    assert parse() is None
    assert parse(within=[], lang=[], type=[]) is None


def test_chinese_is_both_scripts_and_nothing_is_asked_for_twice() -> None:
    assert parse(lang=["zh", "EN", "zh-hans"]) == Filter(languages=("zh-Hans", "zh-Hant", "en"))


@pytest.mark.parametrize(
    ("given", "loader"),
    [
        ("pdf", "pdf"),
        (".PDF", "pdf"),
        ("md", "markdown"),
        ("markdown", "markdown"),
        ("txt", "text"),
        (".text", "text"),
        ("html", "html"),
        ("htm", "html"),
        ("docx", "docx"),
    ],
)
def test_a_type_is_named_by_any_of_its_suffixes(given: str, loader: str) -> None:
    assert parse(type=[given]) == Filter(types=(loader,))


def test_a_date_is_midnight_where_the_user_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Taipei")
    time.tzset()
    try:
        assert parse(after="2025-01-01") == Filter(after_ns=1_735_660_800 * 10**9)  # 16:00 UTC of the day before
        assert filters.day(1_735_660_800 * 10**9) == "2025-01-01"
    finally:
        monkeypatch.undo()
        time.tzset()
    assert parse(before="2025-03-01") == Filter(before_ns=int(datetime(2025, 3, 1).timestamp()) * 10**9)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"lang": ["fr"]}, "zh-Hant"),
        ({"type": ["exe"]}, "pdf, md"),
        ({"after": "last week"}, "2025-12-31"),
        ({"before": "2025-02-30"}, "2025-12-31"),
        ({"after": "2025-01-02", "before": "2025-01-02"}, "--after"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_can(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(**values)
    assert said in caught.value.line
