"""Vectors as the store keeps them: float16, 32 rows to a block, a checksum on each block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ragqa.errors import IndexDamaged
from ragqa.index.checksums import digest
from ragqa.index.database import REMEDY_DAMAGED, Database, Row
from ragqa.index.rows import document_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragqa.types import Keys, Vectors

ROWS = 32
"""Small enough that the row of one passage is read, and verified, in a few microseconds."""
_BATCH_BLOCKS = 256
COLUMNS = "first_key, content_id, checksum, data"


def write_vectors(database: Database, content_id: int, first_key: int, vectors: Vectors) -> None:
    """Store the vectors of a content, whose chunks have the keys from `first_key` on."""
    rows = []
    for start in range(0, len(vectors), ROWS):
        data = vectors[start : start + ROWS].astype("<f2").tobytes()
        key = first_key + start
        rows.append((key, content_id, digest(key, content_id, data), data))
    database.execute_many("INSERT INTO vectors VALUES (?, ?, ?, ?)", rows)


def vector_batches(database: Database, dimensions: int, *, after: int = 0) -> Iterator[tuple[Keys, Vectors]]:
    """Every stored vector with a key above `after`, ascending, some thousands at a time."""
    import numpy as np

    for blocks in database.pages(COLUMNS, "vectors", "first_key", after=after, rows=_BATCH_BLOCKS):
        decoded = [decode(database, block, dimensions) for block in blocks]
        keys = np.concatenate([np.arange(first, first + len(rows)) for first, rows in decoded])
        yield keys, np.concatenate([rows for _, rows in decoded]).astype(np.float32)


def vectors_of(database: Database, dimensions: int, keys: Sequence[int]) -> dict[int, NDArray[np.float16]]:
    """The vector of each of `keys` that is stored."""
    found: dict[int, NDArray[np.float16]] = {}
    first, rows = 0, None
    for key in sorted(set(keys)):
        if rows is None or not first <= key < first + len(rows):
            block = database.row(
                f"SELECT {COLUMNS} FROM vectors WHERE first_key <= ? ORDER BY first_key DESC LIMIT 1", key
            )
            if block is None:
                continue
            first, rows = decode(database, block, dimensions)
        if key - first < len(rows):
            found[key] = rows[key - first]
    return found


def decode(database: Database, block: Row, dimensions: int) -> tuple[int, NDArray[np.float16]]:
    """The first key of a block and its rows; IndexDamaged, naming the document, where they are not what was stored."""
    import numpy as np

    first, content_id, checksum, data = block
    if digest(first, content_id, data) != checksum or not isinstance(data, bytes) or len(data) % (2 * dimensions):
        raise IndexDamaged(f"the vectors of {document_name(database, content_id)} are damaged", remedy=REMEDY_DAMAGED)
    return first, np.frombuffer(data, "<f2").reshape(-1, dimensions)
