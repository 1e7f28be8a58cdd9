"""The seams: narrow Protocols, each with its promise. Implementations are named in `wiring.py` alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from ragqa.types import Document, Hit, Language, Page, Passage, Scored, Usage

if TYPE_CHECKING:
    from ragqa.types import Vectors


class Loader(Protocol):
    """Reads one document from its bytes. Raises DocumentError, and nothing else, for a document it cannot use."""

    def load(self, data: bytes, name: str, *, password: str | None = None) -> Document:
        """`name` is the file's name: its suffix chooses the format; the text itself is never opened by path."""
        ...


class Embedder(Protocol):
    """Turns texts into unit vectors. The same text gives the same vector, whatever else is in the batch."""

    @property
    def name(self) -> str:
        """As written in the configuration, e.g. `builtin` or `BAAI/bge-m3`."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever vectors of the same text would: vectors of two fingerprints must never be compared."""
        ...

    @property
    def dimensions(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """The longest text, in `count_tokens`, that `embed` reads to its end."""
        ...

    def embed(self, texts: Sequence[str], *, kind: Literal["passage", "query"]) -> Vectors:
        """Float32, (len(texts), dimensions), rows of unit length. An empty sequence gives shape (0, dimensions)."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens the model would read for `text`, without the special ones."""
        ...

    def unknown_share(self, text: str) -> float:
        """The share, 0 to 1, of the text's tokens that the model cannot read; 0 for a text without tokens."""
        ...


class Texts(Protocol):
    """The passages that are searched, by their keys, and the documents around them."""

    def passages(self, keys: Sequence[int]) -> list[Passage]:
        """In the order asked."""
        ...

    def unknown_shares(self, keys: Sequence[int]) -> Mapping[int, float]:
        """For each of `keys`, the share of its tokens that the embedder cannot read."""
        ...

    def neighbours(self, key: int, *, before: int = 1, after: int = 1) -> list[Passage]:
        """The passages around `key` in its document, in order, `key` itself included."""
        ...

    def pages(self, key: int) -> tuple[Page, ...]:
        """The pages of the passage's document; empty where it has none."""
        ...

    def text_of(self, key: int) -> str:
        """The whole text of the passage's document."""
        ...


class VectorIndex(Protocol):
    """Exact nearest passages by cosine. Made over a scope, it answers as an index of nothing but that scope would.

    Equal scores come in the order of keys or, over a scope, in the order that the scope has.
    """

    def search(self, query: Vectors, k: int) -> list[Scored]:
        """The `k` best live passages for one query of shape (dimensions,), best first."""
        ...

    def scores(self, query: Vectors, keys: Sequence[int]) -> Mapping[int, float]:
        """The cosine of each of `keys` that is live."""
        ...


class LexicalIndex(Protocol):
    """Scores the live passages by the words or the features they share with a question.

    BM25 scores as rank_bm25 would, a sparse model by the dot product of two sparse vectors. Made over a scope, it
    counts only what is inside too. Equal scores come in the order of keys or, over a scope, in the order that the scope
    has. `question` is what the terms were made of, for an index that reads it itself; without it words are searched.
    """

    @property
    def name(self) -> str:
        """For `--explain`, e.g. `BM25`."""
        ...

    def search(self, terms: Sequence[str], k: int, *, question: str = "", required: Sequence[str] = ()) -> list[Scored]:
        """The `k` best passages that hold any of `terms` (repeats count), best first.

        With `required`, the `k` best of those that hold every one of these terms, whether they hold others or not.
        """
        ...

    def frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        """How many passages hold each of the distinct `terms`."""
        ...

    def scores(self, terms: Sequence[str], keys: Sequence[int], *, question: str = "") -> Mapping[int, float]:
        """The score of each of `keys` that is live; 0.0 where it shares nothing with the question."""
        ...

    def idf(self, terms: Sequence[str]) -> Mapping[str, float]:
        """Each distinct term's inverse document frequency; a term no passage holds gets that of one passage."""
        ...


class SparseEncoder(Protocol):
    """Turns texts into features: tokens of the model, each with a weight in thousandths (`types.FEATURE_SCALE`).

    How well a passage fits a question is the sum, over the tokens of both, of one weight times the other.
    """

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever features of the same text would."""
        ...

    def encode(self, texts: Sequence[str], *, kind: Literal["passage", "query"]) -> Sequence[Mapping[int, int]]:
        """Token -> weight for each text, in their order; no token is negative and every weight is positive."""
        ...


class Reranker(Protocol):
    """Scores passages against a question; higher is better."""

    @property
    def name(self) -> str: ...

    @property
    def batch(self) -> int | None:
        """The most passages that one call is given; None: all together, because each is judged beside the others."""
        ...

    @property
    def is_logit(self) -> bool:
        """Whether the logistic function of a score is meant as the probability that a passage fits."""
        ...

    def score(self, question: str, passages: Sequence[str]) -> Sequence[float]:
        """One score for each passage, in their order. Raises ServiceError where a service had to be asked and failed.

        Scores of one question are comparable across calls where `batch` is a number.
        """
        ...


@dataclass(frozen=True, slots=True)
class AskedPart:
    """One of the things that a question asks for: as a question, and the places of its sources, best first."""

    question: str
    sources: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """All that a generator may use. `sources[i]` is cited as `[i + 1]`; a model is sent `system` and `prompt`.

    `parts` are for a generator that reads no prompt: what is asked, with misspelt words put right. Without any it is
    the question, from all sources in their order.

    `schema`, where given, is the JSON Schema of the answer. A service that can is held to it; others may not be, so
    that the prompt has to say it too. A service has `timeout_s` to finish, or its own limit where that is shorter.
    `prompt_tokens` are those of `system` and `prompt` as the counter `counted_by` has them; None where none is read.
    """

    question: str
    language: Language
    sources: tuple[Hit, ...]
    system: str
    prompt: str
    max_tokens: int
    temperature: float
    schema: Mapping[str, object] | None = None
    parts: tuple[AskedPart, ...] = ()
    timeout_s: float = math.inf
    prompt_tokens: int | None = None
    counted_by: str = ""


@dataclass(frozen=True, slots=True)
class Finish:
    """How a generation ended. `complete` is true only where the service said that it stopped of its own accord."""

    complete: bool
    reason: str
    usage: Usage | None = None


class Generator(Protocol):
    """Writes an answer with `[n]` markers: pieces of text in order, then exactly one Finish, which is the last.

    A service that fails before its first piece raises ServiceError; one that breaks off later yields a Finish that is
    not complete. A stream that merely ends is not complete.
    """

    @property
    def name(self) -> str: ...

    def generate(self, request: GenerationRequest) -> Iterator[str | Finish]: ...


Split = Callable[[str], tuple[str, ...]]
"""The questions inside a question, each complete; empty where it is only one."""


class TokenCounter(Protocol):
    """Counts prompt tokens; never blocks on the network. `exact` is false where the count is a safe over-estimate."""

    @property
    def name(self) -> str: ...

    @property
    def exact(self) -> bool: ...

    def count(self, text: str) -> int: ...
