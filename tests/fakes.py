"""Stand-ins that keep their port's promise: an embedder that hashes words, a generator that says what it is told."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from ragqa.errors import ServiceError
from ragqa.ports import Finish, GenerationRequest

if TYPE_CHECKING:
    from ragqa.types import Vectors


class HashingEmbedder:
    """A bag of words: texts that share words have a high cosine. It reads Latin words and calls the rest unknown."""

    def __init__(self, name: str = "hashing", *, dimensions: int = 32) -> None:
        self.name = name
        self.fingerprint = f"{name}-{dimensions}"
        self.dimensions = dimensions
        self.max_tokens = 200
        self.embedded: list[str] = []
        """Every passage that was ever embedded, in order."""

    def embed(self, texts: Sequence[str], *, kind: Literal["passage", "query"]) -> Vectors:
        if kind == "passage":
            self.embedded += texts
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                row[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % self.dimensions] += 1
            row[0] += not row.any()
            row /= np.linalg.norm(row)
        return rows

    def count_tokens(self, text: str) -> int:
        return len(text.split()) + sum(not character.isascii() for character in text)

    def unknown_share(self, text: str) -> float:
        unknown = sum(not character.isascii() for character in text)
        return unknown / self.count_tokens(text) if text.split() else 0.0


class HashingSparse:
    """A feature for each word, heavier where the word is longer; words of `meanings` stand for others as well."""

    def __init__(self, name: str = "hashing-sparse", *, meanings: Mapping[str, Sequence[str]] | None = None) -> None:
        self.name = name
        self.fingerprint = f"{name}/1"
        self._meanings = meanings or {}
        self.encoded: list[str] = []
        """Every passage that was ever encoded, in order."""

    def encode(self, texts: Sequence[str], *, kind: Literal["passage", "query"]) -> list[Mapping[int, int]]:
        if kind == "passage":
            self.encoded += texts
        return [self._features(text) for text in texts]

    def _features(self, text: str) -> dict[int, int]:
        found: dict[int, int] = {}
        for word in text.lower().replace(".", " ").split():
            for meant in (word, *self._meanings.get(word, ())):
                token = int.from_bytes(hashlib.sha256(meant.encode("utf-8", "replace")).digest()[:2], "big")
                found[token] = found.get(token, 0) + 100 * len(meant) + 7
        return found


class ScriptedGenerator:
    """Yields the given pieces and end for every request, and keeps the requests."""

    name = "scripted"

    def __init__(self, *pieces: str, finish: Finish | None = None, error: ServiceError | None = None) -> None:
        self.pieces = pieces
        self.finish = finish
        self.error = error
        self.requests: list[GenerationRequest] = []

    def generate(self, request: GenerationRequest) -> Iterator[str | Finish]:
        self.requests.append(request)
        if self.error:
            raise self.error
        yield from self.pieces
        if self.finish:
            yield self.finish
