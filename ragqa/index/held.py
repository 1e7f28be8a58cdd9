"""One document held in memory, searched as an index would be: for a text that is asked about once and kept nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ragqa.index.bm25 import PostingsBM25
from ragqa.index.rows import chunk_id
from ragqa.text.analyzer import analyze
from ragqa.types import Passage, Scored

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragqa.ports import Embedder
    from ragqa.types import Chunk, Document, Page, Vectors


class HeldDocument:
    """`ports.Texts` over the chunks of one document, whose keys count from 1 in the document's order."""

    def __init__(
        self, name: str, sha256: str, document: Document, chunks: Sequence[Chunk], unknown_share: Callable[[str], float]
    ) -> None:
        self._document = document
        self._unknown_share = unknown_share
        self._passages = [
            Passage(
                key=key,
                chunk_id=chunk_id(sha256, document.loader, chunk),
                document=name,
                path=name.encode("utf-8", "surrogateescape"),
                title=document.title,
                language=document.language,
                chunk=chunk,
            )
            for key, chunk in enumerate(chunks, 1)
        ]

    def __len__(self) -> int:
        return len(self._passages)

    def passages(self, keys: Sequence[int]) -> list[Passage]:
        return [self._passages[key - 1] for key in keys]

    def unknown_shares(self, keys: Sequence[int]) -> Mapping[int, float]:
        return {key: self._unknown_share(self._passages[key - 1].chunk.indexed_text) for key in keys}

    def neighbours(self, key: int, *, before: int = 1, after: int = 1) -> list[Passage]:
        """Those that follow each other in the document without a gap: not all of a large text may be held."""
        first = last = key - 1
        while key - 1 - first < before and first > 0 and self._touch(first - 1):
            first -= 1
        while last - (key - 1) < after and last + 1 < len(self) and self._touch(last):
            last += 1
        return self._passages[first : last + 1]

    def pages(self, key: int) -> tuple[Page, ...]:
        return self._document.pages

    def text_of(self, key: int) -> str:
        return self._document.text

    def _touch(self, place: int) -> bool:
        """Whether nothing but white space and headings stands between a passage and the next one."""
        one, other = self._passages[place].chunk, self._passages[place + 1].chunk
        return not self._document.text[one.end : max(one.end, other.start)].strip()


class HeldBm25:
    """`ports.LexicalIndex` over texts in memory: the scores are those of the index on disk."""

    name = "BM25"

    def __init__(self, texts: Sequence[str], *, k1: float, b: float) -> None:
        import numpy as np

        counts = [Counter(analyze(text)) for text in texts]
        lengths = [count.total() for count in counts]
        self._lengths = np.array(lengths, np.int64)
        self._terms = sum(lengths)
        self._k1, self._b = k1, b
        postings: dict[str, tuple[list[int], list[int]]] = {}
        for number, count in enumerate(counts):
            for term, frequency in count.items():
                numbers, frequencies = postings.setdefault(term, ([], []))
                numbers.append(number)
                frequencies.append(frequency)
        self._postings = postings

    def search(self, terms: Sequence[str], k: int, *, question: str = "", required: Sequence[str] = ()) -> list[Scored]:
        scores = self._scores(terms)
        if required:
            held = [frozenset(self._postings.get(term, ((), ()))[0]) for term in required]
            found = sorted(frozenset.intersection(*held))
        else:
            found = scores.nonzero()[0].tolist()
        best = sorted((-float(scores[number]), number) for number in found)[: max(k, 0)]
        return [Scored(number + 1, -score) for score, number in best]

    def frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        return {term: len(self._postings.get(term, ((), ()))[0]) for term in dict.fromkeys(terms)}

    def scores(self, terms: Sequence[str], keys: Sequence[int], *, question: str = "") -> Mapping[int, float]:
        scores = self._scores(terms)
        return {int(key): float(scores[key - 1]) for key in keys}

    def idf(self, terms: Sequence[str]) -> Mapping[str, float]:
        if not len(self._lengths):
            return dict.fromkeys(terms, 0.0)
        return self._model({term: max(1, held) for term, held in self.frequencies(terms).items()}).idf

    def _model(self, frequencies: Mapping[str, int]) -> PostingsBM25:
        return PostingsBM25(len(self._lengths), self._terms, frequencies, k1=self._k1, b=self._b)

    def _scores(self, terms: Sequence[str]) -> NDArray[np.float64]:
        import numpy as np

        scores = np.zeros(len(self._lengths))
        held = {term: frequency for term, frequency in self.frequencies(terms).items() if frequency}
        if not held:
            return scores
        model = self._model(held)
        for term in terms:  # repeated ones are added again, in the question's order, as rank_bm25 does
            if term in held:
                numbers, counted = self._postings[term]
                places = np.array(numbers, np.int64)
                scores[places] += model.term_scores(term, np.array(counted, np.int64), self._lengths[places])
        return scores


class HeldVectors:
    """`ports.VectorIndex` over some of the texts in memory, which are embedded when a question first needs them."""

    def __init__(self, texts: Mapping[int, str], embedder: Embedder) -> None:
        self._texts = texts
        self._embedder = embedder
        self._rows: dict[int, Vectors] | None = None

    def search(self, query: Vectors, k: int) -> list[Scored]:
        scored = self._scored(query)
        best = sorted((-score, key) for key, score in scored.items())[: max(k, 0)]
        return [Scored(key, -score) for score, key in best]

    def scores(self, query: Vectors, keys: Sequence[int]) -> Mapping[int, float]:
        scored = self._scored(query)
        return {key: scored[key] for key in keys if key in scored}

    def _scored(self, query: Vectors) -> dict[int, float]:
        import numpy as np

        if self._rows is None:
            vectors = self._embedder.embed(list(self._texts.values()), kind="passage")
            self._rows = dict(zip(self._texts, vectors, strict=True))
        wide = query.astype(np.float64)
        return {key: float((row * wide).sum()) for key, row in self._rows.items()}
