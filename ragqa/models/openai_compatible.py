"""OpenAI and every server that speaks its language (Ollama, llama.cpp, vLLM …): a generator and an embedder."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from ragqa.errors import ConfigError, MissingKey
from ragqa.models import prompts, streaming
from ragqa.models.prompts import Prompts
from ragqa.models.recording import Hook, NotSent
from ragqa.models.retrying import Retries, ServiceFailure, asked_wait, said
from ragqa.models.tokens import estimate
from ragqa.ports import Finish, GenerationRequest
from ragqa.types import Usage

if TYPE_CHECKING:
    from ragqa.types import Vectors

PREFIX = "openai:"
KEY = "OPENAI_API_KEY"
DEFAULT_URL = "https://api.openai.com/v1"

_KNOWN_DIMENSIONS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}

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
    return Endpoint(model, url)


class _Client:
    """The client library, loaded at the first request; its errors come out in words."""

    def __init__(self, endpoint: Endpoint, environment: Mapping[str, str], before_sending: Hook | None) -> None:
        self.endpoint = endpoint
        self._before_sending = before_sending
        self._key = environment.get(KEY, "").strip() or None
        if endpoint.is_openai and not self._key:
            raise MissingKey(
                f"OpenAI needs a key, and {KEY} is not set",
                remedy=f"export {KEY}=…, or name a local server: openai:{endpoint.model}@http://localhost:11434/v1",
            )
        if importlib.util.find_spec("openai") is None:
            raise ConfigError(
                f"`{PREFIX}{endpoint.model}` needs the package openai", remedy="pip install 'ragqa[openai]'"
            )

    @property
    def service(self) -> str:
        return "OpenAI" if self.endpoint.is_openai else self.endpoint.host

    @cached_property
    def library(self) -> Any:
        """The library's own interface, without its retries."""
        import openai

        before = [self._before_sending] if self._before_sending else []
        hooks: dict[str, list[Hook]] = {"request": before, "response": [streaming.refuse_huge]}
        timeout = openai.Timeout(
            connect=streaming.CONNECT_S, read=streaming.IDLE_S, write=streaming.IDLE_S, pool=streaming.CONNECT_S
        )
        return openai.OpenAI(
            # A server that wants no key ignores this word; the library does not go without.
            api_key=self._key or "none",
            base_url=self.endpoint.url,
            max_retries=0,
            timeout=timeout,
            http_client=openai.DefaultHttpxClient(timeout=timeout, follow_redirects=False, event_hooks=hooks),
        )

    @contextmanager
    def in_words(self) -> Iterator[None]:
        """Turns everything that the library raises into a ServiceFailure."""
        import openai

        with streaming.connection_words(self.service, secret=self._key):
            try:
                yield
            except openai.APIStatusError as error:
                raise self._refusal(error) from None
            except openai.APIConnectionError as error:
                if isinstance(error.__cause__, ServiceFailure | NotSent):
                    raise error.__cause__ from None
                cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
                raise streaming.network_failure(self.service, cause, secret=self._key) from None
            except openai.APIError as error:
                message = said(error.message, secret=self._key)
                raise ServiceFailure(f"{self.service} reported an error: {message}") from None

    def _refusal(self, error: Any) -> ServiceFailure:
        message = said(_message(error) or "no reason given", secret=self._key)
        remedy = ""
        if error.status_code in (401, 403):
            remedy = f"check the key in {KEY}"
        elif error.status_code == 404:
            remedy = f"does {self.endpoint.url} serve the model {self.endpoint.model}?"
        return ServiceFailure(
            f"{self.service} refused with {error.status_code}: {message}",
            remedy=remedy,
            status=error.status_code,
            retry_after_s=asked_wait(error.response.headers, error.body),
        )


class OpenAICompatibleGenerator:
    """Implements `ports.Generator`. Raises MissingKey or ConfigError at once, before anything heavy is loaded."""

    def __init__(
        self,
        name: str,
        *,
        environment: Mapping[str, str],
        timeout_s: float,
        retries: Retries | None = None,
        before_sending: Hook | None = None,
    ) -> None:
        self.name = name
        self._timeout_s = timeout_s
        self._retries = retries or Retries()
        self._client = _Client(parse(name), environment, before_sending)
        self._sends_temperature = True
        self._sends_schema = True

    def generate(self, request: GenerationRequest) -> Iterator[str | Finish]:
        return streaming.generation(
            lambda: self._pieces(request),
            service=self._client.service,
            timeout_s=self._timeout_s,
            retries=self._retries,
        )

    def _pieces(self, request: GenerationRequest) -> Iterator[str | Finish]:
        try:
            with self._client.in_words():
                stream = self._client.library.chat.completions.create(**self._body(request))
        except ServiceFailure as failure:
            if failure.status == 400 and "temperature" in failure.message and self._sends_temperature:
                # Models that reason have a fixed temperature and refuse to be given one: ask again without.
                self._sends_temperature = False
                failure.is_transient, failure.retry_after_s = True, 0.0
            elif failure.status in (400, 422) and request.schema is not None and self._sends_schema:
                # Not every server can hold its model to a schema.
                self._sends_schema = False
                failure.is_transient, failure.retry_after_s = True, 0.0
            raise
        reason: str | None = None
        usage: Usage | None = None
        for text, ended, counted in streaming.readable(map(_read, stream), self._client.in_words):
            reason, usage = ended or reason, counted or usage
            if text:
                yield text
        if reason is not None:
            words = _REASONS.get(reason, f"the service stopped with the reason {said(reason, secret=None)}")
            is_complete = reason == "stop"
            yield Finish(complete=is_complete, reason="" if is_complete else words, usage=usage)

    def _body(self, request: GenerationRequest) -> dict[str, Any]:
        messages = [{"role": "system", "content": request.system}] if request.system else []
        # OpenAI's newer models know only the longer name, most other servers only the shorter one.
        limit = "max_completion_tokens" if self._client.endpoint.is_openai else "max_tokens"
        temperature = {"temperature": request.temperature} if self._sends_temperature else {}
        return {
            "model": self._client.endpoint.model,
            "messages": [*messages, {"role": "user", "content": request.prompt}],
            **temperature,
            **(_shape(request.schema) if request.schema is not None and self._sends_schema else {}),
            limit: request.max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }


