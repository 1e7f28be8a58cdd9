"""Where a question was lost: the first stage that did not bring its answer on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Stage = Literal[
    "not_in_index",
    "not_a_candidate",
    "fusion",
    "reranking",
    "duplicate",
    "below_top_k",
    "merging",
    "refused",
    "incomplete",
    "not_chosen",
    "cited_elsewhere",
    "not_refused",
]

SAID: dict[Stage, str] = {
    "not_in_index": "not in the index",
    "not_a_candidate": "not among the candidates of either search",
    "fusion": "lost in the fusion",
    "reranking": "lost by the reranker",
    "duplicate": "left out, as a near-duplicate stands for it",
    "below_top_k": "below top_k",
    "merging": "found for one part, lost when the parts were merged",
    "refused": "refused",
    "incomplete": "the model service failed",
    "not_chosen": "found, but not in the answer",
    "cited_elsewhere": "answered from another place",
    "not_refused": "answered, though nothing in the documents does",
}
"""In the order in which a question passes them."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """The best rank, from 1, of a passage that is right: in each search, fused, and among the hits; None: not there."""

    dense: int | None = None
    lexical: int | None = None
    fused: int | None = None
    hits: int | None = None


def ranks(
    right: frozenset[int],
    *,
    dense: Sequence[int],
    lexical: Sequence[int],
    fused: Sequence[int],
    hits: Sequence[int],
) -> Ranks:
    """The ranks of the first passage among `right` in each ranking of passage keys."""
    return Ranks(*(_first(ranking, right) for ranking in (dense, lexical, fused, hits)))


def _first(ranking: Sequence[int], right: frozenset[int]) -> int | None:
    return next((rank for rank, key in enumerate(ranking, start=1) if key in right), None)


def lost_in_search(
    right: frozenset[int],
    found: Ranks,
    *,
    top_k: int,
    is_duplicate: bool = False,
    is_reranked: bool = False,
    is_of_a_part: bool = False,
) -> Stage | None:
    """Where no passage of `right` came among the `top_k` hits, the stage it was lost at; None where one did.

    It was lost in the fusion if one of the searches alone would have had it among the first `top_k`. `is_duplicate`
    says that one of `right` was left out because another hit says the same, `is_reranked` that a reranker gave the
    order behind the fused one, and `is_of_a_part` that one is among the hits of the whole question or of a part of it.
    """
    if not right:
        return "not_in_index"
    if found.hits is not None:
        return None
    if is_of_a_part:
        return "merging"
    alone = [rank for rank in (found.dense, found.lexical) if rank is not None]
    if not alone and found.fused is None:
        return "not_a_candidate"
    if is_duplicate:
        return "duplicate"
    if found.fused is not None and found.fused <= top_k:
        return "reranking" if is_reranked else "below_top_k"
    return "fusion" if min(alone, default=top_k + 1) <= top_k else "below_top_k"
