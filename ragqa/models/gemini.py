"""Gemini through google-genai: the generator of written answers, and an embedder."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from ragqa.errors import MissingKey
from ragqa.models import streaming
from ragqa.models.recording import Hook
from ragqa.models.retrying import Retries, ServiceFailure, asked_wait, said
from ragqa.models.tokens import estimate
from ragqa.models.transport import Connection, usable_key
from ragqa.ports import Finish, GenerationRequest
from ragqa.types import Usage

if TYPE_CHECKING:
    from ragqa.types import Vectors

KEYS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
BASE_URL = "GOOGLE_GEMINI_BASE_URL"
SERVICE = "Gemini"

_THINKING_TOKENS = 4096
"""Gemini counts what it thinks as output; without this room a thinking model's answer would be cut short."""

_REASONS = {
    "MAX_TOKENS": "the answer was cut at the limit of answer.max_tokens",
    "SAFETY": "Gemini stopped because of its safety rules",
    "RECITATION": "Gemini stopped because the answer repeated a source at length",
    "BLOCKLIST": "Gemini stopped because of a forbidden term",
    "PROHIBITED_CONTENT": "Gemini stopped because of prohibited content",
    "SPII": "Gemini stopped because of personal information",
    "LANGUAGE": "Gemini does not write in this language",
    "MALFORMED_FUNCTION_CALL": "Gemini broke off with a malformed reply",
}

_KNOWN_DIMENSIONS = {"gemini-embedding-001": 3072, "gemini-embedding-2": 3072}
_LARGEST_BATCH = 100


def api_key(environment: Mapping[str, str]) -> str | None:
    """The key, where one is set. Raises ConfigError for one that cannot be sent."""
    return usable_key(environment, *KEYS)


class _Client:
    """The client library, loaded at the first request; its errors come out in words."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        instead: str,
        idle_s: float | None = None,
        before_sending: Hook | None = None,
    ) -> None:
        key = api_key(environment)
        if key is None:
            raise MissingKey(
                "Gemini needs a key, and neither GEMINI_API_KEY nor GOOGLE_API_KEY is set",
                remedy=f"export GEMINI_API_KEY=…, or {instead}, which needs none",
            )
        self._key = key
        self._base_url = environment.get(BASE_URL)
        self._connection = Connection(SERVICE, key, _remedy, idle_s, before_sending)
        self._lock = threading.Lock()
        self._client: Any = None

    @property
    def models(self) -> Any:
        """The library's own interface. There is one client, kept alive here: an unreferenced one closes itself."""
        with self._lock:
            self._client = self._client or self._made()
        return self._client.models

    def _made(self) -> Any:
        from google import genai
        from google.genai import types

        # It warns on stderr where both keys are set, and names the one that is not used.
        logging.getLogger("google_genai").setLevel(logging.ERROR)
        # An unknown finish reason would be announced on stderr; it is reported with the answer instead.
        warnings.filterwarnings("ignore", module=r"google\.genai")
        # Redirects are not followed: the library would send the key wherever they lead.
        arguments = {"event_hooks": self._connection.hooks(), "follow_redirects": False}
        with self._connection.setting_up():
            return genai.Client(
                api_key=self._key,
                vertexai=False,
                http_options=types.HttpOptions(base_url=self._base_url, client_args=arguments),
            )

    @contextmanager
    def in_words(self) -> Iterator[None]:
        """Turns everything that the library raises into a ServiceFailure."""
        from google.genai.errors import APIError

        with self._connection.in_words():
            try:
                yield
            except APIError as error:  # a refusal inside a reply that began well
                message = self.told(error.message or error.status or "no reason given")
                raise ServiceFailure(
                    f"{SERVICE} refused with {error.code}: {message}",
                    remedy=_remedy(error.code, message),
                    status=error.code,
                    retry_after_s=asked_wait({}, error.details),
                ) from None

    def told(self, text: object) -> str:
        """What the service said, fit for one line, without the key."""
        return said(text, secret=self._key)


def _remedy(status: int, message: str) -> str:
    if status in (401, 403) or "API key" in message:
        return "check the key in GEMINI_API_KEY"
    if status == 404:
        return "check the model's name (answer.gemini_model, or answer.model, embedding.model, rerank.model)"
    return ""


class GeminiGenerator:
    """Implements `ports.Generator`. Raises MissingKey at once, before anything heavy is loaded."""

    def __init__(
        self,
        model: str,
        *,
        environment: Mapping[str, str],
        timeout_s: float,
        idle_s: float | None = None,
        retries: Retries | None = None,
        before_sending: Hook | None = None,
    ) -> None:
        self.name = f"gemini:{model}"
        self._model = model
        self._timeout_s = timeout_s
        self._retries = retries or Retries()
        self._client = _Client(environment, instead="use --extractive", idle_s=idle_s, before_sending=before_sending)
        self._sends_schema = True

    def generate(self, request: GenerationRequest) -> Iterator[str | Finish]:
        return streaming.generation(
            lambda: self._pieces(request),
            service=SERVICE,
            timeout_s=min(self._timeout_s, request.timeout_s),
            retries=self._retries,
        )

    def _pieces(self, request: GenerationRequest) -> Iterator[str | Finish]:
        reason: str | None = None
        usage: Usage | None = None
        for chunk in self._chunks(request):
            usage = _usage(chunk.usage_metadata) or usage
            feedback = chunk.prompt_feedback
            if feedback is not None and feedback.block_reason is not None:
                refused = f"Gemini refused the question ({self._client.told(_word(feedback.block_reason))})"
                yield Finish(complete=False, reason=refused, usage=usage)
                return
            for candidate in (chunk.candidates or ())[:1]:
                parts = (candidate.content.parts if candidate.content else None) or ()
                yield from (part.text for part in parts if part.text and not part.thought)
                reason = _word(candidate.finish_reason) if candidate.finish_reason else reason
        if reason is not None:
            words = _REASONS.get(reason, f"Gemini stopped with the reason {self._client.told(reason)}")
            is_complete = reason == "STOP"
            yield Finish(complete=is_complete, reason="" if is_complete else words, usage=usage)

    def _chunks(self, request: GenerationRequest) -> Iterator[Any]:
        """The library's own stream. Some models cannot be held to a schema and refuse it: they are asked without."""
        from google.genai import types

        schema = request.schema if self._sends_schema else None
        stream = self._client.models.generate_content_stream(
            model=self._model, contents=request.prompt, config=_settings(types, request, schema)
        )
        has_begun = False
        try:
            for chunk in streaming.readable(stream, self._client.in_words):
                has_begun = True
                yield chunk
            return
        except ServiceFailure as failure:
            if has_begun or schema is None or failure.status != 400 or failure.remedy:
                raise
        self._sends_schema = False
        yield from self._chunks(request)


