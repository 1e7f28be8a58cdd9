"""Finds the passages that hold a question's exact words, and gives them their place in an order; pure over the port."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ragqa import fusion
from ragqa.ports import LexicalIndex
from ragqa.query import Query
from ragqa.text.analyzer import analyze
from ragqa.text.exact import Exact, held_by
from ragqa.types import Scored

LOOKED_INTO = 50
"""How many passages are looked into for each of the exact words of a question."""
IDENTIFIER_BONUS = 0.2
"""What holding all its identifiers adds to a fused score of 0 to 1: a number that merely looks like one decides between
near equals. What a question demands needs no bonus: `demanded_first`."""

Held = Mapping[int, frozenset[Exact]]
"""For each passage that holds any of a question's exact words: which."""
_NONE: frozenset[Exact] = frozenset()


@dataclass(frozen=True, slots=True)
class Located:
    """Passages that may hold exact words. `is_partial`: there may be others, so all candidates are worth a look."""

    hits: tuple[Scored, ...]
    is_partial: bool


def locate(query: Query, lexical: LexicalIndex) -> Located:
    """The passages with the rarest term of each of the exact words, or with all their terms where that is common."""
    wanted: dict[tuple[str, ...], None] = {}
    is_partial = False
    for each in query.exact:
        for form in each.forms:
            terms = analyze(form)
            frequencies = {term: count for term, count in lexical.frequencies(terms).items() if count}
            is_partial |= not terms  # function words alone: no posting leads to them
            if frequencies:
                rarest = min(frequencies, key=lambda term: (frequencies[term], term))
                is_common = frequencies[rarest] > LOOKED_INTO
                wanted[tuple(sorted(frequencies)) if is_common else (rarest,)] = None
    found: list[Scored] = []
    for required in wanted:
        hits = lexical.search(query.terms, LOOKED_INTO, question=query.text, required=required)
        is_partial |= len(hits) == LOOKED_INTO
        found += hits
    return Located(tuple(found), is_partial)


def held(query: Query, texts: Mapping[int, str]) -> dict[int, frozenset[Exact]]:
    """Which of the exact words each text holds; texts that hold none are left out."""
    if not query.exact:
        return {}
    found = {key: held_by(query.exact, text) for key, text in texts.items()}
    return {key: words for key, words in found.items() if words}


def with_bonus(query: Query, fused: Sequence[Scored], exact: Held, place: Callable[[int], int]) -> list[Scored]:
    """The candidates with what identifiers that they hold add to their scores, which stay between 0 and 1."""
    guessed = frozenset(query.exact) - query.demanded
    share = IDENTIFIER_BONUS / len(guessed) if guessed else 0.0
    most = 1.0 + (IDENTIFIER_BONUS if guessed else 0.0)
    scores = fusion.spread({hit.key: hit.score for hit in fused})
    added = [
        Scored(key, (score + share * len(guessed & exact.get(key, _NONE))) / most) for key, score in scores.items()
    ]
    return fusion.ordered(added, place)


def demanded_first(
    query: Query, order: Sequence[Scored], exact: Held, heading: Callable[[int], Sequence[str]]
) -> list[Scored]:
    """An order, but that passages with more of what the question demands stay before those with fewer.

    Of those with as much, the ones that stand under it come first: Article 44 itself before whatever refers to it.
    `heading` gives the heading path of a passage that holds exact words. The scores stay where they are: a rank keeps
    its score, whoever comes to hold it.
    """
    if not query.demanded:
        return list(order)

    def first(hit: Scored) -> tuple[int, int]:
        demanded = query.demanded & exact.get(hit.key, _NONE)
        own = "".join(heading(hit.key)[-1:]) if demanded else ""
        return -len(demanded), -len(held_by(list(demanded), own))

    ranked = sorted(order, key=first)
    return [Scored(hit.key, place.score) for hit, place in zip(ranked, order, strict=True)]
