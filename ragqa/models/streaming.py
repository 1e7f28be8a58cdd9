"""Reads from a model service so that it always ends: within its time, and with a word on whether it was finished."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from ragqa.errors import ServiceError
from ragqa.models.retrying import Retries, ServiceFailure, attempt_stream
from ragqa.ports import Finish

T = TypeVar("T")

_ENDED = object()


@dataclass(frozen=True, slots=True)
class _Raised:
    error: BaseException


class _Abandoned(Exception):
    """Nobody waits for the rest."""


Pause = Callable[[float], None]


def within(timeout_s: float, produce: Callable[[Pause], Iterator[T]], *, service: str) -> Iterator[T]:
    """The items of `produce(pause)`, or a ServiceFailure when they are not all there in time.

    They are made in a thread of their own, because a reply that trickles in byte by byte gives the client library no
    moment at which it would look at the clock. `pause` sleeps, and ends the thread once nobody waits for it any more,
    so that a service is not asked again on behalf of somebody who has left.
    """
    items: queue.SimpleQueue[Any] = queue.SimpleQueue()
    abandoned = threading.Event()

    def pause(seconds: float) -> None:
        if abandoned.wait(seconds):
            raise _Abandoned

    def pump() -> None:
        try:
            for item in produce(pause):
                if abandoned.is_set():
                    return
                items.put(item)
            items.put(_ENDED)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised again where it is waited for
            items.put(_Raised(error))

    deadline = time.monotonic() + timeout_s
    threading.Thread(target=pump, daemon=True, name=f"ragqa-{service}").start()
    try:
        while True:
            try:
                item = items.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise ServiceFailure(
                    f"{service} did not finish within {timeout_s:g} seconds",
                    remedy="timeout_s in the settings is the limit",
                ) from None
            if item is _ENDED:
                return
            if isinstance(item, _Raised):
                raise item.error
            yield item
    finally:
        abandoned.set()


def generation(
    start: Callable[[], Iterator[str | Finish]], *, service: str, timeout_s: float, retries: Retries
) -> Iterator[str | Finish]:
    """Keeps the promise of `ports.Generator` over a service's own stream.

    `start()` yields pieces, and a Finish where the service says how it ended; it raises ServiceFailure.
    """
    finish: Finish | None = None
    has_spoken = False
    try:
        for item in within(timeout_s, lambda pause: _attempt(start, retries, timeout_s, pause), service=service):
            if isinstance(item, Finish):
                finish = item
            elif item:
                has_spoken = has_spoken or not item.isspace()
                yield item
    except ServiceFailure as failure:
        if finish is None and not has_spoken:
            raise ServiceError(failure.message, remedy=failure.remedy) from None
        # A connection that breaks after the service said how it ended takes nothing away.
        finish = finish or Finish(complete=False, reason=failure.message)
    if finish is None:
        finish = Finish(complete=False, reason=f"{service} broke off without saying that the answer was finished")
    if finish.complete and not has_spoken:
        finish = Finish(complete=False, reason=f"{service} finished without writing anything", usage=finish.usage)
    yield finish


def reply(ask: Callable[[], T], *, service: str, timeout_s: float, retries: Retries) -> T:
    """The one reply of `ask()`, with the same retries and the same limits; raises ServiceError."""
    try:
        [answer] = within(
            timeout_s, lambda pause: _attempt(lambda: iter([ask()]), retries, timeout_s, pause), service=service
        )
    except ServiceFailure as failure:
        raise ServiceError(failure.message, remedy=failure.remedy) from None
    return answer


def _attempt(start: Callable[[], Iterator[T]], retries: Retries, timeout_s: float, pause: Pause) -> Iterator[T]:
    """A wait that the whole does not allow is not begun either."""
    return attempt_stream(start, replace(retries, budget_s=min(retries.budget_s, timeout_s)), sleep=pause)


def readable(stream: Iterator[T], translated: Callable[[], AbstractContextManager[None]]) -> Iterator[T]:
    """The items of a client library's stream; what the library raises, and nothing else, is `translated`."""
    while True:
        with translated():
            try:
                item = next(stream)
            except StopIteration:
                return
        yield item
