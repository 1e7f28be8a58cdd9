"""`ragqa ingest`: make the index hold what the files hold, one transaction for each batch of documents.

A file costs a `stat` if nothing changed, a read and a hash if only its time did, and is parsed and embedded only if its
bytes are new to the index. What fails is reported and costs that file alone; whatever was stored of it before stays.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

from ragqa.documents import discovery, formats
from ragqa.errors import DocumentError
from ragqa.flows import indexing
from ragqa.index.records import Batch, DocumentRecord, DocumentState, StoredContent, Touched

if TYPE_CHECKING:
    from ragqa.config import Config
    from ragqa.index.store import Store
    from ragqa.ports import Embedder, Loader, SparseEncoder
    from ragqa.types import Chunk, Document

BATCH_CHUNKS = 256
"""Chunks that are embedded and committed together: enough for full batches, few enough to lose little when killed."""

BATCH_DOCUMENTS = 1024
"""Documents that are committed together: copies and moved files bring no chunks, and must not wait for the end."""

BATCH_CHARACTERS = 4_000_000
"""Text held in memory at most, beyond the one document that crosses the line."""

TRANSIENT = frozenset({"unreadable", "changed", "crashed"})
"""Failures that may be gone next time although the file looks the same, so they are tried again."""

Outcome = Literal["added", "changed"]


@dataclass(frozen=True, slots=True)
class Planned:
    """So many files are there, so many of them have to be read."""

    files: int
    to_read: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A document is stored: committed, and safe from any crash."""

    document: str
    outcome: Outcome
    chunks: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A file is not in the index. `code` is a word of DocumentError; `failed` if something went wrong with it."""

    document: str
    code: str
    reason: str
    failed: bool


@dataclass(frozen=True, slots=True)
class Embedded:
    """So many chunks of the pending batch have their vectors."""

    chunks: int


Event = Planned | Stored | Refused | Embedded


@dataclass(slots=True)
class Report:
    """What one ingest did. Paths are as given; a path stands in one list only."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: int = 0
    removed: list[str] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    """(document, warning); the document is "" where a warning is about the whole run."""
    chunks: int = 0
    unreadable_chunks: int = 0
    """New chunks that the embedding model cannot read: they are found by their words alone."""
    seconds: float = 0.0

    @property
    def failed(self) -> list[Refused]:
        return [refused for refused in self.refused if refused.failed]

    @property
    def skipped(self) -> list[Refused]:
        return [refused for refused in self.refused if not refused.failed]


@dataclass(frozen=True, slots=True)
class Parts:
    """What an ingest works with; `embedder` and `loader` are built when the first file has to be parsed."""

    embedder: Callable[[], Embedder]
    loader: Callable[[], Loader]
    config: Config
    sparse: Callable[[], SparseEncoder | None] = lambda: None


def ingest(
    paths: Sequence[bytes],
    store: Store,
    parts: Parts,
    *,
    password: str | None = None,
    retry: bool = False,
    prune: bool = True,
    on_event: Callable[[Event], None] = lambda event: None,
) -> Report:
    """Ingest files and folders; `prune` also removes what is no longer under them.

    `retry` parses again what failed before although its file is as it was. Raises what the store raises; a
    DocumentError never gets out.
    """
    started = time.monotonic()
    run = _Run(store, parts, password, on_event)
    states = store.states()
    found = _discover(paths, store, parts.config)
    fresh = [(file, states.get(file.path)) for file in found if file.reason is None]
    to_read = [(file, state) for file, state in fresh if not run.is_settled(file, state, retry=retry)]
    on_event(Planned(files=len(fresh), to_read=len(to_read)))
    for file in found:
        if file.reason is not None:
            run.refuse(file.display, DocumentError(file.reason, code=file.code, skipped=file.code not in _UNREADABLE))
    if to_read:
        run.check_fingerprints()
    for file, state in to_read:
        run.take(file, state)
    removed = list(_vanished(paths, found, states, parts.config)) if prune else []
    run.report.removed = sorted(state.display for state in removed)
    known_roots = set(store.roots())
    roots = [root for path in paths if (root := discovery.absolute(path)) not in known_roots and os.path.lexists(root)]
    run.flush(removed=[state.path for state in removed], roots=roots)
    store.compact()
    run.report.seconds = time.monotonic() - started
    return run.report


