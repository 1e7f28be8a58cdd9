"""The score: rank_bm25's BM25Plus with delta 0, computed from postings instead of one dictionary for each chunk.

Delta 0 makes it plain BM25 with an idf that is positive however common a term is. Operations come in rank_bm25's
order, so that the scores are its own to the last bit, ties included.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rank_bm25 import BM25Plus

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragqa.index.segments import Integers


class PostingsBM25(BM25Plus):  # type: ignore[misc]  # rank_bm25 has no types
    """`frequencies` says how many chunks of the collection hold each term; terms are positive counts."""

    def __init__(
        self, chunks: int, terms: int, frequencies: Mapping[str, int], *, k1: float, b: float, delta: float = 0.0
    ) -> None:
        # rank_bm25's own constructor reads the whole collection, which is what postings are there to avoid.
        self.k1 = k1
        self.b = b
        self.delta = delta
        self.corpus_size = chunks
        self.avgdl = terms / chunks
        self.idf: dict[str, float] = {}
        self._calc_idf(frequencies)

    def term_scores(self, term: str, q_freq: Integers, doc_len: Integers) -> NDArray[np.float64]:
        """What `term` adds to the score of chunks that hold it `q_freq` times and have `doc_len` terms."""
        scores: NDArray[np.float64] = self.idf[term] * (
            self.delta + (q_freq * (self.k1 + 1)) / (self.k1 * (1 - self.b + self.b * doc_len / self.avgdl) + q_freq)
        )
        return scores