class OpenAICompatibleEmbedder:
    """Implements `ports.Embedder`. Tokens are estimated, on the safe side; unit length is restored.

    `dimensions` 0 keeps the model's own number; a server that does not know the parameter sends all, and they are cut
    here. The protocol has no instructions: a prompt is put before the text where the settings name one.
    """

    def __init__(
        self,
        name: str,
        *,
        environment: Mapping[str, str],
        batch_size: int,
        timeout_s: float,
        dimensions: int = 0,
        query_prompt: str = prompts.AUTO,
        passage_prompt: str = prompts.AUTO,
        retries: Retries | None = None,
        before_sending: Hook | None = None,
    ) -> None:
        from ragqa.models.vectors import kept_dimensions

        endpoint = parse(name)
        self.name = name
        self._prompts = prompts.choose({}, None, (), query=query_prompt, passage=passage_prompt)
        self._own = _KNOWN_DIMENSIONS.get(endpoint.model) if endpoint.is_openai else None
        is_whole = self._own is not None and kept_dimensions(dimensions, self._own, model=name) == self._own
        self._wanted = 0 if is_whole else dimensions
        self.fingerprint = _fingerprint(endpoint, self._wanted, self._prompts)
        longest = max(estimate(self._prompts.query), estimate(self._prompts.passage))
        self.max_tokens = (8191 if endpoint.is_openai else 512) - longest
        self._batch_size = batch_size
        self._timeout_s = timeout_s
        self._retries = retries or Retries()
        self._client = _Client(endpoint, environment, before_sending)

    @cached_property
    def dimensions(self) -> int:
        """Known for OpenAI's own models; asked for, once, for others."""
        from ragqa.models.vectors import kept_dimensions

        return kept_dimensions(self._wanted, self._own or len(self._request(["dimensions"])[0]), model=self.name)

    def embed(self, texts: Sequence[str], *, kind: Literal["passage", "query"]) -> Vectors:
        """`kind` chooses the prompt, where there is one."""
        from ragqa.models.vectors import unit_rows

        if prompt := self._prompts.query if kind == "query" else self._prompts.passage:
            texts = [prompt + text for text in texts]
        rows: list[Sequence[float]] = []
        for start in range(0, len(texts), self._batch_size):
            rows += self._request(texts[start : start + self._batch_size])
        service = self._client.service
        return unit_rows(rows, dimensions=self.dimensions, service=service, cut=bool(self._wanted))

    def count_tokens(self, text: str) -> int:
        return estimate(text)

    def unknown_share(self, text: str) -> float:
        """Nothing is known to be unknown: the protocol does not tell."""
        return 0.0

    def _request(self, texts: Sequence[str]) -> list[Sequence[float]]:
        return streaming.reply(
            lambda: self._embedded(texts),
            service=self._client.service,
            timeout_s=self._timeout_s,
            retries=self._retries,
        )

    def _embedded(self, texts: Sequence[str]) -> list[Sequence[float]]:
        with self._client.in_words():
            reply = self._client.library.embeddings.create(
                model=self._client.endpoint.model,
                input=list(texts),
                encoding_format="float",
                **({"dimensions": self._wanted} if self._wanted else {}),
            )
            rows = {row.index: [float(value) for value in row.embedding] for row in reply.data}
        if sorted(rows) != list(range(len(texts))):
            raise ServiceFailure(f"{self._client.service} sent {len(rows)} vectors for {len(texts)} texts")
        return [rows[number] for number in range(len(texts))]


def _fingerprint(endpoint: Endpoint, dimensions: int, chosen: Prompts) -> str:
    kept = f"/{dimensions}" if dimensions else ""
    words = f"/{[chosen.query, chosen.passage]}" if chosen != Prompts() else ""
    return f"openai:{endpoint.model}@{endpoint.url}/1{kept}{words}"


def _read(chunk: Any) -> tuple[str, str | None, Usage | None]:
    """Text, finish reason and counts of one event. The library does not look at what a server puts into them."""
    usage = Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens) if chunk.usage is not None else None
    if not chunk.choices:
        return "", None, usage
    choice = chunk.choices[0]
    text = (choice.delta.content if choice.delta is not None else None) or ""
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is not text")
    return text, choice.finish_reason, usage


def _shape(schema: Mapping[str, object]) -> dict[str, Any]:
    return {
        "response_format": {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": True}}
    }


def _message(error: Any) -> str:
    """The service's own sentence where the reply holds one."""
    if isinstance(error.body, dict) and isinstance(error.body.get("message"), str):
        return str(error.body["message"])
    return str(error.response.text if error.body is not None else error.message)
