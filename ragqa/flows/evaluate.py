"""`ragqa eval`: ask questions whose answers are known, and measure what was found, answered, cited and refused.

Each question is retrieved once, exactly as `ask` does. The ranking that is measured goes on below the hits with what
the trace says of the other candidates, so that recall@50 needs no deeper search than the user's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from ragqa.answering.evidence import Evidence
from ragqa.errors import ServiceError, UsageError
from ragqa.evaluation import answers, metrics, relevance, stages
from ragqa.evaluation.inside import measured
from ragqa.flows import ask, indexing, search
from ragqa.index.scope import acceptance

if TYPE_CHECKING:
    from ragqa.config import Config
    from ragqa.evaluation.questions import Question
    from ragqa.evaluation.relevance import Gold
    from ragqa.evaluation.stages import Ranks, Stage
    from ragqa.flows.ask import Answering, Responded
    from ragqa.flows.search import IndexFacts, Searching
    from ragqa.index.records import DocumentState, IndexMeta
    from ragqa.index.scope import Scope
    from ragqa.index.store import Store
    from ragqa.retrieval import Retrieval
    from ragqa.types import Answer, Chunk

PATIENCE = 3
"""So many questions in a row may get no answer from a model service that was asked, before the run is given up."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one question.

    `values` holds the metrics that apply to it; `rank` that of the first right place, of all distinct places, None
    where it is not among the first fifty. `answer` and `evidence` are None where only retrieval was measured. `lost` is
    the stage that lost it, None where nothing did.
    """

    question: Question
    values: Mapping[str, float]
    rank: int | None
    ranks: Ranks
    lost: Stage | None
    why: str
    answer: Answer | None
    evidence: float | None
    timings_ms: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All results with their means by group (`all`, then each language), and what they were measured on."""

    results: Sequence[Result]
    groups: Mapping[str, Mapping[str, metrics.Mean]]
    latency: Mapping[str, Mapping[str, float]]
    index: IndexFacts
    meta: IndexMeta
    models: Mapping[str, str]
    config: Config
    notes: Sequence[str]
    scope: Scope | None = None
    """The part of the index that was searched, None all of it."""
    left_out: int = 0
    """Questions that were not asked, because what they ask for stands outside the scope."""

    @property
    def failures(self) -> list[Result]:
        return [result for result in self.results if result.lost]

    @property
    def incomplete(self) -> int:
        return sum(result.answer is not None and result.answer.status == "incomplete" for result in self.results)