def plan(paths: Sequence[bytes], store: Store | None, config: Config) -> Report:
    """What `ingest` would do, judged by size and time alone; reads no file and writes nothing."""
    states = store.states() if store else {}
    report = Report()
    found = _discover(paths, store, config)
    for file in found:
        state = states.get(file.path)
        if file.reason is not None:
            failed = file.code in _UNREADABLE
            report.refused.append(Refused(file.display, file.code, file.reason, failed=failed))
        elif state is not None and _same_file(file, state.record) and state.record.code not in TRANSIENT:
            if state.record.status == "stored":
                report.unchanged += 1
            else:
                report.refused.append(_settled_refusal(state.record))
        elif state is None or state.content_id is None:
            report.added.append(file.display)
        else:
            report.changed.append(file.display)
    report.removed = sorted(state.display for state in _vanished(paths, found, states, config))
    return report


_UNREADABLE = frozenset({"unreadable", "missing"})
"""What discovery says of a path that should have been there: that is a failure, not a file to leave out."""


@dataclass(frozen=True, slots=True)
class _Pending:
    record: DocumentRecord
    outcome: Outcome
    document: Document | None
    """None where the store holds this content already."""
    chunks: tuple[Chunk, ...] = ()


class _Run:
    """One ingest under way: what is parsed but not yet committed, and the report so far."""

    def __init__(self, store: Store, parts: Parts, password: str | None, on_event: Callable[[Event], None]) -> None:
        self.store = store
        self.parts = parts
        self.password = password
        self.on_event = on_event
        self.report = Report()
        self._pending: list[_Pending] = []
        self._identities: set[tuple[str, str]] = set()
        """Of the pending contents: SHA-256 and loader."""
        self._chunks = self._characters = 0
        self._touched: list[Touched] = []
        self._refusals: list[DocumentRecord] = []

    def is_settled(self, file: discovery.Found, state: DocumentState | None, *, retry: bool) -> bool:
        """Whether nothing has to be read: the file is as it was, and so is what became of it."""
        if state is None or not _same_file(file, state.record):
            return False
        record = state.record
        if record.status == "stored":
            self.report.unchanged += 1
            return True
        if retry or record.code in TRANSIENT or (record.code == "encrypted" and self.password is not None):
            return False
        self._note(_settled_refusal(record))
        return True

    def check_fingerprints(self) -> None:
        """Refuse to mix vectors of two embedders or terms of two analyzers; say so where chunk settings changed."""
        chunker = indexing.chunker_fingerprint(self.parts.config.chunk)
        stored = indexing.claim(self.store, self.parts.embedder(), chunker, sparse=self.parts.sparse())
        if stored != chunker:
            warning = f"stored documents keep their chunks ({stored}); `ragqa reembed` cuts them as set now ({chunker})"
            self.report.warnings.append(("", warning))

    def take(self, file: discovery.Found, state: DocumentState | None) -> None:
        """Read one file and put it on the pending batch, or on the report with the reason why not."""
        sha256 = ""
        try:
            data, stat = discovery.read(file.path, max_bytes=self.parts.config.ingest.max_file_mb << 20, root=file.root)
            sha256 = hashlib.sha256(data).hexdigest()
            loader = formats.sniff(file.display, data[: formats.HEAD])
            record = DocumentRecord(
                file.path, file.display, file.root, sha256, stat.st_size, stat.st_mtime_ns, loader=loader
            )
            self._take_bytes(record, data, state)
        except DocumentError as error:
            self.refuse(file.display, error)
            if error.skipped or state is None or state.content_id is None:
                self._refusals.append(_refusal(file, sha256, error))

    def _take_bytes(self, record: DocumentRecord, data: bytes, state: DocumentState | None) -> None:
        known = state is not None and state.content_id is not None
        if known and state and (state.record.sha256, state.record.loader) == (record.sha256, record.loader):
            self._touched.append(Touched(record.path, record.size, record.mtime_ns))
            self.report.unchanged += 1
            return
        outcome: Outcome = "changed" if known else "added"
        if self._has_content(record):
            self._add(_Pending(record, outcome, None))
            return
        document = self.parts.loader().load(data, PurePath(record.display).name, password=self.password)
        document = replace(document, loader=record.loader)
        chunks = tuple(indexing.cut(document, self.parts.embedder(), self.parts.config.chunk))
        if not chunks:
            raise DocumentError("there is no text in it", code="empty", skipped=True)
        self.report.warnings.extend((record.display, warning) for warning in document.warnings)
        self._add(_Pending(record, outcome, document, chunks))

    def _add(self, pending: _Pending) -> None:
        if self._pending and len(pending.chunks) >= BATCH_CHUNKS:
            self.flush()  # small documents do not wait, unsafe, for a large one
        self._pending.append(pending)
        self._identities.add((pending.record.sha256, pending.record.loader))
        self._chunks += len(pending.chunks)
        self._characters += len(pending.document.text) if pending.document else 0
        if (
            self._chunks >= BATCH_CHUNKS
            or self._characters >= BATCH_CHARACTERS
            or len(self._pending) >= BATCH_DOCUMENTS
        ):
            self.flush()

    def _has_content(self, record: DocumentRecord) -> bool:
        identity = (record.sha256, record.loader)
        return identity in self._identities or self.store.content_id(*identity) is not None

    def flush(self, *, removed: Sequence[bytes] = (), roots: Sequence[bytes] = ()) -> None:
        """Embed what is pending and commit it together with everything else that is known by now."""
        batch = Batch(
            added=list(self._contents()),
            documents=[*(pending.record for pending in self._pending), *self._refusals],
            removed=removed,
            touched=self._touched,
            roots=roots,
        )
        if batch.documents or batch.removed or batch.touched or batch.roots:
            self.store.commit(batch)
        done, self._pending = self._pending, []
        self._identities.clear()
        self._chunks = self._characters = 0
        self._touched, self._refusals = [], []
        for pending in done:
            chunks = len(pending.chunks)
            (self.report.added if pending.outcome == "added" else self.report.changed).append(pending.record.display)
            self.report.chunks += chunks
            self.on_event(Stored(pending.record.display, pending.outcome, chunks))

    def _contents(self) -> Iterator[StoredContent]:
        parsed = [
            (item.record.sha256, item.document, item.chunks) for item in self._pending if item.document is not None
        ]
        gate = self.parts.config.retrieval.gate_unknown
        if not parsed:
            return
        sparse = self.parts.sparse()
        for content in indexing.contents(
            parsed, self.parts.embedder, lambda done: self.on_event(Embedded(done)), sparse=sparse
        ):
            self.report.unreadable_chunks += sum(share > gate for share in content.unknown_shares)
            yield content

    def refuse(self, document: str, error: DocumentError) -> None:
        """Put a file that cannot be used on the report."""
        self._note(Refused(document, error.code, error.line, failed=not error.skipped))

    def _note(self, refused: Refused) -> None:
        self.report.refused.append(refused)
        self.on_event(refused)


