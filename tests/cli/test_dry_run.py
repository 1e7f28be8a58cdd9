"""`ask --dry-run`: the request that is shown is the one that would be sent, to the byte, and nothing is sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from ragqa.cli.pipeline_schemas import SCHEMAS
from tests.services.server import KEY, Service, gemini_answer, openai_answer

QUESTION = "How many days of holiday does a full-time employee in Leeds get each year?"
ANSWER = "A full-time employee in Leeds gets 27 days of annual leave a year [1]."


def service_options(service: Service, kind: str) -> tuple[tuple[str, ...], dict[str, str]]:
    if kind == "gemini":
        return (), service.gemini_environment()
    return ("--model", f"openai:local@{service.openai_url}"), {"OPENAI_API_KEY": KEY}


@pytest.mark.parametrize("kind", ["gemini", "openai"])
def test_what_is_shown_is_what_is_sent(ragqa, sample_index: Path, service: Service, kind: str) -> None:
    options, environment = service_options(service, kind)
    command = ("ask", QUESTION, "--index", sample_index, *options)
    shown = ragqa(*command, "--dry-run", env=environment)
    as_json = ragqa(*command, "--dry-run", "--json", env=environment)
    assert (shown.returncode, as_json.returncode, service.requests) == (0, 0, [])
    Draft202012Validator(SCHEMAS["ask-dry-run"]).validate(as_json.json)

    service.script(*[(gemini_answer if kind == "gemini" else openai_answer)(ANSWER)] * 2)
    assert ragqa(*command, env=environment).returncode == 0
    assert ragqa(*command, "--json", env=environment).returncode == 0
    sent_for_text, sent = service.requests  # for one object the model is asked for JSON, which is another request
    head, body = shown.stdout.removesuffix("\n").split("\n\n", 1)
    assert body.encode() == sent_for_text.raw
    request = as_json.json["request"]
    assert request["body_text"].encode() == sent.raw
    assert request["body"] == sent.body
    assert (request["method"], request["url"]) == ("POST", service.url + sent.path)
    assert head.splitlines()[0] == f"POST {service.url}{sent.path}"
    redacted = {name: value.replace(KEY, "[key]") for name, value in sent.headers.items()}
    assert {name.lower(): value for name, value in request["headers"].items()} == redacted
    assert "[key]" in json.dumps(redacted)
    assert KEY not in shown.stdout + shown.stderr + as_json.stdout + as_json.stderr


def test_an_answer_of_this_machine_sends_nothing(ragqa, sample_index: Path) -> None:
    done = ragqa("ask", QUESTION, "--index", sample_index, "--dry-run", "--json")
    Draft202012Validator(SCHEMAS["ask-dry-run"]).validate(done.json)
    assert (done.returncode, done.json["purpose"], done.json["request"]) == (0, "none", None)
    assert "nothing would be sent" in done.stderr


def test_a_question_that_is_refused_sends_nothing(ragqa, sample_index: Path, service: Service) -> None:
    question = "Who won the football world cup in 1998?"
    done = ragqa("ask", question, "--index", sample_index, "--dry-run", env=service.gemini_environment())
    assert (done.returncode, done.stdout, service.requests) == (0, "", [])
    assert "do not hold the answer" in done.stderr


@pytest.mark.parametrize("kind", ["gemini", "openai"])
def test_a_service_that_embeds_the_question_is_not_asked_either(
    ragqa, tmp_path: Path, service: Service, kind: str
) -> None:
    model = "gemini:text-x" if kind == "gemini" else f"openai:local@{service.openai_url}"
    environment = {**service.gemini_environment(), "OPENAI_API_KEY": KEY, "RAGQA_EMBEDDING_MODEL": model}
    (tmp_path / "gate.md").write_text("# Garden gate\n\nThe code of the garden gate is 4711.\n")
    assert ragqa("ingest", "gate.md", env=environment).returncode == 0
    before = len(service.requests)
    question = "What is the code of the garden gate?"
    done = ragqa("ask", question, "--dry-run", "--json", env=environment)
    assert (done.returncode, len(service.requests)) == (0, before)
    assert done.json["purpose"] == "search"
    assert question in done.json["request"]["body_text"]
    assert KEY not in done.stdout


def test_a_rerank_by_a_service_is_what_would_be_sent_first(ragqa, sample_index: Path, service: Service) -> None:
    options = ("--rerank", f"openai:local@{service.openai_url}", "--index", sample_index)
    shown = ragqa("ask", QUESTION, *options, "--dry-run", "--json").json
    assert (shown["purpose"], service.requests) == ("search", [])
    service.script(openai_answer('{"order": [1]}'))
    ragqa("ask", QUESTION, *options)
    assert service.requests[0].raw == shown["request"]["body_text"].encode()
