"""`ask` with a model service: what the user sees when it works, and when it does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from ragqa.cli.schemas import SCHEMAS
from tests.cli.terminal import Terminal
from tests.services.server import (
    KEY,
    Reply,
    Service,
    cut,
    gemini_answer,
    gemini_blocked,
    gemini_error,
    html,
    openai_answer,
)

QUESTION = "How many days of holiday does a full-time employee in Leeds get each year?"
ANSWER = ("A full-time employee in Leeds gets 27 days", " of annual leave a year [1].")


def test_a_written_answer_that_stands_on_nothing_is_marked_at_a_terminal(
    sample_index: Path, service: Service, tmp_path: Path
) -> None:
    service.script(gemini_answer("Staff in Leeds get 41 days", " of leave in Osaka [1]."))
    command = ("ask", QUESTION, "--index", sample_index, "--quiet")
    with Terminal(*command, cwd=tmp_path, env=service.gemini_environment()) as terminal:
        assert terminal.ended() == 3
    assert "in Osaka [1]. [?]" in " ".join(terminal.shown.split())


def test_gemini_answers_with_checked_citations(ragqa, sample_index: Path, service: Service) -> None:
    service.script(gemini_answer(*ANSWER))
    done = ragqa("ask", QUESTION, "--index", sample_index, "--json", env=service.gemini_environment())
    assert done.returncode == 0
    Draft202012Validator(SCHEMAS["ask"]).validate(done.json)
    assert done.json["answer"] == "".join(ANSWER)
    assert done.json["models"]["answer"].startswith("gemini:")
    assert done.json["usage"] == {"prompt_tokens": 11, "output_tokens": 7}
    (citation,) = done.json["citations"]
    assert citation["verified"]
    assert "27" in citation["quote"]
    assert done.json["sentences"][0]["support"] in ("quoted", "supported")


CLAIMS = {"text": "A full-time employee in Leeds gets 27 days of annual leave a year.", "citations": []}


def claims(*citations: tuple[int, str]) -> str:
    cited = [{"source": source, "quote": quote} for source, quote in citations]
    return json.dumps({"answered": True, "claims": [{**CLAIMS, "citations": cited}]})


def test_for_one_object_the_model_is_asked_for_one(ragqa, sample_index: Path, service: Service) -> None:
    service.script(gemini_answer(claims((1, "27 days"), (99, "forty days"))[:-2], "]}"))
    done = ragqa("ask", QUESTION, "--index", sample_index, "--json", env=service.gemini_environment())
    assert (done.returncode, done.json["answer"]) == (0, f"{CLAIMS['text']} [1]")
    assert {citation["marker"] for citation in done.json["citations"]} == {1}
    assert "27" in done.json["citations"][0]["quote"] and done.json["citations"][0]["verified"]
    assert service.requests[0].body["generationConfig"]["responseMimeType"] == "application/json"


@pytest.mark.parametrize("format", ["text", "jsonl", "md"])
def test_what_is_read_while_it_is_written_is_asked_for_as_text(
    ragqa, sample_index: Path, service: Service, format: str
) -> None:
    service.script(gemini_answer(*ANSWER))
    done = ragqa("ask", QUESTION, "--index", sample_index, "--format", format, env=service.gemini_environment())
    assert done.returncode == 0
    assert "responseMimeType" not in service.requests[0].body["generationConfig"]


def test_a_refusal_in_json_is_3(ragqa, sample_index: Path, service: Service) -> None:
    service.script(gemini_answer('{"answered": false, "claims": []}'))
    done = ragqa("ask", QUESTION, "--index", sample_index, "--json", env=service.gemini_environment())
    assert (done.returncode, done.json["status"], done.json["answer"]) == (3, "not_found", "")


def test_json_that_is_no_answer_reaches_nobody(ragqa, sample_index: Path, service: Service) -> None:
    service.script(gemini_answer('{"thoughts": "the wage of the director", "count": 3}'))
    done = ragqa("ask", QUESTION, "--index", sample_index, "--json", env=service.gemini_environment())
    assert (done.returncode, done.json["status"], done.json["answer"]) == (5, "incomplete", "")
    assert "JSON that is no answer" in done.stderr
    assert "the director" not in done.stdout + done.stderr


def test_the_prompt_holds_the_question_and_the_sources(ragqa, sample_index: Path, service: Service) -> None:
    service.script(gemini_answer(*ANSWER))
    ragqa("ask", QUESTION, "--index", sample_index, env=service.gemini_environment())
    (request,) = service.requests
    sent = json.dumps(request.body, ensure_ascii=False)
    assert QUESTION in sent
    assert "employee-handbook-leeds.pdf" in sent
    assert KEY not in sent


def test_a_quote_that_is_nowhere_is_not_verified(ragqa, sample_index: Path, service: Service) -> None:
    invented = '\n<<<QUOTES>>>\n[1] "annual leave is forty days for everyone"'
    service.script(gemini_answer("Employees in Leeds get 27 days a year [1]. Nobody gets 40 [2].", invented))
    done = ragqa("ask", QUESTION, "--index", sample_index, "--json", env=service.gemini_environment())
    assert "forty days" not in json.dumps(
        [citation["quote"] for citation in done.json["citations"] if citation["verified"]]
    )
    assert [sentence["support"] for sentence in done.json["sentences"]][1] == "unsupported"


@pytest.mark.parametrize(
    "reply",
    [
        gemini_answer(*ANSWER, finish="MAX_TOKENS"),
        gemini_answer(*ANSWER, finish="SAFETY"),
        gemini_answer(*ANSWER, finish="SOMETHING_NEW"),
        cut(gemini_answer(*ANSWER), after=1, clean=True),
        cut(gemini_answer(*ANSWER), after=1, clean=False),
        gemini_blocked(),
        gemini_error(400),
        html(),
    ],
    ids=["max tokens", "safety", "unknown", "clean cut", "torn", "blocked", "bad request", "html"],
)
def test_an_answer_that_did_not_finish_is_5_and_says_so(
    ragqa, sample_index: Path, service: Service, reply: Reply
) -> None:
    service.script(reply)
    done = ragqa("ask", QUESTION, "--index", sample_index, "--json", env=service.gemini_environment())
    assert done.returncode == 5
    Draft202012Validator(SCHEMAS["ask"]).validate(done.json)
    assert done.json["status"] == "incomplete"
    assert done.json["reason"]
    assert done.json["hits"]
    assert ("the answer is incomplete" if done.json["answer"] else "there is no answer") in done.stderr
    assert "Traceback" not in done.stderr
    assert KEY not in done.stdout + done.stderr


def test_a_service_that_is_down_leaves_what_search_finds(ragqa, sample_index: Path, service: Service) -> None:
    service.script(gemini_error(403, "the key is not valid"))
    done = ragqa("ask", QUESTION, "--index", sample_index, env=service.gemini_environment())
    found = ragqa("search", QUESTION, "--index", sample_index)
    assert (done.returncode, done.stdout) == (5, found.stdout)
    assert "employee-handbook-leeds.pdf" in done.stdout
    assert "the key is not valid (check the key in GEMINI_API_KEY)" in done.stderr


def test_any_openai_compatible_server_answers(ragqa, sample_index: Path, service: Service) -> None:
    service.script(openai_answer(*ANSWER))
    model = f"openai:local@{service.openai_url}"
    done = ragqa("ask", QUESTION, "--model", model, "--index", sample_index, "--json")
    assert (done.returncode, done.json["answer"]) == (0, "".join(ANSWER))
    assert done.json["models"]["answer"] == model


def test_an_answer_model_that_does_not_exist_is_2(ragqa, sample_index: Path) -> None:
    done = ragqa("ask", QUESTION, "--model", "gpt-5", "--index", sample_index)
    assert done.returncode == 2
    assert "openai:MODEL@URL" in done.stderr


def test_no_evidence_asks_no_service(ragqa, sample_index: Path, service: Service) -> None:
    question = "Who won the football world cup in 1998?"
    done = ragqa("ask", question, "--index", sample_index, env=service.gemini_environment())
    assert (done.returncode, service.requests) == (3, [])


def test_strict_leaves_out_what_the_sources_do_not_confirm(ragqa, sample_index: Path, service: Service) -> None:
    text = "Employees in Leeds get 27 days a year [1]. Nobody gets 40 [1]."
    service.script(*[gemini_answer(text)] * 4)
    asked = ("ask", QUESTION, "--index", sample_index)
    plain = ragqa(*asked, env=service.gemini_environment())
    assert "Nobody gets 40 [1]. [?]\n" in plain.stdout and "[?] not confirmed by the sources" in plain.stdout
    strict = ragqa(*asked, "--strict", "--json", env=service.gemini_environment())
    Draft202012Validator(SCHEMAS["ask"]).validate(strict.json)
    assert strict.json["answer"] == "Employees in Leeds get 27 days a year [1]."
    assert strict.json["support"]["dropped"] == 1 and strict.json["support"]["unsupported"] == 0
    assert "1 sentence left out that the sources do not confirm" in strict.stderr
    lines = ragqa(*asked, "--strict", "--format", "jsonl", env=service.gemini_environment()).stdout.splitlines()
    assert [json.loads(line)["text"] for line in lines if '"token"' in line] == [strict.json["answer"]]
    assert (
        "Nobody"
        in ragqa(*asked, "--no-strict", env={**service.gemini_environment(), "RAGQA_ANSWER_STRICT": "1"}).stdout
    )
    service.script(gemini_answer("Nobody gets 40 [1]."))
    assert ragqa(*asked, env=service.gemini_environment()).returncode == 3
