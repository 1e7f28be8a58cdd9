"""The index that `ragqa eval` asks: the user's own, or one that is made of a collection's passages for the purpose."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ragqa.cli.command import Session
from ragqa.errors import UsageError

if TYPE_CHECKING:
    from ragqa.evaluation.collection import Collection
    from ragqa.flows import reembed
    from ragqa.flows.ingest import Event
    from ragqa.index.store import Store


@contextmanager
def asked_index(
    session: Session, collection: Collection | None, keep: Path | None
) -> Iterator[tuple[Store, Mapping[str, int | None] | None]]:
    """The index that is asked: the user's, or one of the collection's passages, which is gone behind it unless kept."""
    from ragqa import wiring
    from ragqa.flows import collecting

    if collection is None:
        with wiring.open_store(session.index) as store:
            yield store, None
        return
    if keep and session.index:
        raise UsageError("--keep and --index both name the folder for the collection's index", remedy="give one")
    with ExitStack() as closing:
        if named := keep or session.index:
            folder = wiring.collection_folder(named)
        else:
            folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="ragqa-eval-")))
        with (
            _filling(session) as (on_event, on_reembedding, note),
            wiring.create_store(folder / wiring.INDEX, wait_s=0.0) as written,
            wiring.ingesting(session.config, notice=note) as parts,
        ):
            filled = collecting.fill(
                collection, folder, written, parts, on_event=on_event, on_reembedding=on_reembedding
            )
        if refused := filled.report.refused:
            session.note(
                f"{len(refused):,} passages could not be used, e.g. {refused[0].document}: {refused[0].reason}"
            )
        if collection.unjudged:
            session.note(f"{collection.unjudged:,} queries that are blank or without a judgement are left out")
        yield closing.enter_context(wiring.open_store(folder / wiring.INDEX)), filled.contents


@contextmanager
def _filling(
    session: Session,
) -> Iterator[tuple[Callable[[Event], None], Callable[[reembed.Event], None], Callable[[str], None]]]:
    """Who is told of an ingest, who of a re-embedding before it, and what takes notes meanwhile."""
    from ragqa.flows import reembed

    def noting(note: Callable[[str], None], show: Callable[[reembed.Event], None]) -> Callable[[reembed.Event], None]:
        def on_event(event: reembed.Event) -> None:
            if isinstance(event, reembed.Started):
                note(f"the kept index was made otherwise: {event.documents:,} passages are made anew")
            show(event)

        return on_event

    if session.shows_progress:
        from ragqa.cli.progress import filling_bar

        with filling_bar() as (on_ingest, on_reembedding, note):
            yield on_ingest, noting(note, on_reembedding), note
    else:
        yield lambda event: None, noting(session.note, lambda event: None), session.note
