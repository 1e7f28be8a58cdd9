"""Keyword search against its oracle: rank_bm25 itself, over what is live."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rank_bm25 import BM25Plus

from ragqa.index.lexical import Bm25Index
from ragqa.index.store import Store


def terms_of(store: Store) -> dict[int, list[str]]:
    return {chunk.key: chunk.chunk.text.replace(".", "").split() for chunk in store.chunks()}


def expected(live: dict[int, list[str]], terms: list[str], k1: float, b: float) -> dict[int, float]:
    """The score that rank_bm25 gives to every chunk that holds one of `terms`."""
    if not any(live.values()):
        return {}
    keys = sorted(live)
    with np.errstate(invalid="ignore"):  # where b is 1 it divides 0 by 0 for chunks without terms
        scores = BM25Plus([live[key] for key in keys], k1=k1, b=b, delta=0).get_scores(terms)
    return {key: float(score) for key, score in zip(keys, scores, strict=True) if set(terms) & set(live[key])}


@settings(deadline=None, max_examples=60)
@given(data=st.data(), k1=st.sampled_from([1.2, 0.1, 2.0]), b=st.sampled_from([0.75, 0.0, 1.0]))
def test_agrees_with_rank_bm25_through_any_history(
    histories: SimpleNamespace, data: st.DataObject, k1: float, b: float
) -> None:
    """Same ids in the same order, same scores, whatever was added, replaced, removed, compacted before.

    A scope's scores are those that rank_bm25 gives when it holds nothing else.
    """
    terms = data.draw(st.lists(st.one_of(histories.TERMS, st.just("nowhere"), st.just("\ud800")), max_size=6))
    k = data.draw(st.integers(0, 12))
    scope = data.draw(histories.SCOPE)
    allowed = None if scope is None else np.array(scope, np.int64)
    place = int if scope is None else scope.index
    index: list[Any] = []

    def check(store: Store) -> None:
        """The same index object, kept through all commits, is as right as a new one."""
        index[:] = index or [Bm25Index(store, k1=k1, b=b, allowed=allowed)]
        live = {key: own for key, own in terms_of(store).items() if scope is None or key in scope}
        scores = expected(live, terms, k1, b)
        ranked = sorted(scores, key=lambda key: (-scores[key], place(key)))[:k]
        for found in (index[0], Bm25Index(store, k1=k1, b=b, allowed=allowed)):
            hits = found.search(terms, k)
            assert [hit.key for hit in hits] == ranked
            assert np.allclose([hit.score for hit in hits], [scores[key] for key in ranked], rtol=0, atol=1e-9)
            assert found.scores(terms, [*terms_of(store), 9999]) == pytest.approx(
                {key: scores.get(key, 0.0) for key in live}
            )
            for term, idf in found.idf(terms).items():
                held = sum(term in own for own in live.values())
                assert idf == pytest.approx(math.log((len(live) + 1) / max(1, held)) if live else 0.0)

    with histories.played(data.draw(histories.HISTORY), check=check) as store:
        check(store)


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_required_words_restrict_what_rank_bm25_finds_over_everything(
    histories: SimpleNamespace, data: st.DataObject
) -> None:
    """The same scores as without, of only those passages that hold every one of them; 0 where it is all they hold.

    And frequencies are a count.
    """
    words = st.lists(st.one_of(histories.TERMS, st.just("nowhere"), st.just("\ud800")), max_size=4)
    terms, required = data.draw(words), data.draw(words.filter(bool))
    k, scope = data.draw(st.integers(0, 12)), data.draw(histories.SCOPE)
    place = int if scope is None else scope.index
    index: list[Bm25Index] = []

    def check(store: Store) -> None:
        index[:] = index or [Bm25Index(store, allowed=None if scope is None else np.array(scope, np.int64))]
        live = {key: own for key, own in terms_of(store).items() if scope is None or key in scope}
        scores = expected(live, terms, 1.2, 0.75)
        held = [key for key, own in live.items() if set(required) <= set(own)]
        ranked = sorted(held, key=lambda key: (-scores.get(key, 0.0), place(key)))[:k]
        hits = index[0].search(terms, k, required=required)
        assert [hit.key for hit in hits] == ranked
        assert np.allclose([hit.score for hit in hits], [scores.get(key, 0.0) for key in ranked], rtol=0, atol=1e-9)
        counted = {term: sum(term in own for own in live.values()) for term in terms}
        assert index[0].frequencies(terms) == counted

    with histories.played(data.draw(histories.HISTORY), check=check) as store:
        check(store)


def test_an_empty_index_finds_nothing(histories: SimpleNamespace) -> None:
    with histories.played([], check=lambda _: None) as store:
        index = Bm25Index(store)
        assert index.search(["a"], 5) == []
        assert index.scores(["a"], [1]) == {}
        assert index.idf(["a"]) == {"a": 0.0}


def test_what_several_segments_hold_is_counted_together(histories: SimpleNamespace) -> None:
    history = [("put", place, [["a", "a"], ["a", "b"], ["c"]]) for place in range(3)]
    history = [(step, place, [*chunks, [f"{place}"]]) for step, place, chunks in history]
    with histories.played(history, check=lambda _: None) as store:
        assert Bm25Index(store).frequencies(["a", "b", "0", "z", "a"]) == {"a": 6, "b": 3, "0": 1, "z": 0}
        assert len(Bm25Index(store).search([], 20, required=["a", "b"])) == 3


def test_passages_without_terms_are_counted_and_never_found(histories: SimpleNamespace) -> None:
    with histories.played([("put", 0, [[], []])], check=lambda _: None) as store:
        index = Bm25Index(store)
        assert index.search(["a"], 5) == []
        assert index.scores(["a"], [1, 2]) == {1: 0.0, 2: 0.0}


def test_passages_that_tie_come_in_the_order_of_a_scope(histories: SimpleNamespace) -> None:
    with histories.played([("put", 0, [["a"], ["a"], ["b"]]), ("put", 1, [["a"]])], check=lambda _: None) as store:
        assert [hit.key for hit in Bm25Index(store, allowed=np.array([4, 3, 1, 2])).search(["a"], 2)] == [4, 1]
        assert [hit.key for hit in Bm25Index(store).search(["a"], 2)] == [1, 2]
