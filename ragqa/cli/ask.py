"""`ask`: a question to a checked answer."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ragqa.cli import batch as batches
from ragqa.cli import listening, previewing
from ragqa.cli.asking import ExplainOption, StrictFreshOption, read_question
from ragqa.cli.batch import Batch
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
from ragqa.cli.open import remember
from ragqa.errors import UsageError

if TYPE_CHECKING:
    from ragqa import wiring

QuestionArgument = Annotated[
    str | None, typer.Argument(metavar="QUESTION", help="In words; - reads it from stdin.", show_default=False)
]


def register(app: typer.Typer) -> None:
    command(app, "ask", settings={**RETRIEVING, **ANSWERING, **STRICT}, scoped=True)(ask)


def ask(
    session: Session,
    question: QuestionArgument = None,
    top_k: Annotated[
        int | None,
        typer.Option("--top-k", "-k", metavar="N", help="Passages to work from. [default: as in the settings]"),
    ] = None,
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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the request to the service; send nothing.")] = False,
    batch: Annotated[
        str | None,
        typer.Option("--batch", metavar="FILE", help="Answer each line of FILE (- is stdin) with one JSON line."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", metavar="N", min=1, max=64, help="Of a batch: requests at once. [1]")
    ] = None,
    skip_done: Annotated[
        Path | None, typer.Option("--skip-done", metavar="OUT", help="Of a batch: leave out what OUT has answers to.")
    ] = None,
) -> int:
    """Answer a question, with citations that code has checked.

    With --strict nothing is shown before all of it is checked. Exit code 3 means that the documents do not hold the
    answer, 5 that the model service failed or was cut off.
    """
    from ragqa import wiring
    from ragqa.flows import ask as flow
    from ragqa.flows import search

    lines = _batch(session, question, batch, jobs, skip_done, dry_run=dry_run)
    question = "" if lines else read_question(_given(question))
    if timeout is not None and not timeout > 0:
        raise UsageError("--timeout takes seconds, more than 0")
    sending = _sending(timeout, dry_run=dry_run)
    name = wiring.generator_name(session.config.answer)
    wiring.service(name, session.config.answer)  # a missing key is told before anything is loaded
    with wiring.open_store(session.index) as store:
        parts = wiring.searching(store, session.config, notice=session.note, chosen=session.filter, sending=sending)
        answering = wiring.answering(
            name,
            session.config,
            parts,
            notice=session.note,
            sending=sending,
            degrades=timeout is not None,
            # One object is read only when it is whole: then the model may write one too.
            structured=session.format is Format.JSON or batch is not None,
        )
        if dry_run:
            return previewing.show(session, question, parts, answering, strict_fresh=strict_fresh)
        index = search.checked(parts, strict_fresh=strict_fresh)
        if lines:
            return batches.answer(session, lines, parts, answering, index, timeout_s=timeout, explain=explain)
        with listening.listener(session) as on_event:
            asked = flow.answer(question, parts, answering, index, timeout_s=timeout, on_event=on_event)
    listening.show(session, asked, explain=explain)
    remember(session, store.folder, asked)
    return listening.after(session, asked, explain=explain, hint=name == "extractive" and not extractive)


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
    dry_run: bool,
) -> Batch | None:
    """What `--batch` and its options come to; None where one question is asked."""
    if source is None:
        for option, given in (("--jobs", jobs), ("--skip-done", skip_done)):
            if given is not None:
                raise UsageError(f"{option} is for a batch", remedy="ragqa ask --batch FILE")
        return None
    if question is not None:
        raise UsageError("a question and --batch cannot both be meant", remedy="put the question into the file")
    if dry_run:
        raise UsageError("--dry-run shows the request of one question", remedy="name one in the place of --batch")
    batches.require_lines(session)
    return Batch(source, jobs or 1, skip_done)


def _sending(timeout: float | None, *, dry_run: bool) -> wiring.Sending:
    """Services as the run wants them; of a time limit a quarter at most goes to any request before the answer's own."""
    from ragqa import wiring
    from ragqa.models.recording import refusing_to_send

    return wiring.Sending(
        before=refusing_to_send(os.environ) if dry_run else None,
        at_most_s=math.inf if timeout is None else timeout / 4,
    )
