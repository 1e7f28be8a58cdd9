"""Keeps the first request that a client library is about to send, and lets nothing be sent: what a dry run shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

REDACTED = "[key]"

Hook = Callable[[Any], None]
"""Sees each request of an HTTP library right before it is sent."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it would have left this machine, byte for byte, but for the key, which is not in it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class NotSent(Exception):
    """Raised in the place of sending `request`. No ServiceError: nothing failed, and nobody is to try another way."""

    def __init__(self, request: Outgoing) -> None:
        super().__init__(f"not sent to {request.url}")
        self.request = request


def refusing_to_send(secrets: Mapping[str, str]) -> Hook:
    """The hook. `secrets` are the variables of the environment whose values must not be shown."""
    hidden = [value.strip() for name, value in secrets.items() if name.endswith("_KEY") and value.strip()]

    def refuse(request: Any) -> None:
        headers = {name: _redacted(value, hidden) for name, value in request.headers.items()}
        raise NotSent(Outgoing(request.method, _redacted(str(request.url), hidden), headers, request.content))

    return refuse


def _redacted(text: str, hidden: list[str]) -> str:
    for secret in hidden:
        text = text.replace(secret, REDACTED)
    return text
