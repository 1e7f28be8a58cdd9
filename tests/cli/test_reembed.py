"""`reembed` as its users run it: killed, asked meanwhile, gone on with, thrown away."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from ragqa.cli.schemas import SCHEMAS
from tests.services.tiny_models import save_model2vec

FINER = {"RAGQA_CHUNK_TOKENS": "48", "RAGQA_CHUNK_OVERLAP": "0"}
"""Another chunk size is as good a reason as another model, and needs none."""
QUESTION = ("search", "What is the code of gate 17?", "--json")


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index of more documents than a batch holds, made once."""
    folder = tmp_path_factory.mktemp("ingested")
    (folder / "docs").mkdir()
    for number in range(420):
        (folder / "docs" / f"{number:03d}.md").write_text(
            f"# Gate {number}\n\nThe code of gate {number} is {number}7.\n"
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        if "RAGQA_CACHE_DIR" not in os.environ:
            patch.setenv("RAGQA_CACHE_DIR", str(tmp_path_factory.getbasetemp().parent / "ragqa-test-cache"))
        command = [sys.executable, "-m", "ragqa", "ingest", "docs"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / ".ragqa"


@pytest.fixture
def killed(ingested: Path, tmp_path: Path) -> list[dict[str, object]]:
    """An index in the test's folder, on which a re-embedding was killed; the events up to then."""
    shutil.copytree(ingested, tmp_path / ".ragqa")
    command = [sys.executable, "-m", "ragqa", "reembed", "--format", "jsonl"]
    child = subprocess.Popen(
        command, cwd=tmp_path, env={**os.environ, **FINER}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout
    events = []
    for line in child.stdout:
        events.append(json.loads(line))
        if events[-1]["event"] == "staged":
            child.kill()
            break
    child.communicate()
    return events


def found(ragqa) -> list[object]:
    done = ragqa(*QUESTION)
    assert done.returncode == 0, done.stderr
    return [(hit["chunk_id"], hit["score"]) for hit in done.json["hits"]]


def test_a_killed_reembed_goes_on_and_is_asked_meanwhile(ragqa, ingested: Path, killed, tmp_path: Path) -> None:
    assert [event["event"] for event in killed][:2] == ["started", "embedded"]
    before = ragqa(*QUESTION, "--index", ingested).json["hits"]
    assert found(ragqa) == [(hit["chunk_id"], hit["score"]) for hit in before]
    status = ragqa("status", "--json").json
    jsonschema.validate(status, SCHEMAS["status"])
    under_way = status["reembedding"]
    assert under_way["chunker"] == "1:48+0" and status["chunker"] != "1:48+0"
    assert killed[-1]["documents"] == under_way["staged"] < under_way["contents"] == 420
    assert f"{under_way['staged']} of 420 documents made anew with builtin" in ragqa("status").stdout
    assert ragqa("check").returncode == 0
    done = ragqa("reembed", "--format", "jsonl", env=FINER)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    for event in [*killed, *events]:
        jsonschema.validate(event, SCHEMAS["reembed-event"])
    assert (done.returncode, done.stderr) == (0, "")
    assert events[0] == {"event": "started", "documents": 420, "staged": under_way["staged"]}
    assert [event["event"] for event in events[-2:]] == ["switching", "result"]
    result = events[-1]
    assert (result["outcome"], result["documents"], result["resumed"]) == ("switched", 420, under_way["staged"])
    after = ragqa("status", "--json").json
    assert (after["reembedding"], after["chunker"], after["chunks"]) == (None, "1:48+0", result["chunks"])
    assert ragqa("check").returncode == 0
    again = ragqa("reembed", "--json", env=FINER)
    jsonschema.validate(again.json, SCHEMAS["reembed"])
    assert again.json["outcome"] == "unchanged"


def test_an_unfinished_run_is_discarded_on_demand_or_by_other_settings(ragqa, killed) -> None:
    staged = killed[-1]["documents"]
    back = ragqa("reembed")
    assert f"discarded {staged} documents that an unfinished run had made" in back.stderr
    assert back.stdout.startswith("nothing to do")
    assert ragqa("status", "--json").json["reembedding"] is None
    assert ragqa("reembed", "--discard").stdout == "discarded 0 documents; the index is as it was\n"


def test_discarding_takes_no_model(ragqa, killed) -> None:
    refused = ragqa("reembed", "--discard", "--model", "builtin")
    assert (refused.returncode, "--discard" in refused.stderr) == (2, True)
    done = ragqa("reembed", "--discard", "--json")
    jsonschema.validate(done.json, SCHEMAS["reembed"])
    assert (done.json["outcome"], done.json["documents"]) == ("discarded", killed[-1]["documents"])


def test_the_settings_are_to_name_the_model_only_where_questions_would_need_it(ragqa, tmp_path: Path) -> None:
    model = str(save_model2vec(tmp_path / "model"))
    (tmp_path / "rain.md").write_text("Rain falls on Monday.")
    named = {"RAGQA_EMBEDDING_MODEL": model}
    assert ragqa("ingest", "rain.md").returncode == 0
    told = f"questions need this model too: set embedding.model = {model!r} in the settings\n"
    for arguments, settings, outcome, note in (
        ((), {}, "switched", told),
        ((), {}, "unchanged", ""),
        (("--force",), named, "switched", ""),
        (("--force",), {}, "switched", told),
    ):
        done = ragqa("reembed", "--model", model, "--json", *arguments, env=settings)
        assert (done.json["outcome"], done.stderr) == (outcome, note)
    back = ragqa("reembed", "--model", "builtin", "--json")
    assert (back.json["outcome"], back.stderr) == ("switched", "")


def test_its_help_says_that_sparse_models_are_a_reason_too(ragqa) -> None:
    assert "retrieval.lexical" in ragqa("reembed", "--help").stdout
