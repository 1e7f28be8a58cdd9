"""The JSON that scripts rely on, described by `schemas.py`: what shapes are made of, and those of short commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from ragqa.errors import RagqaError
    from ragqa.flows.search import Found, IndexFacts
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
        **versioned(),
        "query": found.query,
        "filter": filter_of(found.scope),
        "hits": [hit(each) for each in found.retrieval.hits],
        "understood": understood(trace, found.retrieval.parts),
        "index": index_facts(found.index),
        "models": dict(found.models),
        "reranking": reranking_of(trace.reranking),
        "timings_ms": timings(trace.timings_ms),
    }
    return {**shape, "explain": explanation(trace, found.retrieval.hits, found.retrieval.parts)} if explain else shape


def understood(trace: Trace, parts: Sequence[Part]) -> Shape:
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


def index_facts(facts: IndexFacts) -> Shape:
    return {
        "generation": facts.generation,
        "documents": facts.documents,
        "chunks": facts.chunks,
        "stale_files": facts.stale_files,
    }


def reranking_of(reranking: Reranking | None) -> Shape | None:
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


def timings(timings: Mapping[str, float]) -> Shape:
    return {stage: round(milliseconds, 2) for stage, milliseconds in timings.items()}


def passages(found: Sequence[Passage]) -> Shape:
    """`ragqa get`."""
    return {**versioned(), "passages": [passage(each) for each in found]}


def settings(values: Mapping[str, object], keys: Mapping[str, str | None]) -> Shape:
    """`ragqa config show`."""
    return {**versioned(), "settings": dict(values), "keys": dict(keys)}


def config_path(path: Path | None) -> Shape:
    """`ragqa config path` and `config init`."""
    return {**versioned(), "path": None if path is None else str(path)}


def error(error: RagqaError) -> Shape:
    """Any command that failed."""
    return {**versioned(), "error": {"code": error.code, "message": error.message, "remedy": error.remedy}}


def versioned() -> Shape:
    return {"schema_version": SCHEMA_VERSION}


def number(value: float) -> float:
    """Six decimals: what float32 can tell apart, and stable in golden files."""
    return round(float(value), 6)
