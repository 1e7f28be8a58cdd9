"""`ingest`: parse its options, show its progress, print its report."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ragqa.cli.asking import read_password
from ragqa.cli.command import Format, Session, command
from ragqa.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ragqa.flows.ingest import Event

PARTLY = 6
"""The exit code of an ingest that finished although some files failed."""


def register(app: typer.Typer) -> None:
    settings = {"include": "ingest.include", "exclude": "ingest.exclude", "hidden": "ingest.hidden"}
    command(app, "ingest", settings=settings)(ingest)


def ingest(
    session: Session,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH...", help="Files and folders; without any, those ingested before."),
    ] = None,
    include: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Only files that match, as in .gitignore; repeatable.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Leave out what matches; repeatable.")
    ] = None,
    hidden: Annotated[bool | None, typer.Option("--hidden", help="Hidden files and folders too.")] = None,
    files_from: Annotated[
        str | None, typer.Option(metavar="FILE", help="Read paths from FILE, one a line; - for stdin.")
    ] = None,
    null: Annotated[bool, typer.Option("-0", "--null", help="Paths of --files-from end in a zero byte.")] = False,
    password: Annotated[
        str | None, typer.Option(metavar="TEXT", help="For encrypted files; - reads it from stdin's first line.")
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Try files again that failed before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Show what would happen; write nothing.")] = False,
    wait: Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait for another ingest.")] = 0.0,
) -> int:
    """Read, chunk, embed and index documents: pdf, md, txt, html, docx.

    Unchanged files cost nothing, changed ones are replaced, vanished ones removed. Only what is new is embedded.
    """
    from ragqa import wiring
    from ragqa.cli import index_shapes, reports
    from ragqa.flows import ingest as flow

    targets = [os.fsencode(path) for path in paths or []]
    if files_from is not None:
        targets += _paths_from(files_from, null=null)
    folder = wiring.index_to_write(session.index)
    if not targets:
        targets = _ingested_before(folder)
    if dry_run:
        with wiring.maybe_open(folder) as store:
            report = flow.plan(targets, store, session.config)
    else:
        secret = read_password(password)
        with (
            wiring.create_store(folder, wait_s=wait) as store,
            _progress(session) as (on_event, note),
            wiring.ingesting(session.config, notice=note) as parts,
        ):
            report = flow.ingest(
                targets,
                store,
                parts,
                password=secret,
                retry=retry,
                prune=files_from is None,
                on_event=on_event,
            )
    if session.format is Format.JSONL:
        session.out.json({"event": "result", **index_shapes.ingest(report, dry_run=dry_run)})
    else:
        session.data(index_shapes.ingest(report, dry_run=dry_run), lambda: reports.ingest(report, dry_run=dry_run))
    return PARTLY if report.failed else 0


def _ingested_before(folder: Path) -> list[bytes]:
    """The folders that the index knows; below the working directory as one would type them, so they are shown so."""
    from ragqa import wiring

    with wiring.maybe_open(folder) as store:
        roots = store.roots() if store else []
    if not roots:
        raise UsageError("nothing to ingest: no PATH was given, and none was ingested here before")
    return [_as_typed(root, Path.cwd()) for root in roots]


def _as_typed(root: bytes, here: Path) -> bytes:
    path = Path(os.fsdecode(root))
    return os.fsencode(path.relative_to(here)) if path.is_relative_to(here) else root


def _paths_from(source: str, *, null: bool) -> list[bytes]:
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the list of files {source}: {error.strerror}") from error
    return [path for path in data.split(b"\0" if null else b"\n") if path]


@contextmanager
def _progress(session: Session) -> Iterator[tuple[Callable[[Event], None], Callable[[str], None]]]:
    """Who is told of each event: a pipe gets them as JSON lines, a terminal a bar on stderr, anyone else nothing.

    And what takes notes meanwhile, so that none is written into the bar.
    """
    if session.format is Format.JSONL:
        from ragqa.cli import index_shapes

        yield lambda event: session.out.json(index_shapes.ingest_event(event)), session.note
    elif session.shows_progress:
        from ragqa.cli.progress import bar

        with bar() as on_event_and_note:
            yield on_event_and_note
    else:
        yield lambda event: None, session.note
