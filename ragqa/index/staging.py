"""Staging: what a re-embedding has made so far, kept beside the index, which answers as before until the switch.

The tables are made when a re-embedding begins and are gone when it ends; nothing else reads them, and a ragqa that does
not know them is not disturbed. They name a content by its identity and by what was read from it, never by its number,
so that an ingest in between may add, change and remove what it likes: what no longer fits is made anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from ragqa.errors import IndexDamaged
from ragqa.index import commits, schema
from ragqa.index.checksums import digest
from ragqa.index.database import Database, Row
from ragqa.index.records import Batch, EmbedderRecord, Pending, SparseRecord, StoredContent, Target
from ragqa.index.rows import CONTENT_COLUMNS, columns
from ragqa.types import Chunk

if TYPE_CHECKING:
    from ragqa.index.store import Store
    from ragqa.types import Document

_TABLES = {
    "staging": "id INTEGER PRIMARY KEY CHECK (id = 1), target TEXT NOT NULL, checksum BLOB NOT NULL",
    "staged_contents": (
        "id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, loader TEXT NOT NULL, text_sha256 BLOB NOT NULL, "
        "structure_sha256 BLOB NOT NULL, chunks INTEGER NOT NULL, checksum BLOB NOT NULL, UNIQUE (sha256, loader)"
    ),
    "staged_chunks": (
        "id INTEGER PRIMARY KEY, content INTEGER NOT NULL, ordinal INTEGER NOT NULL, checksum BLOB NOT NULL, "
        "vector BLOB NOT NULL, details TEXT NOT NULL, UNIQUE (content, ordinal)"
    ),
}
_CONTENT = "id, sha256, loader, text_sha256, structure_sha256, chunks, checksum"
_FITS = (
    "c.sha256 = s.sha256 AND c.loader = s.loader AND "
    "c.text_sha256 = s.text_sha256 AND c.structure_sha256 = s.structure_sha256"
)
"""Whether `staged_contents s` was made from what `contents c` holds."""
_REMEDY = "run `ragqa reembed` again: it makes anew what is damaged; the index itself is as it was"


# reading


def pending(database: Database) -> Pending | None:
    """The re-embedding that is under way; None where there is none, or where what it is cannot be read."""
    target = _target(database)
    if target is None:
        return None
    row = database.row(
        f"SELECT (SELECT count(*) FROM contents), (SELECT count(*) FROM staged_contents s JOIN contents c ON {_FITS})"
    )
    return Pending(target, staged=row[1], contents=row[0]) if row else None


def missing(database: Database) -> list[int]:
    """Contents of the index that are not staged, in ascending order."""
    found = database.rows(
        f"SELECT c.id FROM contents c LEFT JOIN staged_contents s ON {_FITS} WHERE s.id IS NULL ORDER BY c.id"
    )
    return [row[0] for row in found]


def damage(database: Database) -> Iterator[str]:
    """What is not as it was staged, in words."""
    if not _exists(database):
        return
    if (target := _target(database)) is None:
        yield "the record of the re-embedding that is under way is damaged"
        return
    for _, what in _damaged(database, target.embedder.dimensions):
        yield what


# writing: nothing of this changes what can be found, but for the switch


def begin(store: Store, target: Target) -> Pending | None:
    """Make ready to stage for `target`. What is staged for another one is dropped, and returned in numbers.

    Of what an earlier run has staged for this one, what is damaged or no longer in the index is dropped too.
    """
    database = store.database
    before = pending(database)
    going_on = before is not None and target.makes_the_same(before.target)
    with database.transaction():
        if going_on:
            drop_damaged(database)
            gone = f"SELECT s.id FROM staged_contents s LEFT JOIN contents c ON {_FITS} WHERE c.id IS NULL"
            for (number,) in database.rows(gone):
                _drop(database, number)
        else:
            _drop_tables(database)
            for table, definition in _TABLES.items():
                database.execute(f"CREATE TABLE {table} ({definition})")
        value = json.dumps(asdict(target))
        database.execute("INSERT OR REPLACE INTO staging VALUES (1, ?, ?)", value, digest(value))
    return None if going_on else before


def put(store: Store, made: Sequence[StoredContent]) -> None:
    """Stage contents of the index, in one transaction: they need not be made again, whatever happens then."""
    database = store.database
    target = _target(database)
    if target is None:
        raise ValueError("begin comes before the first content that is staged")
    commits.validate(Batch(added=made), target.embedder.dimensions, sparse=target.sparse is not None)
    with database.transaction():
        for content in made:
            identity = (content.sha256, content.document.loader)
            source = database.row(
                "SELECT text_sha256, structure_sha256 FROM contents WHERE sha256 = ? AND loader = ?", *identity
            )
            if source is None:
                raise ValueError("only what the index holds can be staged")
            row = database.row("SELECT max(id) FROM staged_contents")
            number = 1 + (row[0] or 0 if row else 0)
            values = (number, *identity, *source, len(content.chunks))
            database.execute("INSERT INTO staged_contents VALUES (?, ?, ?, ?, ?, ?, ?)", *values, digest(*values))
            database.execute_many(
                "INSERT INTO staged_chunks (content, ordinal, checksum, vector, details) VALUES (?, ?, ?, ?, ?)",
                _chunk_rows(number, content),
            )


def switch(store: Store) -> None:
    """Put all that is staged into the place of what the index holds: in one transaction, a content at a time.

    A reader that is open keeps its snapshot. ValueError where a content of the index is not staged; IndexDamaged where
    what is staged is damaged: in both cases, as after any other error, the index is as it was.
    """
    target = _target(store.database)
    if target is None:
        raise ValueError("nothing is staged")
    with store.transaction():
        schema.write_sparse(store.database, target.sparse)
        commits.replace_all(store.database, _staged(store, target.embedder.dimensions))
        schema.write_meta(
            store.database,
            embedder=schema.embedder_value(target.embedder),
            analyzer=target.analyzer,
            chunker=target.chunker,
        )
        schema.write_calibration(store.database, None)  # it was fitted on the scores of what is gone
        _drop_tables(store.database)


def discard(store: Store) -> Pending | None:
    """Drop all that is staged, readable or not; in numbers, what it was."""
    before = pending(store.database)
    with store.database.transaction():
        _drop_tables(store.database)
    return before


def drop_damaged(database: Database) -> None:
    """Drop what `damage` finds, and only that, inside the caller's transaction."""
    if not _exists(database):
        return
    if (target := _target(database)) is None:
        _drop_tables(database)
        return
    for number, _ in list(_damaged(database, target.embedder.dimensions)):
        _drop(database, number)


