"""`status`, `list` and `get`: what the index holds."""

from __future__ import annotations

from typing import Annotated

import typer

from ragqa.cli.command import Format, Session, command


def register(app: typer.Typer) -> None:
    command(app, "status")(status)
    command(app, "list", scoped=True)(list_documents)
    command(app, "get")(get)


def status(session: Session) -> int:
    """What the index holds, and how many files changed since.

    Documents, chunks, languages, the embedding model, size, freshness.
    """
    from ragqa import wiring
    from ragqa.cli import index_shapes, reports
    from ragqa.flows import look

    with wiring.open_store(session.index) as store:
        state = look.status(store)
    session.data(index_shapes.status(state), lambda: reports.status(state))
    return 0


def list_documents(session: Session) -> int:
    """Every document; refused files with the reason."""
    from ragqa import wiring
    from ragqa.cli import index_shapes, reports
    from ragqa.flows import look

    with wiring.open_store(session.index) as store:
        documents = look.documents(store, session.filter)
    if session.format is Format.JSONL:
        for document in documents:
            session.out.json(index_shapes.document(document))
    else:
        session.data(index_shapes.documents(documents), lambda: reports.documents(documents))
    return 0


def get(
    session: Session,
    chunk_id: Annotated[
        str, typer.Argument(metavar="CHUNK_ID", help="As `search` shows it; its first six characters may do.")
    ],
    around: Annotated[int, typer.Option(metavar="N", min=0, max=100, help="N chunks before and after it, too.")] = 0,
) -> int:
    """One chunk by its id: its whole text, and where it stands."""
    from ragqa import wiring
    from ragqa.cli import render, shapes
    from ragqa.flows import look

    with wiring.open_store(session.index) as store:
        passages = look.get(store, chunk_id, around=around)
    session.data(shapes.passages(passages), lambda: render.passages(passages))
    return 0
