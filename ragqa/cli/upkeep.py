"""`check`, `remove` and `reembed`: keep the index sound, small and current."""

from __future__ import annotations

from typing import Annotated

import typer

from ragqa.cli.command import Session, command
from ragqa.errors import IndexDamaged


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
    from ragqa.cli import reports, shapes
    from ragqa.flows import upkeep

    with wiring.open_store(session.index, write=repair, lenient=True) as store:
        report = upkeep.check(store)
        if repair and report.findings:
            session.note("\n".join(f"repairing: {finding.what}" for finding in report.findings))
            report = upkeep.repaired(store, report)
    session.data(shapes.check(report), lambda: reports.check(report))
    return IndexDamaged.exit_code if report.findings else 0


def remove(
    session: Session,
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files or folders, as given to ingest.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Show what would go; remove nothing.")] = False,
) -> int:
    """Take documents out of the index. The files themselves are never touched."""
    from ragqa import wiring
    from ragqa.cli import reports, shapes
    from ragqa.flows import upkeep

    with wiring.open_store(session.index, write=not dry_run) as store:
        chosen = upkeep.removable(paths, store)
        shown = [state.display for state in store.documents() if state.path in set(chosen)]
        if not dry_run:
            upkeep.remove(chosen, store)
    session.data(shapes.removed(shown, dry_run=dry_run), lambda: reports.removed(shown, dry_run=dry_run))
    return 0


def reembed(
    session: Session,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="The embedding model. [default: as in the settings]")
    ] = None,
) -> int:
    """Chunk and embed everything again, from stored text.

    Needed after a change of the embedding model or of chunk sizes; no file is read.
    """
    from ragqa import wiring
    from ragqa.cli import reports, shapes
    from ragqa.flows import upkeep

    with wiring.open_store(session.index, write=True) as store:
        embedder = wiring.embedder(session.config.embedding, notice=session.note)
        done = upkeep.reembed(
            store,
            embedder,
            session.config.chunk,
            on_embedded=lambda done, of: session.note(f"{done} of {of} documents"),
        )
    session.data(shapes.reembedded(done), lambda: reports.reembedded(done))
    if model is not None:
        session.note(f"questions need this model too: set embedding.model = {model!r} in the settings")
    return 0
