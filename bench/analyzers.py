"""Other ways to cut text into terms, and a BM25 index of them in memory: what the study of the analyzer stands on."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING
from unittest import mock

from measuring import searchable, terms_of

from ragqa.config import Config
from ragqa.index.bm25 import PostingsBM25
from ragqa.text import analyzer, exact, folding
from ragqa.types import Chunk, Scored

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragqa.index.records import IndexedChunk

CONFIG = Config().retrieval
_HAN = re.compile(f"[{analyzer._HAN}]+")


class MemoryIndex:
    """`ports.LexicalIndex` in memory, over passages given by their keys and how often each of their terms occurs."""

    name = "BM25"

    @classmethod
    def over(
        cls, chunks: Sequence[IndexedChunk], *, text: Callable[[Chunk], str] = lambda chunk: chunk.indexed_text
    ) -> MemoryIndex:
        """Of chunks, with whatever terms the analyzer gives now."""
        counts = [Counter(analyzer.analyze(text(each.chunk))) for each in chunks]
        return cls([each.key for each in chunks], counts)

    def __init__(self, keys: Sequence[int], counts: Sequence[Counter[str]]) -> None:
        import numpy as np

        self._keys = np.array(keys, np.int64)
        self._place = {key: place for place, key in enumerate(keys)}
        self._lengths = np.array([count.total() for count in counts], np.int64)
        lists: dict[str, list[tuple[int, int]]] = {}
        for place, count in enumerate(counts):
            for term, times in count.items():
                lists.setdefault(term, []).append((place, times))
        self._postings = {term: np.array(found, np.int64) for term, found in lists.items()}
        frequencies = {term: len(found) for term, found in lists.items()}
        self._settings = {"k1": CONFIG.bm25_k1, "b": CONFIG.bm25_b}
        self._model = PostingsBM25(len(keys), int(self._lengths.sum()), frequencies, **self._settings)

    def search(self, terms: Sequence[str], k: int, *, question: str = "", required: Sequence[str] = ()) -> list[Scored]:
        import numpy as np

        scores = self._score(terms)
        places = np.flatnonzero(scores)
        if required:
            held = np.zeros(len(self._keys), np.int64)
            for term in set(required):
                held[self._of(term)[:, 0]] += 1
            places = np.flatnonzero(held == len(set(required)))
        order = places[np.lexsort((self._keys[places], -scores[places]))][:k]
        return [Scored(int(self._keys[place]), float(scores[place])) for place in order]

    def frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        return {term: len(self._of(term)) for term in terms}

    def scores(self, terms: Sequence[str], keys: Sequence[int], *, question: str = "") -> Mapping[int, float]:
        scores = self._score(terms)
        return {key: float(scores[self._place[key]]) for key in keys}

    def idf(self, terms: Sequence[str]) -> Mapping[str, float]:
        held = {term: max(1, frequency) for term, frequency in self.frequencies(terms).items()}
        return PostingsBM25(len(self._keys), 0, held, **self._settings).idf

    def _of(self, term: str) -> NDArray[np.int64]:
        import numpy as np

        return self._postings.get(term, np.empty((0, 2), np.int64))

    def _score(self, terms: Sequence[str]) -> NDArray[np.float64]:
        import numpy as np

        scores = np.zeros(len(self._keys))
        for term in terms:
            found = self._of(term)
            if len(found):
                places, times = found[:, 0], found[:, 1]
                scores[places] += self._model.term_scores(term, times, self._lengths[places])
        return scores


Change = Callable[[ExitStack], None]
"""Patches the analyzer until the stack is closed."""


def changed(change: Change) -> Callable[[], AbstractContextManager[object]]:
    """The analyzer with one thing changed, wherever it is used; nothing that was cut before is remembered."""

    @contextmanager
    def during() -> Iterator[None]:
        with ExitStack() as stack:
            stack.callback(_forget)
            change(stack)
            _forget()
            yield

    return during


def without_folding(stack: ExitStack) -> None:
    """Traditional and Simplified characters stay apart."""
    stack.enter_context(mock.patch.object(folding, "_simplified", dict))


def without_stemming(stack: ExitStack) -> None:
    stack.enter_context(mock.patch.object(analyzer, "_stemmer", lambda: str))


def with_stop_words(stack: ExitStack) -> None:
    """English function words and question words are terms too."""
    stack.enter_context(mock.patch.object(analyzer, "_STOP_WORDS", frozenset()))


def with_stop_characters(stack: ExitStack) -> None:
    """The commonest Chinese characters are terms too, but question phrases and particles are still cut out."""
    stack.enter_context(mock.patch.object(analyzer, "_STOP_CHARACTERS", frozenset()))


def without_cutting(stack: ExitStack) -> None:
    """Nor are Chinese question phrases and particles cut out."""
    with_stop_characters(stack)
    stack.enter_context(mock.patch.object(analyzer, "_CUT", re.compile("(?!)")))


def single_characters(stack: ExitStack) -> None:
    """Han runs give single characters and no pairs."""
    _only(stack, lambda term: len(term) == 1)


def pairs(stack: ExitStack) -> None:
    """Han runs give pairs and no single characters."""
    _only(stack, lambda term: len(term) == 2)


def _only(stack: ExitStack, keep: Callable[[str], bool]) -> None:
    whole = analyzer.analyze

    def analyze(text: str) -> list[str]:
        return [term for term in whole(text) if keep(term) or not _HAN.fullmatch(term)]

    for module in list(sys.modules.values()):
        if module.__name__.startswith("ragqa") and getattr(module, "analyze", None) is whole:
            stack.enter_context(mock.patch.object(module, "analyze", analyze))


def _forget() -> None:
    terms_of.cache_clear()
    searchable.cache_clear()
    analyzer._word_terms.cache_clear()
    exact._pattern.cache_clear()
