"""Search by cosine against its oracle: every product of the query with a float16-rounded vector."""

from __future__ import annotations

import gc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragqa.index import layout, vectorfile
from ragqa.index.records import Batch
from ragqa.index.store import Store
from ragqa.index.vectors import ExactVectors
from ragqa.types import Scored


def brute_force(histories: SimpleNamespace, store: Store, query: np.ndarray) -> dict[int, float]:
    return {
        chunk.key: float(histories.vector_of(chunk.chunk.text).astype(np.float16).astype(np.float64) @ query)
        for chunk in store.chunks()
    }


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_agrees_with_brute_force_through_any_history(histories: SimpleNamespace, data: st.DataObject) -> None:
    """Same ids, same scores; with the file, with a changed file and without one to the last bit."""
    query = histories.vector_of(data.draw(st.sampled_from(["a", "b b", "q"])))
    k = data.draw(st.integers(0, 12))
    scope = data.draw(st.none() | st.sets(st.integers(1, 60)))
    allowed = None if scope is None else np.array(sorted(scope), np.int64)
    kept: list[ExactVectors] = []

    def check(store: Store) -> None:
        kept[:] = kept or [ExactVectors(store, allowed=allowed)]
        cosine = brute_force(histories, store, query)
        inside = {key: cosine[key] for key in cosine if scope is None or key in scope}
        # Rounded, because the last digits of a product depend on the order of its sums, and equal texts must tie.
        best = sorted(inside, key=lambda key: (-round(cosine[key], 9), key))[:k]
        found = kept[0].search(query, k)
        assert [hit.key for hit in found] == best
        assert np.allclose([hit.score for hit in found], [cosine[key] for key in best], atol=1e-5)
        assert kept[0].scores(query, [*cosine, 9999]) == pytest.approx(inside, abs=1e-5)
        assert ExactVectors(store, allowed=allowed).search(query, k) == found
        for path in layout.vector_files(store.folder):
            whole = path.read_bytes()
            path.unlink()
            assert ExactVectors(store, allowed=allowed).search(query, k) == found
            path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
            assert ExactVectors(store, allowed=allowed).search(query, k) == found
            path.write_bytes(whole)

    with histories.played(data.draw(histories.HISTORY), check=check) as store:
        check(store)


def served_by_file(index: ExactVectors) -> bool:
    index.scores(np.zeros(8, np.float32), [])
    return index._index is not None


def test_the_file_is_used_where_it_is_whole(histories: SimpleNamespace) -> None:
    """Or the test above would compare the store with itself."""
    history = [("put", 0, [["a"], ["b"], ["c"], ["d"]]), ("compact", None, None), ("put", 1, [["z"]])]
    with histories.played(history, check=lambda _: None) as store:
        assert served_by_file(ExactVectors(store))
        [path] = layout.vector_files(store.folder)
        path.write_bytes(b"")
        assert not served_by_file(ExactVectors(store))


class Perverse:
    """FAISS at its worst: of passages that tie at the end, it returns those with the greatest keys."""

    def __init__(self, index: Any, rows: int) -> None:
        self._index = index
        self._rows = rows

    def search(self, query: np.ndarray, k: int, params: object) -> tuple[np.ndarray, np.ndarray]:
        scores, keys = self._index.search(query, self._rows, params=params)
        order = np.lexsort((-keys[0], -scores[0]))[:k]
        return scores[:, order], keys[:, order]


def test_many_equal_passages_come_in_the_order_of_their_keys(histories: SimpleNamespace) -> None:
    history = [("put", 0, [["a"]] * 40 + [["b"]] * 10), ("compact", None, None)]
    with histories.played(history, check=lambda _: None) as store:
        index = ExactVectors(store)
        assert served_by_file(index)
        index._index = Perverse(index._index, 50)
        assert [hit.key for hit in index.search(histories.vector_of("a"), 3)] == [1, 2, 3]


def test_removed_passages_do_not_crowd_out_the_others(histories: SimpleNamespace) -> None:
    """The file still holds them, and they would be its best."""
    query = histories.vector_of("q")
    words = sorted("abcdefghij", key=lambda word: -float(histories.vector_of(word) @ query))
    history = [("put", place, [[word]]) for place, word in enumerate(words)] + [("compact", None, None)]
    with histories.played(history, check=lambda _: None) as store:
        store.commit(Batch(removed=[b"/0", b"/1", b"/2", b"/3"]))
        assert served_by_file(index := ExactVectors(store))
        assert [hit.key for hit in index.search(query, 1)] == [5]


def test_an_index_without_vectors_finds_nothing(tmp_path: Path) -> None:
    with Store.create(tmp_path / ".ragqa") as store:
        assert ExactVectors(store).search(np.ones(8, np.float32), 5) == []
        assert ExactVectors(store).scores(np.ones(8, np.float32), [1]) == {}


def test_a_file_that_was_replaced_serves_its_reader_to_the_end(histories: SimpleNamespace) -> None:
    history = [("put", 0, [["a"], ["b"], ["c"], ["d"]]), ("compact", None, None)]
    with histories.played(history, check=lambda _: None) as store, Store.open(store.folder) as reader:
        before = ExactVectors(reader)
        query = histories.vector_of("a")
        first: list[Scored] = before.search(query, 4)
        vectorfile.forget(store.database)
        vectorfile.remove_strays(store.folder, store.database)
        gc.collect()
        assert layout.vector_files(store.folder) == []
        assert before.search(query, 4) == first == ExactVectors(reader).search(query, 4)
