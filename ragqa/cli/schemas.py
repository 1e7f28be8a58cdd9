"""The JSON Schemas (draft 2020-12) that `ragqa schema NAME` publishes; the output holds what they name, and no more."""

from __future__ import annotations

from ragqa.cli.filters import TYPES
from ragqa.cli.schema_parts import COUNT as _COUNT
from ragqa.cli.schema_parts import DRAFT, Schema
from ragqa.cli.schema_parts import FLAG as _FLAG
from ragqa.cli.schema_parts import NUMBER as _NUMBER
from ragqa.cli.schema_parts import PAGE as _PAGE
from ragqa.cli.schema_parts import SHARE as _SHARE
from ragqa.cli.schema_parts import TEXT as _TEXT
from ragqa.cli.schema_parts import VERSION as _VERSION
from ragqa.cli.schema_parts import described as _described
from ragqa.cli.schema_parts import list_of as _list
from ragqa.cli.schema_parts import map_of as _map
from ragqa.cli.schema_parts import object_of as _object
from ragqa.cli.schema_parts import one_of as _one_of
from ragqa.cli.schema_parts import optional as _optional
from ragqa.cli.schema_parts import or_null as _or_null
from ragqa.types import Language, Searcher, Status, Support

_PATH = _described(_TEXT, "The path as given to ingest, bytes that are no UTF-8 escaped.")
_OFFSET = _described(_COUNT, "In characters of the document's extracted text.")
_FOUND_BY = _list(_one_of(Searcher))

