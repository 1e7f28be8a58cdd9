"""Eval asks each question once, as `ask` does, and says what was found, answered, and where it was lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ragqa.config import load
from ragqa.errors import IndexMismatch, ServiceError, UsageError
from ragqa.evaluation import metrics
from ragqa.evaluation.questions import Question
from ragqa.flows.ask import Answering, ask
from ragqa.flows.evaluate import Evaluation, Result, evaluate
from ragqa.flows.ingest import Report
from ragqa.flows.search import Searching
from ragqa.index.lexical import Bm25Index
from ragqa.index.scope import scope_of
from ragqa.index.store import Store
from ragqa.index.vectors import ExactVectors
from ragqa.models.extractive import ExtractiveGenerator
from ragqa.ports import Finish, GenerationRequest, Generator
from ragqa.types import Filter, Hit
from tests.fakes import HashingEmbedder, ScriptedGenerator

STOP = Finish(complete=True, reason="stop")
LEAVE = Question("leave", "How many days of annual leave?", "en", ("27 days",), "handbook.md")
HOTEL = Question("hotel", "How much may a hotel room cost a night?", "en", ("140 pounds",), "handbook.md")
ABSENT = Question("absent", "Who won the football cup?", "en", answerable=False)


@pytest.fixture
def parts(run_ingest: Callable[..., Report], store: Store, folder: Path, embedder: HashingEmbedder) -> Searching:
    (folder / "handbook.md").write_text(
        "# Handbook\n\n## Leave\n\nEvery employee has 27 days of annual leave.\n\n"
        "## Travel\n\nTrains are booked early. A hotel room may cost 140 pounds a night.\n",
        encoding="utf-8",
    )
    for number in range(12):
        (folder / f"notes{number:02}.md").write_text(
            f"# Note {number}\n\nThe roof of hut {number} was painted green.\n"
        )
    run_ingest()
    return Searching(store, embedder, ExactVectors(store), Bm25Index(store), None, load(environment={}))


def answered(generator: Generator, *, refuse_below: float = 0.0) -> Answering:
    def prepare(question: str, hits: Sequence[Hit]) -> GenerationRequest:
        return GenerationRequest(question, "en", tuple(hits), "", "", 100, 0.0)

    return Answering(generator, prepare, refuse_below)


def extractive(parts: Searching, *, refuse_below: float = 0.0) -> Answering:
    return answered(ExtractiveGenerator(parts.lexical.idf), refuse_below=refuse_below)


def with_top_k(parts: Searching, top_k: int) -> Searching:
    return replace(parts, config=load(environment={}, flags={"retrieval.top_k": top_k}))


def one(evaluation: Evaluation) -> Result:
    (result,) = evaluation.results
    return result


def test_a_question_that_is_found_and_answered(parts: Searching) -> None:
    result = one(evaluate([LEAVE], parts, extractive(parts)))
    assert result.lost is None
    assert result.rank == 1
    assert result.values["mrr@10"] == result.values["answer_containment"] == 1
    assert result.values["citation_precision"] == result.values["verified_rate"] == 1
    assert 0 < result.values["token_f1"] < 1
    assert "refusal_recall" not in result.values and result.values["wrong_refusal_rate"] == 0


def test_the_answer_is_the_one_that_ask_gives(parts: Searching) -> None:
    for top_k in (1, 2, 8):
        searching = with_top_k(parts, top_k)
        answering = extractive(searching)
        for question in (LEAVE, HOTEL, ABSENT):
            result = one(evaluate([question], searching, answering))
            asked = ask(question.text, searching, answering)
            assert result.answer == replace(asked.answer, models={}), "models are told once, for the whole run"
            assert result.evidence == asked.evidence.score


def test_recall_looks_deeper_than_the_answer(parts: Searching) -> None:
    question = Question("q", "Was the roof of a hut painted?", "en", document="notes07.md")
    result = one(evaluate([question], with_top_k(parts, 2), None))
    assert result.lost == "below_top_k"
    assert result.rank and result.rank > 2
    assert (result.values["recall@1"], result.values["recall@50"]) == (0, 1)
    assert result.ranks.hits is None and result.ranks.fused == result.rank


def test_each_question_is_embedded_once(parts: Searching, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = HashingEmbedder.embed

    def embed(self: HashingEmbedder, texts: Sequence[str], *, kind: str) -> object:
        asked.extend(texts if kind == "query" else ())
        return real(self, texts, kind=kind)  # type: ignore[arg-type]

    monkeypatch.setattr(HashingEmbedder, "embed", embed)
    evaluate([LEAVE, HOTEL], parts, extractive(parts))
    assert asked[1:] == [LEAVE.text, HOTEL.text], "the first one is asked once before, to warm up"


def test_passages_of_one_place_count_once(run_ingest: Callable[..., Report], folder: Path, parts: Searching) -> None:
    section = "Which hut has a stove is told by the hut with a stove. " * 12
    (folder / "huts.md").write_text("".join(f"## Part {part}\n\n{section}\n\n" for part in range(6)))
    (folder / "stove.md").write_text("# Fire\n\nIt is the last hut of the valley, on the other side of the river.\n")
    run_ingest()
    with Store.open(parts.store.folder) as store:
        searching = replace(parts, store=store, vectors=ExactVectors(store), lexical=Bm25Index(store))
        question = Question("q", "Which hut has a stove?", "en", document="stove.md")
        result = one(evaluate([question], searching, None))
    assert result.ranks.fused and result.rank
    assert result.ranks.fused - result.rank == 5, "six passages of the other document come first, as one place"


@pytest.mark.parametrize(
    ("question", "stage"),
    [
        (replace(LEAVE, document="nowhere.md"), "not_in_index"),
        (replace(LEAVE, text="zzz qqq", document="handbook.md"), "not_a_candidate"),
        (replace(LEAVE, answers=("30 days",), document=None), "not_in_index"),
        (replace(HOTEL, text="Which trains are booked early?"), "not_chosen"),
        (ABSENT, "not_refused"),
    ],
)
def test_a_question_is_lost_at_the_first_stage_that_fails(parts: Searching, question: Question, stage: str) -> None:
    searching = replace(parts, embedder=Unreading()) if stage == "not_a_candidate" else parts
    first = ExtractiveGenerator(parts.lexical.idf, sentences=1)
    assert one(evaluate([question], searching, answered(first))).lost == stage


class Unreading(HashingEmbedder):
    """An embedder that cannot read any question, so that words alone decide."""

    def unknown_share(self, text: str) -> float:
        return 1.0


def test_a_place_that_another_one_stands_for_is_told(
    run_ingest: Callable[..., Report], folder: Path, parts: Searching
) -> None:
    text = "Every employee has 27 days of annual leave, which are booked with the office manager in good time"
    for name, mark in (("first", "."), ("second", "!")):
        (folder / f"{name}.md").write_text(f"# Leave\n\n{text}{mark}\n")
    run_ingest()
    with Store.open(parts.store.folder) as store:
        searching = replace(parts, store=store, vectors=ExactVectors(store), lexical=Bm25Index(store))
        questions = [Question(name, LEAVE.text, "en", document=f"{name}.md") for name in ("first", "second")]
        lost = [result.lost for result in evaluate(questions, searching, None).results]
    assert sorted(lost, key=str) == [None, "duplicate"]


def test_refusals_are_told_with_their_evidence(parts: Searching) -> None:
    evaluation = evaluate([LEAVE, ABSENT], parts, extractive(parts, refuse_below=1.1))
    leave, absent = evaluation.results
    assert (leave.lost, absent.lost) == ("refused", None)
    assert leave.why.startswith("evidence 0.")
    means = evaluation.groups["all"]
    assert (means["refusal_precision"].value, means["refusal_recall"].value) == (0.5, 1)
    assert (means["wrong_refusal_rate"].value, means["answer_containment"].value) == (1, 0)


def test_an_answer_from_elsewhere_is_told_where_no_words_can_tell(parts: Searching) -> None:
    question = replace(LEAVE, answers=("nearly a month",))
    here = answered(ScriptedGenerator("Every employee has 27 days of annual leave [1].", finish=STOP))
    assert one(evaluate([question], parts, here)).lost is None
    elsewhere = replace(question, document="notes03.md")
    assert one(evaluate([elsewhere], with_top_k(parts, 20), here)).lost == "cited_elsewhere"


class Ranking:
    """A reranker whose service fails, or that puts everything last that holds a word."""

    name, batch = "ranking", None

    def __init__(self, *, last: str = "") -> None:
        self.last = last

    def score(self, question: str, passages: Sequence[str]) -> Sequence[float]:
        if not self.last:
            raise ServiceError("no")
        return [float(self.last not in passage) for passage in passages]


def test_a_reranker_has_lost_what_it_moved_down(parts: Searching) -> None:
    searching = replace(with_top_k(parts, 1), reranker=Ranking(last="27 days"))
    assert one(evaluate([LEAVE], searching, None)).lost == "reranking"


@pytest.mark.parametrize("reranker", [None, Ranking(), Ranking(last="door")], ids=["none", "failing", "working"])
def test_what_a_part_has_found_is_lost_in_merging_and_not_by_a_reranker(
    parts: Searching, reranker: Ranking | None
) -> None:
    asked = "How much may a hotel room cost a night, and was the roof of hut 7 painted?"
    question = Question("both", asked, "en", document="handbook.md")
    searching = replace(with_top_k(parts, 2), reranker=reranker)
    assert one(evaluate([question], searching, None)).lost is None, "the question as a whole finds it"
    searching = replace(searching, split=lambda text: ("Was the roof of hut 3 painted green?",))
    assert one(evaluate([question], searching, None)).lost == "merging"


def test_a_service_that_fails_once_costs_one_question(parts: Searching) -> None:
    class Flaky(ScriptedGenerator):
        def generate(self, request: GenerationRequest):  # type: ignore[no-untyped-def]
            self.error = ServiceError("overloaded") if not self.requests else None
            yield from super().generate(request)

    generator = Flaky("Every employee has 27 days of annual leave [1].", finish=STOP)
    evaluation = evaluate([LEAVE, replace(LEAVE, id="again")], parts, answered(generator))
    first, second = evaluation.results
    assert (first.lost, first.why, second.lost) == ("incomplete", "overloaded", None)
    assert evaluation.incomplete == 1


def test_a_service_that_fails_again_and_again_ends_the_run(parts: Searching) -> None:
    generator = ScriptedGenerator(error=ServiceError("no such model"))
    questions = [replace(LEAVE, id=str(number)) for number in range(9)]
    with pytest.raises(ServiceError, match=r"3 times in a row: no such model"):
        evaluate(questions, parts, answered(generator))
    assert len(generator.requests) == 3


class Dying(ScriptedGenerator):
    """Answers the questions that `alive` names, says of `absent` that there is nothing, and fails at the others."""

    def __init__(self, *, alive: Sequence[str] = ()) -> None:
        super().__init__(finish=STOP)
        self.alive = alive

    def generate(self, request: GenerationRequest):  # type: ignore[no-untyped-def]
        self.requests.append(request)
        if request.question not in self.alive:
            raise ServiceError("no such model")
        yield "Every employee has 27 days of annual leave [1]."
        yield STOP


def test_questions_that_search_lost_or_nobody_was_asked_do_not_renew_the_patience(parts: Searching) -> None:
    lost = replace(LEAVE, document="nowhere.md")
    refused = replace(ABSENT, text="zzz qqq")
    between = [LEAVE, lost, refused, lost, LEAVE, refused, LEAVE, refused, LEAVE]
    questions = [replace(question, id=str(number)) for number, question in enumerate(between)]
    generator = Dying()
    with pytest.raises(ServiceError, match="3 times in a row"):
        evaluate(questions, parts, answered(generator, refuse_below=0.5))
    assert [request.question for request in generator.requests] == [LEAVE.text] * 3


def test_a_service_that_answers_now_and_then_is_asked_to_the_end(parts: Searching) -> None:
    order = [LEAVE, LEAVE, HOTEL, LEAVE, LEAVE, HOTEL]
    questions = [replace(question, id=str(number)) for number, question in enumerate(order)]
    evaluation = evaluate(questions, parts, answered(Dying(alive=[HOTEL.text])))
    assert evaluation.incomplete == 4


def test_without_answers_only_retrieval_is_measured(parts: Searching) -> None:
    evaluation = evaluate([LEAVE, ABSENT], parts, None)
    assert all(
        not name.startswith(("answer", "refusal", "token")) for each in evaluation.results for name in each.values
    )
    assert evaluation.results[1].values == {}
    assert set(evaluation.latency) >= {"lexical", "retrieval"}
    assert not {"generation", "total"} & set(evaluation.latency)


def test_every_stage_that_is_timed_can_be_bounded(parts: Searching) -> None:
    evaluation = evaluate([LEAVE], replace(parts, reranker=Ranking(last="door")), extractive(parts))
    assert set(evaluation.latency) == {*metrics.SEARCH_STAGES, *metrics.ANSWER_STAGES}


def test_groups_are_languages_and_everything(parts: Searching) -> None:
    evaluation = evaluate([LEAVE, replace(HOTEL, language="zh-Hant"), ABSENT], parts, extractive(parts))
    assert list(evaluation.groups) == ["all", "en", "zh-Hant"]
    assert evaluation.groups["en"]["mrr@10"].questions == 1
    assert evaluation.groups["all"]["mrr@10"].questions == 2
    assert evaluation.models == {"embedding": "hashing", "rerank": "none", "answer": "extractive"}


def test_documents_that_are_unknown_or_ambiguous_are_noted(
    run_ingest: Callable[..., Report], folder: Path, parts: Searching
) -> None:
    (folder / "old").mkdir()
    (folder / "old" / "handbook.md").write_text("# Handbook\n\nEveryone had 20 days of annual leave.\n")
    run_ingest()
    with Store.open(parts.store.folder) as store:
        searching = replace(parts, store=store, vectors=ExactVectors(store), lexical=Bm25Index(store))
        notes = evaluate([LEAVE, replace(HOTEL, document="gone.md")], searching, None).notes
    assert notes == [
        "handbook.md means 2 documents; a hit in any of them counts",
        "the index knows no document gone.md; questions about it count as lost",
    ]


def scoped(parts: Searching, *patterns: str) -> Searching:
    scope = scope_of(parts.store, Filter(patterns=patterns))
    vectors, lexical = ExactVectors(parts.store, allowed=scope.keys), Bm25Index(parts.store, allowed=scope.keys)
    return replace(parts, vectors=vectors, lexical=lexical, scope=scope)


def test_a_filter_leaves_out_the_questions_about_other_documents(parts: Searching) -> None:
    roof = Question("roof", "What colour is the roof of hut 3?", "en", ("green",), "notes03.md")
    anywhere = replace(HOTEL, id="anywhere", document=None)
    evaluation = evaluate([LEAVE, roof, anywhere, ABSENT], scoped(parts, "notes*.md"), extractive(parts))
    assert [result.question.id for result in evaluation.results] == ["roof", "absent"]
    assert (evaluation.left_out, evaluation.scope and evaluation.scope.documents) == (2, 12)
    assert evaluation.notes == ["2 questions are left out: what they ask for stands in documents outside the filter"]
    assert evaluation.results[0].values["recall@10"] == 1
    whole = evaluate([LEAVE, roof, anywhere, ABSENT], parts, extractive(parts))
    assert (len(whole.results), whole.left_out, whole.scope) == (4, 0, None)


def test_a_filter_that_leaves_no_question_is_a_mistake(parts: Searching) -> None:
    with pytest.raises(UsageError, match="outside the filter"):
        evaluate([LEAVE, HOTEL], scoped(parts, "notes*.md"), None)


def test_another_embedder_is_refused(parts: Searching) -> None:
    with pytest.raises(IndexMismatch):
        evaluate([LEAVE], replace(parts, embedder=HashingEmbedder("another")), None)


def test_no_questions_are_a_mistake(parts: Searching) -> None:
    with pytest.raises(UsageError, match="no question is left"):
        evaluate([], parts, None)
