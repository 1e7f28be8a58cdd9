"""The metrics: a value for each question they apply to, and the mean of these values over a group of questions.

That every metric is such a mean is what makes them comparable between runs, question by question.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ragqa.errors import UsageError

RANKING = ("recall@1", "recall@5", "recall@10", "recall@50", "mrr@10", "ndcg@10")
ANSWERS = ("answer_containment", "token_f1", "citation_precision", "verified_rate")
REFUSALS = ("refusal_precision", "refusal_recall", "wrong_refusal_rate")
METRICS = (*RANKING, *ANSWERS, *REFUSALS)
LOWER_IS_BETTER = frozenset(("wrong_refusal_rate",))
DEPTH = 50
"""Places of a ranking that any metric looks at."""

ALL = "all"
"""The group of all questions; the others are languages."""
P50, P95 = "p50_ms", "p95_ms"
SEARCH_STAGES = (
    *("split", "query", "lexical", "embed", "dense", "exact", "readable", "fusion", "coverage", "rerank", "passages"),
    "retrieval",
)
ANSWER_STAGES = ("evidence", "prompt", "generation", "verification", "total")
"""What is timed; a question that has no need of a stage does not go through it."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One question's distinct places, best first: the number of a target, or None; and the gain of every target."""

    places: Sequence[int | None]
    gains: Sequence[int]


def ranking_values(ranked: Mapping[str, Ranked]) -> dict[str, dict[str, float]]:
    """The ranking metrics of each question that has a target, by question id."""
    # 30 ms, and numpy: not at the top of a file that only names metrics.
    from ir_measures import RR, R, calc, nDCG

    measures = {R @ 1: RANKING[0], R @ 5: RANKING[1], R @ 10: RANKING[2], R @ 50: RANKING[3]}
    measures |= {RR @ 10: RANKING[4], nDCG @ 10: RANKING[5]}
    judged = {question: each for question, each in ranked.items() if each.gains}
    if not judged:
        return {}
    relevant = {
        question: {_name(number): gain for number, gain in enumerate(each.gains)} for question, each in judged.items()
    }
    run = {
        question: {_name(target, place): float(-place) for place, target in enumerate(each.places)} or {"none": 0.0}
        for question, each in judged.items()
    }
    values: dict[str, dict[str, float]] = {question: {} for question in judged}
    for metric in calc(list(measures), relevant, run).per_query:
        values[metric.query_id][measures[metric.measure]] = float(metric.value)
    return values


def _name(target: int | None, place: int = 0) -> str:
    return f"target {target}" if target is not None else f"other {place}"


def answer_values(
    *,
    answerable: bool,
    refused: bool,
    containment: float | None,
    f1: float | None,
    cited: float | None,
    verified: float | None,
) -> dict[str, float]:
    """The answer and refusal metrics of one question; None for what does not apply to it."""
    values = {
        "answer_containment": containment,
        "token_f1": f1,
        "citation_precision": cited,
        "verified_rate": verified,
        "refusal_precision": float(not answerable) if refused else None,
        "refusal_recall": None if answerable else float(refused),
        "wrong_refusal_rate": float(refused) if answerable else None,
    }
    return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of a metric over the `questions` it applies to; None where it applies to none."""

    value: float | None
    questions: int


def column(name: str, rows: Sequence[Mapping[str, float]]) -> list[float | None]:
    """One metric of some questions, None where it does not apply.

    Where no question is unanswerable no refusal could be right, and their precision says nothing.
    """
    if name == "refusal_precision" and not any("refusal_recall" in row for row in rows):
        return [None] * len(rows)
    return [row.get(name) for row in rows]


def means(values: Iterable[Mapping[str, float]]) -> dict[str, Mean]:
    """Every metric's mean over some questions."""
    rows = list(values)
    found = {}
    for name in METRICS:
        told = [value for value in column(name, rows) if value is not None]
        found[name] = Mean(math.fsum(told) / len(told) if told else None, len(told))
    return found