# rows


def _chunk_rows(number: int, content: StoredContent) -> Iterator[tuple[object, ...]]:
    for place, (chunk, vector) in enumerate(zip(content.chunks, content.vectors, strict=True)):
        details = {
            "start": chunk.start,
            "end": chunk.end,
            "heading": chunk.heading,
            "page_start": chunk.page_start,
            "page_end": chunk.page_end,
            "page_label": chunk.page_label,
            "unknown_share": float(content.unknown_shares[place]),
            "terms": list(content.terms[place]),
        }
        if content.features:
            details["features"] = list(content.features[place].items())
        values = (vector.astype("<f2").tobytes(), json.dumps(details, ensure_ascii=False, separators=(",", ":")))
        yield number, place, digest(number, place, *values), *values


def _staged(store: Store, dimensions: int) -> Iterator[tuple[Row, StoredContent]]:
    """Every content of the index as it was staged; each is dropped from the staging when the next one is asked for."""
    database = store.database
    for page in database.pages(CONTENT_COLUMNS, "contents", "id"):
        for row in page:
            found = database.row(
                f"SELECT {columns(_CONTENT, 's')} FROM staged_contents s JOIN contents c ON {_FITS} WHERE c.id = ?",
                row[0],
            )
            if found is None:
                raise ValueError(f"content {row[0]} is not staged")
            if what := _fault(database, found, dimensions):
                raise IndexDamaged(what, remedy=_REMEDY)
            sha256, document = store.content(row[0])
            yield row, _read(database, found[0], sha256, document, dimensions)
            _drop(database, found[0])


