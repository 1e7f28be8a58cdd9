"""The store: every document, chunk, vector and posting, in one SQLite file that commits all or nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Literal, TypeVar

from ragqa.errors import IndexDamaged, IndexMismatch, IndexMissing, RagqaError
from ragqa.index import commits, layout, postings, rows, schema, vectorfile
from ragqa.index.checksums import digest
from ragqa.index.database import REMEDY_DAMAGED, Database, Row
from ragqa.index.locking import WriterLock, recorded_generation
from ragqa.index.records import (
    Batch,
    Calibration,
    Counts,
    DocumentRecord,
    DocumentState,
    DocumentStatus,
    EmbedderRecord,
    IndexedChunk,
    IndexMeta,
    SparseRecord,
)
from ragqa.index.rows import ContentRow
from ragqa.types import Document, Language, Page, Passage

T = TypeVar("T")

_CHUNK_ID_PREFIX = 6


class Store:
    """One index folder. Open for reading it is one snapshot, from opening to closing; a writer sees its own commits.

    Use as a context manager. Raises IndexMissing, IndexMismatch (a newer schema), IndexDamaged, IndexLocked and
    StorageError; nothing that SQLite raises gets out.
    """

    def __init__(self, folder: Path, database: Database, lock: WriterLock | None) -> None:
        """Use `create` or `open`."""
        self.folder = folder
        self.database = database
        self.revision = 0
        """Changes whenever what this store shows does; what is derived from it is derived again then."""
        self.lost_commits = 0
        """How many commits were made and are gone, because the write-ahead log was lost: see `open`."""
        self._lock = lock
        self._meta = schema.read_meta(database)

    @staticmethod
    def find(start: Path) -> Path | None:
        """The nearest `.ragqa` folder with an index in it, in `start` or above; None where there is none."""
        return layout.find(start)

    @classmethod
    def create(cls, folder: Path, *, wait_s: float = 0.0) -> Store:
        """Open for writing, making the folder (usually `.ragqa`) and an empty index first where there is none."""
        layout.make_private_folder(folder)
        return cls._open_to_write(folder, wait_s, create=True)

    @classmethod
    def open(cls, folder: Path, *, write: bool = False, wait_s: float = 0.0, lenient: bool = False) -> Store:
        """Open an index that exists. A writer waits up to `wait_s` for another one, then raises IndexLocked.

        A reader of a folder that cannot be written assumes that nobody else writes it meanwhile. An index that is
        older than its last recorded commit is damaged: a reader raises IndexDamaged unless `lenient`, a writer goes on
        from what is there; both find the number in `lost_commits`. `compact`, at the end of an ingest, settles it.
        """
        with layout.storage_errors(f"cannot look into {folder}"):
            if not (folder / layout.DATABASE).is_file():
                raise IndexMissing(f"there is no index in {folder}", remedy="`ragqa ingest PATH` makes one")
        if write:
            return cls._open_to_write(folder, wait_s, create=False)
        # Read before the snapshot is taken, so that a commit in between cannot look like a lost one.
        recorded = recorded_generation(folder)
        database = Database.open_to_read(folder / layout.DATABASE)
        store = cls._begin(folder, database, None)
        store.lost_commits = max(0, recorded - store.generation)
        if store.lost_commits and not lenient:
            store.close()
            raise IndexDamaged(
                f"the last {store.lost_commits} commits to {folder} are gone",
                remedy="`ragqa ingest` your folders again: it adds only what is missing",
            )
        return store

    @classmethod
    def _open_to_write(cls, folder: Path, wait_s: float, *, create: bool) -> Store:
        lock = WriterLock(folder, wait_s=wait_s)
        try:
            path = folder / layout.DATABASE
            if create:
                with layout.storage_errors(f"cannot write {path}"):
                    os.close(layout.make_private_file(path))
            database = Database.open_to_write(path)
            try:
                if create and schema.create_tables(database):
                    with layout.storage_errors(f"cannot write {folder}"):
                        layout.sync_folder(folder)
                    lock.record(0)
            except RagqaError:
                database.close()
                raise
            store = cls._begin(folder, database, lock)
            store.lost_commits = max(0, recorded_generation(folder) - store.generation)
            return store
        except BaseException:
            lock.release()
            raise

    @classmethod
    def _begin(cls, folder: Path, database: Database, lock: WriterLock | None) -> Store:
        try:
            schema.check_version(database, folder / layout.DATABASE)
            return cls(folder, database, lock)
        except RagqaError:
            database.close()
            raise

    def close(self) -> None:
        """Release the snapshot or the writer's lock. Closing twice is harmless."""
        self.database.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # reading: the index

    @property
    def generation(self) -> int:
        """How many commits changed what can be found."""
        return int(self._meta["generation"])

    def meta(self) -> IndexMeta:
        embedder = self._meta["embedder"]
        return IndexMeta(
            generation=self.generation,
            created=int(self._meta["created"]),
            embedder=EmbedderRecord(*json.loads(embedder)) if embedder else None,
            analyzer=self._meta["analyzer"],
            chunker=self._meta["chunker"],
            sparse=schema.read_sparse(self._meta),
            calibration=schema.read_calibration(self._meta),
        )

    def counts(self) -> Counts:
        """Paths by status, contents, chunks, and chunks by language."""
        documents: dict[DocumentStatus, int] = dict(
            self.database.rows("SELECT status, count(*) FROM documents GROUP BY status ORDER BY status")
        )
        languages: dict[Language, int] = dict(
            self.database.rows("SELECT language, sum(chunks) FROM contents GROUP BY language ORDER BY language")
        )
        return Counts(documents, int(self._meta["contents"]), int(self._meta["chunks"]), languages)

    def vector_count(self) -> int:
        """How many chunks have a vector."""
        row = self.database.row("SELECT total(chunks) FROM contents WHERE embedded = 1")
        return int(row[0]) if row else 0

    def total(self, name: Literal["documents", "contents", "chunks"]) -> int:
        """How many there are, as every commit has counted."""
        return int(self._meta[name])

    def bytes_on_disk(self) -> int:
        """All files in the index folder, in bytes."""
        with layout.storage_errors(f"cannot look into {self.folder}"):
            return layout.bytes_on_disk(self.folder)

    def roots(self) -> list[bytes]:
        """Every path that was ever ingested as such, in byte order."""
        found = []
        for path, checksum in self.database.rows("SELECT path, checksum FROM roots ORDER BY path"):
            if digest(path) != checksum:
                raise IndexDamaged("the record of an ingested folder is damaged", remedy=REMEDY_DAMAGED)
            found.append(path)
        return found

    # reading: documents and contents

    def documents(self) -> list[DocumentState]:
        """Every known path, in byte order of the path."""
        documents = rows.columns(rows.DOCUMENT_COLUMNS, "d")
        contents = rows.columns(rows.CONTENT_COLUMNS, "c")
        width = rows.DOCUMENT_COLUMNS.count(",") + 1
        found = []
        for row in self.database.rows(
            f"SELECT {documents}, {contents} FROM documents d LEFT JOIN contents c ON c.id = d.content_id "
            "ORDER BY d.path"
        ):
            record, content_id, generation = rows.read_document_row(row[:width])
            if content_id is None:
                found.append(DocumentState(record, generation))
            else:
                content = rows.read_content(row[width:])
                found.append(
                    DocumentState(record, generation, content_id, content.title, content.language, content.chunks)
                )
        if len(found) != self.total("documents"):
            raise IndexDamaged(
                f"the index should hold {self.total('documents')} documents and holds {len(found)}",
                remedy=REMEDY_DAMAGED,
            )
        return found

    def states(self) -> dict[bytes, DocumentState]:
        """The same by path, for planning an ingest."""
        return {state.path: state for state in self.documents()}

    def content_id(self, sha256: str, loader: str) -> int | None:
        """The content made from these bytes by this loader, if it is stored with vectors."""
        content_id = commits.find_content(self.database, sha256, loader)
        if content_id is None or not self._contents([content_id])[content_id].embedded:
            return None
        return content_id

    def content_ids(self) -> list[int]:
        """Every content, in ascending order."""
        return [row[0] for row in self.database.rows("SELECT id FROM contents ORDER BY id")]

    def contents_without_vectors(self) -> list[int]:
        """Contents whose passages and vectors a repair has dropped, in ascending order."""
        return [row[0] for row in self.database.rows("SELECT id FROM contents WHERE embedded = 0 ORDER BY id")]

    def content(self, content_id: int) -> tuple[str, Document]:
        """The SHA-256 of the file's bytes and the Document that was read from them, checksums verified."""
        content = self._contents([content_id])[content_id]
        row = self.database.row("SELECT structure, text FROM contents WHERE id = ?", content_id)
        if row is None:
            raise IndexDamaged(f"content {content_id} is gone", remedy=REMEDY_DAMAGED)
        with self._naming_document(content_id):
            return content.sha256, rows.read_document(content, *row)

    # reading: passages

    def passages(self, keys: Sequence[int]) -> list[Passage]:
        """In the order asked. Each is verified; IndexDamaged names the document, also for a key that is not live."""
        chunks = self._chunks(keys)
        ids = sorted({chunk.content_id for chunk in chunks})
        contents, documents = self._contents(ids), self._first_documents(ids)
        return [
            Passage(
                key=chunk.key,
                chunk_id=chunk.chunk_id,
                document=documents[chunk.content_id].display,
                path=documents[chunk.content_id].path,
                title=contents[chunk.content_id].title,
                language=contents[chunk.content_id].language,
                chunk=chunk.chunk,
            )
            for chunk in chunks
        ]

    def passage_by_id(self, chunk_id: str) -> Passage | None:
        """The passage with this id or, from six characters on, the only one whose id begins so; None otherwise."""
        wanted = chunk_id.strip().lower()
        if len(wanted) < _CHUNK_ID_PREFIX or not wanted.isascii() or not wanted.isalnum():
            return None
        found = self.database.rows(
            "SELECT key FROM chunks WHERE chunk_id >= ? AND chunk_id < ? LIMIT 2", wanted, wanted + "~"
        )
        return self.passages([found[0][0]])[0] if len(found) == 1 else None

    def neighbours(self, key: int, *, before: int = 1, after: int = 1) -> list[Passage]:
        """The passages around `key` in its document, in order, `key` itself included."""
        chunk = self._chunks([key])[0]
        found = self.database.rows(
            "SELECT key FROM chunks WHERE content_id = ? AND ordinal BETWEEN ? AND ? ORDER BY ordinal",
            chunk.content_id,
            chunk.ordinal - before,
            chunk.ordinal + after,
        )
        return self.passages([row[0] for row in found])

    def unknown_shares(self, keys: Sequence[int]) -> dict[int, float]:
        """For each of `keys`, the share that the embedder cannot read."""
        return dict(zip(keys, self._read_chunks(keys, rows.read_unknown_share), strict=True))

    def pages(self, key: int) -> tuple[Page, ...]:
        """The pages of the document that passage `key` is from; offsets are those of the document's text."""
        content_id = self._chunks([key])[0].content_id
        content = self._contents([content_id])[content_id]
        row = self.database.row("SELECT structure FROM contents WHERE id = ?", content_id)
        with self._naming_document(content_id):
            return rows.read_pages(content, row[0] if row else "")

    def text_of(self, key: int) -> str:
        """The whole text of the document that passage `key` is from."""
        return self.content(self._chunks([key])[0].content_id)[1].text

    def chunks(self) -> Iterator[IndexedChunk]:
        """Every live chunk, ascending by key, each verified."""
        seen = 0
        for page in self.database.pages(rows.CHUNK_COLUMNS, "chunks", "key"):
            for row in page:
                with self._naming_document(row[2]):
                    chunk = rows.read_chunk(row)
                yield IndexedChunk(chunk.key, chunk.content_id, chunk.chunk)
            seen += len(page)
        if seen != self.total("chunks"):
            raise IndexDamaged(
                f"the index should hold {self.total('chunks')} passages and holds {seen}", remedy=REMEDY_DAMAGED
            )

    def _chunks(self, keys: Sequence[int]) -> list[rows.ChunkRow]:
        return self._read_chunks(keys, rows.read_chunk)

    def _read_chunks(self, keys: Sequence[int], read: Callable[[Row], T]) -> list[T]:
        wanted = [int(key) for key in keys]
        found: dict[int, T] = {}
        for row in self.database.rows_in(f"SELECT {rows.CHUNK_COLUMNS} FROM chunks WHERE key IN (?)", wanted):
            with self._naming_document(row[2]):
                found[row[0]] = read(row)
        for key in wanted:
            if key not in found:
                raise IndexDamaged(f"the index names a passage ({key}) that it does not hold", remedy=REMEDY_DAMAGED)
        return [found[key] for key in wanted]

    def _contents(self, ids: Sequence[int]) -> dict[int, ContentRow]:
        found: dict[int, ContentRow] = {}
        for row in self.database.rows_in(f"SELECT {rows.CONTENT_COLUMNS} FROM contents WHERE id IN (?)", ids):
            with self._naming_document(row[0]):
                found[row[0]] = rows.read_content(row)
        for content_id in ids:
            if content_id not in found:
                raise IndexDamaged(f"content {content_id} is gone", remedy=REMEDY_DAMAGED)
        return found

    def _first_documents(self, ids: Sequence[int]) -> dict[int, DocumentRecord]:
        found: dict[int, DocumentRecord] = {}
        columns = rows.columns(rows.DOCUMENT_COLUMNS, "d")
        for row in self.database.rows_in(
            f"SELECT {columns} FROM documents d WHERE d.content_id IN (?) AND d.path = "
            "(SELECT min(path) FROM documents WHERE content_id = d.content_id)",
            ids,
        ):
            record, content_id, _ = rows.read_document_row(row)
            if content_id is not None:
                found[content_id] = record
        for content_id in ids:
            if content_id not in found:
                raise IndexDamaged(f"content {content_id} belongs to no document", remedy=REMEDY_DAMAGED)
        return found

    @contextmanager
    def _naming_document(self, content_id: int) -> Iterator[None]:
        """Say which document it is that an IndexDamaged speaks of."""
        try:
            yield
        except IndexDamaged as error:
            name = rows.document_name(self.database, content_id)
            raise IndexDamaged(f"{name}: {error.message}", remedy=error.remedy) from error

    # writing

    def set_embedder(self, embedder: EmbedderRecord) -> None:
        """Remember whose vectors these are. Raises IndexMismatch where passages are stored with another's."""
        current = self.meta().embedder
        if current == embedder:
            return
        if current is not None and self.total("chunks"):
            raise IndexMismatch(
                f"the index was built with the embedder {current.name}, not {embedder.name}",
                remedy="`ragqa reembed` embeds what is stored again",
            )
        with self.transaction():
            vectorfile.forget(self.database)  # it may hold the vectors of passages that are gone
            schema.write_calibration(self.database, None)
            schema.write_meta(self.database, embedder=schema.embedder_value(embedder))

    def set_sparse(self, sparse: SparseRecord | None) -> None:
        """Remember whose features there will be (None: nobody's). ValueError where passages are stored already."""
        if sparse == self.meta().sparse:
            return
        if self.total("chunks"):
            raise ValueError("a sparse model can be changed by a re-embedding alone")
        with self.transaction():
            schema.write_sparse(self.database, sparse)

    def set_calibration(self, calibration: Calibration) -> None:
        """Remember below which evidence to refuse; until the index is made anew, which makes other scores."""
        with self.transaction():
            schema.write_calibration(self.database, calibration)

    def set_fingerprint(self, part: Literal["analyzer", "chunker"], value: str) -> None:
        """Remember which analyzer or chunker made what is stored."""
        if self._meta[part] != value:
            with self.transaction():
                schema.write_meta(self.database, **{part: value})

    def commit(self, batch: Batch) -> int:
        """Apply `batch` in one transaction and return the generation; on any error nothing of it is stored.

        Raises StorageError (disk full, read-only) with the index as it was. ValueError is a bug of the caller: a part
        of a content with another length than its chunks, or a stored record whose content is nowhere.
        """
        meta = self.meta()
        dimensions = meta.embedder.dimensions if meta.embedder else None
        commits.validate(batch, dimensions, sparse=meta.sparse is not None)
        with self.transaction():
            commits.apply(self.database, batch)
        return self.generation

    def compact(self) -> None:
        """Merge postings and renew the vector file where due. Safe to kill at any time; nothing visible changes.

        Called at the end of an ingest that went through; lost commits are then made good.
        """
        if not postings.is_compact(self.database):
            with self.database.transaction():
                postings.compact(self.database)
        embedder = self.meta().embedder
        vectors = self.vector_count()
        if embedder is not None and vectorfile.is_due(self.folder, self.database, vectors):
            vectorfile.renew(self.folder, self.database, self.generation, embedder.dimensions, vectors)
        else:
            vectorfile.remove_strays(self.folder, self.database)
        self._committed()
        self.lost_commits = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything that is written inside becomes visible at once, here too, or none of it does."""
        with self.database.transaction():
            yield
        self._committed()

    def _committed(self) -> None:
        """Look at what was committed, and note it beside the index, where a lost log cannot take it along."""
        self._meta = schema.read_meta(self.database)
        self.revision += 1
        if self._lock is not None:
            self._lock.record(self.generation)