_PASSAGE = {
    "chunk_id": _TEXT,
    "document": _PATH,
    "title": _TEXT,
    "page_start": _PAGE,
    "page_end": _PAGE,
    "page_label": _described(_or_null(_TEXT), "What is printed on the first page."),
    "heading": _described(_list(_TEXT), "The headings above, outermost first."),
    "start": _OFFSET,
    "end": _OFFSET,
    "text": _TEXT,
}
_HIT = _object(rank={"type": "integer", "minimum": 1}, **_PASSAGE, score=_NUMBER, found_by=_FOUND_BY)
_MARKER = _described(
    {"type": "integer", "minimum": 1}, "Stands as [marker] in the answer; a source may be quoted twice."
)
_CITATION = {
    "marker": _MARKER,
    **_PASSAGE,
    "found_by": _FOUND_BY,
    "quote": _described(_TEXT, "Verbatim words of the document; of an unverified citation what was claimed."),
    "quote_start": _OFFSET,
    "quote_end": _OFFSET,
    "quote_page": _PAGE,
    "quote_page_label": _or_null(_TEXT),
    "verified": _described(_FLAG, "Whether code found the quote in the passage."),
}
_SENTENCE = _object(
    text=_TEXT,
    citations=_list(_MARKER),
    support=_one_of(Support),
    support_score=_described(
        _or_null(_SHARE), "How probably its sources bear it out, where words did not tell and a reranker was asked."
    ),
)
_SUPPORT = _object(
    quoted=_described(_COUNT, "Sentences that stand in what they cite, word for word."),
    supported=_described(_COUNT, "Sentences whose numbers, names and words are in what they cite."),
    unsupported=_described(_COUNT, "Sentences that code could not confirm."),
    dropped=_described(_COUNT, "Unsupported sentences that --strict left out; they are not among the sentences."),
)
_INDEX = _object(generation=_COUNT, documents=_COUNT, chunks=_COUNT, stale_files=_COUNT)
FILTER = _or_null(
    _described(
        _object(
            **{"in": _list(_TEXT)},
            lang=_list(_one_of(Language)),
            type=_list({"enum": list(TYPES.values())}),
            after=_or_null(_TEXT),
            before=_or_null(_TEXT),
            documents=_COUNT,
            chunks=_COUNT,
        ),
        "What the search was limited to, and how many documents and chunks that is; null where it was not.",
    )
)
_USAGE = {"prompt_tokens": _or_null(_COUNT), "output_tokens": _or_null(_COUNT)}
_DEGRADED = {"from": _TEXT, "reason": _TEXT}
_MODELS = _map(_TEXT)
_TIMINGS = _map(_NUMBER)
_RANKING = _list(_object(key=_COUNT, chunk_id=_or_null(_TEXT), score=_NUMBER))
_RERANKING = _or_null(
    _object(
        reranker=_TEXT,
        candidates=_described(_COUNT, "How many of the fused candidates it was meant to see."),
        scored=_described(_COUNT, "How many of them, from the top, it had time for; the others kept their place."),
        ms=_NUMBER,
        failure=_described(_or_null(_TEXT), "Why it scored nothing."),
    )
)
_UNDERSTOOD = _object(
    searched=_described(_TEXT, "The question with misspelt words put right."),
    corrections=_list(_object(written=_TEXT, meant=_TEXT)),
    exact=_list(_object(text=_TEXT, quoted=_FLAG, passages=_COUNT)),
    parts=_described(_list(_TEXT), "The questions inside it, where it asks for several things."),
)
_EXPLANATION = _object(
    terms=_list(_TEXT),
    unknown_share=_SHARE,
    readable=_FLAG,
    unreadable=_list(_COUNT),
    dense=_RANKING,
    lexical=_RANKING,
    exact=_list(_object(key=_COUNT, text=_TEXT)),
    fused=_RANKING,
    duplicates=_list(_object(key=_COUNT, of=_COUNT)),
    reranked=_RANKING,
    parts=_list(_object(question=_TEXT, fused=_RANKING)),
)
_SOURCE = _object(number=_described({"type": "integer", "minimum": 1}, "As the model cites it."), **_PASSAGE)
_QUOTE = _object(marker=_MARKER, quote=_TEXT, verified=_FLAG)
_WHOLE_EXPLANATION = _optional(
    _EXPLANATION,
    prompt=_or_null(
        _object(
            tokens=_described(_or_null(_COUNT), "Of the whole prompt; null where no model reads one."),
            counter=_described(_or_null(_TEXT), "Who counted them."),
            sources=_list(_SOURCE),
        )
    ),
    verification=_list(_object(sentence=_TEXT, support=_one_of(Support), quotes=_list(_QUOTE))),
)
_ERROR = _object(
    schema_version=_VERSION,
    error=_object(code=_TEXT, message=_TEXT, remedy=_described(_TEXT, "What helps; may be empty.")),
)

_ASK = {
    "schema_version": _VERSION,
    "question": _TEXT,
    "understood": _UNDERSTOOD,
    "status": _one_of(Status),
    "reason": _described(_TEXT, "Why there is no (whole) answer; empty where there is one."),
    "answer": _TEXT,
    "degraded": _or_null(
        _described(_object(**_DEGRADED), "The service that did not finish, and why; the answer is extractive instead.")
    ),
    "sentences": _list(_SENTENCE),
    "support": _SUPPORT,
    "citations": _list(_object(**_CITATION)),
    "hits": _list(_HIT),
    "evidence": _described(_SHARE, "How probably the hits hold the answer."),
    "refuse_below": _described(_SHARE, "With less evidence there is no answer."),
    "models": _MODELS,
    "reranking": _RERANKING,
    "filter": FILTER,
    "index": _INDEX,
    "usage": _object(**_USAGE),
    "timings_ms": _TIMINGS,
}

_TURN = _optional(
    _object(
        turn={"type": "integer", "minimum": 1},
        **_ASK,
        stands_alone=_described(_TEXT, "What the question was understood as, and so what was searched and answered."),
        rewritten_by=_described({"enum": ["rules", "model", None]}, "Who made it so; null: it is as it was asked."),
    ),
    explain=_WHOLE_EXPLANATION,
)

