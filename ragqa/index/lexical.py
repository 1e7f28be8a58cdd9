"""Keyword search: BM25 over the live passages, or those of a scope, from the postings in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragqa.errors import IndexDamaged
from ragqa.index import postings
from ragqa.index.database import REMEDY_DAMAGED
from ragqa.index.scope import Allowed
from ragqa.types import Scored

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragqa.index.postings import Segment
    from ragqa.index.segments import Integers, Postings, SegmentReader
    from ragqa.index.store import Store
    from ragqa.types import Keys


@dataclass(frozen=True, slots=True)
class _Part:
    """One segment as it is searched: `chunks` of it count, with `terms` in all. `counted` is None where all do."""

    reader: SegmentReader
    chunks: int
    terms: int
    counted: NDArray[np.bool_] | None

    @classmethod
    def of(cls, segment: Segment, reader: SegmentReader, allowed: Allowed | None) -> _Part:
        """All that is live in the segment or, of that, what is allowed."""
        import numpy as np

        counted = segment.alive(reader) if segment.dead else None
        if allowed is None:
            return cls(reader, segment.live, segment.live_terms, counted)
        inside = np.zeros(segment.chunks, np.bool_)
        inside[reader.numbers(allowed.keys)] = True
        if counted is not None:
            inside &= counted
        return cls(reader, int(inside.sum()), int(reader.lengths[inside].sum()), inside)

    def postings(self, term: str) -> Postings:
        """The postings of `term` that count."""
        from ragqa.index.segments import Postings, encode_term

        found = self.reader.postings(encode_term(term))
        if self.counted is None:
            return found
        mask = self.counted[found.chunks]
        return Postings(found.chunks[mask], found.frequencies[mask])

    def frequency(self, term: str) -> int:
        """How many chunks that count hold `term`."""
        from ragqa.index.segments import encode_term

        return len(self.postings(term).chunks) if self.counted is not None else self.reader.frequency(encode_term(term))

    def holding(self, terms: Sequence[str]) -> Integers:
        """The numbers, ascending, of the chunks that count and hold all of `terms`."""
        import numpy as np

        wanted = dict.fromkeys(terms)
        held = np.zeros(self.reader.chunks, np.int64)
        for term in wanted:
            held[self.postings(term).chunks] += 1
        numbers: Integers = np.flatnonzero(held == len(wanted))
        return numbers


class Bm25Index:
    """`ports.LexicalIndex` over a store or, of that, the passages that are `allowed`: ties come in the order of these.

    Terms are what the analyzer makes of a question.
    """

    name = "BM25"

    def __init__(self, store: Store, *, k1: float = 1.2, b: float = 0.75, allowed: Keys | None = None) -> None:
        self._store = store
        self._allowed = None if allowed is None else Allowed(allowed)
        self._k1 = k1
        self._b = b
        self._revision: int | None = None
        self._parts: list[_Part] = []
        self._last: tuple[tuple[str, ...], list[NDArray[np.float64]]] | None = None

    def search(self, terms: Sequence[str], k: int, *, question: str = "", required: Sequence[str] = ()) -> list[Scored]:
        """The `k` best passages that hold any of `terms` (repeats count), best first, ties by their order.

        With `required`, only passages that hold every one of these; where it is all that they hold, they score 0.
        """
        import numpy as np

        found_keys: list[Keys] = []
        found_scores: list[NDArray[np.float64]] = []
        for part, all_scores in zip(self._current(), self._score(terms), strict=True):
            numbers = part.holding(required) if required else np.flatnonzero(all_scores)
            numbers = _best(numbers, all_scores[numbers], k)
            found_keys.append(part.reader.keys[numbers])
            found_scores.append(all_scores[numbers])
        if not found_keys:
            return []
        keys, scores = np.concatenate(found_keys), np.concatenate(found_scores)
        ties = keys if self._allowed is None else self._allowed.places(keys)
        order = np.lexsort((ties, -scores))[: max(k, 0)]
        return [Scored(int(keys[place]), float(scores[place])) for place in order]

    def scores(self, terms: Sequence[str], keys: Sequence[int], *, question: str = "") -> Mapping[int, float]:
        """The score of each of `keys` that is live and allowed; 0.0 where it holds none of the terms."""
        import numpy as np

        wanted = np.array(sorted({int(key) for key in keys}), np.int64)  # np.unique would import numpy.ma: 10 ms
        found: dict[int, float] = {}
        for part, all_scores in zip(self._current(), self._score(terms), strict=True):
            numbers = part.reader.numbers(wanted)
            if part.counted is not None:
                numbers = numbers[part.counted[numbers]]
            found.update(zip(part.reader.keys[numbers].tolist(), all_scores[numbers].tolist(), strict=True))
        return found

    def frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        """How many passages hold each of the distinct `terms`."""
        parts = self._current()
        return {term: sum(part.frequency(term) for part in parts) for term in dict.fromkeys(terms)}

    def idf(self, terms: Sequence[str]) -> Mapping[str, float]:
        """Each distinct term's inverse document frequency; a term no passage holds gets that of one passage.

        Without passages every term gets 0.0.
        """
        parts = self._current()
        chunks = sum(part.chunks for part in parts)
        if not chunks:
            return dict.fromkeys(terms, 0.0)
        from ragqa.index.bm25 import PostingsBM25

        frequencies = {term: max(1, frequency) for term, frequency in self.frequencies(terms).items()}
        return PostingsBM25(chunks, 0, frequencies, k1=self._k1, b=self._b).idf

    def _current(self) -> list[_Part]:
        """The segments as the store has them now; a writer's store changes under its index."""
        if self._revision != self._store.revision:
            segments = postings.segments(self._store.database)
            if sum(segment.live for segment in segments) != self._store.total("chunks"):
                raise IndexDamaged("the keyword index does not hold every passage", remedy=REMEDY_DAMAGED)
            self._parts = [
                _Part.of(segment, segment.reader(self._store.database), self._allowed) for segment in segments
            ]
            self._revision = self._store.revision
            self._last = None
        return self._parts

    def _score(self, terms: Sequence[str]) -> list[NDArray[np.float64]]:
        """For each segment, the score of each of its chunks, 0 of one that does not count; the last ones are kept."""
        import numpy as np

        parts = self._current()
        if self._last is not None and self._last[0] == tuple(terms):
            return self._last[1]
        found = {term: [part.postings(term) for part in parts] for term in dict.fromkeys(terms)}
        frequencies = {term: sum(len(own.chunks) for own in lists) for term, lists in found.items()}
        held = {term: frequency for term, frequency in frequencies.items() if frequency}
        scores = [np.zeros(part.reader.chunks) for part in parts]
        if held:
            from ragqa.index.bm25 import PostingsBM25

            chunks = sum(part.chunks for part in parts)
            total = sum(part.terms for part in parts)
            model = PostingsBM25(chunks, total, held, k1=self._k1, b=self._b)
            for place, part in enumerate(parts):
                lengths = part.reader.lengths
                own = {term: found[term][place] for term in held}
                added = {
                    term: model.term_scores(term, own[term].frequencies, lengths[own[term].chunks]) for term in held
                }
                # Repeated terms are added again, in the question's order, as rank_bm25 does.
                for term in terms:
                    if term in held:
                        scores[place][own[term].chunks] += added[term]
        self._last = tuple(terms), scores
        return scores


def _best(numbers: Integers, scores: NDArray[np.float64], k: int) -> Integers:
    """Those of `numbers` whose score is not below the `k`-th best: more than `k` only where scores are equal."""
    import numpy as np

    if k <= 0:
        return numbers[:0]
    if len(numbers) <= k:
        return numbers
    least = np.partition(scores, len(scores) - k)[len(scores) - k]
    best: Integers = numbers[scores >= least]
    return best
