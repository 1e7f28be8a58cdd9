"""The store: every document, chunk, vector and posting, in one SQLite file that commits all or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal

from ragqa.index.records import Batch, Counts, DocumentState, EmbedderRecord, IndexedChunk, IndexMeta
from ragqa.types import Document, Page, Passage


class Store:
    """One index folder. Open for reading it is one snapshot, from opening to closing; a writer sees its own commits.

    Use as a context manager. Raises IndexMissing, IndexMismatch (a newer schema), IndexDamaged, IndexLocked and
    StorageError; nothing that SQLite raises gets out.
    """

    folder: Path

    @staticmethod
    def find(start: Path) -> Path | None:
        """The nearest `.ragqa` folder with an index in it, in `start` or above; None where there is none."""
        raise RuntimeError("being written")

    @classmethod
    def create(cls, folder: Path, *, wait_s: float = 0.0) -> Store:
        """Open for writing, making the folder (usually `.ragqa`) and an empty index first where there is none."""
        raise RuntimeError("being written")

    @classmethod
    def open(cls, folder: Path, *, write: bool = False, wait_s: float = 0.0) -> Store:
        """Open an index that exists. A writer waits up to `wait_s` for another one, then raises IndexLocked."""
        raise RuntimeError("being written")

    def close(self) -> None:
        """Release the snapshot or the writer's lock. Closing twice is harmless."""

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # reading

    @property
    def generation(self) -> int:
        """How many commits changed what can be found."""
        raise RuntimeError("being written")

    def meta(self) -> IndexMeta: ...  # type: ignore[empty-body]

    def counts(self) -> Counts:
        """Paths by status, contents, chunks, chunks by language: cheap, from covering indexes."""
        raise RuntimeError("being written")

    def bytes_on_disk(self) -> int:
        """All files in the index folder, in bytes."""
        raise RuntimeError("being written")

    def roots(self) -> list[bytes]:
        """Every path that was ever ingested as such, in byte order."""
        raise RuntimeError("being written")

    def documents(self) -> list[DocumentState]:
        """Every known path, in byte order of the path."""
        raise RuntimeError("being written")

    def states(self) -> dict[bytes, DocumentState]:
        """The same by path, for planning an ingest."""
        raise RuntimeError("being written")

    def content_id(self, sha256: str, loader: str) -> int | None:
        """The content made from these bytes by this loader, if it is stored with vectors."""
        raise RuntimeError("being written")

    def contents_without_vectors(self) -> list[int]:
        """Contents left to embed again after `change_embedder`, in ascending order."""
        raise RuntimeError("being written")

    def content(self, content_id: int) -> tuple[str, Document]:
        """The SHA-256 of the file's bytes and the Document that was read from them, checksums verified."""
        raise RuntimeError("being written")

    def passages(self, keys: Sequence[int]) -> list[Passage]:
        """In the order asked. Each is verified; IndexDamaged names the document, also for a key that is not live."""
        raise RuntimeError("being written")

    def passage_by_id(self, chunk_id: str) -> Passage | None:
        """The passage with this id or, from six characters on, the only one whose id begins so; None otherwise."""
        raise RuntimeError("being written")

    def neighbours(self, key: int, *, before: int = 1, after: int = 1) -> list[Passage]:
        """The passages around `key` in its document, in order, `key` itself included."""
        raise RuntimeError("being written")

    def unknown_shares(self, keys: Sequence[int]) -> dict[int, float]:
        """For each of `keys`, the share that the embedder cannot read."""
        raise RuntimeError("being written")

    def pages(self, key: int) -> tuple[Page, ...]:
        """The pages of the document that passage `key` is from; offsets are those of the document's text."""
        raise RuntimeError("being written")

    def page_text(self, path: bytes, number: int) -> str | None:
        """The text of one page (from 1) of a stored document; None where there is no such page or document."""
        raise RuntimeError("being written")

    def chunks(self) -> Iterator[IndexedChunk]:
        """Every live chunk, ascending by key, each verified."""
        raise RuntimeError("being written")

    # writing

    def set_embedder(self, embedder: EmbedderRecord) -> None:
        """Remember whose vectors these are. Raises IndexMismatch where the index already has another's."""
        raise RuntimeError("being written")

    def change_embedder(self, embedder: EmbedderRecord) -> None:
        """Drop every vector and remember another embedder; `contents_without_vectors` is then what is left to add."""
        raise RuntimeError("being written")

    def set_fingerprint(self, part: Literal["analyzer", "chunker"], value: str) -> None:
        """Remember which analyzer or chunker made what is stored."""
        raise RuntimeError("being written")

    def commit(self, batch: Batch) -> int:
        """Apply `batch` in one transaction and return the generation; on any error nothing of it is stored.

        Raises StorageError (disk full, read-only) with the index as it was. ValueError is a bug of the caller: a part
        of a content with another length than its chunks, or a stored record whose content is nowhere.
        """
        raise RuntimeError("being written")

    def compact(self) -> None:
        """Merge postings and renew the vector file where due. Safe to kill at any time; nothing visible changes."""
        raise RuntimeError("being written")
