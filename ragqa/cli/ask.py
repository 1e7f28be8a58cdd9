"""`ask` and `search`: a question to a checked answer, or to the passages it would rest on."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ragqa.cli.command import (
    ANSWERING,
    RETRIEVING,
    ExtractiveOption,
    Format,
    ModelOption,
    NoRerankOption,
    RerankOption,
    Session,
    command,
)
from ragqa.cli.open import remember
from ragqa.errors import NoEvidence, ServiceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ragqa.flows.ask import Asked, Event
    from ragqa.index.scope import Scope
    from ragqa.retrieval import Part, Trace
    from ragqa.types import Hit

MAX_QUESTION_CHARACTERS = 20_000
"""A longer question is a document: it is refused before any model sees it."""

QuestionArgument = Annotated[str, typer.Argument(metavar="QUESTION", help="In words; - reads it from stdin.")]
ExplainOption = Annotated[bool, typer.Option("--explain", help="Show how each passage was found, on stderr.")]
StrictFreshOption = Annotated[
    bool, typer.Option("--strict-fresh", help="Exit code 4 where a file changed since it was ingested.")
]


def register(app: typer.Typer) -> None:
    command(app, "ask", settings={**RETRIEVING, **ANSWERING}, scoped=True)(ask)
    command(app, "search", settings=RETRIEVING, scoped=True)(search)


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
    strict_fresh: StrictFreshOption = False,
) -> int:
    """Answer a question, with citations that code has checked.

    Exit code 3 means that the documents do not hold the answer, 5 that the model service failed or was cut off.
    """
    from ragqa import wiring
    from ragqa.flows import ask as flow

    question = _question(question)
    name = wiring.generator_name(session.config.answer)
    with wiring.open_store(session.index) as store:
        parts = wiring.searching(store, session.config, notice=session.note, chosen=session.filter)
        answering = wiring.answering(name, session.config, parts, notice=session.note)
        with _listener(session) as on_event:
            asked = flow.ask(question, parts, answering, strict_fresh=strict_fresh, on_event=on_event)
    _show(session, asked, explain=explain)
    remember(session, store.folder, asked)
    return _after(session, asked, explain=explain, hint=name == "extractive" and not extractive)


def search(
    session: Session,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="In words; - reads it from stdin.")],
    top_k: Annotated[
        int | None, typer.Option("--top-k", "-k", metavar="N", help="How many passages. [default: as in the settings]")
    ] = None,
    rerank: RerankOption = None,
    no_rerank: NoRerankOption = False,
    explain: ExplainOption = False,
    strict_fresh: StrictFreshOption = False,
) -> int:
    """Show the passages that fit a query best. Exit code 3 if there are none."""
    from ragqa import wiring
    from ragqa.cli import render, shapes
    from ragqa.flows import search as flow

    query = _question(query)
    with wiring.open_store(session.index) as store:
        parts = wiring.searching(store, session.config, notice=session.note, chosen=session.filter)
        found = flow.search(query, parts, strict_fresh=strict_fresh)
    if session.format is Format.JSONL:
        for hit in found.retrieval.hits:
            session.out.json(shapes.hit(hit))
    else:
        markdown = session.format is Format.MD
        session.data(shapes.search(found, explain=explain), lambda: render.hits(found, markdown=markdown))
    retrieved = found.retrieval
    _tell_how_found(session, retrieved.trace, retrieved.hits, retrieved.parts, scope=found.scope, explain=explain)
    if not found.retrieval.hits:
        session.note("nothing found")
        return NoEvidence.exit_code
    return 0


def _tell_how_found(
    session: Session, trace: Trace, hits: Sequence[Hit], parts: Sequence[Part], *, scope: Scope | None, explain: bool
) -> None:
    """On stderr: what was put right in the question, or all there is to explain; and a reranker that failed."""
    from ragqa.cli import render

    if not explain:
        for line in render.corrections(trace, parts):
            session.note(line)
    elif session.format in (Format.TEXT, Format.MD):
        session.err.write(render.explanation(trace, hits, parts, scope=scope))
    if trace.reranking and trace.reranking.failure:
        session.note(f"not reranked: {trace.reranking.failure}")


def _question(given: str) -> str:
    # Bytes, because what the interpreter makes of them depends on LANG; a question is UTF-8 under any.
    data = sys.stdin.buffer.read() if given == "-" else os.fsencode(given)
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise UsageError("the question is not UTF-8") from error
    if not text:
        raise UsageError("the question is empty")
    if len(text) > MAX_QUESTION_CHARACTERS:
        raise UsageError(f"the question has {len(text):,} characters; at most {MAX_QUESTION_CHARACTERS:,} are read")
    return text


@contextmanager
def _listener(session: Session) -> Iterator[Callable[[Event], None]]:
    """Who sees the answer come: a pipe gets each event as a JSON line, a terminal the text as it is written."""
    from ragqa.cli import shapes
    from ragqa.cli.cells import Flowing, terminal_width
    from ragqa.flows.ask import Written

    if session.format is Format.JSONL:
        yield lambda event: session.out.json(shapes.ask_event(event))
    elif session.format is Format.TEXT and session.at_terminal:
        flowing = Flowing(terminal_width())
        yield lambda event: session.out.write(flowing.add(event.text)) if isinstance(event, Written) else None
        session.out.write(flowing.rest())
    else:
        yield lambda event: None


def _show(session: Session, asked: Asked, *, explain: bool) -> None:
    """The checked answer; at a terminal its text stands there already, and what was found out about it follows."""
    from ragqa.cli import render, shapes

    if session.format is Format.JSONL:
        session.out.json({"event": "result", **shapes.ask(asked, explain=explain)})
    elif session.format is Format.TEXT:
        session.out.write(render.answer(asked.answer, streamed=session.at_terminal))
    else:
        session.data(shapes.ask(asked, explain=explain), lambda: render.answer_markdown(asked.answer))


def _after(session: Session, asked: Asked, *, explain: bool, hint: bool) -> int:
    """What is said on stderr behind an answer, and its exit code."""
    from ragqa.cli import render

    answer = asked.answer
    _tell_how_found(session, asked.trace, answer.hits, asked.parts, scope=asked.scope, explain=explain)
    session.note_stale(asked.index.stale_files)
    match answer.status:
        case "answered":
            if hint:
                session.note("extractive answer; for a written one set GEMINI_API_KEY, or answer.model in the settings")
            return 0
        case "not_found":
            if session.format is Format.TEXT and session.at_terminal:
                session.out.line()  # behind what was streamed before it turned out to stand on nothing
            if not session.quiet:
                session.err.write(render.closest(asked))
            return NoEvidence.exit_code
        case "incomplete":
            what = "the answer is incomplete" if answer.text else "there is no answer"
            remedy = "" if answer.text else " (`--extractive` answers without a model service)"
            session.err.line(f"ragqa: {what}: {answer.reason}{remedy}")
            if not answer.text and not session.quiet:
                session.err.write(render.closest(asked))
            return ServiceError.exit_code
