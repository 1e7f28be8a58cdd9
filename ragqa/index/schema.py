"""The tables, and how an empty index is made: in one transaction, so that a killed creation leaves nothing half made.

Every row that is not itself derived carries a `checksum` over its other columns (see checksums.py). Large columns come
last, because SQLite must walk through all that precede the one it is asked for. A re-embedding that is under way has
tables of its own (see staging.py), which come and go and which nothing else reads; a sparse model has one for its
features (see features.py).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path

from ragqa.errors import IndexDamaged, IndexMismatch, IndexMissing
from ragqa.index import features
from ragqa.index.checksums import digest
from ragqa.index.database import REMEDY_DAMAGED, Database
from ragqa.index.records import Calibration, EmbedderRecord, SparseRecord

SCHEMA_VERSION = 1
WITH_FEATURES = 2
"""The schema of an index with a sparse model: it has a table that a ragqa of schema 1 would leave unfilled."""

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, checksum BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE roots (path BLOB PRIMARY KEY, checksum BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE contents (
    id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, loader TEXT NOT NULL, title TEXT NOT NULL, language TEXT NOT NULL,
    chunks INTEGER NOT NULL, embedded INTEGER NOT NULL, text_sha256 BLOB NOT NULL, structure_sha256 BLOB NOT NULL,
    checksum BLOB NOT NULL, structure TEXT NOT NULL, text TEXT NOT NULL,
    UNIQUE (sha256, loader));
CREATE INDEX contents_counts ON contents (embedded, language, chunks);
CREATE TABLE documents (
    id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, display TEXT NOT NULL, root BLOB NOT NULL, sha256 TEXT NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, status TEXT NOT NULL, loader TEXT NOT NULL, code TEXT NOT NULL,
    reason TEXT NOT NULL, content_id INTEGER REFERENCES contents (id), generation INTEGER NOT NULL,
    checksum BLOB NOT NULL);
CREATE INDEX documents_content ON documents (content_id, path);
CREATE TABLE chunks (
    key INTEGER PRIMARY KEY AUTOINCREMENT, chunk_id TEXT NOT NULL UNIQUE,
    content_id INTEGER NOT NULL REFERENCES contents (id), ordinal INTEGER NOT NULL, start INTEGER NOT NULL,
    "end" INTEGER NOT NULL, page_start INTEGER, page_end INTEGER, page_label TEXT, unknown_share REAL NOT NULL,
    terms INTEGER NOT NULL, checksum BLOB NOT NULL, heading TEXT NOT NULL, text TEXT NOT NULL,
    UNIQUE (content_id, ordinal));
CREATE TABLE vectors (
    first_key INTEGER PRIMARY KEY REFERENCES chunks (key), content_id INTEGER NOT NULL REFERENCES contents (id),
    checksum BLOB NOT NULL, data BLOB NOT NULL);
CREATE INDEX vectors_content ON vectors (content_id);
CREATE TABLE vector_file (
    id INTEGER PRIMARY KEY CHECK (id = 1), generation INTEGER NOT NULL, last_key INTEGER NOT NULL,
    rows INTEGER NOT NULL, dead BLOB NOT NULL, checksum BLOB NOT NULL, sums BLOB NOT NULL);
CREATE TABLE segments (
    id INTEGER PRIMARY KEY, first_key INTEGER NOT NULL, last_key INTEGER NOT NULL, chunks INTEGER NOT NULL,
    live INTEGER NOT NULL, live_terms INTEGER NOT NULL, frequency_bytes INTEGER NOT NULL, checksum BLOB NOT NULL,
    dead BLOB NOT NULL);
CREATE TABLE segment_blocks (
    segment INTEGER NOT NULL REFERENCES segments (id) ON DELETE CASCADE, kind TEXT NOT NULL, number INTEGER NOT NULL,
    checksum INTEGER NOT NULL, data BLOB NOT NULL,
    UNIQUE (segment, kind, number));
"""

_FIRST_META = {
    "generation": "0",
    "documents": "0",
    "contents": "0",
    "chunks": "0",
    "embedder": "",
    "analyzer": "",
    "chunker": "",
}


def create_tables(database: Database) -> bool:
    """Make all tables if there are none; whether that was so."""
    if _version(database):
        return False
    with database.transaction():
        for statement in _TABLES.split(";\n"):
            if statement.strip():
                database.execute(statement)
        for key, value in {**_FIRST_META, "created": str(int(time.time()))}.items():
            database.execute("INSERT INTO meta VALUES (?, ?, ?)", key, value, digest(key, value))
        database.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    return True


def check_version(database: Database, path: Path) -> None:
    """Refuse, untouched, what this version cannot read."""
    version = _version(database)
    if version == 0:
        raise IndexMissing(f"there is no index in {path.parent}", remedy="`ragqa ingest PATH` makes one")
    if version not in (SCHEMA_VERSION, WITH_FEATURES):
        raise IndexMismatch(
            f"{path} has schema {version}, this ragqa reads {SCHEMA_VERSION} and {WITH_FEATURES}",
            remedy="use the newer ragqa that made it, or ingest into another folder with --index",
        )


def read_meta(database: Database) -> dict[str, str]:
    """Everything the index says about itself, verified."""
    values = {"sparse": "", "calibration": ""}  # an index that never had one has no such record
    for key, value, checksum in database.rows("SELECT key, value, checksum FROM meta"):
        if digest(key, value) != checksum:
            raise IndexDamaged(f"the index's own record `{key}` is damaged", remedy=REMEDY_DAMAGED)
        values[key] = value
    if missing := {*_FIRST_META, "created"} - set(values):
        raise IndexDamaged(f"the index's own records are gone: {', '.join(sorted(missing))}", remedy=REMEDY_DAMAGED)
    return values


def write_meta(database: Database, **values: str) -> None:
    """Change records, inside the caller's transaction."""
    database.execute_many(
        "INSERT INTO meta VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value, "
        "checksum = excluded.checksum",
        [(key, value, digest(key, value)) for key, value in values.items()],
    )


def write_sparse(database: Database, sparse: SparseRecord | None) -> None:
    """Make room for the features of a sparse model, or forget those of the last one; inside the caller's transaction.

    Their postings are the caller's to replace.
    """
    if sparse is None:
        features.drop(database)
    else:
        features.prepare(database)
    database.execute(f"PRAGMA user_version={WITH_FEATURES if sparse else SCHEMA_VERSION}")
    write_meta(database, sparse=json.dumps([sparse.name, sparse.fingerprint]) if sparse else "")


def read_sparse(values: Mapping[str, str]) -> SparseRecord | None:
    """The sparse model that the index's records name."""
    return SparseRecord(*json.loads(values["sparse"])) if values["sparse"] else None


def write_calibration(database: Database, calibration: Calibration | None) -> None:
    """Remember a calibration, or forget it; inside the caller's transaction."""
    write_meta(database, calibration=json.dumps(astuple(calibration)) if calibration else "")


def read_calibration(values: Mapping[str, str]) -> Calibration | None:
    """The calibration that the index's records hold."""
    return Calibration(*json.loads(values["calibration"])) if values["calibration"] else None


def embedder_value(embedder: EmbedderRecord) -> str:
    """The embedder as the value of its record."""
    return json.dumps([embedder.name, embedder.fingerprint, embedder.dimensions])


def _version(database: Database) -> int:
    row = database.row("PRAGMA user_version")
    return int(row[0]) if row else 0
