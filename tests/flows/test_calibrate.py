"""Calibration weighs as `ask` does, is stored with the index, and lasts until the index is made anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ragqa.answering import evidence
from ragqa.config import AnswerConfig, ChunkConfig, load
from ragqa.errors import IndexMismatch, UsageError
from ragqa.evaluation.calibration import Weighed
from ragqa.evaluation.questions import Question
from ragqa.flows import calibrate, search
from ragqa.flows.ask import weigh
from ragqa.flows.ingest import Report
from ragqa.flows.reembed import reembed
from ragqa.flows.search import Searching
from ragqa.index.lexical import Bm25Index
from ragqa.index.records import Calibration
from ragqa.index.store import Store
from ragqa.index.vectors import ExactVectors
from tests.fakes import HashingEmbedder

LEAVE = Question("leave", "How many days of annual leave?", "en", ("27 days",))
ABSENT = Question("absent", "Who won the football cup?", "en", answerable=False)
KEPT = Calibration(0.75, 1, 1)


@pytest.fixture
def parts(run_ingest: Callable[..., Report], store: Store, folder: Path, embedder: HashingEmbedder) -> Searching:
    (folder / "leave.md").write_text("# Leave\n\nEvery employee has 27 days of annual leave.\n")
    (folder / "hut.md").write_text("# Hut\n\nThe roof of the hut is green. The cup is in the kitchen.\n")
    run_ingest()
    return Searching(store, embedder, ExactVectors(store), Bm25Index(store), None, load(environment={}))


def test_the_evidence_is_that_of_ask(parts: Searching) -> None:
    told: list[tuple[int, int]] = []
    weighed = calibrate.weigh([LEAVE, ABSENT], parts, on_done=lambda done, of: told.append((done, of)))
    expected = [weigh(search.retrieve(question.text, parts), parts).score for question in (LEAVE, ABSENT)]
    assert weighed == [Weighed(expected[0], True), Weighed(expected[1], False)]
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize(("question", "missing"), [(LEAVE, "not answerable"), (ABSENT, "no answerable question")])
def test_one_kind_of_questions_alone_is_refused(parts: Searching, question: Question, missing: str) -> None:
    with pytest.raises(UsageError, match=missing):
        calibrate.weigh([question], parts)


def test_what_is_stored_is_the_threshold_until_another_is_set(parts: Searching) -> None:
    auto = AnswerConfig()
    assert calibrate.threshold(auto, parts.store.meta()) == evidence.REFUSE_BELOW
    weighed = [Weighed(0.9, True), Weighed(0.6, False)]
    assert calibrate.keep(parts.store, 0.75, weighed, parts.store.meta()) == KEPT
    with Store.open(parts.store.folder) as reader:
        assert reader.meta().calibration == KEPT
        assert calibrate.threshold(auto, reader.meta()) == 0.75
        assert calibrate.threshold(AnswerConfig(refuse_below=0.1), reader.meta()) == 0.1
        assert calibrate.threshold(AnswerConfig(refuse_below=0.0), reader.meta()) == 0.0


def test_documents_that_come_and_go_leave_it(parts: Searching, run_ingest: Callable[..., Report], folder: Path) -> None:
    parts.store.set_calibration(KEPT)
    (folder / "new.md").write_text("# New\n\nA document that came later.\n")
    (folder / "hut.md").unlink()
    run_ingest()
    assert parts.store.meta().calibration == KEPT


def test_it_is_dropped_where_the_index_is_made_anew_and_that_is_said(parts: Searching) -> None:
    other = HashingEmbedder("other", dimensions=16)
    parts.store.set_calibration(KEPT)
    assert not reembed(parts.store, parts.embedder, parts.config.chunk).uncalibrated
    assert parts.store.meta().calibration == KEPT
    assert reembed(parts.store, other, ChunkConfig()).uncalibrated
    assert parts.store.meta().calibration is None
    assert not reembed(parts.store, other, ChunkConfig(), force=True).uncalibrated


def test_a_threshold_of_another_embedder_is_not_stored(parts: Searching) -> None:
    measured = parts.store.meta()
    reembed(parts.store, HashingEmbedder("other", dimensions=16), ChunkConfig())
    with pytest.raises(IndexMismatch, match="made anew"):
        calibrate.keep(parts.store, 0.75, [], measured)
    assert parts.store.meta().calibration is None


def test_an_empty_index_for_another_embedder_has_none(store: Store) -> None:
    from ragqa.index.records import EmbedderRecord

    record = EmbedderRecord("one", "one-8", 8)
    store.set_embedder(record)
    store.set_calibration(KEPT)
    store.set_embedder(record)
    assert store.meta().calibration == KEPT
    store.set_embedder(replace(record, fingerprint="two-8"))
    assert store.meta().calibration is None