def percentiles(timings: Iterable[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """For each stage its 50th and 95th percentile in milliseconds, over the questions that went through it."""
    import numpy as np

    spent: dict[str, list[float]] = {}
    for row in timings:
        for stage, milliseconds in row.items():
            spent.setdefault(stage, []).append(milliseconds)
    return {
        stage: dict(zip((P50, P95), (float(value) for value in np.percentile(all_of_it, [50, 95])), strict=True))
        for stage, all_of_it in spent.items()
    }


# --- bounds: --fail-under ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bound:
    """A metric, of one group, may not be worse than `value`: below it, or above where less is better."""

    metric: str
    group: str
    value: float

    @property
    def name(self) -> str:
        return self.metric if self.group == ALL else f"{self.metric}:{self.group}"

    @property
    def stage(self) -> str | None:
        """The stage whose time is bounded, None where it is no time."""
        return None if self.metric in METRICS else self.metric.rpartition("_p")[0]

    @property
    def side(self) -> Literal["below", "above"]:
        """On which side of the bound a value fails."""
        return "above" if self.metric in LOWER_IS_BETTER or self.metric.endswith((P50, P95)) else "below"

    def fails(self, value: float) -> bool:
        # A value that is shown as the bound has reached it: means of thirds are not exact.
        off = 1e-9
        return value > self.value + off if self.side == "above" else value < self.value - off


def bound(text: str) -> Bound:
    """Read `mrr@10=.9`, `recall@10:zh-Hant=.95` (one language) or `retrieval_p95_ms=40`.

    Raises UsageError, with the nearest name that exists, for anything else.
    """
    name, separator, number = text.partition("=")
    metric, _, group = name.strip().partition(":")
    metric = metric.lower()
    try:
        value = float(number)
        if not separator or not math.isfinite(value):
            raise ValueError
    except ValueError:
        raise UsageError(f"--fail-under takes METRIC=NUMBER, not {text!r}", remedy="e.g. mrr@10=0.9") from None
    if metric.endswith(("_" + P50, "_" + P95)) and not group:
        _require_stage(metric)
        return Bound(metric, ALL, value)
    if metric not in METRICS:
        close = difflib.get_close_matches(metric, METRICS, n=1, cutoff=0.5)
        said = f"did you mean `{close[0]}`?" if close else f"one of {', '.join(METRICS)}, STAGE_{P50}, STAGE_{P95}"
        raise UsageError(f"there is no metric `{metric}`", remedy=said)
    if not 0 <= value <= 1:
        raise UsageError(f"`{metric}` is between 0 and 1, never {value:g}")
    return Bound(metric, group or ALL, value)


def broken(
    bounds: Sequence[Bound],
    groups: Mapping[str, Mapping[str, Mean]],
    latency: Mapping[str, Mapping[str, float]],
) -> list[str]:
    """One line for each bound that is not kept, or that nothing tells."""
    lines = []
    for each in bounds:
        value = _mean(each, groups) if each.stage is None else latency.get(each.stage, {}).get(each.metric[-len(P50) :])
        if value is None:
            lines.append(f"{each.name} was not measured: no question tells it; the bound is {each.value:g}")
        elif each.fails(value):
            lines.append(f"{each.name} is {value:.4g}, {each.side} {each.value:g}")
    return lines


def _mean(bound: Bound, groups: Mapping[str, Mapping[str, Mean]]) -> float | None:
    return groups[bound.group][bound.metric].value if bound.group in groups else None


def _require_stage(metric: str) -> None:
    stage, unit, which = metric.rpartition("_p")
    known = (*SEARCH_STAGES, *ANSWER_STAGES)
    if stage not in known:
        close = difflib.get_close_matches(stage, known, n=1, cutoff=0.5)
        said = f"did you mean `{close[0]}{unit}{which}`?" if close else f"one of {', '.join(known)}"
        raise UsageError(f"there is no stage `{stage}`", remedy=said)