def _discover(paths: Sequence[bytes], store: Store | None, config: Config) -> list[discovery.Found]:
    settings = config.ingest
    return list(
        discovery.discover(
            paths,
            include=settings.include,
            exclude=settings.exclude,
            hidden=settings.hidden,
            index_dir=os.fsencode(store.folder.resolve()) if store else None,
        )
    )


def _same_file(file: discovery.Found, record: DocumentRecord) -> bool:
    return (file.size, file.mtime_ns) == (record.size, record.mtime_ns)


def _settled_refusal(record: DocumentRecord) -> Refused:
    """What became of a file at an earlier ingest, told again."""
    return Refused(record.display, record.code, record.reason, failed=record.status == "failed")


def _refusal(file: discovery.Found, sha256: str, error: DocumentError) -> DocumentRecord:
    return DocumentRecord(
        file.path,
        file.display,
        file.root,
        sha256,
        file.size,
        file.mtime_ns,
        status="skipped" if error.skipped else "failed",
        code=error.code,
        reason=error.line,
    )


def _vanished(
    paths: Sequence[bytes],
    found: Sequence[discovery.Found],
    states: Mapping[bytes, DocumentState],
    config: Config,
) -> Iterator[DocumentState]:
    """What is stored under `paths` and is not there any more, or is left out by an ignore file since.

    A path that is itself missing removes nothing: an unmounted disk must not empty an index. Neither does a folder that
    cannot be read, nor a file that only this run's include and exclude patterns left out.
    """
    present = {file.path for file in found}
    closed = [file.path for file in found if file.code in _UNREADABLE]
    roots = [root for path in paths if os.path.lexists(root := discovery.absolute(path))]
    filtered = bool(config.ingest.include or config.ingest.exclude)
    for path, state in states.items():
        if path in present or not any(discovery.is_inside(path, root) for root in roots):
            continue
        if any(discovery.is_inside(path, folder) for folder in closed):
            continue
        if not filtered or not os.path.lexists(path):
            yield state
