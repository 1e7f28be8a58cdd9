"""`check`, `remove` and `reembed`: keep the index sound, small and current."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ragqa.cli.command import Format, Session, command
from ragqa.errors import IndexDamaged, UsageError

if TYPE_CHECKING:
    from ragqa.flows.reembed import Event


def register(app: typer.Typer) -> None:
    command(app, "check")(check)
    command(app, "remove")(remove)
    command(app, "reembed", settings={"model": "embedding.model"})(reembed)


def check(
    session: Session,
    repair: Annotated[
        bool, typer.Option("--repair", help="Build what is derived (postings, vector file) anew.")
    ] = False,
) -> int:
    """Verify the whole index; exit code 4 if it is damaged.

    SQLite itself, every checksum, every posting against the stored text, the vector file against the store.
    """
    from ragqa import wiring
    from ragqa.cli import index_shapes, reports
    from ragqa.flows import upkeep

    with wiring.open_store(session.index, write=repair, lenient=True) as store:
        report = upkeep.check(store)
        if repair and report.findings:
            session.note("\n".join(f"repairing: {finding.what}" for finding in report.findings))
            report = upkeep.repaired(store, report)
    session.data(index_shapes.check(report), lambda: reports.check(report))
    return IndexDamaged.exit_code if report.findings else 0


def remove(
    session: Session,
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files or folders, as given to ingest.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Show what would go; remove nothing.")] = False,
) -> int:
    """Take documents out of the index. The files themselves are never touched."""
    from ragqa import wiring
    from ragqa.cli import index_shapes, reports
    from ragqa.flows import upkeep

    with wiring.open_store(session.index, write=not dry_run) as store:
        chosen = upkeep.removable(paths, store)
        shown = [state.display for state in store.documents() if state.path in set(chosen)]
        if not dry_run:
            upkeep.remove(chosen, store)
    session.data(index_shapes.removed(shown, dry_run=dry_run), lambda: reports.removed(shown, dry_run=dry_run))
    return 0


def reembed(
    session: Session,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="The embedding model. [default: as in the settings]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Also if nothing that decides a vector has changed.")] = False,
    discard: Annotated[bool, typer.Option("--discard", help="Drop what an unfinished run has made.")] = False,
) -> int:
    """Chunk and embed everything again, from stored text.

    Needed after a change of the embedding model, of the sparse model (retrieval.lexical) or of chunk sizes; no file is
    read. The index answers as before until all is made, then is switched over at once. A run that was stopped goes on
    where it was.
    """
    from ragqa import wiring
    from ragqa.cli import index_shapes, reports
    from ragqa.flows import reembed as flow

    if discard and (force or model is not None):
        raise UsageError("--discard takes neither --model nor --force: it only drops what is not in use")
    with wiring.open_store(session.index, write=True) as store:
        if discard:
            done = flow.discard(store)
        else:
            embedder = wiring.embedder(session.config.embedding, notice=session.note)
            sparse = wiring.sparse_encoder(session.config, notice=session.note)
            with _progress(session) as on_event:
                done = flow.reembed(
                    store, embedder, session.config.chunk, sparse=sparse, force=force, on_event=on_event
                )
    if session.format is Format.JSONL:
        session.out.json({"event": "result", **index_shapes.reembedded(done)})
    else:
        session.data(index_shapes.reembedded(done), lambda: reports.reembedded(done))
    if done.outcome == "switched" and session.config.embedding.model != session.standing.embedding.model:
        session.note(f"questions need this model too: set embedding.model = {model!r} in the settings")
    return 0


@contextmanager
def _progress(session: Session) -> Iterator[Callable[[Event], None]]:
    """Who is told of each event: a pipe gets them as JSON lines, a terminal a bar on stderr, anyone else nothing."""
    if session.format is Format.JSONL:
        from ragqa.cli import index_shapes

        yield _noting(session.note, lambda event: session.out.json(index_shapes.reembed_event(event)))
    elif session.shows_progress:
        from ragqa.cli.progress import reembedding_bar

        with reembedding_bar() as (show, note):
            yield _noting(note, show)
    else:
        yield _noting(session.note, lambda event: None)


def _noting(note: Callable[[str], None], show: Callable[[Event], None]) -> Callable[[Event], None]:
    """Events are shown, and what was thrown away is said to everyone."""
    from ragqa.cli import reports
    from ragqa.flows.reembed import Discarded

    def on_event(event: Event) -> None:
        if isinstance(event, Discarded):
            note(reports.discarded(event))
        show(event)

    return on_event
