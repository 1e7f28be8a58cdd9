"""The index folder: what its files are called, who may read them, and how a name is made to last."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ragqa.errors import StorageError

FOLDER = ".ragqa"
DATABASE = "index.db"
LOCK = "lock"

_VECTOR_FILE = re.compile(r"vectors-\d+\.faiss(\.part)?")


def find(start: Path) -> Path | None:
    """The nearest `.ragqa` folder with an index in it, in `start` or above; None where there is none."""
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / FOLDER / DATABASE).is_file():
            return folder / FOLDER
    return None


def vector_file(folder: Path, generation: int) -> Path:
    return folder / f"vectors-{generation}.faiss"


def vector_files(folder: Path) -> list[Path]:
    """Every vector file, half-written ones included."""
    with os.scandir(folder) as entries:
        return sorted(folder / entry.name for entry in entries if _VECTOR_FILE.fullmatch(entry.name))


def make_private_folder(folder: Path) -> None:
    """Make `folder`, and what is missing above it, so that its owner alone can look into it."""
    with storage_errors(f"cannot make the index folder {folder}"):
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
        except FileExistsError:
            if not folder.is_dir():
                raise
            return
        folder.chmod(0o700)
        sync_folder(folder.parent)


def make_private_file(path: Path) -> int:
    """Open `path` for reading and writing, made for its owner alone if it is new; the caller closes it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def sync_folder(folder: Path) -> None:
    """Make names added to or removed from `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def bytes_on_disk(folder: Path) -> int:
    """All files in `folder`, in bytes. A file that vanishes meanwhile counts nothing."""
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                total += entry.stat(follow_symlinks=False).st_size
            except FileNotFoundError:
                continue
    return total


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Turn an OSError into a StorageError that begins with `what`."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{what}: {error.strerror or error}", remedy=REMEDY_STORAGE) from error


REMEDY_STORAGE = "free some space or make the index folder writable, then run the command again; nothing was lost"
