"""`eval --calibrate`: fit the threshold for refusals on questions with known answers, and store it with the index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ragqa.cli.command import Format, Session
from ragqa.errors import UsageError
from ragqa.evaluation import calibration

if TYPE_CHECKING:
    from ragqa.cli.gate import Styled
    from ragqa.cli.shapes import Shape
    from ragqa.evaluation.calibration import Refusals, Share
    from ragqa.evaluation.questions import Question

WAIT_S = 60.0
"""How long the index may be written by another process before the threshold is given up."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What the threshold in force refuses, and the one that was fitted; `at_most` is the price that was allowed."""

    before: Refusals
    after: Refusals
    at_most: float
    stored: bool


def calibrate(
    session: Session, source: Path, questions: Sequence[Question], *, at_most: float, dry_run: bool = False
) -> int:
    """Weigh the questions, fit, store unless `dry_run`, and tell what changes."""
    from ragqa import wiring
    from ragqa.answering import evidence
    from ragqa.cli.evaluate import counting
    from ragqa.flows import calibrate as flow

    with wiring.open_store(session.index) as store, counting(session, "questions") as (on_done, note):
        searching = wiring.searching(store, session.config, notice=note)
        measured = store.meta()
        weighed = flow.weigh(questions, searching, on_done=on_done)
    refuse_below = calibration.fit(weighed, at_most=at_most, default=evidence.REFUSE_BELOW)
    if not dry_run:
        with wiring.open_store(session.index, write=True, wait_s=WAIT_S) as written:
            flow.keep(written, refuse_below, weighed, measured)
    done = Calibrated(
        calibration.refusals(weighed, flow.threshold(session.config.answer, measured)),
        calibration.refusals(weighed, refuse_below),
        at_most,
        stored=not dry_run,
    )
    session.data(shape(done), lambda: report(done, source, markdown=session.format is Format.MD))
    for line in _warnings(done):
        session.note(line)
    if not dry_run and session.standing.answer.refuse_below != "auto":
        session.note(
            f"answer.refuse_below = {session.standing.answer.refuse_below:g} is set and goes before it; "
            'with "auto" the index has its say'
        )
    return 0


def require_meant(session: Session, source: Path) -> None:
    """Raise UsageError for what `--calibrate` has no use for."""
    if source.is_dir():
        raise UsageError(
            "--calibrate is for questions about your own index, and a BEIR folder is an index of its own",
            remedy="name a JSONL file",
        )
    if session.filter is not None:
        raise UsageError(
            "--calibrate is for the whole index", remedy="leave the filter out: every question is asked of all of it"
        )


def shape(done: Calibrated) -> Shape:
    """`ragqa eval --calibrate --json`."""
    from ragqa.cli.shapes import SCHEMA_VERSION, number

    def share(share: Share) -> Shape:
        low, high = share.interval
        return {
            "refused": share.count,
            "of": share.of,
            "share": number(share.value),
            "low": number(low),
            "high": number(high),
        }

    def refusals(found: Refusals) -> Shape:
        return {
            "refuse_below": number(found.refuse_below),
            "unanswerable": share(found.rightly),
            "answerable": share(found.wrongly),
        }

    return {
        "schema_version": SCHEMA_VERSION,
        "before": refusals(done.before),
        "after": refusals(done.after),
        "at_most": number(done.at_most),
        "stored": done.stored,
        "warnings": _warnings(done),
    }


def report(done: Calibrated, source: Path, *, markdown: bool = False) -> Styled:
    """Both thresholds side by side, with what they refuse of either kind."""
    from ragqa.cli.evaluation_render import paragraph, table

    before, after = done.before, done.after
    rows = [
        ["", "before", "after", "from", "to"],
        ["refuse below", f"{before.refuse_below:.3f}", f"{after.refuse_below:.3f}", "", ""],
        ["refused, no answer", *_columns(before.rightly, after.rightly)],
        ["refused, an answer", *_columns(before.wrongly, after.wrongly)],
    ]
    there, absent = after.wrongly.of, after.rightly.of
    head = (
        f"{there + absent:,} questions, {there:,} with an answer in the documents and {absent:,} without; "
        f"at most {done.at_most:g} of those with one may be refused: {source}"
    )
    end = "stored with the index" if done.stored else "a dry run: nothing is stored"
    told = f"{end}; from, to: where the share of all such questions lies, in 95 of 100 cases"
    return (
        paragraph(head, markdown=markdown)
        + "\n"
        + table(rows, markdown=markdown)
        + "\n"
        + paragraph(told, markdown=markdown)
    )


def _columns(before: Share, after: Share) -> list[str]:
    low, high = after.interval
    return [f"{share:.3f}" for share in (before.value, after.value, low, high)]


def _warnings(done: Calibrated) -> list[str]:
    """What makes little of the numbers."""
    said = []
    for share, kind in ((done.after.wrongly, "with an answer"), (done.after.rightly, "without an answer")):
        if share.of < calibration.FEW:
            asked = "1 question" if share.of == 1 else f"{share.of:,} questions"
            said.append(f"{asked} {kind}: fewer than {calibration.FEW} tell little about the next one")
    return said
