"""Repair after a check: build again what is derived, and set aside what no longer is what was stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ragqa.errors import IndexDamaged
from ragqa.index import features, postings, staging, vectorfile
from ragqa.index.database import Database, Row
from ragqa.index.integrity import Analyze, Report
from ragqa.index.rows import (
    CHUNK_COLUMNS,
    CONTENT_COLUMNS,
    DOCUMENT_COLUMNS,
    TERMS_COLUMN,
    document_row,
    read_chunk,
    read_content,
    read_document_row,
    recounted,
    with_parts,
)
from ragqa.index.schema import write_meta

if TYPE_CHECKING:
    from ragqa.index.store import Store

_CHUNKS_PER_SEGMENT = 5_000
_REASON = "its stored copy was damaged; `ragqa ingest` reads the file again"


def repair(store: Store, report: Report, analyze: Analyze) -> None:
    """Make the index sound again, in one transaction; `store` is open for writing, `report` is about it.

    A document whose text is damaged is marked as failed, so that the next ingest reads its file again. A content
    whose passages, vectors or features are damaged keeps its text and is made anew by `ragqa reembed`. Postings, counts
    and the vector file are made anew; what a re-embedding has staged is dropped where it is damaged. Raises
    IndexDamaged where SQLite's own structures are damaged.
    """
    if beyond := [finding for finding in report.findings if finding.kind == "sqlite"]:
        raise IndexDamaged(f"the database itself is damaged: {beyond[0].what}", remedy=beyond[0].remedy)
    database = store.database
    with database.transaction():
        _drop_damaged_records(database)
        for content_id in report.contents_with("passages", "vectors", "features"):
            _drop_parts(database, content_id, keep=True)
        for content_id in report.contents_with("text"):
            _fail_documents(database, content_id)
            _drop_parts(database, content_id, keep=False)
        _drop_orphans(database)
        staging.drop_damaged(database)
        _rebuild_postings(database, analyze, is_sparse=store.meta().sparse is not None)
        vectorfile.forget(database)
        _count(database)
        write_meta(database, generation=str(store.generation + 1))
    store.compact()


def _drop_parts(database: Database, content_id: int, *, keep: bool) -> None:
    """Remove chunks and vectors of a content; with `keep` its text stays, without vectors."""
    database.execute("DELETE FROM vectors WHERE content_id = ?", content_id)
    database.execute("DELETE FROM chunks WHERE content_id = ?", content_id)
    row = database.row(f"SELECT {CONTENT_COLUMNS} FROM contents WHERE id = ?", content_id)
    if not keep or row is None:
        database.execute("DELETE FROM contents WHERE id = ?", content_id)
        return
    read_content(row)
    database.execute(
        "UPDATE contents SET chunks = ?, embedded = ?, checksum = ? WHERE id = ?",
        *with_parts(row, 0, embedded=False),
        content_id,
    )


def _fail_documents(database: Database, content_id: int) -> None:
    """Make the documents of a content ones that ingest reads again, whatever their size and time."""
    for row in database.rows(f"SELECT {DOCUMENT_COLUMNS} FROM documents WHERE content_id = ?", content_id):
        record, _, generation = read_document_row(row)
        failed = replace(record, sha256="", size=-1, mtime_ns=-1, status="failed", code="damaged", reason=_REASON)
        database.execute("DELETE FROM documents WHERE path = ?", record.path)
        database.execute(
            f"INSERT INTO documents ({DOCUMENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *document_row(failed, None, generation),
        )


def _drop_damaged_records(database: Database) -> None:
    """Forget records that are not what was written: their paths cannot be trusted, and ingest finds the files again."""
    for number, *row in database.rows(f"SELECT id, {DOCUMENT_COLUMNS} FROM documents"):
        try:
            read_document_row(tuple(row))
        except IndexDamaged:
            database.execute("DELETE FROM documents WHERE id = ?", number)


def _drop_orphans(database: Database) -> None:
    for (content_id,) in database.rows(
        "SELECT id FROM contents WHERE id NOT IN (SELECT content_id FROM documents WHERE content_id IS NOT NULL)"
    ):
        _drop_parts(database, content_id, keep=False)


def _rebuild_postings(database: Database, analyze: Analyze, *, is_sparse: bool) -> None:
    database.execute("DELETE FROM segment_blocks")
    database.execute("DELETE FROM segments")
    for page in _whole_documents(database):
        terms = [analyze(read_chunk(row).chunk.indexed_text) for row in page]
        for row, own in zip(page, terms, strict=True):
            if row[TERMS_COLUMN] != len(own):
                database.execute(
                    "UPDATE chunks SET terms = ?, checksum = ? WHERE key = ?", *recounted(row, len(own)), row[0]
                )
        keys = [row[0] for row in page]
        postings.append(database, keys, terms, features.of_chunks(database, keys) if is_sparse else ())


def _whole_documents(database: Database) -> Iterator[list[Row]]:
    """All chunks in order, some thousands at a time: never a part of a document, whose postings lie in one segment."""
    waiting: list[Row] = []
    for page in database.pages(CHUNK_COLUMNS, "chunks", "key"):
        for row in page:
            if len(waiting) >= _CHUNKS_PER_SEGMENT and row[2] != waiting[-1][2]:
                yield waiting
                waiting = []
            waiting.append(row)
    yield waiting


def _count(database: Database) -> None:
    totals = {}
    for table in ("documents", "contents", "chunks"):
        row = database.row(f"SELECT count(*) FROM {table}")
        totals[table] = str(row[0] if row else 0)
    write_meta(database, **totals)
