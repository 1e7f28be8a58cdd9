"""`ragqa check` and `ragqa remove`: verify what is stored, take documents out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragqa.documents.discovery import absolute, is_inside
from ragqa.errors import NoEvidence
from ragqa.index import integrity, repair
from ragqa.index.records import Batch
from ragqa.text import analyzer

if TYPE_CHECKING:
    from ragqa.index.integrity import Report
    from ragqa.index.store import Store


def check(store: Store) -> Report:
    """Verify every stored byte, and everything derived from it. Only reads."""
    return integrity.check(store, analyzer.analyze)


def repaired(store: Store, report: Report) -> Report:
    """Make what `report` found sound again, and check once more. Raises IndexDamaged where SQLite itself is damaged."""
    repair.repair(store, report, analyzer.analyze)
    store.compact()
    return check(store)


def removable(paths: Sequence[str], store: Store) -> list[bytes]:
    """The stored paths that `paths` name: a file, or a folder and all below it, as given to ingest or absolute.

    Raises NoEvidence for a path that names nothing, so that a misspelt one is not taken for done.
    """
    states = store.documents()
    chosen: dict[bytes, None] = {}
    for path in paths:
        target = absolute(os.fsencode(path))
        matches = [state.path for state in states if is_inside(state.path, target) or state.display == path]
        if not matches:
            raise NoEvidence(f"the index holds nothing from {path}", remedy="`ragqa list` shows what it holds")
        chosen.update(dict.fromkeys(matches))
    return list(chosen)


def remove(paths: Sequence[bytes], store: Store) -> None:
    """Take these paths out of the index, in one transaction. Files are never touched."""
    store.commit(Batch(removed=paths))
    store.compact()
