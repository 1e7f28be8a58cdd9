"""Sparse search against its oracle, the dense product of the stored vectors; words beside it stay exact."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ragqa.index import integrity
from ragqa.index.lexical import Bm25Index
from ragqa.index.sparse import SparseIndex
from ragqa.index.store import Store
from ragqa.types import FEATURE_SCALE
from tests.contract.test_lexical_index import expected, terms_of
from tests.fakes import HashingSparse

SPARSE = HashingSparse(meanings={"a": ["b"], "合約": ["租", "a"]})


def dense(texts: list[str]) -> np.ndarray:
    """One row of quantised weights for each text, a column for each token there may be."""
    rows = np.zeros((len(texts), 1 << 16))
    for row, features in zip(rows, SPARSE.encode(texts, kind="query"), strict=True):
        row[list(features)] = list(features.values())
    return rows


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_agrees_with_the_dense_product_through_any_history(histories: SimpleNamespace, data: st.DataObject) -> None:
    """Same ids in the same order, same scores, whatever was added, replaced, removed, compacted before."""
    words = st.lists(st.one_of(histories.TERMS, st.just("nowhere"), st.just("\ud800")), max_size=6)
    questions = [" ".join(data.draw(words)) for _ in range(2)]
    k = data.draw(st.integers(0, 12))
    allowed = data.draw(st.none() | st.sets(st.integers(1, 60)))
    permitted = None if allowed is None else np.array(sorted(allowed), np.int64)
    index: list[SparseIndex] = []

    def check(store: Store) -> None:
        """The same index object, kept through all commits and questions, is as right as a new one."""
        index[:] = index or [SparseIndex(store, SPARSE, allowed=permitted)]
        chunks = [chunk for chunk in store.chunks() if allowed is None or chunk.key in allowed]
        keys = [chunk.key for chunk in chunks]
        with_a = {chunk.key for chunk in chunks if "a" in chunk.chunk.text.split()}
        for question in questions:
            products = dense([chunk.chunk.text for chunk in chunks]) @ dense([question])[0] / FEATURE_SCALE**2
            wanted = dict(zip(keys, products.tolist(), strict=True))
            ranked = sorted((key for key in keys if wanted[key]), key=lambda key: (-wanted[key], key))[:k]
            for found in (index[0], SparseIndex(store, SPARSE, allowed=permitted)):
                hits = found.search([], k, question=question)
                assert [(hit.key, hit.score) for hit in hits] == [(key, wanted[key]) for key in ranked]
                held = [hit.key for hit in found.search([], 99, question=question, required=["a"])]
                assert held == [key for key in sorted(keys, key=lambda key: (-wanted[key], key)) if key in with_a]
                assert found.scores([], [*keys, 9999], question=question) == wanted

    with histories.played(data.draw(histories.HISTORY), check=check, sparse=SPARSE) as store:
        check(store)
        assert integrity.check(store, lambda text: text.replace(".", "").split()).findings == ()


@settings(deadline=None, max_examples=10)
@given(data=st.data())
def test_words_score_as_if_there_were_no_features(histories: SimpleNamespace, data: st.DataObject) -> None:
    terms = data.draw(st.lists(histories.TERMS, max_size=4))
    with histories.played(data.draw(histories.HISTORY), check=lambda _: None, sparse=SPARSE) as store:
        wanted = expected(terms_of(store), terms, 1.2, 0.75)
        words, sparse = Bm25Index(store), SparseIndex(store, SPARSE)
        sparse.search(terms, 9, question="a c")
        assert sparse.search(terms, 9) == words.search(terms, 9)
        assert sparse.search(terms, 9, required=["a"]) == words.search(terms, 9, required=["a"])
        assert sparse.scores(terms, [1, 2, 3]) == words.scores(terms, [1, 2, 3])
        assert {hit.key: round(hit.score, 9) for hit in words.search(terms, 99)} == {
            key: round(score, 9) for key, score in wanted.items()
        }
        assert (sparse.idf(terms), sparse.frequencies(terms)) == (words.idf(terms), words.frequencies(terms))


def test_a_question_without_features_finds_nothing(histories: SimpleNamespace) -> None:
    with histories.played([("put", 0, [["a"]])], check=lambda _: None, sparse=SPARSE) as store:
        assert SparseIndex(store, SPARSE).search(["a"], 5, question=".") == []


def test_without_a_question_words_are_searched(histories: SimpleNamespace) -> None:
    with histories.played([("put", 0, [["a"]])], check=lambda _: None, sparse=SPARSE) as store:
        assert SparseIndex(store, SPARSE).search(["a"], 5) == Bm25Index(store).search(["a"], 5) != []
