"""Retries: which failures, how often, how long between, and never beyond the budget."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.models.retrying import Retries, ServiceFailure, asked_wait, attempt, attempt_stream, said


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@given(
    waits=st.lists(st.none() | st.floats(0, 100), max_size=10),
    retries=st.builds(Retries, tries=st.integers(1, 6), budget_s=st.floats(0, 100)),
)
def test_tries_and_time_stay_within_the_budget(waits: list[float | None], retries: Retries) -> None:
    clock, calls = Clock(), 0

    def call() -> str:
        nonlocal calls
        calls += 1
        if calls > len(waits):
            return "done"
        raise ServiceFailure("busy", status=429, retry_after_s=waits[calls - 1])

    try:
        assert attempt(call, retries, sleep=clock.sleep, clock=lambda: clock.now) == "done"
        assert calls == len(waits) + 1
    except ServiceFailure:
        asked = waits[calls - 1]
        pause = 2.0 ** (calls - 1) if asked is None else asked
        assert calls == retries.tries or clock.now + pause > retries.budget_s
    assert calls <= retries.tries
    assert clock.now <= retries.budget_s
    for wait, slept in zip(waits, clock.slept, strict=False):
        assert wait is None or slept == wait


def test_pauses_double_where_the_service_names_none() -> None:
    clock = Clock()

    def call() -> None:
        raise ServiceFailure("down", status=503)

    with pytest.raises(ServiceFailure):
        attempt(call, Retries(), sleep=clock.sleep, clock=lambda: clock.now)
    assert clock.slept == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("status", [None, 400, 401, 403, 404, 409, 422])
def test_what_cannot_pass_is_not_tried_again(status: int | None) -> None:
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        raise ServiceFailure("no", status=status)

    with pytest.raises(ServiceFailure):
        attempt(call, Retries())
    assert len(calls) == 1


def test_a_stream_is_started_again_only_before_its_first_item() -> None:
    started: list[int] = []

    def stream() -> Iterator[str]:
        started.append(1)
        if len(started) == 1:
            raise ServiceFailure("busy", status=503)
        yield "one"
        raise ServiceFailure("busy", status=503)

    items = attempt_stream(stream, Retries(first_pause_s=0.0))
    assert next(items) == "one"
    with pytest.raises(ServiceFailure):
        next(items)
    assert len(started) == 2


def test_a_wait_is_read_from_headers_and_from_details() -> None:
    assert asked_wait({}, None) is None
    assert asked_wait({"retry-after": "7"}, None) == 7.0
    assert asked_wait({"retry-after": "soon"}, "text") is None
    details = [{"@type": "QuotaFailure"}, {"@type": "RetryInfo", "retryDelay": "47.5s"}]
    assert asked_wait({"retry-after": "7"}, {"error": {"details": details}}) == 47.5
    assert asked_wait({}, [{"error": {"details": [{"retryDelay": 5}]}}]) is None
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 80 < (asked_wait({"retry-after": date}, None) or 0) <= 90
    past = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    assert asked_wait({"retry-after": past}, None) == 0.0


@given(st.text(), st.text(alphabet="abcXYZ019-", min_size=8))
def test_what_a_service_said_fits_on_a_line_without_the_key(text: str, key: str) -> None:
    line = said(f"{text} {key} {text}{key}", secret=key)
    assert key not in line
    assert len(line) <= 300
    assert "\n" not in line


def test_a_page_of_markup_is_told_in_its_words() -> None:
    page = "<!DOCTYPE html><style>p {}</style><html><body><h1>502</h1>\n<p>Bad gateway</p></body></html>"
    assert said(page, secret=None) == "502 Bad gateway"
