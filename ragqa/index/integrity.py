"""`check`: is every stored byte what was written, and does everything derived follow from it?

A check only reads. Each part goes on after what it finds, so that one damaged document does not hide another.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal

from ragqa.errors import IndexDamaged
from ragqa.index import features, postings, rows, staging, vectorfile
from ragqa.index.database import Database, Row
from ragqa.index.rows import ChunkRow, ContentRow
from ragqa.index.vectorblocks import COLUMNS, decode, vector_batches

if TYPE_CHECKING:
    from ragqa.index.postings import Segment
    from ragqa.index.store import Store

Kind = Literal[
    "sqlite",
    "record",
    "text",
    "passages",
    "vectors",
    "features",
    "postings",
    "vector_file",
    "staging",
    "counts",
    "commits",
]
Analyze = Callable[[str], Sequence[str]]

_REBUILD = "`ragqa check --repair` rebuilds it from what is stored"
_REMEDIES: dict[Kind, str] = {
    "sqlite": "move the index folder away and ingest again; the old one still answers where it is not damaged",
    "record": "`ragqa check --repair`, then `ragqa ingest` reads the document again",
    "text": "`ragqa check --repair`, then `ragqa ingest` reads the document again",
    "passages": "`ragqa check --repair`, then `ragqa reembed` makes them anew from the stored text",
    "vectors": "`ragqa check --repair`, then `ragqa reembed` makes them anew from the stored text",
    "features": "`ragqa check --repair`, then `ragqa reembed` makes them anew from the stored text",
    "postings": _REBUILD,
    "vector_file": _REBUILD,
    "staging": "`ragqa check --repair` drops it, or `ragqa reembed` makes it anew; the index answers without it",
    "counts": _REBUILD,
    "commits": "`ragqa ingest` your folders again: it adds only what is missing",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be. `content_id` is set where it concerns one content."""

    kind: Kind
    what: str
    document: str | None = None
    content_id: int | None = None

    @property
    def remedy(self) -> str:
        """The command that helps."""
        return _REMEDIES[self.kind]


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found, and how much it looked at. Without `findings` the index is sound."""

    findings: tuple[Finding, ...]
    documents: int
    contents: int
    chunks: int

    def contents_with(self, *kinds: Kind) -> list[int]:
        """The contents that findings of these kinds concern."""
        return sorted({found.content_id for found in self.findings if found.kind in kinds and found.content_id})


def check(store: Store, analyze: Analyze) -> Report:
    """Look at everything. `analyze` is the analyzer that the stored terms were made with."""
    looked = _Check(store, analyze)
    parts: tuple[tuple[Kind, Callable[[], Iterator[Finding]]], ...] = (
        ("sqlite", looked.sqlite),
        ("record", looked.documents),
        ("text", looked.texts),
        ("vectors", looked.vectors),
        ("features", looked.features),
        ("postings", looked.postings),
        ("vector_file", looked.vector_file),
        ("staging", looked.staging),
    )
    findings: list[Finding] = []
    for kind, part in parts:
        try:
            findings.extend(part())
        except IndexDamaged as error:
            by_sqlite = isinstance(error.__cause__, sqlite3.Error)
            findings.append(Finding("sqlite" if by_sqlite else kind, error.message))
    findings.extend(looked.counts(damaged=bool(findings)))
    return Report(tuple(findings), looked.seen["documents"], looked.seen["contents"], looked.seen["chunks"])


class _Check:
    """The parts of a check, in the order in which they run; later ones use what earlier ones saw."""

    def __init__(self, store: Store, analyze: Analyze) -> None:
        self._store = store
        self._database = store.database
        self._analyze = analyze
        self.seen = {"documents": 0, "contents": 0, "chunks": 0}
        self._embedded: dict[int, tuple[int, int]] = {}
        """Content with vectors -> its first key and how many chunks it has."""

    def sqlite(self) -> Iterator[Finding]:
        """What SQLite itself can notice."""
        for (message,) in self._database.rows("PRAGMA integrity_check(20)"):
            if message != "ok":
                yield Finding("sqlite", str(message))
        for table, row, *_ in self._database.rows("PRAGMA foreign_key_check"):
            yield Finding("sqlite", f"row {row} of {table} points to nothing")

    def documents(self) -> Iterator[Finding]:
        for row in self._rows(f"id, {rows.DOCUMENT_COLUMNS}", "documents", "id"):
            self.seen["documents"] += 1
            try:
                rows.read_document_row(row[1:])
            except IndexDamaged as error:
                yield Finding("record", error.message, str(row[2]), row[11] if isinstance(row[11], int) else None)

    def texts(self) -> Iterator[Finding]:
        """Each content's text, and its chunks against it."""
        for row in self._rows(f"{rows.CONTENT_COLUMNS}, structure, text", "contents", "id"):
            self.seen["contents"] += 1
            name = rows.document_name(self._database, row[0])
            try:
                content = rows.read_content(row[:-2])
                text = rows.read_document(content, *row[-2:]).text
            except IndexDamaged as error:
                yield Finding("text", error.message, name, row[0])
            else:
                for what in self._chunks_of(content, text):
                    yield Finding("passages", what, name, content.id)

    def _chunks_of(self, content: ContentRow, text: str) -> Iterator[str]:
        chunks: list[ChunkRow] = []
        for row in self._database.rows(
            f"SELECT {rows.CHUNK_COLUMNS} FROM chunks WHERE content_id = ? ORDER BY ordinal", content.id
        ):
            self.seen["chunks"] += 1
            try:
                chunks.append(rows.read_chunk(row))
            except IndexDamaged as error:
                yield error.message
        for place, chunk in enumerate(chunks):
            if chunk.ordinal != place or chunk.key != chunks[0].key + place:
                yield f"passage {chunk.key} is not in its place"
            if chunk.chunk.text != text[chunk.chunk.start : chunk.chunk.end]:
                yield f"passage {chunk.key} is not what the document says there"
            if chunk.chunk_id != rows.chunk_id(content.sha256, content.loader, chunk.chunk):
                yield f"passage {chunk.key} has the id of another"
        if len(chunks) != content.chunks:
            yield f"{len(chunks)} of {content.chunks} passages can be read"
        elif content.embedded and chunks:
            self._embedded[content.id] = (chunks[0].key, len(chunks))

    def vectors(self) -> Iterator[Finding]:
        """Each block's checksum, and that every chunk has its vector."""
        embedder = self._store.meta().embedder
        if embedder is None:
            return
        covered: Counter[int] = Counter()
        for block in self._rows(COLUMNS, "vectors", "first_key"):
            try:
                first, vectors = decode(self._database, block, embedder.dimensions)
            except IndexDamaged as error:
                yield self._about("vectors", error.message, block[1])
                continue
            start, count = self._embedded.get(block[1], (first, len(vectors)))
            if first != start + covered[block[1]] or covered[block[1]] + len(vectors) > count:
                yield self._about("vectors", f"the vectors from passage {first} on are not in their place", block[1])
            covered[block[1]] += len(vectors)
        for content_id, (_, count) in self._embedded.items():
            if covered[content_id] != count:
                yield self._about("vectors", f"{covered[content_id]} of {count} vectors can be read", content_id)

    def features(self) -> Iterator[Finding]:
        """That every passage has what the sparse model said of it, where the index has such a model."""
        if self._store.meta().sparse is None:
            return
        for page in self._database.pages("key, content_id", "chunks", "key"):
            found = features.read(self._database, [key for key, _ in page])
            for key, content_id in page:
                if found[key] is None:
                    what = f"what the sparse model said of passage {key} is damaged or gone"
                    yield self._about("features", what, content_id)

    def postings(self) -> Iterator[Finding]:
        """The postings against what the analyzer makes of the chunks now, and against their features."""
        import numpy as np

        covered: list[int] = []
        for segment in postings.segments(self._database):
            try:
                reader = segment.reader(self._database)
                alive = segment.alive(reader)
                stored = _fingerprints(segment, self._database)
            except IndexDamaged as error:
                yield Finding("postings", error.message)
                continue
            live = dict(zip(reader.keys[alive].tolist(), np.flatnonzero(alive).tolist(), strict=True))
            covered.extend(live)
            terms = 0
            for key, content_id, expected, length in self._expected(segment.first_key, segment.last_key):
                place = live.get(key)
                if place is None:
                    yield self._about("postings", f"passage {key} cannot be found by its words", content_id)
                elif (expected is not None and stored[place] != expected) or int(reader.lengths[place]) != length:
                    yield self._about("postings", f"passage {key} is indexed under other words", content_id)
                terms += length
            if (segment.live, segment.live_terms) != (len(live), terms):
                yield Finding("postings", f"the keyword index counts {segment.live} passages, {len(live)} are there")
        keys = [row[0] for row in self._database.rows("SELECT key FROM chunks ORDER BY key")]
        if keys != sorted(covered):
            yield Finding("postings", f"the keyword index holds {len(covered)} of {len(keys)} passages")

    def _expected(self, first_key: int, last_key: int) -> Iterator[tuple[int, int, int | None, int]]:
        """(key, content, fingerprint of its postings, number of its terms) of each sound chunk in a range of keys.

        The fingerprint is None where the features are not what was written, which `features` has found.
        """
        is_sparse = self._store.meta().sparse is not None
        for page in self._database.pages(rows.CHUNK_COLUMNS, "chunks", "key", after=first_key - 1, last=last_key):
            said = features.read(self._database, [row[0] for row in page]) if is_sparse else {}
            for row in page:
                try:
                    chunk = rows.read_chunk(row)
                except IndexDamaged:
                    continue  # found by `texts`
                terms = self._analyze(chunk.chunk.indexed_text)
                own = said.get(chunk.key)
                if is_sparse and own is None:
                    yield chunk.key, chunk.content_id, None, len(terms)
                    continue
                counted = {**Counter(terms), **features.as_terms(own or {})}
                expected = sum(_hash(_encode(term)) * count for term, count in counted.items()) & _MASK
                yield chunk.key, chunk.content_id, expected, len(terms)

    def vector_file(self) -> Iterator[Finding]:
        """The FAISS file, its bytes and its vectors, against the store."""
        file = vectorfile.recorded(self._database)
        embedder = self._store.meta().embedder
        if file is None or embedder is None:
            return
        index = vectorfile.open_index(file, self._store.folder)
        if index is None:
            yield Finding("vector_file", f"{file.path(self._store.folder).name} is missing or not what was written")
            return
        import faiss
        import numpy as np

        mask = vectorfile.live_mask(file, None)
        held = faiss.vector_to_array(index.id_map)
        places = np.arange(file.rows) if mask is None else np.flatnonzero(mask[held])
        done = 0
        try:
            for keys, vectors in vector_batches(self._database, embedder.dimensions):
                older = keys <= file.last_key
                keys, vectors = keys[older], vectors[older]
                own = places[done : done + len(keys)]
                done += len(keys)
                if not np.array_equal(held[own], keys):
                    yield Finding("vector_file", "the vector file holds other passages than the store")
                    return
                if len(keys) and not np.array_equal(index.index.reconstruct_batch(own), vectors):
                    yield Finding("vector_file", "the vector file holds other vectors than the store")
                    return
        except IndexDamaged:
            return  # found by `vectors`
        if done != len(places):
            yield Finding("vector_file", "the vector file holds passages that the store does not")

    def staging(self) -> Iterator[Finding]:
        """What a re-embedding has made so far and is not in use yet."""
        for what in staging.damage(self._database):
            yield Finding("staging", what)

    def counts(self, *, damaged: bool) -> Iterator[Finding]:
        """The index's own totals. Where rows cannot be read they cannot agree, and it has been said why."""
        names: tuple[Literal["documents", "contents", "chunks"], ...] = ("documents", "contents", "chunks")
        for name in names:
            recorded, seen = self._store.total(name), self.seen[name]
            if recorded != seen and not damaged:
                yield Finding("counts", f"the index should hold {recorded} {name} and holds {seen}")
        if self._store.lost_commits:
            yield Finding("commits", f"the last {self._store.lost_commits} commits are gone")

    def _rows(self, columns: str, table: str, key: str) -> Iterator[Row]:
        for page in self._database.pages(columns, table, key):
            yield from page

    def _about(self, kind: Kind, what: str, content_id: object) -> Finding:
        if not isinstance(content_id, int):
            return Finding(kind, what)
        return Finding(kind, what, rows.document_name(self._database, content_id), content_id)


_MASK = (1 << 64) - 1


def _encode(term: str) -> bytes:
    from ragqa.index.segments import encode_term

    return encode_term(term)


def _hash(term: bytes) -> int:
    return int.from_bytes(blake2b(term, digest_size=8).digest(), "little")


def _fingerprints(segment: Segment, database: Database) -> list[int]:
    """For each chunk of a segment, one number for all its terms and how often it holds them.

    A sum of hashes: it takes the same memory however many postings there are, and no two bags of terms share it but by
    a chance of one in 2 ** 64.
    """
    import numpy as np

    reader = segment.reader(database)
    sums = np.zeros(segment.chunks, np.uint64)
    for block in reader.term_blocks():
        found = reader.read_postings(int(block.starts[0]), int(block.starts[-1]))
        hashes = np.array([_hash(term) for term in block.terms], np.uint64)
        added = np.repeat(hashes, np.diff(block.starts)) * found.frequencies.astype(np.uint64)
        np.add.at(sums, found.chunks, added)
    return [int(number) for number in sums]
