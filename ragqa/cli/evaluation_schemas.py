"""The JSON Schemas of `ragqa eval`: its report, a saved run, its JSON lines, and drafts of questions."""

from __future__ import annotations

from ragqa.cli.schema_parts import (
    COUNT,
    DRAFT,
    FLAG,
    NUMBER,
    PAGE,
    SHARE,
    TEXT,
    VERSION,
    Schema,
    described,
    list_of,
    map_of,
    object_of,
    one_of,
    optional,
    or_null,
)
from ragqa.cli.schemas import FILTER
from ragqa.cli.shapes import SCHEMA_VERSION
from ragqa.evaluation.metrics import METRICS
from ragqa.evaluation.stages import SAID, Stage
from ragqa.types import Status

_RANK = {"type": ["integer", "null"], "minimum": 1}
_METRICS = object_of(
    **{metric: object_of(value=or_null(SHARE), questions=described(COUNT, "It applies to.")) for metric in METRICS}
)
_QUESTION = {
    "id": TEXT,
    "question": TEXT,
    "language": TEXT,
    "fingerprint": described(TEXT, "Changes with what is asked, or what counts as right."),
    "answerable": FLAG,
    "document": or_null(TEXT),
    "page": PAGE,
    "passages": described(list_of(TEXT), "Of a BEIR folder: the ids of the relevant ones."),
    "answers": list_of(TEXT),
    "rank": described(_RANK, "Of the first right place among distinct ones; null: not among the first fifty."),
    "values": described(map_of(SHARE), "The metrics that apply to this question."),
    "lost": described(or_null(one_of(Stage)), "The stage that lost the question; null where none did."),
    "why": TEXT,
    "ranks": object_of(dense=_RANK, lexical=_RANK, fused=_RANK, hits=_RANK),
    "status": or_null(one_of(Status)),
    "answer": or_null(TEXT),
    "evidence": or_null(SHARE),
    "timings_ms": map_of(NUMBER),
}
_DIFFERENCE = object_of(
    metric={"enum": list(METRICS)},
    group=TEXT,
    questions=COUNT,
    before=SHARE,
    after=SHARE,
    difference=NUMBER,
    low=NUMBER,
    high=NUMBER,
    real=described(FLAG, "Whether the 95 % interval from low to high leaves 0 out."),
)
_COMPARISON = object_of(
    run=TEXT,
    shared=COUNT,
    only_before=COUNT,
    only_after=COUNT,
    changed=COUNT,
    settings=described(map_of(list_of({})), "Those that differ: the value before, and now."),
    models=described(map_of(list_of(or_null(TEXT))), "By task, those that differ: before, and now."),
    filter=described(map_of(list_of({})), "The parts of it that differ: before, and now."),
    differences=list_of(_DIFFERENCE),
)
_REPORT = {
    "schema_version": VERSION,
    "questions": object_of(
        source=TEXT,
        half=or_null(TEXT),
        limit=or_null(COUNT),
        asked=COUNT,
        answerable=COUNT,
        unanswerable=COUNT,
        incomplete=COUNT,
        left_out=described(COUNT, "Not asked: what they ask for stands in documents outside the filter."),
    ),
    "filter": FILTER,
    "metrics": described(map_of(_METRICS), "By group: `all`, then each language."),
    "latency_ms": map_of(object_of(p50_ms=NUMBER, p95_ms=NUMBER)),
    "lost": described(
        {**map_of(COUNT), "propertyNames": {"enum": list(SAID)}}, "How many questions each stage has lost."
    ),
    "index": object_of(
        generation=COUNT,
        documents=COUNT,
        chunks=COUNT,
        stale_files=COUNT,
        embedder=or_null(object_of(name=TEXT, fingerprint=TEXT, dimensions=COUNT)),
        analyzer=TEXT,
        chunker=TEXT,
    ),
    "models": map_of(TEXT),
    "settings": {"type": "object"},
    "notes": list_of(TEXT),
}
_EXTRAS = {
    "explain": described(list_of(object_of(**_QUESTION)), "With --explain: the questions that were lost."),
    "comparison": _COMPARISON,
    "failed_under": described(list_of(TEXT), "With --fail-under: the bounds that were not kept."),
}
_DRAFT = object_of(
    id=TEXT,
    question=TEXT,
    answers=list_of(TEXT),
    document=TEXT,
    page=PAGE,
    language=TEXT,
    answerable={"const": True},
    evidence=TEXT,
    heading=list_of(TEXT),
    by=described(TEXT, "The model, or the template."),
    draft={"const": True},
)
_SHARE_REFUSED = object_of(
    refused=COUNT,
    of=COUNT,
    share=SHARE,
    low=described(SHARE, "With `high`: where the share of all such questions lies, in 95 of 100 cases."),
    high=SHARE,
)
_REFUSALS = object_of(refuse_below=SHARE, unanswerable=_SHARE_REFUSED, answerable=_SHARE_REFUSED)


def _event(name: str, properties: dict[str, Schema]) -> Schema:
    return object_of(event={"const": name}, **properties)


_ERROR = object_of(schema_version={"const": SCHEMA_VERSION}, error=object_of(code=TEXT, message=TEXT, remedy=TEXT))
_SHAPES: dict[str, tuple[str, Schema]] = {
    "eval": ("`ragqa eval --json`", optional(object_of(**_REPORT), **_EXTRAS)),
    "eval-run": (
        "The file that `ragqa eval --save` writes",
        object_of(**_REPORT, results=list_of(object_of(**_QUESTION))),
    ),
    "eval-event": (
        "A line of `ragqa eval --format jsonl`",
        {"oneOf": [_event("question", _QUESTION), optional(_event("result", _REPORT), **_EXTRAS), _ERROR]},
    ),
    "eval-calibration": (
        "`ragqa eval --calibrate --json`",
        object_of(
            schema_version=VERSION,
            before=described(_REFUSALS, "With the threshold that was in force."),
            after=described(_REFUSALS, "With the one that was fitted on these questions."),
            at_most=described(SHARE, "Of the answerable questions, so many were allowed to be refused."),
            stored=described(FLAG, "False for a dry run."),
            warnings=list_of(TEXT),
        ),
    ),
    "eval-draft": ("A line that `ragqa eval --make` writes", _DRAFT),
    "eval-drafts": (
        "`ragqa eval --make N --json`",
        object_of(schema_version=VERSION, drafts=list_of(_DRAFT)),
    ),
}

SCHEMAS: dict[str, Schema] = {
    name: {"$schema": DRAFT, "title": title, **shape} for name, (title, shape) in _SHAPES.items()
}
"""By the name that `ragqa schema` takes."""
