"""Shows an answer: to a pipe as events or one object, to a terminal as text that comes as it is written."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ragqa.cli.asking import tell_how_found
from ragqa.cli.command import Format, Session
from ragqa.errors import NoEvidence, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ragqa.flows.ask import Asked, Degraded, Event


@contextmanager
def listener(session: Session) -> Iterator[Callable[[Event], None]]:
    """Who sees the answer come: a pipe gets each event as a JSON line, a terminal the text as it is written."""
    from ragqa.cli import ask_shapes, render
    from ragqa.cli.cells import Flowing, terminal_width
    from ragqa.flows.ask import Degraded, Withdrawn, Written

    if session.format is Format.JSONL:
        yield lambda event: session.out.json(ask_shapes.ask_event(event))
    elif session.format is Format.TEXT and session.at_terminal:
        flowing, has_written = Flowing(terminal_width()), False

        def show_text(event: Event) -> None:
            nonlocal flowing, has_written
            if isinstance(event, Written):
                session.out.write(flowing.add(event.text))
                has_written = True
            elif isinstance(event, Degraded):
                if has_written:  # what stands there already is not taken back, but ended
                    session.out.write(flowing.rest())
                    session.out.line(" […]\n")
                session.err.line(_degraded(event, has_written=has_written))
                flowing = Flowing(terminal_width())
            elif isinstance(event, Withdrawn) and has_written:
                session.out.write(flowing.rest())
                session.out.line(f" {render.DOUBT}")

        yield show_text
        session.out.write(flowing.rest())
    else:
        yield lambda event: None


def _degraded(degraded: Degraded, *, has_written: bool = False) -> str:
    """What happened to the service, and what stands in the place of its answer."""
    instead = "what it wrote counts no more; here is" if has_written else "here is"
    return f"ragqa: {degraded.reason}; {instead} an extractive answer"


def show(session: Session, asked: Asked, *, explain: bool) -> None:
    """The checked answer; at a terminal its text stands there already, and what was found out about it follows."""
    from ragqa.cli import ask_shapes, render

    if session.format is Format.JSONL:
        session.out.json({"event": "result", **ask_shapes.ask(asked, explain=explain)})
    elif session.format is not Format.JSON and asked.answer.status == "incomplete" and not asked.answer.text:
        # The service is down; what was found is worth reading all the same.
        session.out.write(render.sources(asked, markdown=session.format is Format.MD))
    elif session.format is Format.TEXT:
        session.out.write(render.answer(asked.answer, streamed=session.at_terminal))
    else:
        session.data(ask_shapes.ask(asked, explain=explain), lambda: render.answer_markdown(asked.answer))


def after(session: Session, asked: Asked, *, explain: bool, hint: bool) -> int:
    """What is said on stderr behind an answer, and its exit code."""
    from ragqa.cli import render

    answer = asked.answer
    tell_how_found(session, asked.trace, answer.hits, asked.parts, scope=asked.scope, explain=explain)
    session.note_stale(asked.index.stale_files)
    if answer.dropped:
        sentences = "1 sentence" if answer.dropped == 1 else f"{answer.dropped} sentences"
        session.note(f"{sentences} left out that the sources do not confirm")
    if asked.degraded and not (session.format is Format.TEXT and session.at_terminal):
        session.err.line(_degraded(asked.degraded))
    match answer.status:
        case "answered":
            if asked.degraded:
                return ServiceError.exit_code
            if hint:
                session.note("extractive answer; for a written one set GEMINI_API_KEY, or answer.model in the settings")
            return 0
        case "not_found":
            if session.format is Format.TEXT and session.at_terminal:
                session.out.line()  # behind what was streamed before it turned out to stand on nothing
            if not session.quiet:
                session.err.write(render.closest(asked))
            return ServiceError.exit_code if asked.degraded else NoEvidence.exit_code
        case "incomplete":
            what = "the answer is incomplete" if answer.text else "there is no answer"
            remedy = "" if answer.text else " (`--extractive` answers without a model service)"
            session.err.line(f"ragqa: {what}: {answer.reason}{remedy}")
            if not answer.text and answer.hits and session.format in (Format.TEXT, Format.MD):
                session.note("these are the passages that it would have rested on")
            return ServiceError.exit_code
