"""Asks a model service again where that can help: few times, in bounded time, as the service wishes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import chain
from typing import TypeVar

T = TypeVar("T")

_TRANSIENT = frozenset({408, 429, *range(500, 600)})
_LONGEST_MESSAGE = 300


class ServiceFailure(Exception):
    """A request that did not end well, in words for the user. It becomes a ServiceError or the reason of a Finish.

    `is_transient`: the same request may succeed later. `retry_after_s`: how long the service asks to wait. `status`
    is the HTTP status of a refusal, None where no reply came.
    """

    def __init__(
        self,
        message: str,
        *,
        remedy: str = "",
        status: int | None = None,
        is_transient: bool | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.status = status
        self.is_transient = status in _TRANSIENT if is_transient is None else is_transient
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Retries:
    """At most `tries` tries, the last begun within `budget_s`; pauses double from `first_pause_s`."""

    tries: int = 4
    budget_s: float = 60.0
    first_pause_s: float = 1.0


def attempt(
    call: Callable[[], T],
    retries: Retries,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """The result of the first `call` that does not fail, or the last failure.

    A wait that the service asks for is obeyed; one that the budget does not hold is not begun.
    """
    started = clock()
    number = 0
    while True:
        number += 1
        try:
            return call()
        except ServiceFailure as failure:
            if not failure.is_transient or number >= retries.tries:
                raise
            asked = failure.retry_after_s
            pause = retries.first_pause_s * 2 ** (number - 1) if asked is None else asked
            if clock() - started + pause > retries.budget_s:
                if asked is not None:
                    failure.remedy = failure.remedy or f"the service asks to wait {asked:.0f} seconds"
                raise
        sleep(pause)


def attempt_stream(
    start: Callable[[], Iterator[T]], retries: Retries, *, sleep: Callable[[float], None] = time.sleep
) -> Iterator[T]:
    """The items of `start()`. Until the first one a failed stream is started again; afterwards it is not."""

    def begun() -> Iterator[T]:
        stream = start()
        first = [item for _, item in zip(range(1), stream, strict=False)]
        return chain(first, stream)

    return attempt(begun, retries, sleep=sleep)


def asked_wait(headers: Mapping[str, str], body: object) -> float | None:
    """The seconds that a refusal asks to wait: `Retry-After` (seconds or a date), or Google's `retryDelay`."""
    waits = [_seconds(headers.get("retry-after", "")), *(_seconds(delay.removesuffix("s")) for delay in _delays(body))]
    return max((wait for wait in waits if wait is not None), default=None)


def _delays(body: object) -> Iterator[str]:
    """Every `retryDelay` of an error's details, wherever the service nests them."""
    match body:
        case {"retryDelay": str(delay)}:
            yield delay
        case dict():
            for name in ("error", "details"):
                yield from _delays(body.get(name))
        case list():
            for part in body:
                yield from _delays(part)


def _seconds(text: str) -> float | None:
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def said(text: object, *, secret: str | None) -> str:
    """What a service said, fit for one line: without markup, not long, and never with the key in it."""
    words = str(text)
    if secret:  # before the cut, which might leave half of it
        words = words.replace(secret, "[key]")
    words = words[:20_000]
    if words.lstrip().startswith("<"):
        words = re.sub(r"(?s)<(script|style).*?</\1>|<[^>]*>", " ", words)
    words = " ".join(words.split())
    return words if len(words) <= _LONGEST_MESSAGE else words[: _LONGEST_MESSAGE - 1] + "…"
