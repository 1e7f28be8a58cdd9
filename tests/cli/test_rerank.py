"""`--rerank` and `--no-rerank`: who reorders the hits, what the user hears of it, and what a failure costs: nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

from jsonschema import Draft202012Validator

from ragqa.cli.schemas import SCHEMAS
from tests.services.exporting import export_cross_encoder
from tests.services.server import KEY, Service, gemini_answer, gemini_error, openai_answer
from tests.services.tiny_models import save_cross_encoder

QUERY = "How many days of annual leave does an employee in Leeds get?"


def ids(done) -> list[str]:
    return [hit["chunk_id"] for hit in done.json["hits"]]


def test_a_language_model_reorders_and_is_named(ragqa, sample_index: Path, service: Service) -> None:
    plain = ragqa("search", QUERY, "--index", sample_index, "--json")
    assert plain.json["reranking"] is None
    service.script(openai_answer('{"order": [3, 1]}'))
    model = f"openai:local@{service.openai_url}"
    done = ragqa("search", QUERY, "--index", sample_index, "--rerank", model, "--json", "--explain")
    assert done.returncode == 0
    Draft202012Validator(SCHEMAS["search"]).validate(done.json)
    first, second, third, *rest = ids(plain)
    assert ids(done) == [third, first, second, *rest]
    told = done.json["reranking"]
    assert (told["reranker"], told["candidates"], told["scored"], told["failure"]) == (model, 32, 32, None)
    assert done.json["models"]["rerank"] == model
    assert told["ms"] > 0 and "rerank" in done.json["timings_ms"]
    assert [each["chunk_id"] for each in done.json["explain"]["reranked"]][:3] == [third, first, second]


def test_a_service_that_fails_costs_no_answer(ragqa, sample_index: Path, service: Service) -> None:
    environment = service.gemini_environment()
    service.script(gemini_error(403, f"{KEY} is not valid"))
    done = ragqa("search", QUERY, "--rerank", "gemini:m", "--index", sample_index, "--json", env=environment)
    assert done.returncode == 0
    assert ids(done) == ids(ragqa("search", QUERY, "--no-rerank", "--index", sample_index, "--json"))
    assert "403" in done.json["reranking"]["failure"]
    assert [line for line in done.stderr.splitlines() if "not reranked: Gemini refused with 403" in line]
    assert KEY not in done.stdout + done.stderr
    service.script(gemini_error(403), gemini_answer("A full-time employee in Leeds gets 27 days [1]."))
    asked = ragqa("ask", QUERY, "--rerank", "gemini:m", "--index", sample_index, "--explain", env=environment)
    assert asked.returncode == 0
    assert "27 days" in asked.stdout
    assert "not reranked by gemini:m (Gemini refused with 403" in asked.stderr


def test_a_local_model_is_said_to_have_seen_so_many_for_so_long(ragqa, sample_index: Path, tmp_path: Path) -> None:
    folder = save_cross_encoder(tmp_path / "tiny")
    export_cross_encoder(folder)
    settings = {"RAGQA_RERANK_MODEL": str(folder), "RAGQA_RERANK_BUDGET_S": "60", "RAGQA_RERANK_CANDIDATES": "11"}
    done = ragqa("ask", QUERY, "--extractive", "--index", sample_index, "--json", "--explain", env=settings)
    Draft202012Validator(SCHEMAS["ask"]).validate(done.json)
    assert (done.json["reranking"]["candidates"], done.json["reranking"]["scored"]) == (11, 11)
    shown = ragqa("search", QUERY, "--index", sample_index, "--explain", env=settings).stderr
    assert re.search(re.escape(f"reranked by {folder} (11 of 11 candidates in ") + r"\d+ ms\), 11 passages\n", shown)
    without = ragqa("search", QUERY, "--no-rerank", "--index", sample_index, "--json", env=settings)
    assert without.json["reranking"] is None
    assert without.json["models"]["rerank"] == "none"


def test_what_cannot_be_meant_is_2(ragqa, sample_index: Path) -> None:
    both = ragqa("search", QUERY, "--rerank", "some/model", "--no-rerank", "--index", sample_index)
    assert (both.returncode, both.stderr.count("\n")) == (2, 1)
    assert "--rerank and --no-rerank cannot both be meant" in both.stderr
    unnamed = ragqa("search", QUERY, "--rerank", "gemini:", "--index", sample_index)
    assert unnamed.returncode == 2 and "does not name a model" in unnamed.stderr
    keyless = ragqa("search", QUERY, "--rerank", "gemini:m", "--index", sample_index, "--json")
    assert keyless.returncode == 2 and json.loads(keyless.stdout)["error"]["code"] == "missing_key"
