"""The JSON that scripts rely on: one function for each shape, described by the schemas of `schemas.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from ragqa.types import Support

if TYPE_CHECKING:
    from pathlib import Path

    from ragqa.errors import RagqaError
    from ragqa.flows import ask as ask_flow
    from ragqa.flows import ingest as ingest_flow
    from ragqa.flows import reembed as reembed_flow
    from ragqa.flows.look import State
    from ragqa.flows.search import Found, IndexFacts
    from ragqa.index.integrity import Report as CheckReport
    from ragqa.index.records import DocumentState, EmbedderRecord
    from ragqa.index.scope import Scope
    from ragqa.reranking import Reranking
    from ragqa.retrieval import Part, Trace
    from ragqa.types import Citation, Hit, Passage, Scored

SCHEMA_VERSION = 1

Shape = dict[str, Any]


def passage(passage: Passage) -> Shape:
    """A stored chunk, and where it stands."""
    chunk = passage.chunk
    return {
        "chunk_id": passage.chunk_id,
        "document": passage.document,
        "title": passage.title,
        "page_start": chunk.page_start,
        "page_end": chunk.page_end,
        "page_label": chunk.page_label,
        "heading": list(chunk.heading),
        "start": chunk.start,
        "end": chunk.end,
        "text": chunk.text,
    }


def hit(hit: Hit) -> Shape:
    """A retrieved passage."""
    return {"rank": hit.rank, **passage(hit.passage), "score": number(hit.score), "found_by": list(hit.found_by)}


def citation(citation: Citation) -> Shape:
    """A citation: its passage, its quote, and whether code found the quote there."""
    quote = citation.quote
    return {
        "marker": citation.marker,
        **passage(citation.hit.passage),
        "found_by": list(citation.hit.found_by),
        "quote": quote.text,
        "quote_start": quote.start,
        "quote_end": quote.end,
        "quote_page": quote.page,
        "quote_page_label": quote.page_label,
        "verified": citation.verified,
    }


def search(found: Found, *, explain: bool = False) -> Shape:
    """`ragqa search`."""
    trace = found.retrieval.trace
    shape = {
        **_versioned(),
        "query": found.query,
        "filter": filter_of(found.scope),
        "hits": [hit(each) for each in found.retrieval.hits],
        "understood": _understood(trace, found.retrieval.parts),
        "index": _index(found.index),
        "models": dict(found.models),
        "reranking": _reranking(trace.reranking),
        "timings_ms": _timings(trace.timings_ms),
    }
    return {**shape, "explain": explanation(trace, found.retrieval.hits, found.retrieval.parts)} if explain else shape


def _understood(trace: Trace, parts: Sequence[Part]) -> Shape:
    """What the question was searched as; `passages` says how many hold the exact words."""
    query = trace.query
    return {
        "searched": query.text,
        "corrections": [{"written": each.written, "meant": each.meant} for each in query.corrections],
        "exact": [
            {"text": each.text, "quoted": each.quoted, "passages": sum(each in held for held in trace.exact.values())}
            for each in query.exact
        ],
        "parts": [each.retrieval.trace.query.text for each in parts[1:]],
    }


def ask(asked: ask_flow.Asked, *, explain: bool = False) -> Shape:
    """`ragqa ask`."""
    answer = asked.answer
    usage = answer.usage
    shape = {
        **_versioned(),
        "question": answer.question,
        "status": answer.status,
        "reason": answer.reason,
        "answer": answer.text,
        "sentences": [
            {
                "text": sentence.text,
                "citations": list(sentence.citations),
                "support": sentence.support,
                "support_score": None if sentence.score is None else number(sentence.score),
            }
            for sentence in answer.sentences
        ],
        "support": {
            **{support: sum(each.support == support for each in answer.sentences) for support in get_args(Support)},
            "dropped": answer.dropped,
        },
        "citations": [citation(each) for each in answer.citations],
        "hits": [hit(each) for each in answer.hits],
        "evidence": number(asked.evidence.score),
        "refuse_below": number(asked.refuse_below),
        "understood": _understood(asked.trace, asked.parts),
        "degraded": asked.degraded and _degraded(asked.degraded),
        "models": dict(answer.models),
        "reranking": _reranking(asked.trace.reranking),
        "filter": filter_of(asked.scope),
        "index": _index(asked.index),
        "usage": {
            "prompt_tokens": usage.prompt_tokens if usage else None,
            "output_tokens": usage.output_tokens if usage else None,
        },
        "timings_ms": _timings(asked.timings_ms),
    }
    if not explain:
        return shape
    return {**shape, "explain": {**explanation(asked.trace, answer.hits, asked.parts), **_answering(asked)}}


def _answering(asked: ask_flow.Asked) -> Shape:
    """What the answer was made from, and what was found out about each of its sentences."""
    request, answer = asked.request, asked.answer
    quotes: dict[int, list[Shape]] = {}
    for each in answer.citations:
        found = {"marker": each.marker, "quote": each.quote.text, "verified": each.verified}
        quotes.setdefault(each.marker, []).append(found)
    return {
        "prompt": request
        and {
            "tokens": request.prompt_tokens,
            "counter": request.counted_by or None,
            "sources": [{"number": place, **passage(each.passage)} for place, each in enumerate(request.sources, 1)],
        },
        "verification": [
            {
                "sentence": each.text,
                "support": each.support,
                "quotes": [quote for marker in each.citations for quote in quotes.get(marker, ())],
            }
            for each in answer.sentences
        ],
    }


def ask_event(event: ask_flow.Event) -> Shape:
    """One line of `ragqa ask --format jsonl`; the last is `{"event": "result", ...}` with the whole of `ask`."""
    from ragqa.flows.ask import Cited, Degraded, Retrieved, Spent, Written

    match event:
        case Retrieved(hits):
            return {"event": "retrieval", "hits": [hit(each) for each in hits]}
        case Written(text):
            return {"event": "token", "text": text}
        case Cited(cited):
            return {"event": "citation", **citation(cited)}
        case Spent(usage):
            return {"event": "usage", "prompt_tokens": usage.prompt_tokens, "output_tokens": usage.output_tokens}
        case Degraded():
            return {"event": "degraded", **_degraded(event)}


def _degraded(degraded: ask_flow.Degraded) -> Shape:
    return {"from": degraded.name, "reason": degraded.reason}


def explanation(trace: Trace, hits: Sequence[Hit], parts: Sequence[Part] = ()) -> Shape:
    """How the hits were found. Passages are named by their key; those among the hits have their chunk id too."""
    chunk_ids = {each.passage.key: each.passage.chunk_id for each in hits}

    def ranking(scored: Sequence[Scored]) -> list[Shape]:
        return [{"key": each.key, "chunk_id": chunk_ids.get(each.key), "score": number(each.score)} for each in scored]

    return {
        "terms": list(trace.query.terms),
        "unknown_share": number(trace.unknown_share),
        "readable": trace.readable,
        "unreadable": sorted(trace.unreadable),
        "dense": ranking(trace.dense),
        "lexical": ranking(trace.lexical),
        "exact": [
            {"key": key, "text": each.text}
            for key, held in sorted(trace.exact.items())
            for each in trace.query.exact
            if each in held
        ],
        "fused": ranking(trace.fused),
        "duplicates": [{"key": key, "of": original} for key, original in sorted(trace.duplicates.items())],
        "reranked": ranking(trace.reranking.scored if trace.reranking else ()),
        "parts": [{"question": each.question, "fused": ranking(each.retrieval.trace.fused)} for each in parts[1:]],
    }


def ingest(report: ingest_flow.Report, *, dry_run: bool = False) -> Shape:
    """`ragqa ingest`."""
    return {
        **_versioned(),
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
        **_versioned(),
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
            "refuse_below": number(calibration.refuse_below),
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
    return {**_versioned(), "documents": [document(each) for each in states]}


def passages(found: Sequence[Passage]) -> Shape:
    """`ragqa get`."""
    return {**_versioned(), "passages": [passage(each) for each in found]}


def check(report: CheckReport) -> Shape:
    """`ragqa check`."""
    return {
        **_versioned(),
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
    return {**_versioned(), "dry_run": dry_run, "removed": list(shown)}


def reembedded(done: reembed_flow.Reembedded) -> Shape:
    """`ragqa reembed`."""
    return {
        **_versioned(),
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


def settings(values: Mapping[str, object], keys: Mapping[str, str | None]) -> Shape:
    """`ragqa config show`."""
    return {**_versioned(), "settings": dict(values), "keys": dict(keys)}


def config_path(path: Path | None) -> Shape:
    """`ragqa config path` and `config init`."""
    return {**_versioned(), "path": None if path is None else str(path)}


def error(error: RagqaError) -> Shape:
    """Any command that failed."""
    return {**_versioned(), "error": {"code": error.code, "message": error.message, "remedy": error.remedy}}


def _versioned() -> Shape:
    return {"schema_version": SCHEMA_VERSION}


def _embedder(embedder: EmbedderRecord) -> Shape:
    return {"name": embedder.name, "dimensions": embedder.dimensions}


def _refused(refused: ingest_flow.Refused) -> Shape:
    return {"document": refused.document, "code": refused.code, "reason": refused.reason}


def _index(facts: IndexFacts) -> Shape:
    return {
        "generation": facts.generation,
        "documents": facts.documents,
        "chunks": facts.chunks,
        "stale_files": facts.stale_files,
    }


def _reranking(reranking: Reranking | None) -> Shape | None:
    if reranking is None:
        return None
    return {
        "reranker": reranking.reranker,
        "candidates": reranking.candidates,
        "scored": len(reranking.scored),
        "ms": round(reranking.milliseconds, 2),
        "failure": reranking.failure or None,
    }


def filter_of(scope: Scope | None) -> Shape | None:
    """What was asked for, and how much of the index that lets through."""
    from ragqa.cli.filters import TYPES, day

    if scope is None:
        return None
    chosen = scope.filter
    return {
        "in": list(chosen.patterns),
        "lang": list(chosen.languages),
        "type": [TYPES[loader] for loader in chosen.types],
        "after": day(chosen.after_ns),
        "before": day(chosen.before_ns),
        "documents": scope.documents,
        "chunks": scope.chunks,
    }


def _timings(timings: Mapping[str, float]) -> Shape:
    return {stage: round(milliseconds, 2) for stage, milliseconds in timings.items()}


def number(value: float) -> float:
    """Six decimals: what float32 can tell apart, and stable in golden files."""
    return round(float(value), 6)
