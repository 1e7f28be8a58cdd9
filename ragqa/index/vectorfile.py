"""The derived FAISS file: written beside the store when there are many vectors, believed only while it is unchanged.

It may be deleted at any time. A row of the store says which file belongs to it, up to which key it goes, which of its
passages are gone since, and the sums of its bytes, because FAISS does not notice that a bit has changed.
"""

from __future__ import annotations

import mmap
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragqa.errors import IndexDamaged
from ragqa.index import layout
from ragqa.index.checksums import digest
from ragqa.index.database import REMEDY_DAMAGED, Database
from ragqa.index.postings import pack_runs, unpack_runs, with_run
from ragqa.index.vectorblocks import vector_batches

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MINIMUM_ROWS = 16_000
"""With fewer vectors there is no file: numpy reads them all in less time than `import faiss` takes."""
MINIMUM_TAIL = 2_000
_SUMMED_WORDS = 4096


@dataclass(frozen=True, slots=True)
class VectorFile:
    """The file that belongs to the store: `rows` vectors with keys up to `last_key`, those in `dead` no longer live."""

    generation: int
    last_key: int
    rows: int
    dead: tuple[tuple[int, int], ...]
    sums: bytes

    @property
    def dead_rows(self) -> int:
        return sum(last - first + 1 for first, last in self.dead)

    def path(self, folder: Path) -> Path:
        return layout.vector_file(folder, self.generation)


def recorded(database: Database) -> VectorFile | None:
    """What the store says about its file; None where it has none."""
    row = database.row("SELECT generation, last_key, rows, dead, sums, checksum FROM vector_file")
    if row is None:
        return None
    *values, checksum = row
    if digest(*values) != checksum:
        raise IndexDamaged("the record of the vector file is damaged", remedy=REMEDY_DAMAGED)
    generation, last_key, rows, dead, sums = values
    return VectorFile(generation, last_key, rows, unpack_runs(dead), sums)


def mark_dead(database: Database, first_key: int, last_key: int) -> None:
    """Remember that a run of passages is gone, if the file holds them. Inside the caller's transaction."""
    file = recorded(database)
    if file is not None and first_key <= file.last_key:
        dead = with_run(file.dead, first_key, last_key)
        _record(database, VectorFile(file.generation, file.last_key, file.rows, dead, file.sums))


def is_due(folder: Path, database: Database, rows: int) -> bool:
    """Whether `renew` has something to do, for a store of `rows` live vectors."""
    file = recorded(database)
    if rows < MINIMUM_ROWS:
        return file is not None
    if file is None or not _has_size(file, folder):
        return True
    tail = rows - (file.rows - file.dead_rows)
    return max(tail, file.dead_rows) > max(MINIMUM_TAIL, file.rows // 10)


def renew(folder: Path, database: Database, generation: int, dimensions: int, rows: int) -> None:
    """Write the file anew, or drop it where there are too few vectors; then remove every other one.

    The new file is complete and durable under its own name before the store points to it, and the old one is removed
    after that; killed in between, the store still points to a file that is whole.
    """
    if rows < MINIMUM_ROWS:
        forget(database)
    else:
        with database.transaction():
            database.execute("DELETE FROM vector_file")
            _record(database, _write(folder, database, generation, dimensions, rows))
    remove_strays(folder, database)


def forget(database: Database) -> None:
    """From now on the store has no file."""
    database.execute("DELETE FROM vector_file")


def remove_strays(folder: Path, database: Database) -> None:
    """Remove every vector file but the recorded one; a reader that still uses one keeps it until it is done."""
    file = recorded(database)
    for path in layout.vector_files(folder):
        if file is None or path != file.path(folder):
            with suppress(OSError):
                path.unlink()


def open_index(file: VectorFile, folder: Path) -> Any | None:
    """The file as a memory-mapped FAISS index; None where it is missing or not, byte for byte, what was written."""
    with suppress(OSError, ValueError):
        if byte_sums(file.path(folder)) == file.sums:
            import faiss

            with suppress(RuntimeError):
                index = faiss.read_index(str(file.path(folder)), faiss.IO_FLAG_MMAP_IFC)
                return index if index.ntotal == file.rows else None
    return None


def byte_sums(path: Path) -> bytes:
    """One 64-bit sum for every 32 KB: at 30 GB/s it costs less than reading the vectors does.

    No digest, because nobody is expected to forge a cache in his own folder; a changed bit changes one sum.
    """
    import numpy as np

    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        words = len(mapped) // 8
        whole = words - words % _SUMMED_WORDS
        numbers = np.frombuffer(mapped, "<u8", whole).reshape(-1, _SUMMED_WORDS)
        sums: bytes = numbers.sum(axis=1, dtype=np.uint64).astype("<u8").tobytes()
        del numbers
        return sums + digest(mapped[whole * 8 :]) + len(mapped).to_bytes(8, "little")


def live_mask(file: VectorFile, allowed: NDArray[np.int64] | None) -> NDArray[np.bool_] | None:
    """For every key up to `last_key`, whether it may be found; None where all in the file may."""
    import numpy as np

    if allowed is None and not file.dead:
        return None
    mask = np.full(file.last_key + 1, allowed is None)
    if allowed is not None:
        mask[allowed[allowed <= file.last_key]] = True
    for first, last in file.dead:
        mask[first : last + 1] = False
    return mask


def _write(folder: Path, database: Database, generation: int, dimensions: int, rows: int) -> VectorFile:
    import faiss
    import numpy as np

    index = faiss.IndexIDMap(
        faiss.IndexScalarQuantizer(dimensions, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    )
    index.train(np.zeros((1, dimensions), np.float32))
    last_key = 0
    for keys, vectors in vector_batches(database, dimensions):
        index.add_with_ids(vectors, keys)
        last_key = int(keys[-1])
    if index.ntotal != rows:
        raise IndexDamaged(f"the store has {index.ntotal} vectors and should have {rows}", remedy=REMEDY_DAMAGED)
    path = layout.vector_file(folder, generation)
    part = path.with_name(path.name + ".part")
    with layout.storage_errors(f"cannot write {path}"):
        descriptor = layout.make_private_file(part)
        try:
            try:
                faiss.write_index(index, str(part))
            except RuntimeError as error:
                raise OSError(None, f"FAISS: {error}") from error
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        part.replace(path)
        layout.sync_folder(folder)
        return VectorFile(generation, last_key, rows, (), byte_sums(path))


def _record(database: Database, file: VectorFile) -> None:
    values = (file.generation, file.last_key, file.rows, pack_runs(file.dead), file.sums)
    generation, last_key, rows, dead, sums = values
    database.execute(
        "INSERT OR REPLACE INTO vector_file VALUES (1, ?, ?, ?, ?, ?, ?)",
        generation,
        last_key,
        rows,
        dead,
        digest(*values),
        sums,
    )


def _has_size(file: VectorFile, folder: Path) -> bool:
    try:
        return file.path(folder).stat().st_size == int.from_bytes(file.sums[-8:], "little")
    except OSError:
        return False
