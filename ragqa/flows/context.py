"""`ragqa ask --context`: one document that is passed in, held in memory, and searched for one question.

A large one is not cut and embedded as a whole: that would be a wait of minutes for one answer. Its stretches that share
words with the question are, and some from all over it, which tell what is ordinary in it.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ragqa.answering import places
from ragqa.documents.piped import named
from ragqa.errors import DocumentError, UsageError
from ragqa.flows import indexing
from ragqa.flows.search import IndexFacts, Searchable
from ragqa.text.analyzer import analyze
from ragqa.text.folding import fold
from ragqa.types import Chunk

if TYPE_CHECKING:
    from ragqa.config import Config
    from ragqa.ports import Embedder, Loader
    from ragqa.types import Document

WHOLE = 250_000
"""Characters of a document that is cut as a whole: about a second."""
_STRETCH = 2_000
_STRETCHES = 40
_ORDINARY = 12
"""Stretches, and passages, that are taken from all over a large document whether they fit the question or not."""
_EMBEDDED = 48
"""Passages that are embedded, at most: about a second."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What was passed in, and what to call it."""

    name: str
    data: bytes


def hold(
    passed: Passed, question: str, loader: Loader, embedder: Embedder, config: Config
) -> tuple[Searchable, IndexFacts]:
    """The document, searchable for this question, and what takes the place of an index's facts.

    Raises UsageError for one that cannot be read, or holds no text.
    """
    from ragqa.index.held import HeldBm25, HeldDocument, HeldVectors

    try:
        document = loader.load(passed.data, named(passed.name, passed.data))
    except DocumentError as error:
        raise UsageError(f"{passed.name}: {error.message}", remedy=error.remedy) from None
    if len(document.text) <= WHOLE:
        chunks = indexing.cut(document, embedder, config.chunk)
    else:
        chunks = _cut(document, _fitting(document.text, question), embedder, config)
    if not chunks:
        raise UsageError(f"{passed.name}: there is no text in it")
    sha256 = hashlib.sha256(passed.data).hexdigest()
    texts = [chunk.indexed_text for chunk in chunks]
    lexical = HeldBm25(texts, k1=config.retrieval.bm25_k1, b=config.retrieval.bm25_b)
    keys: Sequence[int] = range(1, len(texts) + 1)
    if len(texts) > _EMBEDDED:
        best = [hit.key for hit in lexical.search(analyze(question), _EMBEDDED - _ORDINARY)]
        keys = sorted({*best, *_spread(len(texts), _ORDINARY)})
    held = Searchable(
        store=HeldDocument(passed.name, sha256, document, chunks, embedder.unknown_share),
        embedder=embedder,
        vectors=HeldVectors({key: texts[key - 1] for key in keys}, embedder),
        lexical=lexical,
        reranker=None,
        config=config,
    )
    return held, IndexFacts(generation=0, documents=1, chunks=len(chunks), stale_files=0)


def _spread(count: int, wanted: int) -> list[int]:
    """So many of the numbers from 1 to `count`, evenly."""
    return sorted({1 + round(step * (count - 1) / max(1, wanted - 1)) for step in range(wanted)})


# --- a large document -------------------------------------------------------------------------------------------------


def _fitting(text: str, question: str) -> list[tuple[int, int]]:
    """The stretches of a text to look into, in order: those that hold the question's words, with what is around them.

    A word is found by how it begins, which is cheap and finds rather too much; rare words count more.
    """
    stretches = list(_stretches(text))
    beginnings = _beginnings(question)
    folded = [fold(text[start:end]) for start, end in stretches]
    counts = {word: [each.count(word) for each in folded] for word in beginnings}
    weights = {word: _weight(held) for word, held in counts.items()}
    scores = [
        math.fsum(weights[word] * held[place] / (held[place] + 1) for word, held in counts.items())
        for place in range(len(stretches))
    ]
    best = sorted(
        (place for place in range(len(stretches)) if scores[place]), key=lambda place: (-scores[place], place)
    )
    chosen = {place - 1 for place in _spread(len(stretches), _ORDINARY)}
    chosen.update(near for place in best[:_STRETCHES] for near in (place - 1, place, place + 1))
    return [stretches[place] for place in sorted(chosen) if 0 <= place < len(stretches)]


def _weight(held: Sequence[int]) -> float:
    holding = sum(map(bool, held))
    return math.log(1 + (len(held) - holding + 0.5) / (holding + 0.5))


def _beginnings(question: str) -> list[str]:
    """What the question's terms begin with, however the word goes on: `stud` for `study`, whose stem is `studi`."""
    folded = fold(question)
    found = []
    for term in dict.fromkeys(analyze(question)):
        while term and term not in folded:
            term = term[:-1]
        if term:
            found.append(term)
    return list(dict.fromkeys(found))


def _stretches(text: str) -> Iterator[tuple[int, int]]:
    """The whole text in pieces that end, where that is near, at the end of a paragraph, a line or a word."""
    start = 0
    while start < len(text):
        end = min(start + _STRETCH, len(text))
        if end < len(text):
            near = start + _STRETCH // 2
            cut = max(text.rfind("\n\n", near, end), 0) or max(text.rfind("\n", near, end), text.rfind(" ", near, end))
            end = cut + 1 if cut > start else end
        yield start, end
        start = end


def _cut(document: Document, stretches: Sequence[tuple[int, int]], embedder: Embedder, config: Config) -> list[Chunk]:
    """The chunks of some stretches, each under the headings that stand above it in the whole document."""
    from ragqa.documents.chunking import with_pages

    starts = [block.start for block in document.blocks]
    chunks: list[Chunk] = []
    for start, end in _joined(stretches):
        above = places.heading_path(document.blocks[: bisect_right(starts, start - 1)])
        lead, blocks = "", []
        for block in above:
            heading = document.text[block.start : block.end]
            blocks.append(replace(block, start=len(lead), end=len(lead) + len(heading)))
            lead += heading + "\n"
        shift = len(lead) - start
        for block in document.blocks[max(0, bisect_right(starts, start) - 1) :]:
            if block.start >= end:
                break
            if block.end > start and block not in above:
                inside = replace(block, start=max(block.start, start) + shift, end=min(block.end, end) + shift)
                blocks.append(inside)
        piece = replace(document, text=lead + document.text[start:end], blocks=tuple(blocks), pages=())
        for chunk in indexing.cut(piece, embedder, config.chunk):
            first, last = max(chunk.start - shift, start), chunk.end - shift
            text = document.text[first:last]
            if last > first and text.strip():
                first += len(text) - len(text.lstrip())
                chunks.append(replace(chunk, start=first, end=last, text=document.text[first:last]))
    return with_pages(chunks, document.pages)


def _joined(stretches: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in stretches:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
