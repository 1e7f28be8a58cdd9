"""Progress on a terminal's stderr: what is done of an ingest, a re-embedding or a count, and the time gone by."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ragqa.cli.gate import visible
from ragqa.flows import reembed
from ragqa.flows.ingest import Embedded, Event, Planned, Refused, Stored

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID


Note = Callable[[str], None]


@contextmanager
def bar() -> Iterator[tuple[Callable[[Event], None], Note]]:
    """Yields what is to be told of each event of an ingest, and what writes a note above the bar."""
    with _shown("files") as (progress, task, note):
        yield _ingesting(progress, task), note


@contextmanager
def filling_bar() -> Iterator[tuple[Callable[[Event], None], Callable[[reembed.Event], None], Note]]:
    """The same for an ingest that a re-embedding may come before, which the second one is told of."""
    with _shown("passages") as (progress, task, note):
        yield _ingesting(progress, task), _reembedding(progress, task), note


def _ingesting(progress: Progress, task: TaskID) -> Callable[[Event], None]:
    stored = 0

    def on_event(event: Event) -> None:
        nonlocal stored
        match event:
            case Planned():
                progress.update(task, total=event.to_read, completed=0, chunks=0, rate="")
            case Stored():
                stored += event.chunks
                progress.update(task, advance=1, chunks=stored)
            case Refused():
                progress.update(task, advance=1)
            case Embedded():
                _embedded(progress, task, stored + event.chunks)

    return on_event


@contextmanager
def count(noun: str) -> Iterator[tuple[Callable[[int, int | None], None], Note]]:
    """Yields what is to be told (done, all or None), and what writes a note above the bar, which is gone at its end."""
    with _shown(noun, counts_chunks=False) as (progress, task, note):
        yield lambda done, of: progress.update(task, completed=done, total=of), note


@contextmanager
def reembedding_bar() -> Iterator[tuple[Callable[[reembed.Event], None], Note]]:
    """The same for a re-embedding."""
    with _shown("documents") as (progress, task, note):
        yield _reembedding(progress, task), note


def _reembedding(progress: Progress, task: TaskID) -> Callable[[reembed.Event], None]:
    staged = 0

    def on_event(event: reembed.Event) -> None:
        nonlocal staged
        match event:
            case reembed.Started():
                progress.update(task, total=event.documents, completed=event.staged)
            case reembed.Staged():
                staged = event.chunks
                progress.update(task, completed=event.documents, chunks=staged)
            case reembed.Switching():
                progress.update(task, rate=" · switching over")
            case Embedded():
                _embedded(progress, task, staged + event.chunks)

    return on_event


@contextmanager
def _shown(things: str, *, counts_chunks: bool = True) -> Iterator[tuple[Progress, TaskID, Note]]:
    """A bar that is gone when it ends: the report says the rest.

    It shows no time left, because documents differ too much in size for their number to tell; what moves all the time
    is the clock and the dots.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.text import Text

    columns: list[ProgressColumn] = [
        SpinnerColumn(),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn(things + (" · {task.fields[chunks]:,} chunks{task.fields[rate]}" if counts_chunks else "")),
        TimeElapsedColumn(),
    ]
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as progress:
        task = progress.add_task("", total=None, chunks=0, rate="")
        yield progress, task, lambda line: progress.console.print(Text(visible(line)))


def _embedded(progress: Progress, task: TaskID, chunks: int) -> None:
    elapsed = progress.tasks[0].elapsed or 1.0
    progress.update(task, chunks=chunks, rate=f" · {chunks / max(elapsed, 0.1):.0f}/s")
