"""A batch: every question has its result, in order, as early as it can be, whoever is slow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ragqa.config import load
from ragqa.errors import IndexDamaged, ServiceError, UsageError
from ragqa.flows import search
from ragqa.flows.ask import Answering, ask
from ragqa.flows.batch import Asking, Result, batch
from ragqa.flows.ingest import Report
from ragqa.flows.search import Searching
from ragqa.index.lexical import Bm25Index
from ragqa.index.store import Store
from ragqa.index.vectors import ExactVectors
from ragqa.ports import Finish, GenerationRequest, Generator
from ragqa.types import Hit
from tests.fakes import HashingEmbedder

PATIENCE_S = 30.0


@pytest.fixture
def parts(run_ingest: Callable[..., Report], store: Store, folder: Path, embedder: HashingEmbedder) -> Searching:
    for number in range(12):
        (folder / f"{number}.md").write_text(
            f"# Room {number}\n\nThe lamp of room {number} burns {number + 40} watts.\n"
        )
    run_ingest()
    return Searching(store, embedder, ExactVectors(store), Bm25Index(store), None, load(environment={}))


class Gated:
    """A generator whose answers wait until the test lets them go, each by itself."""

    name = "gated"

    def __init__(self) -> None:
        self.gates: dict[str, threading.Event] = {}
        self.begun: list[str] = []
        self.most = self._now = 0
        self._lock = threading.Lock()

    def open(self, question: str) -> None:
        self._gate(question).set()

    def _gate(self, question: str) -> threading.Event:
        with self._lock:
            return self.gates.setdefault(question, threading.Event())

    def generate(self, request: GenerationRequest) -> Iterator[str | Finish]:
        gate = self._gate(request.question)
        with self._lock:
            self.begun.append(request.question)
            self._now += 1
            self.most = max(self.most, self._now)
        assert gate.wait(PATIENCE_S)
        with self._lock:
            self._now -= 1
        if "broken" in request.question:
            raise ServiceError("the service is down")
        yield f"{request.sources[0].passage.chunk.text} [1]"
        yield Finish(complete=True, reason="stop")


def prepare(question: str, hits: Sequence[Hit]) -> GenerationRequest:
    return GenerationRequest(question, "en", tuple(hits), "", "", 100, 0.0)


def run(parts: Searching, generator: Generator, questions: Iterator[Asking], **options: int) -> Iterator[Result]:
    return batch(questions, parts, Answering(generator, prepare, 0.0), search.facts(parts.store), **options)


def asked_of(*numbers: int) -> list[str]:
    return [f"How many watts has the lamp of room {number}?" for number in numbers]


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_question_has_the_result_that_it_has_alone_in_order(parts: Searching, jobs: int) -> None:
    generator = Gated()
    questions = asked_of(*range(12))
    for question in questions:
        generator.open(question)
    given = [Asking(f"q{number}", question) for number, question in enumerate(questions)]
    given.insert(5, Asking(99, error=UsageError("no question")))
    results = list(run(parts, generator, iter(given), jobs=jobs))
    assert [result.id for result in results] == [asking.id for asking in given]
    for asking, result in zip(given, results, strict=True):
        if asking.error:
            assert (result.asked, result.error) == (None, asking.error)
            continue
        alone = ask(asking.question, parts, Answering(generator, prepare, 0.0))
        assert result.asked is not None and result.error is None
        assert result.asked.answer == alone.answer
    assert generator.most <= jobs


def test_services_are_asked_side_by_side_and_a_slow_one_holds_only_its_own_place(parts: Searching) -> None:
    generator = Gated()
    questions = asked_of(*range(6))
    results = run(parts, generator, (Asking(number, question) for number, question in enumerate(questions)), jobs=2)
    for question in questions[1:]:
        generator.open(question)
    waiter = threading.Timer(0.0, lambda: _open_when(generator, questions[0], begun=6))
    waiter.start()
    assert [result.id for result in results] == [0, 1, 2, 3, 4, 5]
    waiter.join()
    assert generator.most == 2


def _open_when(generator: Gated, question: str, *, begun: int) -> None:
    """The first question is answered when all others have been begun, which it would prevent if it held them up."""
    for _ in range(3000):
        if len(generator.begun) >= begun:
            break
        threading.Event().wait(0.01)
    generator.open(question)


def test_a_result_does_not_wait_for_the_next_question(parts: Searching) -> None:
    generator = Gated()
    first, second = asked_of(1, 2)
    generator.open(first)
    generator.open(second)
    more = threading.Event()

    def slowly() -> Iterator[Asking]:
        yield Asking(1, first)
        assert more.wait(PATIENCE_S)
        yield Asking(2, second)

    for jobs in (1, 4):
        more.clear()
        results = run(parts, generator, slowly(), jobs=jobs)
        assert next(results).id == 1
        more.set()
        assert [result.id for result in results] == [2]


def test_with_one_job_nothing_is_begun_before_the_result_before_it_was_taken(parts: Searching) -> None:
    generator = Gated()
    questions = asked_of(1, 2, 3)
    for question in questions:
        generator.open(question)
    results = run(parts, generator, (Asking(number, question) for number, question in enumerate(questions)), jobs=1)
    assert next(results).id == 0
    assert generator.begun == questions[:1]
    results.close()  # type: ignore[attr-defined]


def test_a_service_that_fails_costs_its_own_question(parts: Searching) -> None:
    generator = Gated()
    questions = [asked_of(1)[0], "broken lamp of room 2?", asked_of(3)[0]]
    for question in questions:
        generator.open(question)
    results = list(run(parts, generator, (Asking(n, question) for n, question in enumerate(questions)), jobs=2))
    answers = [result.asked.answer for result in results if result.asked]
    assert [answer.status for answer in answers] == ["answered", "incomplete", "answered"]
    assert answers[1].reason == "the service is down"


def test_an_embedder_that_fails_costs_its_own_question_and_a_damaged_index_all(parts: Searching) -> None:
    class Failing(HashingEmbedder):
        def embed(self, texts: Sequence[str], *, kind: str):  # type: ignore[no-untyped-def]
            if "down" in texts[0]:
                raise ServiceError("no embedding")
            if "damaged" in texts[0]:
                raise IndexDamaged("a page is gone")
            return super().embed(texts, kind=kind)  # type: ignore[arg-type]

    generator = Gated()
    question = asked_of(1)[0]
    generator.open(question)
    failing = replace(parts, embedder=Failing())
    results = run(failing, generator, iter([Asking(1, "lamp down"), Asking(2, question), Asking(3, "lamp damaged")]))
    first, second = next(results), next(results)
    assert (first.asked, str(first.error)) == (None, "no embedding")
    assert second.asked is not None
    with pytest.raises(IndexDamaged):
        next(results)


def test_what_cannot_be_read_ends_the_batch_with_its_own_error(parts: Searching) -> None:
    def breaking() -> Iterator[Asking]:
        yield Asking(1, error=UsageError("no question"))
        raise OSError("the disk is gone")

    results = run(parts, Gated(), breaking())
    assert next(results).id == 1
    with pytest.raises(OSError, match="the disk is gone"):
        next(results)
