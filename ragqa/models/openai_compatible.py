"""OpenAI and every server that speaks its language (Ollama, llama.cpp, vLLM …): who writes the answer."""

from __future__ import annotations

import importlib.util
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ragqa.errors import ConfigError, MissingKey
from ragqa.models import streaming
from ragqa.models.recording import Hook, NotSent
from ragqa.models.retrying import Retries, ServiceFailure, said
from ragqa.models.thoughts import ThoughtFilter, begins_with_thoughts
from ragqa.models.transport import Connection, usable_key
from ragqa.ports import Finish, GenerationRequest
from ragqa.types import Usage

PREFIX = "openai:"
KEY = "OPENAI_API_KEY"
DEFAULT_URL = "https://api.openai.com/v1"

_THINKING_TOKENS = 4096
"""OpenAI counts what a model thinks as output; without this room its answer would be cut short."""
_THOUGHTS = ("reasoning_content", "reasoning", "thinking")
"""Where servers put what a model thinks, apart from what it answers."""

_REASONS = {
    "length": "the answer was cut at the limit of answer.max_tokens",
    "content_filter": "the service stopped because of its content rules",
    "tool_calls": "the model asked for a tool instead of answering",
    "function_call": "the model asked for a tool instead of answering",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model at an address: `openai:MODEL@URL`, or `openai:MODEL` for OpenAI's own."""

    model: str
    url: str = DEFAULT_URL

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def is_openai(self) -> bool:
        return self.url == DEFAULT_URL


def parse(name: str) -> Endpoint:
    """Read `openai:MODEL[@URL]`. A model's own name may hold an @; an address begins with http."""
    model, _, url = name.removeprefix(PREFIX).partition("@http")
    url = f"http{url}".rstrip("/") if url else DEFAULT_URL
    if not model or not urlsplit(url).hostname or urlsplit(url).scheme not in ("http", "https"):
        raise ConfigError(
            f"`{name}` does not name a model",
            remedy="openai:MODEL, or openai:MODEL@URL as in openai:llama3.2@http://localhost:11434/v1",
        )
    if urlsplit(url).username is not None:
        raise ConfigError(f"the address of {model} holds a name or a password", remedy=f"keys go into {KEY}")
    return Endpoint(model, url)


class Client:
    """The client library, loaded at the first request; its errors come out in words."""

    def __init__(
        self,
        endpoint: Endpoint,
        environment: Mapping[str, str],
        *,
        idle_s: float | None = None,
        before_sending: Hook | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._key = usable_key(environment, KEY)
        if endpoint.is_openai and not self._key:
            raise MissingKey(
                f"OpenAI needs a key, and {KEY} is not set",
                remedy=f"export {KEY}=…, or name a local server: openai:{endpoint.model}@http://localhost:11434/v1",
            )
        if importlib.util.find_spec("openai") is None:
            raise ConfigError(
                f"`{PREFIX}{endpoint.model}` needs the package openai", remedy="pip install 'ragqa[openai]'"
            )
        self._connection = Connection(self.service, self._key, self._remedy, idle_s, before_sending)
        self._lock = threading.Lock()
        self._library: Any = None

    @property
    def service(self) -> str:
        return "OpenAI" if self.endpoint.is_openai else self.endpoint.host

    @property
    def library(self) -> Any:
        """The library's own interface; there is one, whichever thread asks first."""
        with self._lock:
            self._library = self._library or self._made()
        return self._library

    def _made(self) -> Any:
        """Without the library's retries; redirects are not followed, nor is the key sent there."""
        import openai

        with self._connection.setting_up():
            return openai.OpenAI(
                # A server that wants no key ignores this word; the library does not go without.
                api_key=self._key or "none",
                base_url=self.endpoint.url,
                max_retries=0,
                http_client=openai.DefaultHttpxClient(follow_redirects=False, event_hooks=self._connection.hooks()),
            )

    @contextmanager
    def in_words(self) -> Iterator[None]:
        """Turns everything that the library raises into a ServiceFailure."""
        import openai

        with self._connection.in_words():
            try:
                yield
            except openai.APIConnectionError as error:
                if isinstance(error.__cause__, ServiceFailure | NotSent):
                    raise error.__cause__ from None
                raise self._connection.failure(error.__cause__ or error) from None
            except openai.APIError as error:  # inside a reply that began well
                status = error.body.get("code") if isinstance(error.body, dict) else None
                raise ServiceFailure(
                    f"{self.service} reported an error: {self.told(error.message)}",
                    status=status if isinstance(status, int) else None,
                ) from None

    def told(self, text: object) -> str:
        """What the service said, fit for one line, without the key."""
        return said(text, secret=self._key)

    def _remedy(self, status: int, message: str) -> str:
        match status:
            case 401 | 403:
                return f"check the key in {KEY}" if self._key else f"does it want a key? export {KEY}=…"
            case 402:
                return "the account has no credit left"
            case 404:
                return f"does {self.endpoint.url} serve the model {self.endpoint.model}?"
            case _ if 300 <= status < 400:
                return f"{self.endpoint.url} leads elsewhere: name the address that it leads to"
        return ""


class OpenAICompatibleGenerator:
    """Implements `ports.Generator`. Raises MissingKey or ConfigError at once, before anything heavy is loaded."""

    def __init__(
        self,
        name: str,
        *,
        environment: Mapping[str, str],
        timeout_s: float,
        idle_s: float | None = None,
        retries: Retries | None = None,
        before_sending: Hook | None = None,
    ) -> None:
        self.name = name
        self._timeout_s = timeout_s
        self._retries = retries or Retries()
        self._client = Client(parse(name), environment, idle_s=idle_s, before_sending=before_sending)
        self._left_out: set[str] = set()

    def generate(self, request: GenerationRequest) -> Iterator[str | Finish]:
        return streaming.generation(
            lambda: self._pieces(request),
            service=self._client.service,
            timeout_s=min(self._timeout_s, request.timeout_s),
            retries=self._retries,
        )

    def _pieces(self, request: GenerationRequest) -> Iterator[str | Finish]:
        thoughts = ThoughtFilter(opened=begins_with_thoughts(self._client.endpoint.model))
        refusal, reason, usage = "", "", None
        for event in streaming.readable(map(_read, self._started(request)), self._client.in_words):
            refusal, reason, usage = refusal + event.refusal, event.finish or reason, event.usage or usage
            if event.is_thought:
                thoughts.told_apart()
            if text := thoughts.feed(event.text):
                yield text
        if text := thoughts.finish():
            yield text
        if refusal:
            yield Finish(complete=False, reason=f"the model refused: {self._client.told(refusal)}", usage=usage)
        elif reason and thoughts.only_thoughts:
            words = "the model thought, and stopped before it answered; answer.max_tokens is the limit of both"
            yield Finish(complete=False, reason=words, usage=usage)
        elif reason:
            words = _REASONS.get(reason, f"the service stopped with the reason {self._client.told(reason)}")
            is_complete = reason == "stop"
            yield Finish(complete=is_complete, reason="" if is_complete else words, usage=usage)

    def _started(self, request: GenerationRequest) -> Iterator[Any]:
        """The library's own stream. What a server refuses to be told is left out, once, and it is asked without."""
        while True:
            body = self._body(request)
            try:
                with self._client.in_words():
                    stream: Iterator[Any] = iter(self._client.library.chat.completions.create(**body))
                    return stream
            except ServiceFailure as failure:
                refused = _refused(failure, body)
                if refused is None:
                    raise
                self._left_out.add(refused)

    def _body(self, request: GenerationRequest) -> dict[str, Any]:
        messages = [{"role": "system", "content": request.system}] if request.system else []
        # OpenAI's newer models know only the longer name, most other servers only the shorter one.
        is_openai = self._client.endpoint.is_openai or "max_tokens" in self._left_out
        limit = {"max_completion_tokens": request.max_tokens + _THINKING_TOKENS} if is_openai else {}
        body = {
            "model": self._client.endpoint.model,
            "messages": [*messages, {"role": "user", "content": request.prompt}],
            "temperature": request.temperature,
            **(limit or {"max_tokens": request.max_tokens}),
            "stream": True,
            "stream_options": {"include_usage": True},
            **(_shape(request.schema) if request.schema is not None else {}),
        }
        return {name: value for name, value in body.items() if name not in self._left_out}


class _Event(NamedTuple):
    """What one event of a stream says."""

    text: str = ""
    refusal: str = ""
    is_thought: bool = False
    finish: str = ""
    usage: Usage | None = None


def _read(chunk: Any) -> _Event:
    """The library does not look at what a server puts into an event."""
    usage = Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens) if chunk.usage is not None else None
    if not chunk.choices:
        return _Event(usage=usage)
    choice = chunk.choices[0]
    finish = str(choice.finish_reason or "")
    if choice.delta is None:
        return _Event(finish=finish, usage=usage)
    text, refusal = choice.delta.content or "", getattr(choice.delta, "refusal", None) or ""
    if not isinstance(text, str) or not isinstance(refusal, str):
        raise ValueError(f"{text or refusal!r} is not text")
    is_thought = any(getattr(choice.delta, name, None) for name in _THOUGHTS)
    return _Event(text, refusal, is_thought, finish, usage)


def _refused(failure: ServiceFailure, body: Mapping[str, object]) -> str | None:
    """The parameter that a server seems to have refused, if a request can do without."""
    if failure.status in (400, 422):
        named = (name for name in ("temperature", "stream_options", "max_tokens") if name in failure.message)
        for name in named:
            # Models that reason have a fixed temperature, and another name for the limit of what they write.
            if name in body and (name != "max_tokens" or "max_completion_tokens" in failure.message):
                return name
        # Not every server can hold its model to a schema, and few say so in the same words.
        return "response_format" if "response_format" in body and not failure.remedy else None
    is_about_schema = re.search(r"(?i)response_format|schema|grammar|json", failure.message)
    return "response_format" if failure.status in (500, 501) and is_about_schema and "response_format" in body else None


def _shape(schema: Mapping[str, object]) -> dict[str, Any]:
    return {
        "response_format": {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": True}}
    }
