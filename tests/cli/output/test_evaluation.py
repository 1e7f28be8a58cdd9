"""What eval shows: JSON as its schemas say, tables that fit 80 columns, nothing that controls a terminal."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ragqa.cli import calibrating, evaluation_render, evaluation_shapes, shapes
from ragqa.cli.calibrating import Calibrated
from ragqa.cli.cells import width_of
from ragqa.cli.evaluation_runs import Run
from ragqa.cli.evaluation_schemas import SCHEMAS
from ragqa.cli.evaluation_shapes import Asked, Compared
from ragqa.cli.gate import Styled, encode_json
from ragqa.config import Config, settings
from ragqa.errors import UsageError
from ragqa.evaluation import comparison, metrics
from ragqa.evaluation.calibration import Refusals, Share
from ragqa.evaluation.drafts import Draft
from ragqa.evaluation.questions import Question
from ragqa.evaluation.stages import SAID, Ranks
from ragqa.flows.evaluate import Evaluation, Result, grouped
from ragqa.flows.look import State
from ragqa.flows.search import IndexFacts
from ragqa.types import Answer
from tests.cli.output.conftest import HOSTILE

VISIBLE_HOSTILE = HOSTILE.replace("\udcff", "")
"""As questions are read: what UTF-8 cannot write is spelt out already."""
ASKED = Asked("資料/questions.jsonl", half="fit", limit=30)
LONG = "依照員工手冊的規定，晚上八點以後還在辦公室工作的同仁，公司每天提供多少元的餐費，又應該在幾天以內報支？"
CALIBRATED = Calibrated(
    Refusals(0.5, Share(4, 7), Share(0, 20)), Refusals(0.625, Share(7, 7), Share(1, 20)), at_most=0.05, stored=True
)
VALUES = {
    "recall@1": 0.0, "recall@5": 1.0, "recall@10": 1.0, "recall@50": 1.0, "mrr@10": 0.25, "ndcg@10": 0.43067,
    "answer_containment": 0.0, "token_f1": 1 / 3, "citation_precision": 0.5, "verified_rate": 1.0,
    "wrong_refusal_rate": 0.0,
}  # fmt: skip


@pytest.fixture
def evaluation(answer: Answer, state: State) -> Evaluation:
    def result(number: int, language: str, **values: Any) -> Result:
        text = f"{LONG} {number}" if language.startswith("zh") else f"How many days, number {number}?"
        question = Question(f"q{number}", text, language, ("160 元", VISIBLE_HOSTILE), "手冊.pdf", 3)
        timings = {"lexical": 1.25, "retrieval": 4.5, "evidence": 2.0, "generation": 3.0, "total": 9.5}
        given = {"answer": answer, "evidence": 0.9123456789, "lost": None, "why": "", **values}
        return Result(question, VALUES, 4, Ranks(3, None, 4, 2), timings_ms=timings, **given)

    results = [result(0, "en"), result(1, "zh-Hant"), result(2, "zh-Hans", answer=None, evidence=None)]
    results += [result(3 + number, "zh-Hant", lost=stage, why=HOSTILE) for number, stage in enumerate(SAID)]
    absent = replace(
        results[0], question=Question("absent", "?", "ja", answerable=False), values={"refusal_recall": 0.0}
    )
    results.append(replace(absent, rank=None, ranks=Ranks(), answer=replace(answer, status="not_found", text="")))
    return Evaluation(
        results=results,
        groups=grouped(results),
        latency=metrics.percentiles(each.timings_ms for each in results),
        index=IndexFacts(7, 3, 1203, 1),
        meta=state.meta,
        models={"embedding": "builtin", "rerank": "none", "answer": HOSTILE},
        config=Config(),
        notes=[HOSTILE],
    )


@pytest.fixture
def compared(evaluation: Evaluation) -> Compared:
    rows = [
        comparison.Row(each.question.id, each.question.fingerprint, each.question.language, each.values)
        for each in evaluation.results
    ]
    before = [replace(row, values={name: value / 2 for name, value in row.values.items()}) for row in rows[1:]]
    saved = json.loads(json.dumps(settings(Config())))
    changed = {**saved, "retrieval.top_k": 4, "gone.setting": True}
    return Compared("run.json", Run(before, changed, dict(evaluation.models), None), comparison.compare(before, rows))


DRAFT = Draft("draft-1", f"How much? {HOSTILE}", "£3.40", "lunch.md", None, "en", HOSTILE, (HOSTILE,), "rule: amount")


@pytest.fixture
def every_shape(evaluation: Evaluation, compared: Compared) -> dict[str, list[dict[str, Any]]]:
    plain = evaluation_shapes.evaluation(evaluation, ASKED)
    full = evaluation_shapes.evaluation(evaluation, ASKED, explain=True, compared=compared, broken=["mrr@10 is 0"])
    results = [evaluation_shapes.result(each) for each in evaluation.results]
    return {
        "eval": [plain, full],
        "eval-run": [evaluation_shapes.run(evaluation, ASKED)],
        "eval-event": [
            *({"event": "question", **each} for each in results),
            {"event": "result", **plain},
            {"event": "result", **full},
            shapes.error(UsageError("no question")),
        ],
        "eval-calibration": [calibrating.shape(CALIBRATED), calibrating.shape(replace(CALIBRATED, stored=False))],
        "eval-draft": [evaluation_shapes.draft(DRAFT), evaluation_shapes.draft(replace(DRAFT, page=3))],
        "eval-drafts": [evaluation_shapes.drafts([DRAFT]), evaluation_shapes.drafts([])],
    }


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_shapes_are_what_their_schema_says_and_no_more(name: str, every_shape: dict[str, list[dict[str, Any]]]) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    validator = jsonschema.Draft202012Validator(SCHEMAS[name])
    for shape in every_shape[name]:
        validator.validate(json.loads(encode_json(shape)))
        assert not validator.is_valid({**shape, "surprise": 1})
        for key in set(shape) - {"explain", "comparison", "failed_under"}:
            assert not validator.is_valid({other: value for other, value in shape.items() if other != key}), key


def test_the_report_counts_what_was_lost_where(evaluation: Evaluation) -> None:
    shape = evaluation_shapes.evaluation(evaluation, ASKED)
    assert shape["lost"] == dict.fromkeys(SAID, 1)
    assert shape["questions"] == {
        "source": ASKED.source, "half": "fit", "limit": 30, "asked": 16, "answerable": 15, "unanswerable": 1,
        "left_out": 0, "incomplete": 0,
    }  # fmt: skip
    assert shape["metrics"]["all"]["mrr@10"] == {"value": 0.25, "questions": 15}
    assert shape["metrics"]["ja"]["mrr@10"] == {"value": None, "questions": 0}


def test_a_comparison_tells_which_settings_differ(evaluation: Evaluation, compared: Compared) -> None:
    shape = evaluation_shapes.evaluation(evaluation, ASKED, compared=compared)["comparison"]
    assert shape["settings"] == {"gone.setting": [True, None], "retrieval.top_k": [4, 8]}
    assert (shape["shared"], shape["only_after"]) == (15, 1)
    text = evaluation_render.report(evaluation, ASKED, compared=compared)
    assert "retrieval.top_k: 4 then, 8 now" in text
    assert "left out: 1 only asked now" in text


def everything(evaluation: Evaluation, compared: Compared) -> list[Styled]:
    return [
        *(
            evaluation_render.report(evaluation, ASKED, explain=True, compared=compared, markdown=markdown)
            for markdown in (False, True)
        ),
        evaluation_render.drafts([DRAFT]),
        calibrating.report(CALIBRATED, Path(VISIBLE_HOSTILE), markdown=True),
    ]


def test_nothing_from_outside_controls_the_terminal_or_the_page(evaluation: Evaluation, compared: Compared) -> None:
    for text in everything(evaluation, compared):
        assert isinstance(text, Styled)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\udcff]", text.plain)
    for markdown in everything(evaluation, compared)[1:]:
        assert "<script" not in markdown and "](x)" not in markdown and "http://" not in markdown


def test_everything_fits_a_terminal_of_80_columns(
    evaluation: Evaluation, compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragqa.cli.evaluation_render.terminal_width", lambda: 80)
    text = evaluation_render.report(evaluation, ASKED, explain=True, compared=compared).plain
    assert [line for line in text.split("\n") if width_of(line) > 80] == []
    assert LONG[:20] in text


def test_a_calibration_shows_both_thresholds_and_what_they_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragqa.cli.evaluation_render.terminal_width", lambda: 80)
    text = calibrating.report(CALIBRATED, Path(ASKED.source)).plain
    assert max(map(len, text.split("\n"))) <= 80
    rows = [line.split() for line in text.split("\n")]
    assert ["refuse", "below", "0.500", "0.625"] in rows
    assert ["refused,", "no", "answer", "0.571", "1.000", "0.646", "1.000"] in rows
    assert ["refused,", "an", "answer", "0.000", "0.050", "0.009", "0.236"] in rows
    assert "stored with the index" in text
    assert "nothing is stored" in calibrating.report(replace(CALIBRATED, stored=False), Path("q"))
    assert calibrating.shape(CALIBRATED)["warnings"] == [
        "7 questions without an answer: fewer than 20 tell little about the next one"
    ]


def test_many_languages_stand_in_several_tables(evaluation: Evaluation) -> None:
    many = [
        replace(each, question=replace(each.question, language=f"language {number}"))
        for number, each in enumerate(evaluation.results)
    ]
    text = evaluation_render.report(replace(evaluation, results=many, groups=grouped(many)), ASKED).plain
    assert max(map(len, text.split("\n")[3:])) <= 80
    assert len(re.findall("^questions", text, re.MULTILINE)) == 3


def test_the_table_shows_metrics_by_language(evaluation: Evaluation) -> None:
    lines = evaluation_render.report(evaluation, ASKED).plain.split("\n")
    head = next(line for line in lines if "zh-Hans" in line)
    assert head.split() == ["all", "en", "ja", "zh-Hans", "zh-Hant"]
    row = next(line for line in lines if line.startswith("mrr@10"))
    assert row.split() == ["mrr@10", "0.250", "0.250", "–", "0.250", "0.250"]
    assert len({width_of(head), width_of(row)}) == 1, "columns line up"


def test_markdown_tables_are_tables(evaluation: Evaluation, compared: Compared) -> None:
    text = evaluation_render.report(evaluation, ASKED, compared=compared, markdown=True).plain
    tables = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    assert len(tables) == 3
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
        assert re.fullmatch(r"\| ---( \| ---:)+ \|", table.splitlines()[1])


def test_failures_are_listed_by_stage_with_what_was_wanted(evaluation: Evaluation) -> None:
    text = evaluation_render.report(evaluation, ASKED, explain=True).plain
    for said in SAID.values():
        assert f"{said}: 1 question" in text
    assert "wanted 手冊.pdf p. 3: 160 元" in text
    assert "rank by meaning 3, words –, fused 4, hit 2" in text
    nothing = replace(evaluation, results=evaluation.results[:1])
    assert "no question was lost" in evaluation_render.report(nothing, ASKED, explain=True)
