"""`eval`: measure search and answers on questions whose answers are known, or draft such questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ragqa.cli.command import (
    ANSWERING,
    RETRIEVING,
    STRICT,
    ExtractiveOption,
    Format,
    ModelOption,
    NoRerankOption,
    RerankOption,
    Session,
    StrictOption,
    command,
)
from ragqa.errors import UsageError

if TYPE_CHECKING:
    from ragqa.cli.evaluation_runs import Run
    from ragqa.cli.evaluation_shapes import Asked, Compared
    from ragqa.evaluation.collection import Collection
    from ragqa.evaluation.metrics import Bound
    from ragqa.evaluation.questions import Question
    from ragqa.flows.evaluate import Evaluation

BELOW = 1
"""The exit code where a bound of --fail-under is not kept."""


def register(app: typer.Typer) -> None:
    command(app, "eval", settings={**RETRIEVING, **ANSWERING, **STRICT}, scoped=True)(evaluate)


def evaluate(
    session: Session,
    questions: Annotated[
        Path | None, typer.Argument(metavar="[QUESTIONS]", help="A JSONL file, or a BEIR folder.")
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option("--top-k", "-k", metavar="N", help="Passages to answer from. [default: as in the settings]"),
    ] = None,
    model: ModelOption = None,
    extractive: ExtractiveOption = False,
    rerank: RerankOption = None,
    no_rerank: NoRerankOption = False,
    strict: StrictOption = None,
    no_answers: Annotated[bool, typer.Option("--no-answers", help="Measure retrieval alone.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="List the questions that were lost, and at which stage.")
    ] = False,
    half: Annotated[
        Literal["fit", "report"] | None, typer.Option("--half", help="Half of the questions, by their ids.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="At most N questions, the same each time.")
    ] = None,
    save: Annotated[Path | None, typer.Option("--save", metavar="RUN", help="Write the results to a file.")] = None,
    compare: Annotated[
        Path | None, typer.Option("--compare", metavar="RUN", help="Tell which differences from it are real.")
    ] = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option("--fail-under", metavar="METRIC=N", help="Exit code 1 if it is worse; repeatable."),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option("--keep", metavar="DIR", help="Keep the index of a BEIR folder there for the next run."),
    ] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Fit below which evidence to refuse, and store it with the index.")
    ] = False,
    wrongly_refused: Annotated[
        float | None,
        typer.Option(
            "--wrongly-refused",
            metavar="SHARE",
            min=0,
            max=0.5,
            help="Of the answerable questions, --calibrate may refuse so many. [default: 0.05]",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="--calibrate stores nothing.")] = False,
    make: Annotated[
        int | None, typer.Option("--make", metavar="N", min=1, help="Draft N questions from the index instead.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where --make writes; a new file.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="Which passages --make draws. [default: 1]")
    ] = None,
) -> int:
    """Measure search and answers on questions whose answers are known.

    Each line of QUESTIONS is {"question", "answers"?, "document"?, "page"?, "answerable"?}; --make drafts some.
    """
    measuring = {
        "--save": save,
        "--compare": compare,
        "--fail-under": fail_under,
        "--keep": keep,
        "--no-answers": no_answers,
        "--explain": explain,
    }
    if make is not None:
        from ragqa.cli import drafting

        asking = {
            "QUESTIONS": questions,
            **measuring,
            "--calibrate": calibrate,
            "--half": half,
            "--limit": limit,
            "--top-k": top_k,
            "--rerank": rerank,
            "--no-rerank": no_rerank,
        }
        if given := [name for name, value in asking.items() if value]:
            raise UsageError(f"--make asks no questions: {given[0]} cannot be meant with it")
        return drafting.make(session, make, output=output, seed=1 if seed is None else seed)
    if output is not None or seed is not None:
        raise UsageError("--output and --seed are for --make", remedy="--save writes the results of a run")
    if questions is None:
        raise UsageError(
            "which questions? name a JSONL file or a BEIR folder",
            remedy="`ragqa eval --make 20 --output questions.jsonl` drafts some from the index",
        )
    if calibrate:
        if given := [name for name, value in measuring.items() if value]:
            raise UsageError(f"--calibrate measures evidence alone: {given[0]} cannot be meant with it")
        return _calibrate(session, questions, half, limit, at_most=wrongly_refused, dry_run=dry_run)
    if wrongly_refused is not None or dry_run:
        raise UsageError("--wrongly-refused and --dry-run are for --calibrate")
    wanted = _Wanted(
        source=questions,
        keep=keep,
        half=half,
        limit=limit,
        save=save,
        compare=compare,
        fail_under=fail_under or [],
        answers=not no_answers,
        explain=explain,
    )
    return _measure(session, wanted)


def _calibrate(
    session: Session,
    source: Path,
    half: Literal["fit", "report"] | None,
    limit: int | None,
    *,
    at_most: float | None,
    dry_run: bool,
) -> int:
    from ragqa.cli import calibrating
    from ragqa.evaluation import calibration, questions

    calibrating.require_meant(session, source)
    chosen = questions.chosen(questions.read(source), half=half, limit=limit)
    allowed = calibration.WRONGLY_REFUSED if at_most is None else at_most
    return calibrating.calibrate(session, source, chosen, at_most=allowed, dry_run=dry_run)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the command line asks for, but for what became settings."""

    source: Path
    keep: Path | None
    half: Literal["fit", "report"] | None
    limit: int | None
    save: Path | None
    compare: Path | None
    fail_under: Sequence[str]
    answers: bool
    explain: bool