def evaluate(
    questions: Sequence[Question],
    searching: Searching,
    answering: Answering | None,
    *,
    passages: Mapping[str, int | None] | None = None,
    on_done: Callable[[int, int], None] = lambda done, of: None,
) -> Evaluation:
    """Measure; without `answering`, retrieval alone. `passages` is what is stored of a collection's passages, by id.

    `on_done` gets (done, all) questions. Raises IndexMismatch as `ask` does, ServiceError where a model service fails
    for several questions in a row, UsageError without any question.

    Over a scope, only questions are asked whose gold is not outside, and gold is what an index of the scope alone has.
    """
    if not questions:
        raise UsageError("no question is left to ask", remedy="give another --half, or a larger file")
    store = searching.store
    indexing.require_comparable(store, searching.embedder, sparse=searching.sparse)
    names = _names(store.documents())
    inside, given = names, len(questions)
    if searching.scope is None:
        gold = relevance.gather(questions, names, _chunks(store), passages)
    else:
        inside = _names(filter(acceptance(searching.scope.filter), store.documents()))
        questions, gold = measured(questions, names, inside, partial(_chunks, store), passages)
        if not questions:
            raise UsageError("every question is about documents outside the filter", remedy="a wider one leaves some")
    left_out = given - len(questions)
    contents = {name.path: name.content for name in names}
    search.retrieve(questions[0].text, searching)  # unmeasured: the first one waits for what is loaded on first use
    ranked: dict[str, metrics.Ranked] = {}
    results: list[Result] = []
    failed = 0
    reranker = "none"
    unranked: list[str] = []
    for number, (question, right) in enumerate(zip(questions, gold, strict=True), start=1):
        found = search.retrieve(question.text, searching)
        if reranking := found.trace.reranking:
            reranker = reranking.reranker
            unranked += [reranking.failure] if reranking.failure else []
        responded = ask.respond(question.text, found, searching, answering) if answering else None
        places = _places(found, right, searching)
        ranked[question.id] = metrics.Ranked(places, right.gains)
        results.append(_result(question, right, found, places, responded, contents, searching.config))
        if responded and answering and responded.evidence.score >= answering.refuse_below:  # else nobody was asked
            failed = failed + 1 if _is_unanswered(responded.answer) else 0
            if failed == PATIENCE:
                raise ServiceError(
                    f"the model service failed {PATIENCE} times in a row: {responded.answer.reason}",
                    remedy="`--extractive` answers without one, `--no-answers` measures retrieval alone",
                )
        on_done(number, len(questions))
    values = metrics.ranking_values(ranked)
    results = [replace(result, values={**values.get(result.question.id, {}), **result.values}) for result in results]
    models = {"embedding": searching.embedder.name, "rerank": reranker}
    if searching.sparse is not None:
        models["sparse"] = searching.sparse.name
    return Evaluation(
        results=results,
        groups=grouped(results),
        latency=metrics.percentiles(result.timings_ms for result in results),
        index=search.facts(store),
        meta=store.meta(),
        models={**models, **({"answer": answering.generator.name} if answering else {})},
        config=searching.config,
        scope=searching.scope,
        left_out=left_out,
        notes=[
            *([f"{_left_out(left_out)}: what they ask for stands in documents outside the filter"] if left_out else []),
            *([f"the reranker failed {len(unranked):,} times: {unranked[-1]}"] if unranked else []),
            *([] if passages is not None else _ambiguous(questions, inside)),
        ],
    )


def grouped(results: Sequence[Result]) -> dict[str, dict[str, metrics.Mean]]:
    """The means of all questions, then those of each language, by name."""
    groups = {metrics.ALL: metrics.means(result.values for result in results)}
    for language in sorted({result.question.language for result in results}):
        chosen = [result for result in results if result.question.language == language]
        groups[language] = metrics.means(result.values for result in chosen)
    return groups


def _left_out(questions: int) -> str:
    return "1 question is left out" if questions == 1 else f"{questions:,} questions are left out"


def _chunks(store: Store) -> Iterator[tuple[int, int, Chunk]]:
    return ((chunk.key, chunk.content_id, chunk.chunk) for chunk in store.chunks())


def _names(states: Iterable[DocumentState]) -> list[relevance.Name]:
    return [
        relevance.Name(state.display, state.path.decode("utf-8", "surrogateescape"), state.content_id)
        for state in states
    ]


def _ambiguous(questions: Sequence[Question], names: Sequence[relevance.Name]) -> list[str]:
    """What is to be known of questions whose document is another than they may think, or none."""
    wanted = dict.fromkeys(question.document for question in questions if question.document)
    notes = []
    for document in wanted:
        meant = relevance.named(document, names)
        if not meant:
            notes.append(f"the index knows no document {document}; questions about it count as lost")
        elif len({name.content for name in meant}) > 1:
            notes.append(f"{document} means {len(meant)} documents; a hit in any of them counts")
    return notes


def _places(found: Retrieval, right: Gold, searching: Searching) -> list[int | None]:
    """The first places of the whole ranking, as far as metrics look."""

    def place_of(keys: Sequence[int]) -> list[tuple[bytes, int | None]]:
        return [(passage.path, passage.chunk.page_start) for passage in searching.passages(keys)]

    places = relevance.places(_ranking(found), right.targets, place_of)
    return [place for place, _ in zip(places, range(metrics.DEPTH), strict=False)]


