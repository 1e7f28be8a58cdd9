"""`ask`: a question to a checked answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ragqa.cli import batch as batches
from ragqa.cli import passing
from ragqa.cli.answering import Run
from ragqa.cli.asking import ExplainOption, StrictFreshOption, read_question
from ragqa.cli.batch import Batch
from ragqa.cli.command import (
    ANSWERING,
    RETRIEVING,
    STRICT,
    ExtractiveOption,
    ModelOption,
    NoRerankOption,
    RerankOption,
    Session,
    StrictOption,
    TopKOption,
    command,
)
from ragqa.errors import UsageError

QuestionArgument = Annotated[
    str | None, typer.Argument(metavar="QUESTION", help="In words; - reads it from stdin.", show_default=False)
]

_MOST_JOBS = 64


def register(app: typer.Typer) -> None:
    command(app, "ask", settings={**RETRIEVING, **ANSWERING, **STRICT}, scoped=True)(ask)


def ask(
    session: Session,
    question: QuestionArgument = None,
    top_k: TopKOption = None,
    model: ModelOption = None,
    extractive: ExtractiveOption = False,
    rerank: RerankOption = None,
    no_rerank: NoRerankOption = False,
    explain: ExplainOption = False,
    strict: StrictOption = None,
    strict_fresh: StrictFreshOption = False,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="SECONDS", help="Answer without the model service if it takes longer."),
    ] = None,
    context: Annotated[
        str | None,
        typer.Option("--context", metavar="FILE", help="Answer from FILE (- is stdin) alone; no index is needed."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the request to the service; send nothing.")] = False,
    batch: Annotated[
        str | None,
        typer.Option("--batch", metavar="FILE", help="Answer each line of FILE (- is stdin) with one JSON line."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", metavar="N", help=f"Of a batch: requests at once, {_MOST_JOBS} at most. [default: 1]"
        ),
    ] = None,
    skip_done: Annotated[
        Path | None, typer.Option("--skip-done", metavar="OUT", help="Of a batch: leave out what OUT has answers to.")
    ] = None,
) -> int:
    """Answer a question, with citations that code has checked.

    With --strict nothing is shown before all of it is checked. Exit code 3 means that the documents do not hold the
    answer, 5 that the model service failed or was cut off.
    """
    lines = _batch(session, question, batch, jobs, skip_done, other=_other(context, dry_run=dry_run))
    if context is not None:
        passing.require_alone(session, strict_fresh=strict_fresh)
        if question == context == "-":
            raise UsageError("stdin cannot be both the question and what it is about")
    if timeout is not None and not timeout > 0:
        raise UsageError("--timeout takes seconds, more than 0")
    run = Run(session, timeout, dry_run=dry_run, explain=explain, extractive=extractive)
    if lines:
        return run.batch(lines, strict_fresh=strict_fresh)
    question = read_question(_given(question))
    if context is not None:
        return run.about(question, passing.read(context, most_mb=session.config.ingest.max_file_mb))
    return run.one(question, strict_fresh=strict_fresh)


def _given(question: str | None) -> str:
    if question is None:
        raise UsageError("Missing argument 'QUESTION'", remedy="`ragqa ask --help` shows how it is used")
    return question


def _batch(
    session: Session,
    question: str | None,
    source: str | None,
    jobs: int | None,
    skip_done: Path | None,
    *,
    other: str,
) -> Batch | None:
    """What `--batch` and its options come to; None where one question is asked."""
    if source is None:
        for option, given in (("--jobs", jobs), ("--skip-done", skip_done)):
            if given is not None:
                raise UsageError(f"{option} is for a batch", remedy="ragqa ask --batch FILE")
        return None
    if question is not None:
        raise UsageError("a question and --batch cannot both be meant", remedy="put the question into the file")
    if other:
        raise UsageError(f"{other} is for one question", remedy="name one in the place of --batch")
    batches.require_lines(session)
    if jobs is not None and not 1 <= jobs <= _MOST_JOBS:
        raise UsageError(f"--jobs takes a number from 1 to {_MOST_JOBS}, not {jobs}")
    return Batch(source, jobs or 1, skip_done)


def _other(context: str | None, *, dry_run: bool) -> str:
    """The option that goes with no batch, where one was given."""
    return "--dry-run" if dry_run else "--context" if context is not None else ""
