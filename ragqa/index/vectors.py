"""Nearest passages by cosine: exact, from the FAISS file for what it holds and from the store for the rest.

Both only propose candidates. The scores that are returned are computed here, from the stored vectors, in one way that
does not depend on what else is computed with them; so the same question gets the same ids and the same scores with a
file, with half of one, or with none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ragqa.errors import IndexDamaged
from ragqa.index import vectorfile
from ragqa.index.database import REMEDY_DAMAGED
from ragqa.index.scope import Allowed
from ragqa.index.vectorblocks import vector_batches, vectors_of
from ragqa.types import Scored

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragqa.index.store import Store
    from ragqa.index.vectorfile import VectorFile
    from ragqa.types import Keys, Vectors

_DOUBT = 1e-4
"""No proposed score is further than this from the exact one, for vectors of unit length."""
_SPARE = 32
_KEPT_ROWS = 50_000


class ExactVectors:
    """`ports.VectorIndex` over a store or, of that, the passages that are `allowed`: ties come in the order of these.

    FAISS is not imported where the store has no file.
    """

    def __init__(self, store: Store, *, allowed: Keys | None = None) -> None:
        self._store = store
        self._allowed = None if allowed is None else Allowed(allowed)
        self._revision: int | None = None
        self._dimensions = 0
        self._file: VectorFile | None = None
        self._index: Any | None = None
        self._mask: NDArray[np.bool_] | None = None
        self._tail: list[tuple[Keys, Vectors]] | None = None

    def search(self, query: Vectors, k: int) -> list[Scored]:
        """The `k` best live passages for one query of shape (dimensions,), best first, ties by their order."""
        import numpy as np

        self._refresh()
        if k <= 0 or not self._dimensions:
            return []
        query = np.ascontiguousarray(query, np.float32)
        candidates: list[int] = []
        if self._file is not None:
            candidates += self._from_file(query, k)
        candidates += self._from_store(query, k)
        exact = self._exact(query, candidates)
        keys = np.array(sorted(exact), np.int64)
        ties = keys if self._allowed is None else self._allowed.places(keys)
        best = sorted((-exact[key], tie, key) for key, tie in zip(keys.tolist(), ties.tolist(), strict=True))[:k]
        return [Scored(key, exact[key]) for _, _, key in best]

    def scores(self, query: Vectors, keys: Sequence[int]) -> Mapping[int, float]:
        """The cosine of each of `keys` that is live, allowed, and has a vector."""
        import numpy as np

        self._refresh()
        if not self._dimensions:
            return {}
        wanted = [int(key) for key in keys]
        if self._allowed is not None:
            wanted = np.array(wanted, np.int64)[self._allowed.among(np.array(wanted, np.int64))].tolist()
        return self._exact(query, wanted)

    def _refresh(self) -> None:
        """Look again at what there is; a writer's store changes under its index."""
        if self._revision == self._store.revision:
            return
        embedder = self._store.meta().embedder
        self._dimensions = embedder.dimensions if embedder else 0
        self._file = vectorfile.recorded(self._store.database)
        if self._file is not None and self._file.dead_rows == self._file.rows:
            self._file = None  # and its vectors may not even be of the embedder that the index has now
        self._index = vectorfile.open_index(self._file, self._store.folder) if self._file else None
        if self._index is None:
            self._file = None
        allowed = self._allowed.keys if self._allowed else None
        self._mask = vectorfile.live_mask(self._file, allowed) if self._file else None
        self._tail = None
        self._revision = self._store.revision

    def _from_file(self, query: Vectors, k: int) -> list[int]:
        """Every passage in the file that may be among its `k` best."""
        assert self._file is not None and self._index is not None
        import faiss
        import numpy as np

        selector = None
        if self._mask is not None:
            bits = np.packbits(self._mask, bitorder="little")
            # FAISS patches its classes at import, which its type stubs do not know.
            selector = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))  # type: ignore[call-arg,arg-type]
        wanted = k + _SPARE
        while True:
            wanted = min(wanted, self._file.rows)
            scores, keys = self._index.search(query[None], wanted, params=selector)
            found = keys[0] >= 0
            if wanted == self._file.rows or not found.all() or scores[0, -1] < scores[0, k - 1] - _DOUBT:
                return [int(key) for key in keys[0][found]]
            # Passages with equal text: as many as it takes, so that the smaller keys come first among them.
            wanted *= 8

    def _from_store(self, query: Vectors, k: int) -> list[int]:
        """Every passage newer than the file that may be among the `k` best of those."""
        import numpy as np

        keys = np.zeros(0, np.int64)
        scores = np.zeros(0, np.float32)
        for batch_keys, vectors in self._newer():
            keys = np.concatenate([keys, batch_keys])
            scores = np.concatenate([scores, vectors @ query])
            if len(keys) > k:
                least = np.partition(scores, len(scores) - k)[len(scores) - k]
                near = scores >= least - _DOUBT
                keys, scores = keys[near], scores[near]
        return [int(key) for key in keys]

    def _newer(self) -> Iterator[tuple[Keys, Vectors]]:
        """Allowed vectors that the file does not hold; kept for the next question unless they are many."""
        if self._tail is not None:
            yield from self._tail
            return
        after = self._file.last_key if self._file else 0
        expected = self._store.vector_count() - (self._file.rows - self._file.dead_rows if self._file else 0)
        kept: list[tuple[Keys, Vectors]] = []
        seen = 0
        for keys, vectors in vector_batches(self._store.database, self._dimensions, after=after):
            seen += len(keys)
            if self._allowed is not None:
                inside = self._allowed.among(keys)
                keys, vectors = keys[inside], vectors[inside]
            if expected <= _KEPT_ROWS:
                kept.append((keys, vectors))
            yield keys, vectors
        if seen != expected:
            raise IndexDamaged(f"the index should hold {expected} more vectors and holds {seen}", remedy=REMEDY_DAMAGED)
        if expected <= _KEPT_ROWS:
            self._tail = kept

    def _exact(self, query: Vectors, keys: Sequence[int]) -> dict[int, float]:
        import numpy as np

        wide = query.astype(np.float64)
        vectors = self._kept(keys)
        missing = [key for key in keys if key not in vectors]
        vectors.update(vectors_of(self._store.database, self._dimensions, missing))
        return {key: _dot(vector, wide) for key, vector in vectors.items()}

    def _kept(self, keys: Sequence[int]) -> dict[int, NDArray[np.floating]]:
        """Those of the vectors that are in memory already: the stored ones, verified when they were read."""
        import numpy as np

        wanted = np.array(sorted(set(keys)), np.int64)
        found: dict[int, NDArray[np.floating]] = {}
        for own_keys, vectors in self._tail or ():
            places = np.searchsorted(own_keys, wanted)
            places[places == len(own_keys)] = 0
            held = own_keys[places] == wanted if len(own_keys) else np.zeros(len(wanted), np.bool_)
            found.update(zip(wanted[held].tolist(), vectors[places[held]], strict=True))
        return found


def _dot(vector: NDArray[np.floating], query: NDArray[np.float64]) -> float:
    """One product at a time: a matrix product may sum a row in another order when it has other rows beside it."""
    return float((vector * query).sum())
