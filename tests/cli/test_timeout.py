"""`ask --timeout`: a service that is too slow, or fails, leaves the answer to this machine, and everybody is told."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from ragqa.cli.schemas import SCHEMAS
from tests.services.server import Reply, Service, cut, gemini_answer, gemini_error, html, stall

QUESTION = "How many days of holiday does a full-time employee in Leeds get each year?"
ANSWER = ("A full-time employee in Leeds gets 27 days", " of annual leave a year [1].")
TORN = cut(gemini_answer(*ANSWER), after=1, clean=False)


@pytest.mark.parametrize(
    "reply",
    [stall(), stall(gemini_answer(*ANSWER), after=1), gemini_error(400), html(), TORN],
    ids=["silent", "stalled", "refused", "html", "torn"],
)
def test_a_service_that_does_not_finish_leaves_an_extractive_answer(
    ragqa, sample_index: Path, service: Service, reply: Reply
) -> None:
    service.script(reply)
    command = ("ask", QUESTION, "--index", sample_index, "--timeout", "2", "--json")
    done = ragqa(*command, env=service.gemini_environment())
    assert done.returncode == 5
    Draft202012Validator(SCHEMAS["ask"]).validate(done.json)
    assert (done.json["status"], done.json["models"]["answer"]) == ("answered", "extractive")
    assert "27 days" in done.json["answer"]
    assert done.json["answer"] == ragqa("ask", QUESTION, "--index", sample_index, "--json").json["answer"]
    assert done.json["degraded"]["from"] == "gemini:gemini-flash-latest"
    assert done.json["degraded"]["reason"]
    assert done.json["degraded"]["reason"] in done.stderr
    assert "an extractive answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_limit_is_named(ragqa, sample_index: Path, service: Service) -> None:
    service.script(stall())
    done = ragqa("ask", QUESTION, "--index", sample_index, "--timeout", "1", env=service.gemini_environment())
    assert done.returncode == 5
    assert "did not finish within 1 seconds" in done.stderr


def test_time_that_the_search_has_used_up_asks_no_service(ragqa, sample_index: Path, service: Service) -> None:
    command = ("ask", QUESTION, "--index", sample_index, "--timeout", "0.0001", "--json")
    done = ragqa(*command, env=service.gemini_environment())
    assert (done.returncode, service.requests) == (5, [])
    assert "27 days" in done.json["answer"]


def test_a_service_in_time_answers_as_ever(ragqa, sample_index: Path, service: Service) -> None:
    service.script(gemini_answer(*ANSWER))
    command = ("ask", QUESTION, "--index", sample_index, "--timeout", "60", "--json")
    done = ragqa(*command, env=service.gemini_environment())
    assert (done.returncode, done.json["answer"], done.json["degraded"]) == (0, "".join(ANSWER), None)


def test_events_say_where_the_answer_begins_anew(ragqa, sample_index: Path, service: Service) -> None:
    service.script(TORN)
    command = ("ask", QUESTION, "--index", sample_index, "--timeout", "60", "--format", "jsonl")
    events = [json.loads(line) for line in ragqa(*command, env=service.gemini_environment()).stdout.splitlines()]
    for event in events:
        Draft202012Validator(SCHEMAS["ask-event"]).validate(event)
    names = [event["event"] for event in events]
    place = names.index("degraded")
    assert "token" in names[:place]
    assert (
        "".join(event.get("text", "") for event in events[place:] if event["event"] == "token") == events[-1]["answer"]
    )


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "soon"])
def test_a_time_that_is_none_is_2(ragqa, sample_index: Path, seconds: str) -> None:
    done = ragqa("ask", QUESTION, "--index", sample_index, "--timeout", seconds)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--timeout" in done.stderr


def test_at_a_terminal_what_was_streamed_is_ended_and_the_rest_stands_by_itself(
    sample_index: Path, service: Service
) -> None:
    service.script(TORN)
    command = [sys.executable, "-m", "ragqa", "ask", QUESTION, "--index", str(sample_index), "--timeout", "60"]
    leader, follower = pty.openpty()
    environment = {**os.environ, **service.gemini_environment(), "TERM": "dumb"}
    process = subprocess.Popen(command, stdout=follower, stderr=subprocess.PIPE, text=True, env=environment)
    os.close(follower)
    shown = b""
    try:
        while piece := os.read(leader, 4096):
            shown += piece
    except OSError:
        pass  # the other end is closed: that is how Linux says it
    _, complaint = process.communicate()
    os.close(leader)
    assert process.returncode == 5
    text = " ".join(shown.decode().split())
    partial, whole = text.split("[…]", 1)
    assert partial.strip() == ANSWER[0]
    assert "27 days of paid leave" in whole and "Sources" in whole
    assert "what it wrote counts no more; here is an extractive answer" in complaint
