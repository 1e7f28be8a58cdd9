"""What is read of a question or a password, on the command line or stdin, and told of how passages were found."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ragqa.cli.command import Format, Session
from ragqa.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ragqa.index.scope import Scope
    from ragqa.retrieval import Part, Trace
    from ragqa.types import Hit

MAX_QUESTION_CHARACTERS = 20_000
"""A longer question is a document: it is refused before any model sees it."""

_MAX_QUESTION_BYTES = 1 << 20
"""What is longer is no question, however much white space is around it."""

ExplainOption = Annotated[bool, typer.Option("--explain", help="Show how each passage was found, on stderr.")]
StrictFreshOption = Annotated[
    bool, typer.Option("--strict-fresh", help="Exit code 4 where a file changed since it was ingested.")
]


def read_question(given: str) -> str:
    """A question as it was given on the command line, or stdin's for `-`."""
    # Bytes, because what the interpreter makes of them depends on LANG; a question is UTF-8 under any.
    data = _piped() if given == "-" else os.fsencode(given)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError("the question is not UTF-8") from error
    return require_question(text)


def _piped() -> bytes:
    """All of stdin, but no more than shows that it is too long: `yes` has no end."""
    data = sys.stdin.buffer.read(_MAX_QUESTION_BYTES + 1)
    if len(data) > _MAX_QUESTION_BYTES:
        raise UsageError(f"the question has more than {MAX_QUESTION_CHARACTERS:,} characters")
    return data


def read_password(given: str | None) -> str | None:
    """A password as it was given on the command line, or stdin's first line for `-`."""
    if given != "-":
        return given
    try:
        return sys.stdin.buffer.readline(_MAX_QUESTION_BYTES).decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise UsageError("the password on stdin is not UTF-8") from error


def require_question(text: str) -> str:
    """The question without white space around it. Raises UsageError for one that nobody can mean."""
    text = text.strip()
    if not text:
        raise UsageError("the question is empty")
    if len(text) > MAX_QUESTION_CHARACTERS:
        raise UsageError(f"the question has {len(text):,} characters; at most {MAX_QUESTION_CHARACTERS:,} are read")
    return text


def tell_how_found(
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
