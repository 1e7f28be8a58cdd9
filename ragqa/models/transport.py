"""The way to a model service: limits on every request and reply, refusals and broken connections in words."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ragqa.errors import ConfigError
from ragqa.models.recording import Hook
from ragqa.models.retrying import ServiceFailure, asked_wait, said

CONNECT_S, IDLE_S = 10.0, 30.0
"""How long a service may take to accept a connection, and to be silent where no setting says otherwise."""

LARGEST_REPLY = 64 << 20
"""Bytes. No reply asked for here is near it."""

_LARGEST_REFUSAL = 64 << 10
"""Bytes of a refusal that are read: its sentence stands at the beginning."""
_NO_CREDIT = "insufficient_quota"
"""OpenAI's word for a 429 that no waiting ends."""
_TOO_LONG = re.compile(r"(?i)context.{0,20}(length|size|window)|too (long|large|many tokens)|maximum.{0,20}tokens")
_TOO_LONG_REMEDY = "lower answer.prompt_tokens, or name a model with a larger context"


def usable_key(environment: Mapping[str, str], *names: str) -> str | None:
    """The first key that is set. Raises ConfigError, without showing it, for one that no request could carry."""
    for name in names:
        if key := environment.get(name, "").strip():
            if not all("!" <= character <= "~" for character in key):
                raise ConfigError(
                    f"{name} holds a character that no key has (a blank, a line break, a typographic quotation mark …)",
                    remedy="copy the key again",
                )
            return key
    return None


@dataclass(frozen=True, slots=True)
class Connection:
    """What is said about one service: its name, the key that no message may hold, what helps against a refusal."""

    service: str
    secret: str | None
    remedy: Callable[[int, str], str]
    """Given the status and the service's own sentence; "" where nothing is known to help."""
    idle_s: float | None = None
    """How long this service may be silent, where that is not as for all."""
    before_sending: Hook | None = None
    """Sees each request as it will be sent, and can keep it from that."""

    def hooks(self) -> dict[str, list[Callable[[Any], None]]]:
        """For the HTTP library: every request is limited, every reply is looked at before the client library is."""
        before = [self.before_sending] if self.before_sending else []
        return {"request": [self._limit, *before], "response": [self._inspect]}

    @contextmanager
    def setting_up(self) -> Iterator[None]:
        """Turns what the client library makes of impossible proxies, addresses and certificates into words."""
        try:
            yield
        except (ValueError, TypeError, ImportError, OSError) as error:
            raise ServiceFailure(
                f"{self.service} cannot be asked: {said(error, secret=self.secret)}",
                remedy="check the service's address, and HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE where they are set",
            ) from None

    @contextmanager
    def in_words(self) -> Iterator[None]:
        """Turns what the HTTP library raises, and what unreadable replies make the client library raise, into words."""
        try:
            yield
        except _network_errors() as error:
            raise self.failure(error) from None
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            told = said(error, secret=self.secret)
            raise ServiceFailure(f"{self.service} sent something that is not a reply: {told}") from None

    def failure(self, error: BaseException) -> ServiceFailure:
        """An error of the HTTP library in words."""
        told = said(error, secret=self.secret)
        match type(error).__name__:
            case "ConnectError":
                return ServiceFailure(
                    f"{self.service} cannot be reached: {told}",
                    remedy="is there a network, and is the service running?",
                )
            case "ConnectTimeout" | "PoolTimeout":
                return ServiceFailure(f"{self.service} did not accept the connection within {CONNECT_S:g} seconds")
            case "ReadTimeout" | "WriteTimeout":
                return ServiceFailure(f"{self.service} was silent for {self._longest_silence:g} seconds")
            case "ProxyError":
                message = f"the proxy in front of {self.service} refused: {told}"
                return ServiceFailure(message, remedy="check HTTPS_PROXY and ALL_PROXY")
            case "UnsupportedProtocol" | "InvalidURL" | "LocalProtocolError":
                return ServiceFailure(f"{self.service} cannot be asked: {told}", remedy="check the service's address")
            case "DecodingError":
                return ServiceFailure(f"{self.service} sent something that is not a reply: {told}")
            case _:
                return ServiceFailure(f"{self.service} broke the connection: {told}", is_transient=True)

    @property
    def _longest_silence(self) -> float:
        return IDLE_S if self.idle_s is None else self.idle_s

    def _limit(self, request: Any) -> None:
        """Gives a request the limits that its client library has no setting for; no compressed reply is asked for."""
        silence = self._longest_silence
        request.extensions["timeout"] = {"connect": CONNECT_S, "read": silence, "write": silence, "pool": CONNECT_S}
        request.headers["accept-encoding"] = "identity"

    def _inspect(self, response: Any) -> None:
        """Refusals become failures here, whatever their body is; a reply is never read beyond its limit."""
        if response.status_code >= 300:
            raise self._refusal(response)
        if response.headers.get("content-encoding", "identity") != "identity":
            # What a few kilobytes unpack to has no limit.
            raise ServiceFailure(f"{self.service} sent a compressed reply, which it was asked not to do")
        length = response.headers.get("content-length", "")
        if length.isdecimal() and int(length) > LARGEST_REPLY:
            raise ServiceFailure(f"{self.service} announced a reply of {int(length) >> 20} MiB")
        response.stream = _bounded(response, self.service)

    def _refusal(self, response: Any) -> ServiceFailure:
        text = b"".join(_beginning(response, _LARGEST_REFUSAL)).decode("utf-8", "replace")
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            body = None
        status, phrase = response.status_code, response.reason_phrase
        told = said(_sentence(body) or text.strip() or phrase or "no reason given", secret=self.secret)
        has_credit = not (status == 429 and _NO_CREDIT in text)
        remedy = _TOO_LONG_REMEDY if status == 413 or (status == 400 and _TOO_LONG.search(told)) else ""
        return ServiceFailure(
            f"{self.service} refused with {status}: {told}",
            remedy=remedy or ("" if has_credit else "the account has no credit left") or self.remedy(status, told),
            status=status,
            is_transient=None if has_credit else False,
            retry_after_s=asked_wait(response.headers, body),
        )


