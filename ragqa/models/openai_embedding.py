"""Vectors from OpenAI and every server that speaks its language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from ragqa.models import prompts, streaming
from ragqa.models.openai_compatible import Client, Endpoint, parse
from ragqa.models.prompts import Prompts
from ragqa.models.recording import Hook
from ragqa.models.retrying import Retries, ServiceFailure
from ragqa.models.tokens import estimate

if TYPE_CHECKING:
    from ragqa.types import Vectors

_KNOWN_DIMENSIONS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}


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
        endpoint = parse(name)
        self._client = Client(endpoint, environment, before_sending=before_sending)
        from ragqa.models.vectors import kept_dimensions

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
