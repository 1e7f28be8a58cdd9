"""Whether two runs over the same questions differ: a paired bootstrap for each metric and language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ragqa.evaluation.metrics import ALL, METRICS, column

RESAMPLES = 10_000
SEED = 20261120
_TOGETHER = 500


@dataclass(frozen=True, slots=True)
class Row:
    """What two runs are compared by: one question of one run."""

    id: str
    fingerprint: str
    language: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of one group: both means, their difference, and the interval that holds it in 95 of 100 resamples.

    It is real where that interval does not hold 0. `questions` are those with a value in either run.
    """

    metric: str
    group: str
    questions: int
    before: float
    after: float
    low: float
    high: float

    @property
    def mean(self) -> float:
        return self.after - self.before

    @property
    def is_real(self) -> bool:
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences over the questions that both runs asked; how many only one of them did, or asked otherwise."""

    differences: Sequence[Difference]
    shared: int
    only_before: int
    only_after: int
    changed: int


def compare(before: Sequence[Row], after: Sequence[Row]) -> Comparison:
    """Compare question by question. A question whose text or gold changed is left out, as one that is not shared."""
    earlier = {row.id: row for row in before}
    pairs = [(earlier[row.id], row) for row in after if row.id in earlier]
    same = [(old, new) for old, new in pairs if old.fingerprint == new.fingerprint]
    groups = {ALL: same}
    for language in sorted({new.language for _, new in same}):
        groups[language] = [(old, new) for old, new in same if new.language == language]
    if len(groups) == 2:  # one language is all there is
        del groups[next(name for name in groups if name != ALL)]
    differences = [
        found for name, chosen in groups.items() for metric in METRICS if (found := _difference(metric, name, chosen))
    ]
    return Comparison(
        differences=differences,
        shared=len(same),
        only_before=len(before) - len(pairs),
        only_after=len(after) - len(pairs),
        changed=len(pairs) - len(same),
    )


def _difference(metric: str, group: str, pairs: Sequence[tuple[Row, Row]]) -> Difference | None:
    """Questions are drawn with replacement, the values of both runs with them; a mean is over those that have one."""
    import numpy as np

    told = [column(metric, [pair[run].values for pair in pairs]) for run in (0, 1)]
    table = np.array(told, dtype=float).T.reshape(-1, 2)  # None becomes NaN
    table = table[~np.isnan(table).all(axis=1)]
    measured = ~np.isnan(table)
    if not measured.any(axis=0).all():  # one of the runs did not measure it
        return None
    values, weights = np.where(measured, table, 0.0), measured.astype(float)
    chance = np.random.default_rng(SEED)
    drawn = []
    for start in range(0, RESAMPLES, _TOGETHER):
        times = chance.multinomial(len(table), np.full(len(table), 1 / len(table)), min(_TOGETHER, RESAMPLES - start))
        with np.errstate(invalid="ignore", divide="ignore"):  # a resample may miss every question of a run
            sums = (times @ values) / (times @ weights)
        drawn.append(sums[:, 1] - sums[:, 0])
    differences = np.concatenate(drawn)
    low, high = np.percentile(differences[np.isfinite(differences)], [2.5, 97.5])
    means = values.sum(axis=0) / weights.sum(axis=0)
    # Sums of the same values in another order differ in their last bits, and 0 must stay 0.
    low, high = round(float(low), 9), round(float(high), 9)
    return Difference(metric, group, len(table), float(means[0]), float(means[1]), low, high)
