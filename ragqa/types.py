"""The values that travel between the rooms: frozen, each with its invariant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors: TypeAlias = NDArray[np.float32]
    """float32, shape (n, dimensions), rows of unit length, so a dot product is a cosine."""
    Keys: TypeAlias = NDArray[np.int64]
    """Passage keys: int64, shape (n,), ascending, no repeats."""

FEATURE_SCALE = 1000
"""A sparse model's weight of 1.0, as the whole number that is stored."""

Language = Literal["en", "zh-Hans", "zh-Hant", "ja", "ko", "other"]
"""`other` is any text without Han, kana or Hangul that is not mostly Latin letters, or no letters at all."""

BlockKind = Literal["paragraph", "heading", "list", "table", "code"]
Support = Literal["quoted", "supported", "unsupported"]
Status = Literal["answered", "not_found", "incomplete"]
Searcher = Literal["dense", "lexical"]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: `document.text[start:end]` is its text. `number` counts from 1; `label` is what is printed on it."""

    number: int
    start: int
    end: int
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of structure: `document.text[start:end]`. Blocks are in order and do not overlap.

    A heading has a `level` from 1 (outermost); every other kind has level 0.
    """

    start: int
    end: int
    kind: BlockKind
    level: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """What a loader read: text, and where its pages and blocks lie in it.

    Pages (empty for formats without pages) cover the text in order. `title` is the document's own title, "" where it
    states none. `text` holds no control character but newline and tab and no lone surrogate.
    """

    text: str
    title: str = ""
    language: Language = "other"
    loader: str = ""
    pages: tuple[Page, ...] = ()
    blocks: tuple[Block, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A slice of a document: `document.text[start:end] == text`, always, and `text` is never blank.

    `heading` is the path of headings above the slice, outermost first. Pages are those of the first and the last
    character; None for formats without pages. `page_label` is the printed label of the first page.
    """

    start: int
    end: int
    text: str
    heading: tuple[str, ...] = ()
    page_start: int | None = None
    page_end: int | None = None
    page_label: str | None = None

    @property
    def indexed_text(self) -> str:
        """What both searches index: the heading path, then the text."""
        return " > ".join(self.heading) + "\n" + self.text if self.heading else self.text


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk as it is stored: `key` is its number inside one index, `chunk_id` its identity everywhere.

    `document` is the display form of the path given to ingest; `path` its exact bytes.
    """

    key: int
    chunk_id: str
    document: str
    path: bytes
    title: str
    language: Language
    chunk: Chunk


@dataclass(frozen=True, slots=True)
class Filter:
    """Which documents a question is about: those that every part lets through. An empty part lets everything through.

    `patterns` are written as in `.gitignore`; `types` are names of loaders. The file was last changed at `after_ns` or
    later, and before `before_ns`, both in nanoseconds since the epoch.
    """

    patterns: tuple[str, ...] = ()
    languages: tuple[Language, ...] = ()
    types: tuple[str, ...] = ()
    after_ns: int | None = None
    before_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """A passage key and its score; higher is better, ties are broken by the smaller key."""

    key: int
    score: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved passage. `rank` counts from 1. `dense` is the cosine, `lexical` the BM25 score, where measured."""

    rank: int
    passage: Passage
    score: float
    found_by: tuple[Searcher, ...]
    dense: float | None = None
    lexical: float | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """Verbatim words of a document: `document.text[start:end] == text`, on page `page` (None: no pages)."""

    text: str
    start: int
    end: int
    page: int | None = None
    page_label: str | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """Marker `[marker]` of the answer: the hit it stands for and the quote located in it.

    `verified` is true only if code found the quote's words in the passage. A quote that was not found keeps the words
    that were claimed, with the passage's own start and end.
    """

    marker: int
    hit: Hit
    quote: Quote
    verified: bool


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the answer, without its markers; `citations` are markers of the same answer.

    `score` is how probably its sources bear it out, 0 to 1, where a model was asked: None elsewhere.
    """

    text: str
    citations: tuple[int, ...]
    support: Support
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a model service counted, in tokens; None where it did not say."""

    prompt_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of `ask`. Every marker in `text` and in `sentences` is the marker of one of `citations`.

    `not_found` carries no citations; `incomplete` says why in `reason`. `dropped` counts the sentences that were left
    out because they are unsupported.
    """

    question: str
    status: Status
    text: str
    sentences: tuple[Sentence, ...] = ()
    citations: tuple[Citation, ...] = ()
    hits: tuple[Hit, ...] = ()
    reason: str = ""
    usage: Usage | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    dropped: int = 0
