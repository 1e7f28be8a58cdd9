"""Reads the training pairs as questions and pieces: passages cut to the length that is read, each in its half."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ragqa.text.sentences import spans

PIECE_TOKENS = 200
"""Of a piece, its title included: with a question it stays below what the model is trained to read."""
MOST_PIECES = 12
"""A longer passage says too little about where its answer stands; its pairs are left out."""
HELD_BACK = 26
"""Of 256 articles, held back from training."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A slice of a passage; `article` names what it was part of, `passage` the passage by number."""

    id: int
    source: str
    article: str
    passage: int
    title: str
    text: str
    held_back: bool

    @property
    def indexed_text(self) -> str:
        """As a chunk of an index is read: the heading, then the text."""
        return f"{self.title}\n{self.text}" if self.title else self.text


@dataclass(frozen=True, slots=True)
class Query:
    """A question, and the pieces of every passage that is known to answer it."""

    id: int
    source: str
    text: str
    passages: tuple[int, ...]
    held_back: bool


def read(path: Path, count: Callable[[str], int]) -> tuple[list[Piece], list[Query]]:
    """All pieces and questions of one file of pairs; equal questions of a source are one, with several passages."""
    pieces: list[Piece] = []
    passages: dict[tuple[str, str, str], int] = {}
    wanted: dict[tuple[str, str], dict[int, None]] = {}
    words: dict[tuple[str, str], str] = {}
    held: dict[int, bool] = {}
    for row in _rows(path):
        source, title, text = row["src"], row["title"].strip(), _clean(row["positive"])
        identity = (source, title, text)
        if identity not in passages:
            cut = [text[start:end] for start, end in _pack(text, PIECE_TOKENS - count(title), count)]
            if not 0 < len(cut) <= MOST_PIECES:
                continue
            number = passages[identity] = len(passages)
            article = _article(source, title, text)
            held[number] = is_held_back(source, article)
            for piece in cut:
                pieces.append(Piece(len(pieces), source, article, number, title, piece, held[number]))
        question = " ".join(row["query"].split())
        key = (source, question.lower())
        words.setdefault(key, question)
        wanted.setdefault(key, {})[passages[identity]] = None
    queries = [
        Query(number, source, words[source, low], tuple(found), any(held[passage] for passage in found))
        for number, ((source, low), found) in enumerate(wanted.items())
    ]
    return pieces, queries


def is_held_back(source: str, article: str) -> bool:
    """Decided by the article's name alone, so that every run divides the pairs alike."""
    return hashlib.sha256(f"{source}\n{article}".encode()).digest()[0] < HELD_BACK


def _article(source: str, title: str, text: str) -> str:
    """The article that a passage is of; where the source names none, the passage itself."""
    return title.partition(" - ")[0] if title else f"{source}: {text[:80]}"


def _clean(text: str) -> str:
    return text.replace("\u3000", " ").strip()


def _pack(text: str, room: int, count: Callable[[str], int]) -> Iterator[tuple[int, int]]:
    """Neighbouring sentences together, at most `room` tokens; a sentence above it stands alone."""
    room = max(room, PIECE_TOKENS // 2)
    if count(text) <= room:
        yield 0, len(text)
        return
    begun: int | None = None
    last = used = 0
    for start, end in spans(text):
        tokens = count(text[start:end])
        if begun is not None and used + tokens > room:
            yield begun, last
            begun, used = None, 0
        begun = start if begun is None else begun
        last, used = end, used + tokens
    if begun is not None:
        yield begun, last


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
