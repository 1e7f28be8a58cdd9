"""Every shape is what its published schema says, and the schema allows nothing else."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from ragqa import config, errors
from ragqa.cli import ask_shapes, chat_shapes, index_shapes, pages, shapes
from ragqa.cli.gate import encode_json
from ragqa.cli.schemas import SCHEMAS
from ragqa.flows import ask as ask_flow
from ragqa.flows import ingest as ingest_flow
from ragqa.flows import reembed as reembed_flow
from ragqa.flows.ask import Asked
from ragqa.flows.chat import Turn, Understood
from ragqa.flows.look import State
from ragqa.flows.opening import Opened
from ragqa.flows.search import Found
from ragqa.index import integrity
from ragqa.index.records import Calibration, DocumentState, Pending, SparseRecord
from ragqa.index.scope import Scope
from ragqa.types import Answer, Hit, Usage

Shapes = dict[str, list[dict[str, Any]]]


@pytest.fixture
def every_shape(
    asked: Asked,
    found: Found,
    report: ingest_flow.Report,
    state: State,
    pending: Pending,
    states: list[DocumentState],
    retrieved: tuple[Hit, ...],
    scope: Scope,
    opened: Opened,
    turn: Turn,
) -> Shapes:
    nothing = replace(asked, answer=Answer("?", "not_found", "", reason="nothing close"))
    cited = asked.answer.citations
    sound = integrity.Report((), 3, 3, 9)
    finding = integrity.Finding("text", "its checksum differs", "a.pdf", 1)
    return {
        "ask": [
            ask_shapes.ask(asked),
            ask_shapes.ask(asked, explain=True),
            ask_shapes.ask(nothing),
            ask_shapes.ask(replace(asked, scope=scope)),
        ],
        "ask-event": [
            ask_shapes.ask_event(ask_flow.Retrieved(retrieved)),
            ask_shapes.ask_event(ask_flow.Written("Annual leave")),
            *(ask_shapes.ask_event(ask_flow.Cited(citation)) for citation in cited),
            ask_shapes.ask_event(ask_flow.Spent(Usage(1, None))),
            {"event": "result", **ask_shapes.ask(asked)},
            {"event": "result", **ask_shapes.ask(asked, explain=True)},
            shapes.error(errors.ServiceError("no answer", remedy="try again")),
        ],
        "search": [
            shapes.search(found),
            shapes.search(found, explain=True),
            shapes.search(replace(found, scope=scope)),
        ],
        "hit": [shapes.hit(hit) for hit in retrieved],
        "ingest": [index_shapes.ingest(report), index_shapes.ingest(ingest_flow.Report(), dry_run=True)],
        "ingest-event": [
            index_shapes.ingest_event(ingest_flow.Planned(3, 2)),
            index_shapes.ingest_event(ingest_flow.Stored("a.pdf", "added", 12)),
            index_shapes.ingest_event(ingest_flow.Embedded(12)),
            *(index_shapes.ingest_event(refused) for refused in report.refused),
            {"event": "result", **index_shapes.ingest(report)},
        ],
        "status": [
            index_shapes.status(state),
            index_shapes.status(replace(state, meta=replace(state.meta, embedder=None))),
            index_shapes.status(replace(state, reembedding=pending)),
            index_shapes.status(replace(state, meta=replace(state.meta, calibration=Calibration(0.6, 40, 20)))),
            index_shapes.status(
                replace(
                    state, reembedding=replace(pending, target=replace(pending.target, sparse=SparseRecord("s", "1")))
                )
            ),
        ],
        "list": [index_shapes.documents(states), index_shapes.documents([])],
        "document": [index_shapes.document(each) for each in states],
        "get": [shapes.passages([hit.passage for hit in retrieved])],
        "chat-turn": [
            chat_shapes.turn(turn, 1),
            chat_shapes.turn(replace(turn, understood=Understood("How much?"), asked=nothing), 2, explain=True),
            shapes.error(errors.ServiceError("no answer", remedy="try again")),
        ],
        "chat": [chat_shapes.conversation([chat_shapes.turn(turn, 1)]), chat_shapes.conversation([])],
        "open": [
            pages.shape(opened, lines=0),
            pages.shape(opened, lines=None, images=[{"path": "a.png", "page": 12, "quotes": 2, "boxed": 1}]),
            pages.shape(opened, lines=1, image_failure="a.pdf is gone"),
        ],
        "remove": [index_shapes.removed(["a.pdf"], dry_run=True)],
        "reembed": [
            index_shapes.reembedded(reembed_flow.Reembedded("switched", 3, 9, 2)),
            index_shapes.reembedded(reembed_flow.Reembedded("unchanged")),
        ],
        "reembed-event": [
            index_shapes.reembed_event(reembed_flow.Discarded("old", 3)),
            index_shapes.reembed_event(reembed_flow.Started(3, 1)),
            index_shapes.reembed_event(ingest_flow.Embedded(12)),
            index_shapes.reembed_event(reembed_flow.Staged(2, 12)),
            index_shapes.reembed_event(reembed_flow.Switching()),
            {"event": "result", **index_shapes.reembedded(reembed_flow.Reembedded("switched", 3, 9))},
        ],
        "check": [
            index_shapes.check(sound),
            index_shapes.check(replace(sound, findings=(finding, replace(finding, document=None)))),
        ],
        "config": [
            {"schema_version": 1, "settings": config.settings(config.Config()), "keys": {"GEMINI_API_KEY": None}},
            {"schema_version": 1, "path": "/home/me/.config/ragqa/config.toml"},
        ],
        "error": [shapes.error(errors.IndexMissing("there is no index here", remedy="`ragqa ingest PATH`"))],
    }


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(SCHEMAS[name])


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_shapes_are_what_their_schema_says_also_after_the_gate(name: str, every_shape: Shapes) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    assert every_shape[name]
    for shape in every_shape[name]:
        validator(name).validate(json.loads(encode_json(shape)))
        assert json.loads(encode_json(shape)) == json.loads(json.dumps(shape))


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_schemas_allow_nothing_more_and_nothing_less(name: str, every_shape: Shapes) -> None:
    for shape in every_shape[name]:
        assert not validator(name).is_valid({**shape, "surprise": 1})
        for key in shape:
            if key != "explain":
                assert not validator(name).is_valid({other: value for other, value in shape.items() if other != key}), (
                    key
                )


def test_schemas_are_strict_inside_too(every_shape: Shapes) -> None:
    answered = every_shape["ask"][0]
    for path, value in (("citations", "yes"), ("hits", None), ("sentences", 3)):
        broken = copy.deepcopy(answered)
        broken[path][0]["surprise"] = value
        assert not validator("ask").is_valid(broken)
    broken = copy.deepcopy(answered)
    broken["citations"][0]["verified"] = "true"
    assert not validator("ask").is_valid(broken)
    assert not validator("ask").is_valid({**answered, "status": "maybe"})


def test_every_json_document_says_its_version(every_shape: Shapes) -> None:
    lines = {"ask-event", "ingest-event", "reembed-event", "hit", "document", "chat-turn"}
    for name in set(SCHEMAS) - lines:
        assert all(shape["schema_version"] == 1 for shape in every_shape[name])


def test_a_citation_holds_its_quote_and_the_page_of_the_quote(asked: Asked) -> None:
    first, second, third, fourth = ask_shapes.ask(asked)["citations"]
    assert (first["marker"], first["quote"], first["quote_page"], first["quote_page_label"]) == (
        1,
        "Annual leave is 25 days a year.",
        12,
        "xii",
    )
    assert (second["marker"], second["quote_page"], second["page_start"]) == (1, 13, 12)
    assert third["quote_page"] is None and third["verified"]
    assert not fourth["verified"]
    for each in (first, second, third):
        place = slice(each["quote_start"] - each["start"], each["quote_end"] - each["start"])
        assert each["text"][place] == each["quote"]
