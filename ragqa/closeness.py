"""Looks into passages: how much of a question stands close together in one, and which of them say the same; pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ragqa.text.analyzer import analyze
from ragqa.text.sentences import spans
from ragqa.types import Chunk

NEAR_DUPLICATE = 0.9
"""Near-duplicates share this part of all the different terms that either holds (Jaccard), and all their numbers."""
NEAR_DUPLICATES_SHOWN = 2


@dataclass(frozen=True, slots=True)
class Terms:
    """The different terms of one passage: of its headings, and of each of its sentences."""

    heading: frozenset[str]
    sentences: tuple[frozenset[str], ...]

    @classmethod
    def of(cls, chunk: Chunk) -> Terms:
        sentences = (frozenset(analyze(chunk.text[start:end])) for start, end in spans(chunk.text))
        return cls(frozenset(analyze(" > ".join(chunk.heading))), tuple(sentences))

    @property
    def all(self) -> frozenset[str]:
        """All of them: what decides whether two passages say the same."""
        return self.heading.union(*self.sentences)

    def coverage(self, weights: Mapping[str, float]) -> float:
        """The greatest share of `weights` (idf by term) that one sentence holds together with the headings; 0 to 1."""
        total = math.fsum(weights.values())
        if not total:
            return 0.0
        wanted = weights.keys()
        above = self.heading & wanted
        best = max((math.fsum(weights[term] for term in (own & wanted) | above) for own in self.sentences), default=0.0)
        return best / total


def are_alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two passages, given by all their terms, are near-duplicates. Without terms they are not.

    This year's rules and last year's differ in little but numbers: such passages do not say the same.
    """
    most, least = max(len(one), len(other)), min(len(one), len(other))
    if not least or least < NEAR_DUPLICATE * most:
        return False
    shared = len(one & other)
    if shared < NEAR_DUPLICATE * (len(one) + len(other) - shared):
        return False
    return not any(any(map(str.isdigit, term)) for term in one ^ other)


def distinct(passages: Sequence[frozenset[str]]) -> list[int | None]:
    """For each passage, in order, the place of the one that stands for it; None where it stands for itself.

    Of passages with the same terms the first stands for all, of near-duplicates the first `NEAR_DUPLICATES_SHOWN`: a
    few words may be what is asked for, so a second version is shown, but not a third.
    """
    groups: list[list[int]] = []
    found: list[int | None] = []
    for place, terms in enumerate(passages):
        group = next((group for group in groups if are_alike(passages[group[0]], terms)), None)
        if group is None:
            groups.append([place])
            found.append(None)
        elif len(group) < NEAR_DUPLICATES_SHOWN and all(passages[other] != terms for other in group):
            group.append(place)
            found.append(None)
        else:
            found.append(group[0])
    return found
