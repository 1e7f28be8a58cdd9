"""`ask`: a question to a checked answer."""

from __future__ import annotations

from typing import Annotated

import typer

from ragqa.cli import listening
from ragqa.cli.asking import ExplainOption, StrictFreshOption, read_question
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
    command,
)
from ragqa.cli.open import remember

QuestionArgument = Annotated[str, typer.Argument(metavar="QUESTION", help="In words; - reads it from stdin.")]


def register(app: typer.Typer) -> None:
    command(app, "ask", settings={**RETRIEVING, **ANSWERING, **STRICT}, scoped=True)(ask)


def ask(
    session: Session,
    question: QuestionArgument,
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
) -> int:
    """Answer a question, with citations that code has checked.

    With --strict nothing is shown before all of it is checked. Exit code 3 means that the documents do not hold the
    answer, 5 that the model service failed or was cut off.
    """
    from ragqa import wiring
    from ragqa.flows import ask as flow

    question = read_question(question)
    name = wiring.generator_name(session.config.answer)
    with wiring.open_store(session.index) as store:
        parts = wiring.searching(store, session.config, notice=session.note, chosen=session.filter)
        answering = wiring.answering(name, session.config, parts, notice=session.note)
        with listening.listener(session) as on_event:
            asked = flow.ask(question, parts, answering, strict_fresh=strict_fresh, on_event=on_event)
    listening.show(session, asked, explain=explain)
    remember(session, store.folder, asked)
    return listening.after(session, asked, explain=explain, hint=name == "extractive" and not extractive)