def _beginning(response: Any, most: int) -> Iterator[bytes]:
    """At least `most` bytes of a body, or all there are; a body that breaks off gives what came of it."""
    read = 0
    try:
        for piece in response.iter_raw():
            yield piece[: most - read]
            read += len(piece)
            if read >= most:
                return
    except _network_errors():
        return
    finally:
        response.close()


def _bounded(response: Any, service: str) -> Any:
    """The reply's stream, which ends in a failure where it becomes too long; of the HTTP library's own kind."""
    library = sys.modules[type(response).__module__.partition(".")[0]]
    stream = response.stream

    class Bounded(library.SyncByteStream):  # type: ignore[misc, name-defined]  # known when there is a reply
        def __iter__(self) -> Iterator[bytes]:
            read = 0
            for piece in stream:
                read += len(piece)
                if read > LARGEST_REPLY:
                    raise ServiceFailure(f"{service} sent more than {LARGEST_REPLY >> 20} MiB")
                yield piece

        def close(self) -> None:
            stream.close()

    return Bounded()


def _sentence(body: object) -> str:
    """The service's own sentence, wherever it puts it; "" where there is none."""
    match body:
        case str(text):
            return text
        case [first, *_]:
            return _sentence(first)
        case {"error": found} | {"message": found} | {"detail": found} | {"msg": found} if found:
            return _sentence(found)
        case _:
            return ""


def _network_errors() -> tuple[type[Exception], ...]:
    """The error bases of whichever HTTP library the client library brought with it."""
    modules = [module for name in ("httpx", "httpx2") if (module := sys.modules.get(name)) is not None]
    return tuple(error for module in modules for error in (module.HTTPError, module.InvalidURL))
