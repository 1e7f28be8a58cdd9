"""`ask --explain` tells the whole way to the answer; `--format jsonl` tells it while it is gone."""

from __future__ import annotations

import json
from pathlib import Path

from jsonschema import Draft202012Validator

from ragqa.cli.schemas import SCHEMAS
from tests.services.server import Service, gemini_answer

QUESTION = "How many days of holiday does a full-time employee in Leeds get each year?"
ANSWER = ("A full-time employee in Leeds gets 27 days", " of annual leave a year [1]. Nobody gets 40 [2].")


def test_the_whole_trace_is_in_the_json(ragqa, sample_index: Path, service: Service) -> None:
    service.script(gemini_answer(*ANSWER))
    done = ragqa("ask", QUESTION, "--index", sample_index, "--explain", "--json", env=service.gemini_environment())
    Draft202012Validator(SCHEMAS["ask"]).validate(done.json)
    trace = done.json["explain"]
    [request] = service.requests
    sent = json.dumps(request.body, ensure_ascii=False)
    assert trace["prompt"]["tokens"] > 200 and trace["prompt"]["counter"]
    assert [source["number"] for source in trace["prompt"]["sources"]] == list(
        range(1, len(trace["prompt"]["sources"]) + 1)
    )
    for source in trace["prompt"]["sources"]:
        assert json.dumps(source["text"], ensure_ascii=False)[1:-1] in sent
    right, wrong = trace["verification"]
    assert (right["support"], wrong["support"]) == ("supported", "unsupported")
    assert right["quotes"][0]["verified"] and "27" in right["quotes"][0]["quote"]
    assert [(each["sentence"], each["support"]) for each in trace["verification"]] == [
        (each["text"], each["support"]) for each in done.json["sentences"]
    ]
    assert {"split", "lexical", "embed", "evidence", "prompt", "generation", "verification"} <= set(
        done.json["timings_ms"]
    )


def test_a_refusal_was_made_from_nothing(ragqa, sample_index: Path) -> None:
    done = ragqa("ask", "Who won the football world cup in 1998?", "--index", sample_index, "--explain", "--json")
    Draft202012Validator(SCHEMAS["ask"]).validate(done.json)
    assert (done.json["explain"]["prompt"], done.json["explain"]["verification"]) == (None, [])


def test_events_come_in_their_order(ragqa, sample_index: Path, service: Service) -> None:
    service.script(gemini_answer(*ANSWER))
    done = ragqa("ask", QUESTION, "--index", sample_index, "--format", "jsonl", env=service.gemini_environment())
    events = [json.loads(line) for line in done.stdout.splitlines()]
    for event in events:
        Draft202012Validator(SCHEMAS["ask-event"]).validate(event)
    names = [event["event"] for event in events]
    order = ["retrieval", "token", "citation", "usage", "result"]
    assert sorted(names, key=order.index) == names
    assert set(names) == set(order)
    result = events[-1]
    assert events[0]["hits"] == result["hits"]
    assert "".join(event["text"] for event in events if event["event"] == "token") == result["answer"]
    cited = [{name: value for name, value in event.items() if name != "event"} for event in events[:-1]]
    assert [event for event in cited if "quote" in event] == result["citations"]
    assert {"prompt_tokens": 11, "output_tokens": 7} in cited and result["usage"]["output_tokens"] == 7
