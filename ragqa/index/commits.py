"""What a commit writes, step by step, inside one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ragqa.errors import IndexDamaged
from ragqa.index import features, postings, vectorfile
from ragqa.index.checksums import digest
from ragqa.index.database import REMEDY_DAMAGED, Database, Row
from ragqa.index.features import Features
from ragqa.index.records import Batch, DocumentRecord, StoredContent, Touched
from ragqa.index.rows import (
    DOCUMENT_COLUMNS,
    chunk_row,
    content_row,
    document_row,
    read_document_row,
    with_parts,
)
from ragqa.index.schema import read_meta, write_meta
from ragqa.index.vectorblocks import write_vectors


def validate(batch: Batch, dimensions: int | None, *, sparse: bool) -> None:
    """Refuse a batch that a caller's mistake has made; ValueError, before anything is written.

    `sparse` says whether the index has a sparse model.
    """
    for content in batch.added:
        rows = len(content.chunks)
        if len(content.features) != (rows if sparse else 0):
            raise ValueError("every chunk needs its features if the index has a sparse model, and none otherwise")
        if not len(content.vectors) == len(content.terms) == len(content.unknown_shares) == rows:
            raise ValueError("every chunk needs one vector, one list of terms and one unknown share")
        if rows:
            if dimensions is None:
                raise ValueError("set_embedder comes before the first vectors")
            if content.vectors.shape != (rows, dimensions) or not abs(content.vectors).max() <= 2:
                raise ValueError(f"vectors must be finite, of unit length, and of shape ({rows}, {dimensions})")


def apply(database: Database, batch: Batch) -> int:
    """Write everything that `batch` brings; the generation it makes."""
    meta = read_meta(database)
    changes = bool(batch.added or batch.documents or batch.removed)
    generation = int(meta["generation"]) + changes
    counts = {name: int(meta[name]) for name in ("documents", "contents", "chunks")}

    removals = _Removals(database, counts)
    contents = _add_contents(database, batch.added, removals, counts)
    orphans = set(contents.values())
    orphans |= _put_documents(database, batch.documents, contents, generation, counts)
    orphans |= _remove_documents(database, batch.removed, counts)
    _touch_documents(database, batch.touched)
    _remember_roots(database, batch.roots)
    for content_id in sorted(orphans):
        removals.remove_if_orphan(content_id)
    postings.merge_due(database)
    write_meta(database, generation=str(generation), **{name: str(count) for name, count in counts.items()})
    return generation


def replace_all(database: Database, made: Iterable[tuple[Row, StoredContent]]) -> None:
    """Give every content other chunks, vectors and postings: a new generation in which only texts are as they were.

    `made` yields each content once, its row with CONTENT_COLUMNS first. It is asked for the next one when the one
    before is written and the old parts of that are gone, so neither memory nor the file must hold everything twice.
    """
    generation = int(read_meta(database)["generation"]) + 1
    database.execute("DELETE FROM segment_blocks")
    database.execute("DELETE FROM segments")
    vectorfile.forget(database)
    parts = _Parts(database)
    first_key = parts.next_key
    for row, content in made:
        _remove_rows(database, row[0])
        parts.add(row[0], content)
        database.execute(
            "UPDATE contents SET chunks = ?, embedded = ?, checksum = ? WHERE id = ?",
            *with_parts(row, len(content.chunks), embedded=True),
            row[0],
        )
        if len(parts.keys) >= SEGMENT_CHUNKS:
            parts.append_segment()
            postings.merge_due(database)
    parts.append_segment()
    postings.merge_due(database)
    # What belongs to no content is there only where something was damaged.
    database.execute("DELETE FROM vectors WHERE first_key < ?", first_key)
    database.execute("DELETE FROM chunks WHERE key < ?", first_key)
    write_meta(database, generation=str(generation), chunks=str(parts.next_key - first_key))


SEGMENT_CHUNKS = 2_000
"""Chunks whose terms `replace_all` holds in memory, beyond those of the content that crosses the line."""


class _Parts:
    """Adds the chunks, vectors and postings of contents. Keys go on from the greatest that was ever used."""

    def __init__(self, database: Database) -> None:
        self._database = database
        row = database.row("SELECT seq FROM sqlite_sequence WHERE name = 'chunks'")
        self.next_key = 1 + int(row[0]) if row else 1
        self.keys: list[int] = []
        """Of the chunks that still lack their postings."""
        self._terms: list[Sequence[str]] = []
        self._features: list[Features] = []

    def add(self, content_id: int, content: StoredContent) -> None:
        """Write all but the postings."""
        keys = range(self.next_key, self.next_key + len(content.chunks))
        self._database.execute_many(
            "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [chunk_row(key, content_id, place, content) for place, key in enumerate(keys)],
        )
        write_vectors(self._database, content_id, keys.start, content.vectors)
        if content.features:
            features.write(self._database, keys.start, content.features)
        self.next_key = keys.stop
        self.keys.extend(keys)
        self._terms.extend(content.terms)
        self._features.extend(content.features)

    def append_segment(self) -> None:
        """Write the postings of all that was added since the last time, as one segment."""
        postings.append(self._database, self.keys, self._terms, self._features)
        self.keys, self._terms, self._features = [], [], []


class _Removals:
    """Takes contents out, with their chunks, vectors and postings."""

    def __init__(self, database: Database, counts: dict[str, int]) -> None:
        self._database = database
        self._counts = counts

    def remove_if_orphan(self, content_id: int) -> None:
        """Remove a content that no document has any more."""
        if self._database.row("SELECT 1 FROM documents WHERE content_id = ? LIMIT 1", content_id):
            return
        self.remove_parts(content_id)
        self._counts["contents"] -= self._database.execute("DELETE FROM contents WHERE id = ?", content_id)

    def remove_parts(self, content_id: int) -> None:
        """Remove what a content brought, but for its own row."""
        row = self._database.row(
            "SELECT min(key), max(key), count(*), sum(terms) FROM chunks WHERE content_id = ?", content_id
        )
        if row is None or not row[2]:
            return
        first, last, chunks, terms = row
        postings.mark_dead(self._database, first, last, chunks=chunks, terms=terms)
        vectorfile.mark_dead(self._database, first, last)
        self._counts["chunks"] -= _remove_rows(self._database, content_id)


def _remove_rows(database: Database, content_id: int) -> int:
    """Remove the vectors and the chunks of a content; how many chunks."""
    database.execute("DELETE FROM vectors WHERE content_id = ?", content_id)
    return database.execute("DELETE FROM chunks WHERE content_id = ?", content_id)


def _add_contents(
    database: Database, added: Sequence[StoredContent], removals: _Removals, counts: dict[str, int]
) -> dict[tuple[str, str], int]:
    """Insert or replace contents, and append one segment for all of them; their ids by identity."""
    ids: dict[tuple[str, str], int] = {}
    parts = _Parts(database)
    for content in added:
        identity = (content.sha256, content.document.loader)
        if identity in ids:
            continue
        content_id = find_content(database, *identity)
        if content_id is None:
            content_id = _next_content_id(database)
            counts["contents"] += 1
        else:
            removals.remove_parts(content_id)
        ids[identity] = content_id
        header, structure, text = content_row(content_id, content)
        database.execute(
            "INSERT INTO contents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
            "title = excluded.title, language = excluded.language, chunks = excluded.chunks, "
            "embedded = excluded.embedded, text_sha256 = excluded.text_sha256, "
            "structure_sha256 = excluded.structure_sha256, checksum = excluded.checksum, "
            "structure = excluded.structure, text = excluded.text",
            *header,
            structure,
            text,
        )
        parts.add(content_id, content)
        counts["chunks"] += len(content.chunks)
    parts.append_segment()
    return ids


def _put_documents(
    database: Database,
    records: Iterable[DocumentRecord],
    contents: dict[tuple[str, str], int],
    generation: int,
    counts: dict[str, int],
) -> set[int]:
    """Insert or replace documents; the contents that they had before."""
    left: set[int] = set()
    for record in records:
        content_id = None
        if record.status == "stored":
            content_id = contents.get((record.sha256, record.loader))
            content_id = content_id or find_content(database, record.sha256, record.loader)
            if content_id is None:
                raise ValueError(f"{record.display} is to be stored, and its content is nowhere")
        left |= _remove_documents(database, [record.path], counts)
        database.execute(
            f"INSERT INTO documents ({DOCUMENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *document_row(record, content_id, generation),
        )
        counts["documents"] += 1
    return left


def _remove_documents(database: Database, paths: Iterable[bytes], counts: dict[str, int]) -> set[int]:
    """Remove documents that exist; the contents that they had."""
    left: set[int] = set()
    for path in paths:
        row = database.row("SELECT content_id FROM documents WHERE path = ?", path)
        if row is None:
            continue
        counts["documents"] -= database.execute("DELETE FROM documents WHERE path = ?", path)
        if row[0] is not None:
            left.add(row[0])
    return left


def _touch_documents(database: Database, touched: Iterable[Touched]) -> None:
    for touch in touched:
        row = database.row(f"SELECT {DOCUMENT_COLUMNS} FROM documents WHERE path = ?", touch.path)
        if row is None:
            continue
        read_document_row(row)
        values = [*row[:4], touch.size, touch.mtime_ns, *row[6:-1]]
        database.execute(
            "UPDATE documents SET size = ?, mtime_ns = ?, checksum = ? WHERE path = ?",
            touch.size,
            touch.mtime_ns,
            digest(*values),
            touch.path,
        )


def _remember_roots(database: Database, roots: Iterable[bytes]) -> None:
    for root in roots:
        database.execute("INSERT OR REPLACE INTO roots VALUES (?, ?)", root, digest(root))


def find_content(database: Database, sha256: str, loader: str) -> int | None:
    """The id of a stored content, by its identity."""
    row = database.row("SELECT id FROM contents WHERE sha256 = ? AND loader = ?", sha256, loader)
    return int(row[0]) if row else None


def _next_content_id(database: Database) -> int:
    row = database.row("SELECT max(id) FROM contents")
    if row is None:
        raise IndexDamaged("the table of contents cannot be read", remedy=REMEDY_DAMAGED)
    return 1 + (row[0] or 0)
