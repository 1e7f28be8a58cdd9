"""How documents, contents and chunks become rows, and are believed again only if their checksum agrees."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ragqa.errors import IndexDamaged
from ragqa.index.checksums import digest
from ragqa.index.database import REMEDY_DAMAGED, Database, Row
from ragqa.index.records import DocumentRecord, StoredContent
from ragqa.types import Block, Chunk, Document, Language, Page

CHUNK_COLUMNS = (
    'key, chunk_id, content_id, ordinal, start, "end", page_start, page_end, page_label, unknown_share, terms, '
    "checksum, heading, text"
)
_UNKNOWN_SHARE = 9
TERMS_COLUMN = 10
CONTENT_COLUMNS = (
    "id, sha256, loader, title, language, chunks, embedded, text_sha256, structure_sha256, checksum"  # without texts
)
DOCUMENT_COLUMNS = (
    "path, display, root, sha256, size, mtime_ns, status, loader, code, reason, content_id, generation, checksum"
)


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk as it is stored."""

    key: int
    chunk_id: str
    content_id: int
    ordinal: int
    unknown_share: float
    terms: int
    chunk: Chunk


@dataclass(frozen=True, slots=True)
class ContentRow:
    """A content as it is stored, without its text and structure."""

    id: int
    sha256: str
    loader: str
    title: str
    language: Language
    chunks: int
    embedded: bool
    text_sha256: bytes
    structure_sha256: bytes


def chunk_id(sha256: str, loader: str, chunk: Chunk) -> str:
    """The identity of a chunk: the same in every index that holds the same bytes, read and cut in the same way."""
    return digest(sha256, loader, chunk.start, chunk.end, chunk.text).hex()[:16]


def chunk_row(key: int, content_id: int, ordinal: int, content: StoredContent) -> tuple[object, ...]:
    chunk = content.chunks[ordinal]
    before = (
        key,
        chunk_id(content.sha256, content.document.loader, chunk),
        content_id,
        ordinal,
        chunk.start,
        chunk.end,
        chunk.page_start,
        chunk.page_end,
        chunk.page_label,
        float(content.unknown_shares[ordinal]),
        len(content.terms[ordinal]),
    )
    after = (_json(chunk.heading), chunk.text)
    return *before, digest(*before, *after), *after


def read_unknown_share(row: Row) -> float:
    """The share of a row with CHUNK_COLUMNS that the embedder cannot read, without making a chunk of it."""
    return float(_verified(row)[0][_UNKNOWN_SHARE])


def _verified(row: Row) -> tuple[list[Any], str, str]:
    """The values before the checksum, the heading and the text."""
    *before, checksum, heading, text = row
    if digest(*before, heading, text) != checksum:
        raise IndexDamaged(f"passage {before[0]} is damaged", remedy=REMEDY_DAMAGED)
    return before, heading, text


def read_chunk(row: Row) -> ChunkRow:
    """The chunk of a row with CHUNK_COLUMNS."""
    before, heading, text = _verified(row)
    key, identity, content_id, ordinal, start, end, page_start, page_end, page_label, unknown_share, terms = before
    chunk = Chunk(start, end, text, tuple(json.loads(heading)), page_start, page_end, page_label)
    return ChunkRow(key, identity, content_id, ordinal, unknown_share, terms, chunk)


def recounted(row: Row, terms: int) -> tuple[int, bytes]:
    """`terms` and `checksum` of the same chunk (a row with CHUNK_COLUMNS) with another number of terms."""
    return terms, digest(*row[:TERMS_COLUMN], terms, *row[-2:])


def content_row(content_id: int, content: StoredContent) -> tuple[tuple[object, ...], str, str]:
    """The columns of CONTENT_COLUMNS, then the structure and the text."""
    document = content.document
    structure = _json(
        {
            "pages": [(page.number, page.start, page.end, page.label) for page in document.pages],
            "blocks": [(block.start, block.end, block.kind, block.level) for block in document.blocks],
            "warnings": document.warnings,
        }
    )
    values = (
        content_id,
        content.sha256,
        document.loader,
        document.title,
        document.language,
        len(content.chunks),
        1,
        hashlib.sha256(document.text.encode("utf-8")).digest(),
        hashlib.sha256(structure.encode("utf-8")).digest(),
    )
    return (*values, digest(*values)), structure, document.text


