"""The values that go into the store and come out of it: frozen, so that a commit cannot change under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from ragqa.types import Chunk, Document, Language

if TYPE_CHECKING:
    from ragqa.types import Vectors

DocumentStatus = Literal["stored", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class EmbedderRecord:
    """The embedder whose vectors the index holds. Vectors of two fingerprints are never compared."""

    name: str
    fingerprint: str
    dimensions: int


@dataclass(frozen=True, slots=True)
class SparseRecord:
    """The sparse model whose features the index holds. Features of two fingerprints are never compared."""

    name: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Target:
    """What vectors, terms, features (None: there are none) and chunks are made with."""

    embedder: EmbedderRecord
    analyzer: str
    chunker: str
    sparse: SparseRecord | None = None

    def makes_the_same(self, other: Target | None) -> bool:
        """Whether the same text comes out the same; what a model is called makes no difference."""
        if other is None:
            return False
        own, its = (
            replace(
                target,
                embedder=replace(target.embedder, name=""),
                sparse=target.sparse and replace(target.sparse, name=""),
            )
            for target in (self, other)
        )
        return own == its


@dataclass(frozen=True, slots=True)
class Pending:
    """A re-embedding that is under way: `staged` of `contents` are made as `target` says, and none is in use yet."""

    target: Target
    staged: int
    contents: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """The evidence below which this index's questions are refused, fitted on so many questions of each kind."""

    refuse_below: float
    answerable: int
    unanswerable: int


@dataclass(frozen=True, slots=True)
class IndexMeta:
    """What the index says about itself. `embedder` is None until the first `Store.set_embedder`.

    `analyzer` and `chunker` are the fingerprints given to `Store.set_fingerprint`, "" until then. `generation` counts
    the commits that changed what can be found; `created` is in seconds since the epoch.
    """

    generation: int
    created: int
    embedder: EmbedderRecord | None
    analyzer: str
    chunker: str
    sparse: SparseRecord | None = None
    calibration: Calibration | None = None

    @property
    def made_with(self) -> Target | None:
        """What made all that is stored; None until the first `Store.set_embedder`."""
        return Target(self.embedder, self.analyzer, self.chunker, self.sparse) if self.embedder else None


@dataclass(frozen=True, slots=True)
class StoredContent:
    """All that one file's bytes bring, however many paths hold those bytes.

    `sha256` is the hex digest of the file's bytes; together with `document.loader` it is the content's identity.
    `vectors[i]`, `terms[i]` and `unknown_shares[i]` belong to `chunks[i]`: its embedding, its analyzed `indexed_text`,
    and the share of it that the embedder cannot read. `features[i]` is what the index's sparse model says of it;
    without such a model `features` is empty.
    """

    sha256: str
    document: Document
    chunks: Sequence[Chunk]
    vectors: Vectors
    terms: Sequence[Sequence[str]]
    unknown_shares: Sequence[float]
    features: Sequence[Mapping[int, int]] = ()


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """One path, as a commit writes it. `path` is the absolute path's exact bytes; `display` is what users are shown.

    A `stored` record names its content by `sha256` and `loader`, which the same batch adds or the store already holds.
    A `skipped` or `failed` record has no content: `code` is the stable word of DocumentError, `reason` the sentence;
    `sha256` is "" where the bytes were never read. `root` is the ingested path that it was found under.
    """

    path: bytes
    display: str
    root: bytes
    sha256: str
    size: int
    mtime_ns: int
    status: DocumentStatus = "stored"
    loader: str = ""
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DocumentState:
    """One path, as the store knows it: its record, and what its content is (None and empty where there is none)."""

    record: DocumentRecord
    generation: int
    """The generation that wrote the record."""
    content_id: int | None = None
    title: str = ""
    language: Language = "other"
    chunks: int = 0

    @property
    def path(self) -> bytes:
        return self.record.path

    @property
    def display(self) -> str:
        return self.record.display


@dataclass(frozen=True, slots=True)
class Touched:
    """A known path whose bytes are as they were, with a new size or time."""

    path: bytes
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Everything that one commit changes: all of it becomes visible at once, or none of it does.

    `added` contents that the store already holds (same `sha256` and loader) are replaced: that is how a document is
    chunked or embedded again. `removed` are paths. `roots` are ingested paths to remember. Contents that no path has
    any more are removed by the commit itself.
    """

    added: Sequence[StoredContent] = ()
    documents: Sequence[DocumentRecord] = ()
    removed: Sequence[bytes] = ()
    touched: Sequence[Touched] = ()
    roots: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class IndexedChunk:
    """A live chunk with its key, for whoever walks through all that can be found."""

    key: int
    content_id: int
    chunk: Chunk


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is: paths by status, contents, chunks, and chunks by the language of their document."""

    documents: Mapping[DocumentStatus, int] = field(default_factory=dict)
    contents: int = 0
    chunks: int = 0
    languages: Mapping[Language, int] = field(default_factory=dict)
