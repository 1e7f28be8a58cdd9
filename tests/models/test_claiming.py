"""Claims in JSON through both wire formats: a schema where the service takes one, none where it does not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ragqa.answering import claims
from ragqa.models.claiming import ClaimingGenerator
from ragqa.ports import Finish
from ragqa.types import Chunk, Hit, Passage
from tests.fakes import ScriptedGenerator
from tests.services import server
from tests.services.dialects import DIALECTS, REQUEST, Dialect, make_openai, read
from tests.services.server import Request, Service

TEXT = "It rains on Monday. Snow falls in winter."
PASSAGE = Passage(1, "a" * 16, "log.md", b"log.md", "Log", "en", Chunk(0, len(TEXT), TEXT))
ASKED = replace(REQUEST, sources=(Hit(1, PASSAGE, 1.0, ("lexical",)),), schema=claims.SCHEMA)
REPLY = json.dumps(
    {"answered": True, "claims": [{"text": "It rains.", "citations": [{"source": 1, "quote": "It rains on Monday."}]}]}
)
ANSWER = "It rains. [1]\n<<<QUOTES>>>\n[1] It rains on Monday."


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return DIALECTS[request.param]


def schema_of(request: Request) -> object:
    """The schema that a service was held to."""
    if "generationConfig" in request.body:
        return request.body["generationConfig"].get("responseJsonSchema")
    return request.body.get("response_format", {}).get("json_schema", {}).get("schema")


def test_a_service_is_held_to_the_schema(dialect: Dialect, service: Service) -> None:
    service.script(dialect.answer(REPLY[:30], REPLY[30:]))
    text, finish = read(ClaimingGenerator(dialect.make(service)), ASKED)
    assert (text, finish.complete) == (ANSWER, True)
    assert [schema_of(request) for request in service.requests] == [claims.SCHEMA]


@pytest.mark.parametrize("status", [400, 422, 500])
def test_a_service_that_takes_no_schema_is_asked_without(service: Service, status: int) -> None:
    refusal = server.openai_error(status, "This response_format type is unavailable now")
    service.script(refusal, *[server.openai_answer(REPLY)] * 2)
    generator = ClaimingGenerator(make_openai(service))
    assert read(generator, ASKED)[0] == ANSWER
    assert read(generator, ASKED)[0] == ANSWER
    assert [schema_of(request) is not None for request in service.requests] == [True, False, False]


def test_asking_without_a_schema_is_no_failed_try(dialect: Dialect, service: Service) -> None:
    service.script(dialect.error(400, "no schema, please"), *[dialect.error(503)] * 3, dialect.answer(REPLY))
    assert read(ClaimingGenerator(dialect.make(service)), ASKED)[0] == ANSWER
    assert [schema_of(request) is not None for request in service.requests] == [True] + [False] * 4


def test_a_lasting_refusal_is_said_after_that(dialect: Dialect, service: Service) -> None:
    service.script(*[dialect.error(400, "no")] * 9)
    with pytest.raises(Exception, match="refused with 400: no"):
        read(ClaimingGenerator(dialect.make(service)), ASKED)
    assert len(service.requests) == 2


def test_a_refusal_of_something_else_is_not_asked_again(dialect: Dialect, service: Service) -> None:
    service.script(*[dialect.error(400, "maximum context length is 4096 tokens")] * 9)
    with pytest.raises(Exception, match="maximum context length"):
        read(ClaimingGenerator(dialect.make(service)), ASKED)
    assert len(service.requests) == 1


def test_whatever_a_server_refuses_is_left_out_once(service: Service) -> None:
    service.script(
        server.openai_error(400, "Use 'max_completion_tokens' instead of 'max_tokens'"),
        server.openai_error(422, "stream_options: extra inputs are not permitted"),
        server.openai_error(400, "temperature does not support 0"),
        server.openai_error(400, "no schema, please"),
        server.openai_answer(REPLY),
    )
    assert read(ClaimingGenerator(make_openai(service)), ASKED)[0] == ANSWER
    last = service.requests[-1].body
    assert not {"max_tokens", "stream_options", "temperature", "response_format"} & last.keys()
    assert last["max_completion_tokens"] >= ASKED.max_tokens


@pytest.mark.parametrize("finish", ["MAX_TOKENS", "length"])
def test_claims_that_are_cut_are_an_incomplete_answer(service: Service, finish: str) -> None:
    dialect = DIALECTS["gemini" if finish.isupper() else "openai"]
    service.script(dialect.answer(REPLY[:-20], finish=finish))
    text, ended = read(ClaimingGenerator(dialect.make(service)), ASKED)
    assert text.startswith("It rains. [1]")
    assert not ended.complete and "limit" in ended.reason


def test_nothing_that_cannot_be_read_is_passed_on() -> None:
    generator = ClaimingGenerator(ScriptedGenerator('{"thoughts": "', 'secret"}', finish=Finish(True, "")))
    assert list(generator.generate(ASKED)) == [
        Finish(complete=False, reason=f"{generator.name} replied with JSON that is no answer")
    ]


def test_an_ordinary_answer_is_passed_on() -> None:
    generator = ClaimingGenerator(ScriptedGenerator("It rains ", "on Monday [1].", finish=Finish(True, "")))
    assert list(generator.generate(ASKED)) == ["It rains on Monday [1].", Finish(True, "")]