_EMBEDDER = _object(name=_TEXT, dimensions=_COUNT)
_REEMBED = {
    "schema_version": _VERSION,
    "outcome": {"enum": ["switched", "completed", "unchanged", "discarded"]},
    "documents": _described(_COUNT, "Made anew, or discarded; equal ones counted once."),
    "chunks": _COUNT,
    "resumed": _described(_COUNT, "Of the documents, how many an earlier run had made."),
    "uncalibrated": _described(_FLAG, "Whether the threshold that `eval --calibrate` had stored is dropped."),
}

_REFUSED = {"document": _PATH, "code": _TEXT, "reason": _TEXT}
_INGEST = {
    "schema_version": _VERSION,
    "dry_run": _FLAG,
    "added": _list(_PATH),
    "changed": _list(_PATH),
    "unchanged": _COUNT,
    "removed": _list(_PATH),
    "chunks": _COUNT,
    "unreadable_chunks": _COUNT,
    "seconds": _NUMBER,
    "skipped": _list(_object(**_REFUSED)),
    "failed": _list(_object(**_REFUSED)),
    "warnings": _list(_object(document=_PATH, warning=_TEXT)),
}

_DOCUMENT = _object(
    document=_PATH,
    status={"enum": ["stored", "skipped", "failed"]},
    code=_or_null(_TEXT),
    reason=_or_null(_TEXT),
    title=_TEXT,
    language=_or_null(_one_of(Language)),
    chunks=_COUNT,
    size=_COUNT,
    sha256=_or_null(_TEXT),
)


def _event(name: str, **properties: Schema) -> Schema:
    return _object(event={"const": name}, **properties)


