"""Merges what was found for the parts of a question that asks for several things; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest

from ragqa.closeness import Terms, distinct
from ragqa.retrieval import Part, Retrieval
from ragqa.types import Hit


def merge(parts: Sequence[Part], whole: Part, *, top_k: int, collapse: bool = True) -> Retrieval:
    """The best hit of the whole question, then of each part in turn, then the second ones, and so on; each once.

    Scores of two questions do not compare, so ranks decide; a score that would rise is lowered to the one before it.
    With `collapse`, what says the same as a hit of another part is left out here too.
    """
    retrieved = [whole, *parts]
    first: dict[int, Hit] = {}
    for row in zip_longest(*(part.retrieval.hits for part in retrieved)):
        for hit in row:
            if hit is not None:
                first.setdefault(hit.passage.key, hit)
    found = list(first.values())
    if collapse:
        originals = distinct([Terms.of(hit.passage.chunk).all for hit in found])
        found = [hit for hit, original in zip(found, originals, strict=True) if original is None]
    hits: list[Hit] = []
    for rank, hit in enumerate(found[:top_k], start=1):
        score = min(hit.score, hits[-1].score) if hits else hit.score
        hits.append(replace(hit, rank=rank, score=score))
    trace = replace(whole.retrieval.trace, timings_ms=_sums([part.retrieval.trace.timings_ms for part in retrieved]))
    return Retrieval(tuple(hits), trace, tuple(retrieved))


def _sums(timings: Sequence[Mapping[str, float]]) -> dict[str, float]:
    stages = dict.fromkeys(stage for each in timings for stage in each)
    return {stage: sum(each.get(stage, 0.0) for each in timings) for stage in stages}
