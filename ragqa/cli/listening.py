"""Shows an answer: to a pipe as events or one object, to a terminal as text that comes as it is written."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ragqa.cli.asking import tell_how_found
from ragqa.cli.command import Format, Session
from ragqa.errors import NoEvidence, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ragqa.flows.ask import Asked, Event


@contextmanager
def listener(session: Session) -> Iterator[Callable[[Event], None]]:
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


def show(session: Session, asked: Asked, *, explain: bool) -> None:
    """The checked answer; at a terminal its text stands there already, and what was found out about it follows."""
    from ragqa.cli import render, shapes

    if session.format is Format.JSONL:
        session.out.json({"event": "result", **shapes.ask(asked, explain=explain)})
    elif session.format is Format.TEXT:
        session.out.write(render.answer(asked.answer, streamed=session.at_terminal))
    else:
        session.data(shapes.ask(asked, explain=explain), lambda: render.answer_markdown(asked.answer))


def after(session: Session, asked: Asked, *, explain: bool, hint: bool) -> int:
    """What is said on stderr behind an answer, and its exit code."""
    from ragqa.cli import render

    answer = asked.answer
    tell_how_found(session, asked.trace, answer.hits, asked.parts, scope=asked.scope, explain=explain)
    session.note_stale(asked.index.stale_files)
    if answer.dropped:
        sentences = "1 sentence" if answer.dropped == 1 else f"{answer.dropped} sentences"
        session.note(f"{sentences} left out that the sources do not confirm")
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
