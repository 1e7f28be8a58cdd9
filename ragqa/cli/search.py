"""`search`: the passages that an answer would rest on."""

from __future__ import annotations

from typing import Annotated

import typer

from ragqa.cli.asking import ExplainOption, StrictFreshOption, read_question, tell_how_found
from ragqa.cli.command import RETRIEVING, Format, NoRerankOption, RerankOption, Session, command
from ragqa.errors import NoEvidence


def register(app: typer.Typer) -> None:
    command(app, "search", settings=RETRIEVING, scoped=True)(search)


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

    query = read_question(query)
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
    tell_how_found(session, retrieved.trace, retrieved.hits, retrieved.parts, scope=found.scope, explain=explain)
    if not found.retrieval.hits:
        session.note("nothing found")
        return NoEvidence.exit_code
    return 0
