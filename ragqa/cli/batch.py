"""`ask --batch`: a JSON line for each question as soon as it is answered, and the exit code of all of them."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ragqa.cli.command import Format, Session
from ragqa.errors import ServiceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ragqa.flows.ask import Answering
    from ragqa.flows.batch import Result
    from ragqa.flows.search import IndexFacts, Searching

UNREAD = 6
"""The exit code where a line was no question: like files that an ingest could not read."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What `--batch` was given, with the options that only it has."""

    source: str
    jobs: int
    skip_done: Path | None


def answer(
    session: Session,
    chosen: Batch,
    searching: Searching,
    answering: Answering,
    index: IndexFacts,
    *,
    timeout_s: float | None,
    explain: bool,
) -> int:
    """5 where a service failed for any question, else 6 where a line was no question, else 0."""
    from ragqa.cli import batch_lines, pipeline_shapes
    from ragqa.flows import batch

    skipped = batch_lines.done(chosen.skip_done) if chosen.skip_done else frozenset()
    if chosen.skip_done and _is_stdout(chosen.skip_done) and not batch_lines.is_ended(chosen.skip_done):
        session.out.line()  # what the last run was writing when it was stopped must not run into the first result
    questions = (asking for asking in batch_lines.read(chosen.source) if asking.id not in skipped)
    results = batch.batch(questions, searching, answering, index, jobs=chosen.jobs, timeout_s=timeout_s)
    code = 0
    with _progress(session, chosen) as on_done:
        for number, result in enumerate(results, 1):
            session.out.json(pipeline_shapes.batch_line(result, explain=explain))
            code = _worse(code, _code(result))
            on_done(number)
    return code


def require_lines(session: Session) -> None:
    """Raises UsageError for Markdown, which a batch does not write."""
    if session.format is Format.MD:
        raise UsageError("--batch writes JSON lines", remedy="leave --format md out")


def _code(result: Result) -> int:
    if isinstance(result.error, UsageError):
        return UNREAD
    asked = result.asked
    failed = asked is None or asked.answer.status == "incomplete" or asked.degraded is not None
    return ServiceError.exit_code if failed else 0


def _is_stdout(path: Path) -> bool:
    """Whether the results of this run go behind those that it looks at, as with `>> OUT`."""
    try:
        return os.path.samestat(path.stat(), os.fstat(1))
    except OSError:
        return False


@contextmanager
def _progress(session: Session, chosen: Batch) -> Iterator[Callable[[int], None]]:
    """Who is told how many are done: a person who watches stderr while stdout goes elsewhere, or nobody."""
    if not session.shows_progress or session.at_terminal:
        yield lambda done: None
        return
    from ragqa.cli import batch_lines
    from ragqa.cli.progress import count

    total = None if chosen.skip_done else batch_lines.count(chosen.source)
    with count("questions") as (on_count, _):
        yield lambda done: on_count(done, total)


def _worse(one: int, other: int) -> int:
    return next((code for code in (ServiceError.exit_code, UNREAD) if code in (one, other)), 0)