def with_parts(row: Row, chunks: int, *, embedded: bool) -> tuple[int, int, bytes]:
    """`chunks`, `embedded` and `checksum` of the same content (a row with CONTENT_COLUMNS) with other parts."""
    return chunks, int(embedded), digest(*row[:5], chunks, int(embedded), *row[7:-1])


def read_content(row: Row) -> ContentRow:
    """The content of a row with CONTENT_COLUMNS."""
    *values, checksum = row
    if digest(*values) != checksum:
        raise IndexDamaged(f"the record of content {values[0]} is damaged", remedy=REMEDY_DAMAGED)
    identity, sha256, loader, title, language, chunks, embedded, text_sha256, structure_sha256 = values
    return ContentRow(identity, sha256, loader, title, language, chunks, embedded == 1, text_sha256, structure_sha256)


def read_document(content: ContentRow, structure: str, text: str) -> Document:
    """The Document of a content, from the two columns that ContentRow leaves out."""
    parts = _structure(content, structure)
    _require(content, text, content.text_sha256)
    return Document(
        text=text,
        title=content.title,
        language=content.language,
        loader=content.loader,
        pages=tuple(Page(*page) for page in parts["pages"]),
        blocks=tuple(Block(*block) for block in parts["blocks"]),
        warnings=tuple(parts["warnings"]),
    )


def read_pages(content: ContentRow, structure: str) -> tuple[Page, ...]:
    """The pages alone, for which the text, which may be large, need not be read."""
    return tuple(Page(*page) for page in _structure(content, structure)["pages"])


def _structure(content: ContentRow, structure: str) -> dict[str, Any]:
    _require(content, structure, content.structure_sha256)
    parts: dict[str, Any] = json.loads(structure)
    return parts


def _require(content: ContentRow, value: object, expected: bytes) -> None:
    if not isinstance(value, str) or hashlib.sha256(value.encode("utf-8")).digest() != expected:
        raise IndexDamaged(f"the text of content {content.id} is damaged", remedy=REMEDY_DAMAGED)


def document_row(record: DocumentRecord, content_id: int | None, generation: int) -> tuple[object, ...]:
    values = (
        record.path,
        # A display form with a lone surrogate cannot be stored, nor printed: show its number.
        record.display.encode("utf-8", "backslashreplace").decode("utf-8"),
        record.root,
        record.sha256,
        record.size,
        record.mtime_ns,
        record.status,
        record.loader,
        record.code,
        record.reason.encode("utf-8", "backslashreplace").decode("utf-8"),
        content_id,
        generation,
    )
    return *values, digest(*values)


def read_document_row(row: Row) -> tuple[DocumentRecord, int | None, int]:
    """The record, content and generation of a row with DOCUMENT_COLUMNS."""
    *values, checksum = row
    if digest(*values) != checksum:
        raise IndexDamaged(f"the record of {values[1]} is damaged", remedy=REMEDY_DAMAGED)
    path, display, root, sha256, size, mtime_ns, status, loader, code, reason, content_id, generation = values
    record = DocumentRecord(path, display, root, sha256, size, mtime_ns, status, loader, code, reason)
    return record, content_id, generation


def document_name(database: Database, content_id: int) -> str:
    """What to call a content in a message about damage: the first document that has it."""
    row = database.row("SELECT display FROM documents WHERE content_id = ? ORDER BY path LIMIT 1", content_id)
    return str(row[0]) if row else "a document"


def columns(names: str, table: str) -> str:
    """`names` (columns, comma-separated) as columns of `table`."""
    return ", ".join(f"{table}.{name}" for name in names.split(", "))


def _json(value: Sequence[object] | dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
