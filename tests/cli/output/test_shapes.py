"""The shapes that scripts rely on, value by value."""

from __future__ import annotations

from dataclasses import replace

from ragqa.cli import ask_shapes, index_shapes, shapes
from ragqa.errors import DocumentError, IndexMissing
from ragqa.flows.ask import Asked
from ragqa.flows.ingest import Report
from ragqa.flows.look import State
from ragqa.flows.search import Found
from ragqa.index.records import Pending, SparseRecord
from ragqa.retrieval import Part
from ragqa.types import Hit


def test_a_hit(retrieved: tuple[Hit, ...]) -> None:
    assert shapes.hit(retrieved[0]) == {
        "rank": 1,
        "chunk_id": "0000000000000001",
        "document": "docs/handbook.pdf",
        "title": "Staff Handbook",
        "page_start": 12,
        "page_end": 13,
        "page_label": "xii",
        "heading": ["Leave", "Annual leave"],
        "start": 100,
        "end": 182,
        "text": retrieved[0].passage.chunk.text,
        "score": 0.987654,
        "found_by": ["dense", "lexical"],
    }


def test_an_answer(asked: Asked) -> None:
    shape = ask_shapes.ask(asked)
    assert list(shape)[:6] == ["schema_version", "question", "status", "reason", "answer", "sentences"]
    assert shape["sentences"][0] == {
        "text": "Staff get 25 days of leave.",
        "citations": [1],
        "support": "supported",
        "support_score": None,
    }
    assert shape["support"] == {"quoted": 1, "supported": 1, "unsupported": 1, "dropped": 2}
    assert shape["usage"] == {"prompt_tokens": 100, "output_tokens": 20}
    assert shape["index"] == {"generation": 7, "documents": 3, "chunks": 3, "stale_files": 1}
    assert shape["evidence"] == 0.912346
    assert shape["timings_ms"] == {"generation": 12.35}
    assert [hit["rank"] for hit in shape["hits"]] == [1, 2, 3]


def test_a_search_explains_itself_only_when_asked(found: Found) -> None:
    assert "explain" not in shapes.search(found)
    explained = shapes.search(found, explain=True)["explain"]
    assert explained["dense"][0] == {"key": 1, "chunk_id": "0000000000000001", "score": 0.9}
    assert explained["dense"][2] == {"key": 77, "chunk_id": None, "score": 0.1}
    assert explained["unreadable"] == [2]
    assert explained["exact"] == [{"key": 1, "text": "25"}]
    assert explained["duplicates"] == [{"key": 9, "of": 1}]


def test_what_a_question_was_searched_as_is_always_said(found: Found) -> None:
    part = Part("And the price?", found.retrieval)
    retrieval = replace(found.retrieval, parts=(Part(found.query, found.retrieval), part))
    assert shapes.search(replace(found, retrieval=retrieval))["understood"] == {
        "searched": found.query,
        "corrections": [{"written": "anual", "meant": "annual"}],
        "exact": [{"text": "25", "quoted": True, "passages": 1}],
        "parts": [found.query],
    }


def test_an_ingest_report_names_every_file_that_was_left_out(report: Report) -> None:
    shape = index_shapes.ingest(report)
    assert shape["failed"] == [{"document": "scan.pdf", "code": "no_text", "reason": "its pages are pictures"}]
    assert [each["code"] for each in shape["skipped"]] == ["binary"]
    assert (shape["unchanged"], shape["chunks"], shape["seconds"], shape["dry_run"]) == (1234, 154, 3.22, False)


def test_a_reembedding_names_both_models_that_it_is_for(state: State, pending: Pending) -> None:
    assert index_shapes.status(replace(state, reembedding=pending))["reembedding"]["sparse"] is None
    target = replace(pending.target, sparse=SparseRecord("naver/splade-v3", "s" * 8))
    shape = index_shapes.status(replace(state, reembedding=replace(pending, target=target)))
    assert (shape["reembedding"]["embedder"]["name"], shape["reembedding"]["sparse"]) == (
        "BAAI/bge-m3",
        "naver/splade-v3",
    )


def test_an_error() -> None:
    error = IndexMissing("there is no index here", remedy="`ragqa ingest PATH` makes one")
    assert shapes.error(error) == {
        "schema_version": 1,
        "error": {
            "code": "index_missing",
            "message": "there is no index here",
            "remedy": "`ragqa ingest PATH` makes one",
        },
    }
    assert shapes.error(DocumentError("no text", code="empty"))["error"]["code"] == "empty"
