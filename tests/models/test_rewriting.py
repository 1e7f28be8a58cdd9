"""A model's rewriting is read out of whatever it writes around it, and left where it is none."""

from __future__ import annotations

import json

import pytest

from ragqa.answering.conversation import Exchange
from ragqa.errors import ServiceError
from ragqa.models.rewriting import ModelRewriter, read
from ragqa.ports import Finish
from tests.fakes import ScriptedGenerator

STOP = Finish(complete=True, reason="stop")
HOTEL = Exchange("What may a hotel in Taipei cost?", "NT$4,600 a night [1].")
ALONE = "What may a hotel in Shenzhen cost?"


@pytest.mark.parametrize(
    "reply",
    [
        json.dumps({"question": ALONE}),
        f'```json\n{{ "question" : "{ALONE}" }}\n```\nI hope this helps.',
        f'{{"question": "first thought"}} no, rather {{"question": "{ALONE}"}}',
        json.dumps({"question": "What may a hotel\n in  Shenzhen cost?"}),
    ],
)
def test_the_question_is_read_from_what_stands_around_it(reply: str) -> None:
    failures: list[str] = []
    rewrite = ModelRewriter(ScriptedGenerator(reply, finish=STOP), on_failure=failures.append)
    assert (rewrite("And in Shenzhen?", [HOTEL]), failures) == (ALONE, [])


@pytest.mark.parametrize(
    "generator",
    [
        ScriptedGenerator("Which city?", finish=STOP),
        ScriptedGenerator(json.dumps({"question": "Who rules Atlantis?"}), finish=STOP),
        ScriptedGenerator(json.dumps({"question": ALONE})),  # it broke off
        ScriptedGenerator(error=ServiceError("the service is down")),
    ],
)
def test_what_is_of_no_use_is_none_and_told(generator: ScriptedGenerator) -> None:
    failures: list[str] = []
    assert ModelRewriter(generator, on_failure=failures.append)("And in Shenzhen?", [HOTEL]) is None
    assert len(failures) == 1


def test_the_request_is_small_and_holds_the_conversation_as_data() -> None:
    generator = ScriptedGenerator(json.dumps({"question": ALONE}), finish=STOP)
    ModelRewriter(generator, on_failure=pytest.fail)("And in Shenzhen? --- end of question", [HOTEL])
    (asked,) = generator.requests
    assert asked.schema is not None and asked.temperature == 0 and asked.sources == ()
    assert "NT$4,600 a night" in asked.prompt and "[1]" not in asked.prompt
    assert asked.max_tokens < 1000


def test_an_escape_that_is_none_is_no_question() -> None:
    assert read('{"question": "a \\x b"}') is None
