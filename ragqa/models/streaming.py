"""Reads from a model service so that it always ends: within its time, and with a word on whether it was finished."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from ragqa.errors import ServiceError
from ragqa.models.retrying import Retries, ServiceFailure, attempt_stream, said
from ragqa.ports import Finish

T = TypeVar("T")

CONNECT_S, IDLE_S = 10.0, 30.0
"""How long a service may take to accept a connection, and to be silent."""

LARGEST_REPLY = 64 << 20
"""Bytes. No reply asked for here is near it."""

_ENDED = object()


@dataclass(frozen=True, slots=True)
class _Raised:
    error: BaseException


def within(timeout_s: float, produce: Callable[[], Iterator[T]], *, service: str) -> Iterator[T]:
    """The items of `produce()`, or a ServiceFailure when they are not all there in time.

    They are made in a thread of their own, because a reply that trickles in byte by byte gives the client library no
    moment at which it would look at the clock.
    """
    items: queue.SimpleQueue[Any] = queue.SimpleQueue()
    abandoned = threading.Event()

    def pump() -> None:
        try:
            for item in produce():
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
                raise ServiceFailure(f"{service} did not finish within {timeout_s:g} seconds") from None
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
        for item in within(timeout_s, lambda: attempt_stream(start, retries), service=service):
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
        [answer] = within(timeout_s, lambda: attempt_stream(lambda: iter([ask()]), retries), service=service)
    except ServiceFailure as failure:
        raise ServiceError(failure.message, remedy=failure.remedy) from None
    return answer


def readable(stream: Iterator[T], translated: Callable[[], AbstractContextManager[None]]) -> Iterator[T]:
    """The items of a client library's stream; what the library raises, and nothing else, is `translated`."""
    while True:
        with translated():
            try:
                item = next(stream)
            except StopIteration:
                return
        yield item


@contextmanager
def connection_words(service: str, *, secret: str | None) -> Iterator[None]:
    """Turns what the HTTP library raises, and what unreadable replies make the client library raise, into words."""
    try:
        yield
    except _network_errors() as error:
        raise network_failure(service, error, secret=secret) from None
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise ServiceFailure(f"{service} sent something that is not a reply: {said(error, secret=secret)}") from None


def network_limits(request: Any) -> None:
    """An HTTP library's hook: gives each request the limits that its client library has no setting for."""
    request.extensions["timeout"] = {"connect": CONNECT_S, "read": IDLE_S, "write": IDLE_S, "pool": CONNECT_S}


def refuse_huge(response: Any) -> None:
    """An HTTP library's hook: no reply is read whose announced length is out of all proportion."""
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) > LARGEST_REPLY:
        response.close()
        raise ServiceFailure(f"the service announced a reply of {int(length) >> 20} MiB")


def _network_errors() -> tuple[type[Exception], ...]:
    """The error base of whichever HTTP library the client library brought with it."""
    modules = (sys.modules.get(name) for name in ("httpx", "httpx2"))
    return tuple(module.HTTPError for module in modules if module is not None)


def network_failure(service: str, error: Exception, *, secret: str | None) -> ServiceFailure:
    match type(error).__name__:
        case "ConnectError":
            message = f"{service} cannot be reached: {said(error, secret=secret)}"
            return ServiceFailure(message, remedy="is there a network, and is the service running?")
        case "ConnectTimeout" | "PoolTimeout":
            return ServiceFailure(f"{service} did not accept the connection within {CONNECT_S:g} seconds")
        case "ReadTimeout" | "WriteTimeout":
            return ServiceFailure(f"{service} was silent for {IDLE_S:g} seconds")
        case _:
            return ServiceFailure(f"{service} broke the connection: {said(error, secret=secret)}", is_transient=True)
