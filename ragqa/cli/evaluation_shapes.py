"""The JSON of `ragqa eval`: the report, a question's line, a comparison, and drafts of questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragqa.cli.shapes import SCHEMA_VERSION, Shape, filter_of, number
from ragqa.config import settings

if TYPE_CHECKING:
    from ragqa.cli.evaluation_runs import Run
    from ragqa.evaluation.comparison import Comparison
    from ragqa.evaluation.drafts import Draft
    from ragqa.flows.evaluate import Evaluation, Result
    from ragqa.index.scope import Scope


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for on the command line: the file or folder, and which of its questions."""

    source: str
    half: str | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """The run that this one was compared with, as it was named, and what came of it."""

    path: str
    run: Run
    comparison: Comparison


def report(evaluation: Evaluation, asked: Asked) -> Shape:
    """All that was measured, but for the single questions."""
    meta, index = evaluation.meta, evaluation.index
    results = evaluation.results
    answerable = sum(result.question.answerable for result in results)
    return {
        "schema_version": SCHEMA_VERSION,
        "questions": {
            "source": asked.source,
            "half": asked.half,
            "limit": asked.limit,
            "asked": len(results),
            "answerable": answerable,
            "unanswerable": len(results) - answerable,
            "incomplete": evaluation.incomplete,
            "left_out": evaluation.left_out,
        },
        "filter": filter_of(evaluation.scope),
        "metrics": {
            group: {
                name: {"value": None if mean.value is None else number(mean.value), "questions": mean.questions}
                for name, mean in means.items()
            }
            for group, means in evaluation.groups.items()
        },
        "latency_ms": {
            stage: {name: round(value, 3) for name, value in spent.items()}
            for stage, spent in evaluation.latency.items()
        },
        "lost": _lost(evaluation.failures),
        "index": {
            "generation": index.generation,
            "documents": index.documents,
            "chunks": index.chunks,
            "stale_files": index.stale_files,
            "embedder": meta.embedder
            and {
                "name": meta.embedder.name,
                "fingerprint": meta.embedder.fingerprint,
                "dimensions": meta.embedder.dimensions,
            },
            "analyzer": meta.analyzer,
            "chunker": meta.chunker,
        },
        "models": dict(evaluation.models),
        "settings": settings(evaluation.config),
        "notes": list(evaluation.notes),
    }


def evaluation(
    evaluation: Evaluation,
    asked: Asked,
    *,
    explain: bool = False,
    compared: Compared | None = None,
    broken: Sequence[str] | None = None,
) -> Shape:
    """`ragqa eval --json`; `broken` are the bounds of --fail-under that were not kept, None without any bound."""
    shape = report(evaluation, asked)
    if explain:
        shape["explain"] = [result(each) for each in evaluation.failures]
    if compared:
        shape["comparison"] = comparison(compared, evaluation)
    if broken is not None:
        shape["failed_under"] = list(broken)
    return shape


def run(evaluation: Evaluation, asked: Asked) -> Shape:
    """What --save writes: the report, and every question."""
    return {**report(evaluation, asked), "results": [result(each) for each in evaluation.results]}


def result(result: Result) -> Shape:
    """One question and what became of it."""
    question, ranks, answer = result.question, result.ranks, result.answer
    return {
        "id": question.id,
        "question": question.text,
        "language": question.language,
        "fingerprint": question.fingerprint,
        "answerable": question.answerable,
        "document": question.document,
        "page": question.page,
        "passages": list(question.relevant),
        "answers": list(question.answers),
        "rank": result.rank,
        "values": dict(result.values),  # as exact as they are: a rounded run would differ from itself
        "lost": result.lost,
        "why": result.why,
        "ranks": {"dense": ranks.dense, "lexical": ranks.lexical, "fused": ranks.fused, "hits": ranks.hits},
        "status": answer and answer.status,
        "answer": answer and answer.text,
        "evidence": None if result.evidence is None else number(result.evidence),
        "timings_ms": {stage: round(spent, 3) for stage, spent in result.timings_ms.items()},
    }


def comparison(compared: Compared, evaluation: Evaluation) -> Shape:
    """This run against an earlier one."""
    found = compared.comparison
    return {
        "run": compared.path,
        "shared": found.shared,
        "only_before": found.only_before,
        "only_after": found.only_after,
        "changed": found.changed,
        "settings": changed(compared.run.settings, settings(evaluation.config)),
        "models": changed(compared.run.models, evaluation.models),
        "filter": changed_filter(compared.run.filter, evaluation.scope),
        "differences": [
            {
                "metric": each.metric,
                "group": each.group,
                "questions": each.questions,
                "before": number(each.before),
                "after": number(each.after),
                "difference": number(each.mean),
                "low": number(each.low),
                "high": number(each.high),
                "real": each.is_real,
            }
            for each in found.differences
        ],
    }


def changed(before: Mapping[str, object], after: Mapping[str, object]) -> Shape:
    """What has another value than in the earlier run, each as (before, after); what one of them lacks is null."""
    # A tuple is a list in the file that the earlier run was saved to.
    now = {name: list(value) if isinstance(value, tuple) else value for name, value in after.items()}
    return {
        name: [before.get(name), now.get(name)]
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    }


def changed_filter(before: Mapping[str, object] | None, after: Scope | None) -> Shape:
    """The parts of the filter that differ, whatever they let through."""
    none: dict[str, object] = {"in": [], "lang": [], "type": [], "after": None, "before": None}
    parts = (before or none, filter_of(after) or none)
    return changed(*({name: part.get(name, none[name]) for name in none} for part in parts))


def draft(draft: Draft) -> Shape:
    """A line of `ragqa eval --make`, which `ragqa eval` reads back once it is reviewed."""
    return {
        "id": draft.id,
        "question": draft.question,
        "answers": [draft.answer],
        "document": draft.document,
        "page": draft.page,
        "language": draft.language,
        "answerable": True,
        "evidence": draft.evidence,
        "heading": list(draft.heading),
        "by": draft.by,
        "draft": True,
    }


def drafts(made: Sequence[Draft]) -> Shape:
    """`ragqa eval --make N --json`."""
    return {"schema_version": SCHEMA_VERSION, "drafts": [draft(each) for each in made]}


def _lost(failures: Sequence[Result]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for result in failures:
        if result.lost:
            counts[result.lost] = counts.get(result.lost, 0) + 1
    return counts
