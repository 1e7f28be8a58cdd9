"""`ask --context`: an answer from what is piped in, with the same checks, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from ragqa.cli.pipeline_schemas import SCHEMAS as PIPELINE
from ragqa.cli.schemas import SCHEMAS
from tests.cli.conftest import SAMPLES, Done
from tests.services.server import KEY, Service, gemini_answer

GATE = "What is the code of the garden gate?"
TEXT = "Notes on the house.\n\nThe code of the garden gate is 4711.\n\nThe roof was painted green in spring.\n"


def piped(cwd: Path, data: bytes, *arguments: str, env: dict[str, str] | None = None) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "ragqa", "ask", *arguments],
        cwd=cwd,
        input=data,
        capture_output=True,
        check=False,
        env={**os.environ, **(env or {})},
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_what_is_piped_in_answers_and_nothing_is_left(tmp_path: Path, sealed_home: Path) -> None:
    done = piped(tmp_path, TEXT.encode(), GATE, "--context", "-", "--json")
    assert done.returncode == 0
    Draft202012Validator(SCHEMAS["ask"]).validate(done.json)
    [citation] = done.json["citations"]
    assert (citation["document"], citation["quote_page"]) == ("stdin", None)
    assert (citation["verified"], citation["quote"]) == (True, "The code of the garden gate is 4711.")
    assert TEXT[citation["quote_start"] : citation["quote_end"]] == citation["quote"]
    assert list(tmp_path.iterdir()) == []
    assert [path for path in sealed_home.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("name", "question", "word"),
    [
        ("employee-handbook-leeds.pdf", "How many days of holiday do full-time staff have a year?", "27 days"),
        ("castings-supply-contract.docx", "Within how many days are invoices paid?", "days"),
        ("petrel-300-manual.html", "How long does the battery last?", ""),
        ("常見問題.md", "晚上八點以後還在辦公室，公司提供多少餐費？", ""),
    ],
)
def test_the_format_is_told_from_the_bytes(tmp_path: Path, name: str, question: str, word: str) -> None:
    path = SAMPLES / name
    from_pipe = piped(tmp_path, path.read_bytes(), question, "--context", "-", "--json")
    from_file = piped(tmp_path, b"", question, "--context", str(path), "--json")
    assert from_pipe.returncode == from_file.returncode in (0, 3)
    assert from_pipe.json["answer"] == from_file.json["answer"]
    assert word in from_pipe.json["answer"]
    for hit in from_file.json["hits"]:
        assert hit["document"] == str(path)
        assert (hit["page_start"] is not None) == name.endswith(".pdf")


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"\0" * 100, "binary"),
        (b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 4, "binary"),
        (b"%PDF-1.4\nnot really", "stdin"),
        (b"PK\x03\x04 not really", "stdin"),
    ],
)
def test_what_cannot_be_read_is_2_in_one_line(tmp_path: Path, data: bytes, word: str) -> None:
    done = piped(tmp_path, data, GATE, "--context", "-")
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("ragqa: stdin") and word in line


def test_a_folder_is_2_and_the_way_to_ask_about_it_is_said(tmp_path: Path) -> None:
    done = piped(tmp_path, b"", GATE, "--context", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"ragqa: {tmp_path} is a folder (`ragqa ingest {tmp_path}` makes an index of it)\n"


def test_more_than_the_settings_allow_is_2(tmp_path: Path) -> None:
    data = b"The gate is green.\n" * 60_000
    done = piped(tmp_path, data, GATE, "--context", "-", env={"RAGQA_INGEST_MAX_FILE_MB": "1"})
    assert (done.returncode, done.stdout) == (2, "")
    assert "more than 1 MB" in done.stderr


def test_what_is_not_there_is_3(tmp_path: Path) -> None:
    done = piped(tmp_path, TEXT.encode(), "Who won the football world cup in 1998?", "--context", "-")
    assert (done.returncode, done.stdout) == (3, "")


@pytest.mark.parametrize(
    "options",
    [("--index", "."), ("--type", "pdf"), ("--batch", "-"), ("--strict-fresh",)],
)
def test_options_about_an_index_are_2(tmp_path: Path, options: tuple[str, ...]) -> None:
    question = () if "--batch" in options else (GATE,)
    done = piped(tmp_path, TEXT.encode(), *question, "--context", "-", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--context" in done.stderr


def test_stdin_cannot_be_both(tmp_path: Path) -> None:
    assert piped(tmp_path, b"x", "-", "--context", "-").returncode == 2
    assert piped(tmp_path, b"", GATE, "--context", "nowhere.txt").returncode == 2


def test_an_index_beside_it_is_not_read(tmp_path: Path) -> None:
    (tmp_path / ".ragqa").mkdir()
    (tmp_path / ".ragqa" / "index.db").write_bytes(b"not an index")
    assert piped(tmp_path, TEXT.encode(), GATE, "--context", "-").returncode == 0


def test_services_answer_from_it_and_a_dry_run_shows_it(tmp_path: Path, service: Service) -> None:
    environment = service.gemini_environment()
    shown = piped(tmp_path, TEXT.encode(), GATE, "--context", "-", "--dry-run", "--json", env=environment)
    Draft202012Validator(PIPELINE["ask-dry-run"]).validate(shown.json)
    assert (shown.returncode, service.requests) == (0, [])
    service.script(gemini_answer("The code of the garden gate is 4711 [1]."))
    done = piped(tmp_path, TEXT.encode(), GATE, "--context", "-", "--json", env=environment)
    assert done.json["answer"] == "The code of the garden gate is 4711 [1]."
    [request] = service.requests
    assert request.raw == shown.json["request"]["body_text"].encode()
    assert KEY not in shown.stdout
