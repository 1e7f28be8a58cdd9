"""`ask --dry-run`: the exact request that would be sent, its key redacted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ragqa.cli.command import Session

if TYPE_CHECKING:
    from ragqa.flows.ask import Answering
    from ragqa.flows.preview import Preview
    from ragqa.flows.search import IndexFacts, Searchable


def show(session: Session, question: str, parts: Searchable, answering: Answering, index: IndexFacts) -> int:
    """The request as it would be on the wire: a line for the address, the headers, an empty line, the body."""
    from ragqa.cli import pipeline_shapes
    from ragqa.flows import preview

    found = preview.preview(question, parts, answering, index)
    session.data(pipeline_shapes.preview(found), lambda: _text(found))
    if found.purpose == "search":
        session.note("this comes before the search; what is asked for the answer depends on the reply")
    elif found.request is None:
        session.note(f"nothing would be sent: {found.reason}")
    return 0


def _text(found: Preview) -> str:
    request = found.request
    if request is None:
        return ""
    headers = "".join(f"{name}: {value}\n" for name, value in request.headers.items())
    return f"{request.method} {request.url}\n{headers}\n{request.body.decode('utf-8')}\n"
