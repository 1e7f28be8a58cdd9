"""Where a question was lost: the first stage that did not bring its answer on."""

from __future__ import annotations

import pytest

from ragqa.evaluation.stages import Ranks, lost_in_search, ranks

RIGHT = frozenset((7,))


@pytest.mark.parametrize(
    ("right", "found", "lost"),
    [
        (RIGHT, Ranks(1, 1, 1, 1), None),
        (RIGHT, Ranks(None, 30, 20, 2), None),
        (frozenset(), Ranks(), "not_in_index"),
        (RIGHT, Ranks(), "not_a_candidate"),
        (RIGHT, Ranks(2, 40, 9, None), "fusion"),
        (RIGHT, Ranks(2, None, None, None), "fusion"),
        (RIGHT, Ranks(8, 20, 11, None), "fusion"),
        (RIGHT, Ranks(9, 20, 11, None), "below_top_k"),
        (RIGHT, Ranks(3, 3, 3, None), "below_top_k"),
        (RIGHT, Ranks(None, None, 12, None), "below_top_k"),
    ],
)
def test_the_stage(right: frozenset[int], found: Ranks, lost: str | None) -> None:
    assert lost_in_search(right, found, top_k=8) == lost


def test_the_reranker_is_blamed_only_where_one_gave_the_order() -> None:
    for found in (Ranks(3, 3, 3, None), Ranks(30, 30, 8, None)):
        assert lost_in_search(RIGHT, found, top_k=8, is_reranked=True) == "reranking"
        assert lost_in_search(RIGHT, found, top_k=8) != "reranking"
    assert lost_in_search(RIGHT, Ranks(9, 20, 11, None), top_k=8, is_reranked=True) == "below_top_k"


def test_what_a_part_had_found_and_all_parts_together_have_not_was_lost_in_merging() -> None:
    for found in (Ranks(3, 3, 3, None), Ranks(30, 30, 30, None), Ranks()):
        assert lost_in_search(RIGHT, found, top_k=8, is_reranked=True, is_of_a_part=True) == "merging"
    assert lost_in_search(RIGHT, Ranks(3, 3, 3, 8), top_k=8, is_of_a_part=True) is None


def test_ranks_are_those_of_the_first_right_passage() -> None:
    right = frozenset((5, 7))
    found = ranks(right, dense=[1, 7, 5], lexical=[2, 3], fused=[5], hits=[])
    assert found == Ranks(dense=2, lexical=None, fused=1, hits=None)


def test_a_near_duplicate_of_a_hit_is_told_as_such() -> None:
    assert lost_in_search(RIGHT, Ranks(2, 2, 2, None), top_k=8, is_duplicate=True) == "duplicate"
    assert lost_in_search(RIGHT, Ranks(2, 2, 2, 1), top_k=8, is_duplicate=True) is None
    assert lost_in_search(RIGHT, Ranks(), top_k=8, is_duplicate=True) == "not_a_candidate"