def _read(database: Database, number: int, sha256: str, document: Document, dimensions: int) -> StoredContent:
    """A staged content without fault."""
    import numpy as np

    found = database.rows("SELECT vector, details FROM staged_chunks WHERE content = ? ORDER BY ordinal", number)
    details = [json.loads(text) for _, text in found]
    return StoredContent(
        sha256=sha256,
        document=document,
        chunks=[
            Chunk(
                start=each["start"],
                end=each["end"],
                text=document.text[each["start"] : each["end"]],
                heading=tuple(each["heading"]),
                page_start=each["page_start"],
                page_end=each["page_end"],
                page_label=each["page_label"],
            )
            for each in details
        ],
        vectors=np.frombuffer(b"".join(vector for vector, _ in found), "<f2")
        .reshape(-1, dimensions)
        .astype(np.float32),
        terms=[each["terms"] for each in details],
        unknown_shares=[each["unknown_share"] for each in details],
        features=[dict(each["features"]) for each in details if "features" in each],
    )


def _damaged(database: Database, dimensions: int) -> Iterator[tuple[int, str]]:
    """Number and fault of each staged content that is not whole, and of chunks that have lost theirs."""
    for page in database.pages(_CONTENT, "staged_contents", "id"):
        for row in page:
            if what := _fault(database, row, dimensions):
                yield row[0], what
    for (number,) in database.rows(
        "SELECT DISTINCT content FROM staged_chunks WHERE content NOT IN (SELECT id FROM staged_contents)"
    ):
        yield number, "passages are staged that belong to no document"


def _fault(database: Database, row: Row, dimensions: int) -> str | None:
    """What is wrong with a staged content, given its row with _CONTENT; None where every byte is what was written."""
    *values, checksum = row
    if digest(*values) != checksum:
        return "the record of a staged document is damaged"
    number, chunks = values[0], values[-1]
    whole = 0
    for ordinal, own, vector, details in database.rows(
        "SELECT ordinal, checksum, vector, details FROM staged_chunks WHERE content = ? ORDER BY ordinal", number
    ):
        if digest(number, ordinal, vector, details) != own or len(vector) != 2 * dimensions:
            return "a staged passage is damaged"
        whole += ordinal == whole
    return None if whole == chunks else f"{whole} of {chunks} staged passages of a document can be read"


def _target(database: Database) -> Target | None:
    if not _exists(database):
        return None
    row = database.row("SELECT target, checksum FROM staging")
    if row is None or digest(row[0]) != row[1]:
        return None
    try:
        values = json.loads(row[0])
        sparse = values.pop("sparse", None)
        embedder = EmbedderRecord(**values.pop("embedder"))
        return Target(**values, embedder=embedder, sparse=SparseRecord(**sparse) if sparse else None)
    except (KeyError, TypeError):  # staged by a ragqa that knows more, or less, of what decides a vector
        return None


def _exists(database: Database) -> bool:
    found = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN (?, ?, ?)"
    row = database.row(found, *_TABLES)
    return row is not None and row[0] == len(_TABLES)


def _drop(database: Database, number: int) -> None:
    database.execute("DELETE FROM staged_chunks WHERE content = ?", number)
    database.execute("DELETE FROM staged_contents WHERE id = ?", number)


def _drop_tables(database: Database) -> None:
    for table in _TABLES:
        database.execute(f"DROP TABLE IF EXISTS {table}")
