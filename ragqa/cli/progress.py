"""Progress on a terminal's stderr: of an ingest files done, chunks a second, time gone by; else a plain count."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ragqa.cli.gate import visible
from ragqa.flows.ingest import Embedded, Event, Planned, Refused, Stored

if TYPE_CHECKING:
    from rich.progress import ProgressColumn


@contextmanager
def bar() -> Iterator[tuple[Callable[[Event], None], Callable[[str], None]]]:
    """Yields what is to be told of each event, and what writes a note above the bar.

    The bar is gone when it ends: the report says the rest. It shows no time left, because files differ too much in
    size for their number to tell; what moves all the time is the clock and the dots.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.text import Text

    columns: list[ProgressColumn] = [
        SpinnerColumn(),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("files · {task.fields[chunks]:,} chunks{task.fields[rate]}"),
        TimeElapsedColumn(),
    ]
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as progress:
        task = progress.add_task("", total=None, chunks=0, rate="")
        stored = 0

        def on_event(event: Event) -> None:
            nonlocal stored
            match event:
                case Planned():
                    progress.update(task, total=event.to_read)
                case Stored():
                    stored += event.chunks
                    progress.update(task, advance=1, chunks=stored)
                case Refused():
                    progress.update(task, advance=1)
                case Embedded():
                    elapsed = progress.tasks[0].elapsed or 1.0
                    done = stored + event.chunks
                    progress.update(task, chunks=done, rate=f" · {done / max(elapsed, 0.1):.0f}/s")

        def note(line: str) -> None:
            progress.console.print(Text(visible(line)))

        yield on_event, note


@contextmanager
def count(noun: str) -> Iterator[tuple[Callable[[int, int], None], Callable[[str], None]]]:
    """Yields what is to be told (done, all), and what writes a note above the bar, which is gone when it ends."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.text import Text

    columns = (BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn(noun), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as progress:
        task = progress.add_task("", total=None)

        def note(line: str) -> None:
            progress.console.print(Text(visible(line)))

        yield lambda done, of: progress.update(task, completed=done, total=of), note
