"""The JSON of the commands that keep an index: ingest, status, list, check, remove, reembed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragqa.cli import shapes
from ragqa.cli.shapes import Shape

if TYPE_CHECKING:
    from ragqa.flows import ingest as ingest_flow
    from ragqa.flows import reembed as reembed_flow
    from ragqa.flows.look import State
    from ragqa.index.integrity import Report as CheckReport
    from ragqa.index.records import DocumentState, EmbedderRecord


def ingest(report: ingest_flow.Report, *, dry_run: bool = False) -> Shape:
    """`ragqa ingest`."""
    return {
        **shapes.versioned(),
        "dry_run": dry_run,
        "added": list(report.added),
        "changed": list(report.changed),
        "unchanged": report.unchanged,
        "removed": list(report.removed),
        "chunks": report.chunks,
        "unreadable_chunks": report.unreadable_chunks,
        "seconds": round(report.seconds, 3),
        "skipped": [_refused(each) for each in report.skipped],
        "failed": [_refused(each) for each in report.failed],
        "warnings": [{"document": document, "warning": warning} for document, warning in report.warnings],
    }


def ingest_event(event: ingest_flow.Event) -> Shape:
    """One line of `ragqa ingest --format jsonl`; the last is `{"event": "result", ...}` with the whole of `ingest`."""
    from ragqa.flows.ingest import Embedded, Planned, Refused, Stored

    match event:
        case Planned(files, to_read):
            return {"event": "planned", "files": files, "to_read": to_read}
        case Stored(document, outcome, chunks):
            return {"event": "stored", "document": document, "outcome": outcome, "chunks": chunks}
        case Refused():
            return {"event": "failed" if event.failed else "skipped", **_refused(event)}
        case Embedded(chunks):
            return {"event": "embedded", "chunks": chunks}


def status(state: State) -> Shape:
    """`ragqa status`."""
    embedder, pending, calibration = state.meta.embedder, state.reembedding, state.meta.calibration
    return {
        **shapes.versioned(),
        "index": state.folder,
        "generation": state.meta.generation,
        "documents": state.counts.documents.get("stored", 0),
        "skipped": state.counts.documents.get("skipped", 0),
        "failed": state.counts.documents.get("failed", 0),
        "chunks": state.counts.chunks,
        "languages": dict(state.counts.languages),
        "embedder": embedder and _embedder(embedder),
        "sparse": state.meta.sparse and state.meta.sparse.name,
        "analyzer": state.meta.analyzer,
        "chunker": state.meta.chunker,
        "calibration": calibration
        and {
            "refuse_below": shapes.number(calibration.refuse_below),
            "answerable": calibration.answerable,
            "unanswerable": calibration.unanswerable,
        },
        "reembedding": pending
        and {
            "embedder": _embedder(pending.target.embedder),
            "sparse": pending.target.sparse and pending.target.sparse.name,
            "analyzer": pending.target.analyzer,
            "chunker": pending.target.chunker,
            "staged": pending.staged,
            "contents": pending.contents,
        },
        "roots": [root.decode("utf-8", "backslashreplace") for root in state.roots],
        "stale_files": len(state.stale),
        "stale": list(state.stale),
        "bytes": state.bytes,
    }


def document(state: DocumentState) -> Shape:
    """One path that the index knows."""
    record = state.record
    return {
        "document": state.display,
        "status": record.status,
        "code": record.code or None,
        "reason": record.reason or None,
        "title": state.title,
        "language": state.language if record.status == "stored" else None,
        "chunks": state.chunks,
        "size": record.size,
        "sha256": record.sha256 or None,
    }


def documents(states: Sequence[DocumentState]) -> Shape:
    """`ragqa list`."""
    return {**shapes.versioned(), "documents": [document(each) for each in states]}


def check(report: CheckReport) -> Shape:
    """`ragqa check`."""
    return {
        **shapes.versioned(),
        "sound": not report.findings,
        "documents": report.documents,
        "chunks": report.chunks,
        "findings": [
            {"kind": each.kind, "what": each.what, "document": each.document or None, "remedy": each.remedy}
            for each in report.findings
        ],
    }


def removed(shown: Sequence[str], *, dry_run: bool) -> Shape:
    """`ragqa remove`."""
    return {**shapes.versioned(), "dry_run": dry_run, "removed": list(shown)}


def reembedded(done: reembed_flow.Reembedded) -> Shape:
    """`ragqa reembed`."""
    return {
        **shapes.versioned(),
        "outcome": done.outcome,
        "documents": done.documents,
        "chunks": done.chunks,
        "resumed": done.resumed,
        "uncalibrated": done.uncalibrated,
    }


def reembed_event(event: reembed_flow.Event) -> Shape:
    """One line of `ragqa reembed --format jsonl`; the last is `{"event": "result", ...}` with all of `reembed`."""
    from ragqa.flows.ingest import Embedded
    from ragqa.flows.reembed import Discarded, Staged, Started, Switching

    match event:
        case Discarded(model, documents):
            return {"event": "discarded", "model": model, "documents": documents}
        case Started(documents, staged):
            return {"event": "started", "documents": documents, "staged": staged}
        case Embedded(chunks):
            return {"event": "embedded", "chunks": chunks}
        case Staged(documents, chunks):
            return {"event": "staged", "documents": documents, "chunks": chunks}
        case Switching():
            return {"event": "switching"}


def _embedder(embedder: EmbedderRecord) -> Shape:
    return {"name": embedder.name, "dimensions": embedder.dimensions}


def _refused(refused: ingest_flow.Refused) -> Shape:
    return {"document": refused.document, "code": refused.code, "reason": refused.reason}
