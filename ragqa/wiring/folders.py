"""The folder of an index: which one a command means, and opening it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ragqa.errors import IndexMissing, UsageError
from ragqa.index import layout
from ragqa.index.store import Store

INDEX = layout.FOLDER


def index_to_read(named: Path | None) -> Path:
    """The folder of an index that exists: `named`, `$RAGQA_INDEX`, or the nearest `.ragqa` upward."""
    chosen = named or _from_environment()
    if chosen is not None:
        folder = _inside(chosen)
        if folder is None:
            raise IndexMissing(
                f"there is no index in {chosen}", remedy=f"`ragqa ingest PATH --index {chosen}` makes one"
            )
        return folder
    found = Store.find(Path.cwd())
    if found is None:
        raise IndexMissing("there is no index here or in a folder above", remedy="`ragqa ingest PATH` makes one here")
    return found


def index_to_write(named: Path | None) -> Path:
    """The same, but where there is none yet, the folder to make: as named, else `.ragqa` in the working directory.

    A named folder that holds other things gets its own `.ragqa`, so that nobody's files end up in an index.
    """
    chosen = named or _from_environment()
    if chosen is None:
        return Store.find(Path.cwd()) or Path.cwd() / INDEX
    folder = _inside(chosen)
    if folder is not None:
        return folder
    is_taken = chosen.name != INDEX and chosen.is_dir() and any(chosen.iterdir())
    return chosen / INDEX if is_taken else chosen


def _from_environment() -> Path | None:
    named = os.environ.get("RAGQA_INDEX")
    return Path(named) if named else None


def _inside(folder: Path) -> Path | None:
    """The index in `folder`: the folder itself, or its `.ragqa`."""
    return next((place for place in (folder, folder / INDEX) if _is_index(place)), None)


def _is_index(folder: Path) -> bool:
    return (folder / layout.DATABASE).is_file()


def collection_folder(named: Path) -> Path:
    """The folder for a collection of passages and its index: `named`, or the one around an index `.ragqa` in it."""
    folder = named.parent if named.name == INDEX else named
    if _is_index(folder):
        raise UsageError(f"{named} is an index of its own", remedy="name a folder that is new, or was named so before")
    return folder


def open_store(named: Path | None, *, write: bool = False, wait_s: float = 0.0, lenient: bool = False) -> Store:
    """Open the index of this command."""
    return Store.open(index_to_read(named), write=write, wait_s=wait_s, lenient=lenient)


def create_store(folder: Path, *, wait_s: float) -> Store:
    """Open an index for writing, made first where there is none."""
    return Store.create(folder, wait_s=wait_s)


@contextmanager
def maybe_open(folder: Path) -> Iterator[Store | None]:
    """The index in `folder`, or None where there is none yet."""
    if not _is_index(folder):
        yield None
        return
    with Store.open(folder) as store:
        yield store