def _measure(session: Session, wanted: _Wanted) -> int:
    from ragqa.cli import evaluation_runs, evaluation_shapes
    from ragqa.evaluation import collection, metrics, questions

    bounds = [metrics.bound(text) for text in wanted.fail_under]
    earlier = evaluation_runs.load(wanted.compare) if wanted.compare else None
    if wanted.save:
        evaluation_runs.require_writable(wanted.save)
    passages = collection.read(wanted.source) if wanted.source.is_dir() else None
    if wanted.keep and not passages:
        raise UsageError("--keep is for a BEIR folder", remedy="a file of questions is asked of the index as it is")
    every = passages.questions if passages else questions.read(wanted.source)
    chosen = questions.chosen(every, half=wanted.half, limit=wanted.limit)
    _require_measured(
        bounds, chosen, answers=wanted.answers, reranks=session.config.rerank.model not in ("auto", "none")
    )
    if earlier and not {(row.id, row.fingerprint) for row in earlier.rows} & {(q.id, q.fingerprint) for q in chosen}:
        raise _nothing_shared(wanted)
    evaluation = _evaluation(session, wanted, chosen, passages)
    asked = evaluation_shapes.Asked(str(wanted.source), wanted.half, wanted.limit)
    if wanted.save:  # before anything else can go wrong: it may have taken an hour
        evaluation_runs.save(wanted.save, evaluation_shapes.run(evaluation, asked))
    compared = _compared(wanted, earlier, evaluation) if earlier else None
    broken = metrics.broken(bounds, evaluation.groups, evaluation.latency)
    for note in evaluation.notes:
        session.note(note)
    _show(session, evaluation, asked, compared, broken if bounds else None, explain=wanted.explain)
    for line in broken:
        session.err.line(f"ragqa: {line}")
    return BELOW if broken else 0


def _compared(wanted: _Wanted, earlier: Run, evaluation: Evaluation) -> Compared:
    from ragqa.cli import evaluation_shapes
    from ragqa.evaluation.comparison import Row, compare

    rows = [
        Row(result.question.id, result.question.fingerprint, result.question.language, result.values)
        for result in evaluation.results
    ]
    comparison = compare(earlier.rows, rows)
    if not comparison.shared:
        raise _nothing_shared(wanted)
    return evaluation_shapes.Compared(str(wanted.compare), earlier, comparison)


def _nothing_shared(wanted: _Wanted) -> UsageError:
    return UsageError(
        f"no question of {wanted.source} is the same in {wanted.compare}", remedy="so nothing can be compared"
    )


def _require_measured(bounds: Sequence[Bound], chosen: Sequence[Question], *, answers: bool, reranks: bool) -> None:
    """Say what can be said of bounds before the questions are asked."""
    from ragqa.evaluation import metrics

    languages = sorted({question.language for question in chosen})
    for bound in bounds:
        answered = bound.metric in (*metrics.ANSWERS, *metrics.REFUSALS) or bound.stage in metrics.ANSWER_STAGES
        if answered and not answers:
            raise UsageError(f"`{bound.metric}` is not measured with --no-answers")
        if bound.stage == "rerank" and not reranks:
            raise UsageError(f"no reranker is set, so `{bound.metric}` is not measured", remedy="`--rerank NAME`")
        if bound.group not in (metrics.ALL, *languages):
            raise UsageError(
                f"no question is in the language {bound.group!r}", remedy=f"there is {', '.join(languages)}"
            )


def _evaluation(
    session: Session, wanted: _Wanted, questions: Sequence[Question], collection: Collection | None
) -> Evaluation:
    from ragqa import wiring
    from ragqa.cli.evaluation_index import asked_index
    from ragqa.flows import evaluate as flow

    name = wiring.generator_name(session.config.answer)
    with (
        asked_index(session, collection, wanted.keep) as (store, passages),
        counting(session, "questions") as (on_done, note),
    ):
        searching = wiring.searching(store, session.config, notice=note, chosen=session.filter)
        answering = wiring.answering(name, session.config, searching, notice=note) if wanted.answers else None
        if answering and name != "extractive":
            note(f"{name} is asked up to {len(questions):,} questions (`--extractive` asks no model)")
        return flow.evaluate(questions, searching, answering, passages=passages, on_done=on_done)


@contextmanager
def counting(session: Session, noun: str) -> Iterator[tuple[Callable[[int, int], None], Callable[[str], None]]]:
    """Who is told how many are done, and what takes notes meanwhile."""
    if session.shows_progress:
        from ragqa.cli.progress import count

        with count(noun) as told:
            yield told
    else:
        yield lambda done, of: None, session.note


def _show(
    session: Session,
    evaluation: Evaluation,
    asked: Asked,
    compared: Compared | None,
    broken: Sequence[str] | None,
    *,
    explain: bool,
) -> None:
    from ragqa.cli import evaluation_render, evaluation_shapes

    shape = evaluation_shapes.evaluation(evaluation, asked, explain=explain, compared=compared, broken=broken)
    if session.format is Format.JSONL:
        for result in evaluation.results:
            session.out.json({"event": "question", **evaluation_shapes.result(result)})
        session.out.json({"event": "result", **shape})
        return
    markdown = session.format is Format.MD
    session.data(
        shape,
        lambda: evaluation_render.report(evaluation, asked, explain=explain, compared=compared, markdown=markdown),
    )
    session.note_stale(evaluation.index.stale_files)
