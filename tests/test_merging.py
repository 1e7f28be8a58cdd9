"""Merged parts: every part has its say, nothing comes twice, the order has no gap."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.merging import merge
from ragqa.query import Query
from ragqa.retrieval import Part, Retrieval, Trace
from ragqa.types import Chunk, Hit, Passage

TRACE = Trace(Query("q", ("q",)), 0.0, True, (), (), frozenset(), {}, (), None, {}, {"lexical": 1.0})


def passage(key: int, text: str = "") -> Passage:
    text = text or f"rule {key}"
    return Passage(key, f"{key:016x}", "a.md", b"a.md", "", "en", Chunk(0, len(text), text))


def part(keys: list[int], *, question: str = "q") -> Part:
    hits = tuple(Hit(rank, passage(key), 1 - rank / 100, ("dense",)) for rank, key in enumerate(keys, start=1))
    return Part(question, Retrieval(hits, TRACE))


def keys(merged: Retrieval) -> list[int]:
    return [hit.passage.key for hit in merged.hits]


def test_the_whole_question_begins_and_each_part_follows_in_turn() -> None:
    merged = merge([part([1, 2, 3]), part([4, 5])], part([6, 1]), top_k=9)
    assert keys(merged) == [6, 1, 4, 2, 5, 3]
    assert [each.retrieval.hits[0].passage.key for each in merged.parts] == [6, 1, 4]


def test_times_are_added_up() -> None:
    other = Part("q", Retrieval((), replace(TRACE, timings_ms={"lexical": 2.0, "embed": 5.0})))
    assert merge([other], part([1]), top_k=3).trace.timings_ms == {"lexical": 3.0, "embed": 5.0}


def test_what_says_the_same_as_a_hit_of_another_part_is_left_out() -> None:
    copies = [replace(hit, passage=passage(hit.passage.key, "the same words")) for hit in part([7, 8]).retrieval.hits]
    one, other = (Part("q", Retrieval((hit,), TRACE)) for hit in copies)
    assert keys(merge([other], one, top_k=5)) == [7]
    assert keys(merge([other], one, top_k=5, collapse=False)) == [7, 8]


@given(st.lists(st.lists(st.integers(1, 20), unique=True, max_size=8), min_size=2, max_size=4), st.integers(1, 10))
def test_ranks_have_no_gap_scores_never_rise_and_nothing_comes_twice(found: list[list[int]], top_k: int) -> None:
    merged = merge([part(own) for own in found[1:]], part(found[0]), top_k=top_k)
    assert [hit.rank for hit in merged.hits] == list(range(1, len(merged.hits) + 1))
    assert len(set(keys(merged))) == len(merged.hits) == min(top_k, len({key for own in found for key in own}))
    scores = [hit.score for hit in merged.hits]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_best_hit_of_every_part_is_among_the_first(number: int) -> None:
    merged = merge([part([10 * place, 99]) for place in range(1, number + 1)], part([99]), top_k=8)
    assert {10 * place for place in range(1, number + 1)} <= set(keys(merged)[: number + 1])