_SHAPES: dict[str, Schema] = {
    "ask": _optional(_object(**_ASK), explain=_WHOLE_EXPLANATION),
    "ask-event": {
        "oneOf": [
            _event("retrieval", hits=_list(_HIT)),
            _event("token", text=_TEXT),
            _event("citation", **_CITATION),
            _event("usage", **_USAGE),
            _described(_event("degraded", **_DEGRADED), "The tokens until now count no more."),
            _described(_event("withdrawn", reason=_TEXT), "The tokens are no answer: no source bears them out."),
            _optional(_event("result", **_ASK), explain=_WHOLE_EXPLANATION),
            _ERROR,
        ]
    },
    "chat": _object(schema_version=_VERSION, turns=_list({"oneOf": [_TURN, _ERROR]})),
    "chat-turn": {"oneOf": [_TURN, _ERROR]},
    "search": _optional(
        _object(
            schema_version=_VERSION,
            query=_TEXT,
            understood=_UNDERSTOOD,
            filter=FILTER,
            hits=_list(_HIT),
            index=_INDEX,
            models=_MODELS,
            reranking=_RERANKING,
            timings_ms=_TIMINGS,
        ),
        explain=_EXPLANATION,
    ),
    "hit": _HIT,
    "ingest": _object(**_INGEST),
    "ingest-event": {
        "oneOf": [
            _event("planned", files=_COUNT, to_read=_COUNT),
            _event("stored", document=_PATH, outcome={"enum": ["added", "changed"]}, chunks=_COUNT),
            _event("embedded", chunks=_COUNT),
            _event("skipped", **_REFUSED),
            _event("failed", **_REFUSED),
            _event("result", **_INGEST),
            _ERROR,
        ]
    },
    "status": _object(
        schema_version=_VERSION,
        index=_TEXT,
        generation=_COUNT,
        documents=_COUNT,
        skipped=_COUNT,
        failed=_COUNT,
        chunks=_COUNT,
        languages=_map(_COUNT),
        embedder=_or_null(_EMBEDDER),
        sparse=_described(_or_null(_TEXT), "The sparse model whose features the index holds."),
        analyzer=_TEXT,
        chunker=_TEXT,
        calibration=_described(
            _or_null(_object(refuse_below=_SHARE, answerable=_COUNT, unanswerable=_COUNT)),
            "What `ragqa eval --calibrate` has stored, and on how many questions of each kind it was fitted.",
        ),
        reembedding=_or_null(
            _object(
                embedder=_EMBEDDER,
                sparse=_described(_or_null(_TEXT), "The sparse model whose features the index is going to hold."),
                analyzer=_TEXT,
                chunker=_TEXT,
                staged=_described(_COUNT, "Of `contents`, how many are made anew; none is in use yet."),
                contents=_described(_COUNT, "Documents, equal ones counted once."),
            )
        ),
        roots=_list(_PATH),
        stale_files=_COUNT,
        stale=_list(_PATH),
        bytes=_COUNT,
    ),
    "list": _object(schema_version=_VERSION, documents=_list(_DOCUMENT)),
    "document": _DOCUMENT,
    "get": _object(schema_version=_VERSION, passages=_list(_object(**_PASSAGE))),
    "open": _object(
        schema_version=_VERSION,
        question=_TEXT,
        marker=_MARKER,
        views=_described(
            _list(
                _object(
                    document=_PATH,
                    page=_PAGE,
                    page_label=_or_null(_TEXT),
                    heading=_described(_list(_TEXT), "The headings above, outermost first."),
                    start=_OFFSET,
                    end=_OFFSET,
                    parts=_described(
                        _list(_object(start=_OFFSET, end=_OFFSET, quoted=_FLAG, text=_TEXT)),
                        "Slices of the document in order; what lies between two that do not touch is left out.",
                    ),
                )
            ),
            "The pages, or sections of formats without pages, that the citation quotes.",
        ),
        missing=_described(_list(_TEXT), "Quotes that the index does not hold any more."),
        unverified=_described(_list(_TEXT), "Words that were claimed, and not found when the answer was given."),
        images=_list(_object(path=_TEXT, page=_COUNT, quotes=_COUNT, boxed=_COUNT)),
        image_failure=_described(_or_null(_TEXT), "Why there is no (further) image although one was asked for."),
    ),
    "remove": _object(schema_version=_VERSION, dry_run=_FLAG, removed=_list(_PATH)),
    "reembed": _object(**_REEMBED),
    "reembed-event": {
        "oneOf": [
            _event("discarded", model=_TEXT, documents=_COUNT),
            _event("started", documents=_COUNT, staged=_COUNT),
            _event("embedded", chunks=_COUNT),
            _event("staged", documents=_COUNT, chunks=_COUNT),
            _event("switching"),
            _event("result", **_REEMBED),
            _ERROR,
        ]
    },
    "check": _object(
        schema_version=_VERSION,
        sound=_FLAG,
        documents=_COUNT,
        chunks=_COUNT,
        findings=_list(_object(kind=_TEXT, what=_TEXT, document=_or_null(_PATH), remedy=_TEXT)),
    ),
    "config": {
        "oneOf": [
            _object(
                schema_version=_VERSION,
                settings={"type": "object"},
                keys=_described(_map({"enum": ["set", None]}), "Which keys of services are set; never their text."),
            ),
            _object(schema_version=_VERSION, path=_or_null(_TEXT)),
        ]
    },
    "error": _ERROR,
}
_TITLES = {
    "ask-event": "A line of `ragqa ask --format jsonl`",
    "chat-turn": "A line of `ragqa chat --format jsonl`",
    "ingest-event": "A line of `ragqa ingest --format jsonl`",
    "reembed-event": "A line of `ragqa reembed --format jsonl`",
    "hit": "A line of `ragqa search --format jsonl`",
    "document": "A line of `ragqa list --format jsonl`",
    "error": "What any command writes in JSON mode when it fails",
}

SCHEMAS: dict[str, Schema] = {
    name: {
        "$schema": DRAFT,
        "title": _TITLES.get(name, f"`ragqa {name} --json`"),
        **shape,
    }
    for name, shape in _SHAPES.items()
}
"""By the name of the command, or of the kind of line."""