class GeminiEmbedder:
    """Implements `ports.Embedder`: the service's own task types, unit length restored (a cut vector comes without).

    `dimensions` 0 keeps the model's own number. Tokens are estimated, on the safe side, since counting them exactly
    would be a request for each text.
    """

    max_tokens = 2048

    def __init__(
        self,
        model: str,
        *,
        environment: Mapping[str, str],
        batch_size: int,
        timeout_s: float,
        dimensions: int = 0,
        retries: Retries | None = None,
        before_sending: Hook | None = None,
    ) -> None:
        self._client = _Client(environment, before_sending=before_sending, instead='set embedding.model to "builtin"')
        from ragqa.models.vectors import kept_dimensions

        self.name = f"gemini:{model}"
        own = _KNOWN_DIMENSIONS.get(model)
        is_whole = own is not None and kept_dimensions(dimensions, own, model=self.name) == own
        self._wanted = 0 if is_whole else dimensions
        self.fingerprint = f"gemini:{model}/retrieval/1" + (f"/{self._wanted}" if self._wanted else "")
        self._model = model
        self._batch_size = min(batch_size, _LARGEST_BATCH)
        self._timeout_s = timeout_s
        self._retries = retries or Retries()

    @cached_property
    def dimensions(self) -> int:
        """Known for the service's current models; asked for, once, for others."""
        from ragqa.models.vectors import kept_dimensions

        known = _KNOWN_DIMENSIONS.get(self._model)
        own = known or len(self._request(["dimensions"], kind="query")[0])
        return kept_dimensions(self._wanted, own, model=self.name)

    def embed(self, texts: Sequence[str], *, kind: Literal["passage", "query"]) -> Vectors:
        from ragqa.models.vectors import unit_rows

        rows: list[Sequence[float]] = []
        for start in range(0, len(texts), self._batch_size):
            rows += self._request(texts[start : start + self._batch_size], kind=kind)
        return unit_rows(rows, dimensions=self.dimensions, service=SERVICE, cut=bool(self._wanted))

    def count_tokens(self, text: str) -> int:
        return estimate(text)

    def unknown_share(self, text: str) -> float:
        """Nothing is unknown: the model reads any language, piece by piece."""
        return 0.0

    def _request(self, texts: Sequence[str], *, kind: Literal["passage", "query"]) -> list[Sequence[float]]:
        return streaming.reply(
            lambda: self._embedded(texts, kind), service=SERVICE, timeout_s=self._timeout_s, retries=self._retries
        )

    def _embedded(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> list[Sequence[float]]:
        from google.genai import types

        task = "RETRIEVAL_QUERY" if kind == "query" else "RETRIEVAL_DOCUMENT"
        if self._model.startswith("gemini-embedding-2"):
            # This model takes its task as words before the text, not as a parameter.
            prefix, task = ("task: search result | query: " if kind == "query" else "title: none | text: "), ""
            texts = [prefix + text for text in texts]
        # One Content for each text: given plain strings, the library joins them for some models.
        contents = [types.Content(parts=[types.Part(text=text)]) for text in texts]
        models = self._client.models
        with self._client.in_words():
            reply = models.embed_content(
                model=self._model,
                contents=contents,
                config=types.EmbedContentConfig(task_type=task or None, output_dimensionality=self._wanted or None),
            )
            rows: list[Sequence[float]] = [embedding.values or [] for embedding in reply.embeddings or []]
        if len(rows) != len(texts):
            raise ServiceFailure(f"{SERVICE} sent {len(rows)} vectors for {len(texts)} texts")
        return rows


def _settings(types: Any, request: GenerationRequest, schema: Mapping[str, object] | None) -> Any:
    settings: dict[str, Any] = {
        "system_instruction": request.system or None,
        "temperature": request.temperature,
        "max_output_tokens": request.max_tokens + _THINKING_TOKENS,
        "automatic_function_calling": types.AutomaticFunctionCallingConfig(disable=True),
    }
    if "automatic_continuation" in types.GenerateContentConfig.model_fields:
        # The library would take up a broken stream by itself, beyond the tries that are counted here.
        settings["automatic_continuation"] = False
    if schema is not None:
        settings |= {"response_mime_type": "application/json", "response_json_schema": dict(schema)}
    return types.GenerateContentConfig(**settings)


def _usage(counted: Any) -> Usage | None:
    if counted is None:
        return None
    written = counted.candidates_token_count
    return Usage(prompt_tokens=counted.prompt_token_count, output_tokens=written)


def _word(value: Any) -> str:
    """The service's own word, also for one that the library does not know yet."""
    return str(getattr(value, "value", value))
