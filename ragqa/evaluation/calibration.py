"""Fits the evidence below which a question is refused, on questions that are known to have an answer or none; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

FEW = 20
"""Fewer questions of a kind than this tell little about the next one."""
WRONGLY_REFUSED = 0.05
"""The share of answerable questions that may be refused, where nobody names another."""
_NORMAL = 1.96
"""95 of 100 draws of a normal distribution lie within so many standard deviations."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """The evidence for one question (0 to 1), and whether the documents answer it."""

    evidence: float
    answerable: bool


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `of`, and how far that tells of other questions like these."""

    count: int
    of: int

    @property
    def value(self) -> float:
        return self.count / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Where the share of all such questions lies, in 95 of 100 cases (Wilson, 1927)."""
        if not self.of:
            return 0.0, 1.0
        square = _NORMAL**2
        middle = (self.value + square / (2 * self.of)) / (1 + square / self.of)
        spread = math.sqrt(self.value * (1 - self.value) / self.of + square / (4 * self.of**2))
        half = _NORMAL * spread / (1 + square / self.of)
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Refusals:
    """What a threshold refuses: of the questions without an answer, and of those with one."""

    refuse_below: float
    rightly: Share
    wrongly: Share


def refusals(weighed: Sequence[Weighed], refuse_below: float) -> Refusals:
    """What is refused with this threshold."""

    def share(*, answerable: bool) -> Share:
        chosen = [each.evidence < refuse_below for each in weighed if each.answerable == answerable]
        return Share(sum(chosen), len(chosen))

    return Refusals(refuse_below, share(answerable=False), share(answerable=True))


def fit(weighed: Sequence[Weighed], *, at_most: float = WRONGLY_REFUSED, default: float) -> float:
    """The threshold that refuses most questions without an answer, and `at_most` this share of those with one.

    Of all thresholds that refuse as many, it is one that refuses the fewest questions with an answer: `default` if that
    is one of them, since there is no reason then to leave it; else halfway between the questions on either side, which
    is as far as can be from both. Needs questions of both kinds.
    """
    there = sorted(each.evidence for each in weighed if each.answerable)
    absent = sorted(each.evidence for each in weighed if not each.answerable)
    if not there or not absent:
        raise ValueError("a threshold between two kinds of questions needs both")
    highest = there[min(len(there) - 1, math.floor(at_most * len(there) + 1e-9))]
    refused = [evidence for evidence in absent if evidence < highest]
    if not refused:
        return min(default, highest)
    low = refused[-1]
    high = next(evidence for evidence in there if evidence > low)
    if low < default <= high:
        return default
    middle = (low + high) / 2
    return middle if low < middle else high