def _ranking(found: Retrieval) -> list[int]:
    """Passage keys, best first: the hits, then the reranker's order, then the other candidates as they were fused."""
    trace = found.trace
    keys = [hit.passage.key for hit in found.hits]
    reranked = trace.reranking.order if trace.reranking else ()
    keys += [scored.key for scored in (*reranked, *trace.fused)]
    return list(dict.fromkeys(keys))


def _result(
    question: Question,
    right: Gold,
    found: Retrieval,
    places: Sequence[int | None],
    responded: Responded | None,
    contents: Mapping[str, int | None],
    config: Config,
) -> Result:
    trace = found.trace
    ranks = stages.ranks(
        right.keys,
        dense=[scored.key for scored in trace.dense],
        lexical=[scored.key for scored in trace.lexical],
        fused=[scored.key for scored in trace.fused],
        hits=[hit.passage.key for hit in found.hits],
    )
    lost, why = None, ""
    if right.targets:
        of_parts = {hit.passage.key for part in found.parts for hit in part.retrieval.hits}
        lost = stages.lost_in_search(
            right.keys,
            ranks,
            top_k=config.retrieval.top_k,
            is_duplicate=not right.keys.isdisjoint(trace.duplicates),
            is_reranked=trace.reranking is not None and not trace.reranking.failure,
            is_of_a_part=not right.keys.isdisjoint(of_parts),
        )
    values: dict[str, float] = {}
    timings = {**trace.timings_ms, "retrieval": math.fsum(trace.timings_ms.values())}
    if responded is not None:
        values = _answer_values(question, right, responded.answer, contents)
        if lost is None:
            lost, why = _lost_in_answer(question, right, responded.answer, responded.evidence, values)
        timings |= responded.timings_ms
        timings["total"] = timings["retrieval"] + math.fsum(responded.timings_ms.values())
    return Result(
        question=question,
        values=values,
        rank=next((rank for rank, place in enumerate(places, start=1) if place is not None), None),
        ranks=ranks,
        lost=lost,
        why=why,
        answer=responded.answer if responded else None,
        evidence=responded.evidence.score if responded else None,
        timings_ms=timings,
    )


def _answer_values(
    question: Question, right: Gold, answer: Answer, contents: Mapping[str, int | None]
) -> dict[str, float]:
    cited = verified = None
    if answer.status == "answered" and answer.citations:
        verified = sum(citation.verified for citation in answer.citations) / len(answer.citations)
        if right.targets:
            places = [
                right.is_cited_by(
                    passage=citation.hit.passage.key,
                    content=contents.get(citation.hit.passage.path.decode("utf-8", "surrogateescape")),
                    page=citation.quote.page,
                )
                for citation in answer.citations
            ]
            cited = sum(places) / len(places)
    compared = bool(question.answers)
    return metrics.answer_values(
        answerable=question.answerable,
        refused=answer.status == "not_found",
        containment=float(answers.contains(answer.text, question.answers)) if compared else None,
        f1=answers.f1(answer.text, question.answers) if compared else None,
        cited=cited,
        verified=verified,
    )


def _lost_in_answer(
    question: Question, right: Gold, answer: Answer, evidence: Evidence, values: Mapping[str, float]
) -> tuple[Stage | None, str]:
    """What the answer lost of a question that search did not lose."""
    if answer.status == "incomplete":
        return "incomplete", answer.reason
    if not question.answerable:
        return ("not_refused", "") if answer.status == "answered" else (None, "")
    if answer.status == "not_found":
        return "refused", f"evidence {evidence.score:.2f}: {answer.reason}"
    # Where no passage holds the answer in these words, no answer can be expected to; the place must do.
    if right.verbatim or (question.answers and not right.targets):
        return (None, "") if values["answer_containment"] else ("not_chosen", "")
    return ("cited_elsewhere", "") if values.get("citation_precision") == 0 else (None, "")


def _is_unanswered(answer: Answer) -> bool:
    return answer.status == "incomplete" and not answer.text
