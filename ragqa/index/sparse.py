"""Sparse search: a question's features against those of the passages, from the same postings as the words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ragqa.index import features
from ragqa.index.lexical import Bm25Index
from ragqa.types import FEATURE_SCALE, Scored

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragqa.index.store import Store
    from ragqa.ports import SparseEncoder
    from ragqa.types import Keys


class SparseIndex(Bm25Index):
    """`ports.LexicalIndex` by the dot product of quantised sparse vectors, exactly, where a question is given.

    Without one, and for all that is asked about terms, it is the index of the words beside the features. Sums are of
    whole numbers: ties are ties.
    """

    def __init__(
        self, store: Store, encoder: SparseEncoder, *, k1: float = 1.2, b: float = 0.75, allowed: Keys | None = None
    ) -> None:
        super().__init__(store, k1=k1, b=b, allowed=allowed)
        self.name = f"sparse:{encoder.name}"
        self._encoder = encoder
        self._question = ""
        self._asked: dict[str, int] = {}

    def search(self, terms: Sequence[str], k: int, *, question: str = "", required: Sequence[str] = ()) -> list[Scored]:
        """The `k` best passages that share a feature with `question`, best first, or that hold all `required` words."""
        return super().search(self._features(question) if question else terms, k, required=required)

    def scores(self, terms: Sequence[str], keys: Sequence[int], *, question: str = "") -> Mapping[int, float]:
        """The score of each of `keys` that counts; 0.0 where it shares no feature with `question`."""
        return super().scores(self._features(question) if question else terms, keys)

    def _features(self, question: str) -> tuple[str, ...]:
        """The names of the question's features; their weights are kept until the next question."""
        if question != self._question:
            [found] = self._encoder.encode([question], kind="query")
            self._question, self._asked, self._last = question, features.as_terms(found), None
        return tuple(self._asked)

    def _score(self, terms: Sequence[str]) -> list[NDArray[np.float64]]:
        """For each segment, the score of each of its chunks by these words or features; the last ones are kept."""
        if not terms or not features.is_feature(terms[0]):
            return super()._score(terms)
        import numpy as np

        parts = self._current()
        if self._last is None or self._last[0] != tuple(terms):
            scores = [np.zeros(part.reader.chunks, np.int64) for part in parts]
            for name in terms:
                for own, part in zip(scores, parts, strict=True):
                    found = part.postings(name)
                    own[found.chunks] += found.frequencies * self._asked[name]
            self._last = tuple(terms), [own / FEATURE_SCALE**2 for own in scores]
        return self._last[1]
