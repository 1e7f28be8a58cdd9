"""Every command as its user meets it: what stands on stdout, what on stderr, and the exit code."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from ragqa.cli.schemas import SCHEMAS

LEAVE = "How many days of holiday does a full-time employee in Leeds get each year?"


def valid(name: str, value: object) -> None:
    Draft202012Validator(SCHEMAS[name]).validate(value)


# --- ask and search ---------------------------------------------------------------------------------------------------


def test_ask_answers_with_a_citation_on_stdout_alone(ragqa, sample_index) -> None:
    done = ragqa("ask", LEAVE, "--index", sample_index)
    assert done.returncode == 0
    assert "27 days" in done.stdout
    assert re.search(r"\[1\].*employee-handbook-leeds\.pdf", done.stdout)
    assert "\x1b" not in done.stdout + done.stderr
    assert "GEMINI_API_KEY" in done.stderr


def test_ask_json_is_what_the_schema_says(ragqa, sample_index) -> None:
    done = ragqa("ask", LEAVE, "--index", sample_index, "--json")
    answer = done.json
    valid("ask", answer)
    assert answer["status"] == "answered"
    first = answer["citations"][0]
    assert (Path(first["document"]).name, first["quote_page"], first["quote_page_label"]) == (
        "employee-handbook-leeds.pdf",
        4,
        "2",
    )
    assert first["verified"]
    assert "27 days" in first["quote"]
    assert first["start"] <= first["quote_start"] < first["quote_end"] <= first["end"]
    assert first["text"][first["quote_start"] - first["start"] : first["quote_end"] - first["start"]] == first["quote"]


def test_ask_answers_chinese_in_both_scripts(ragqa, sample_index) -> None:
    for question in ("晚上八點以後還在辦公室，公司提供多少餐費？", "晚上八点以后还在办公室，公司提供多少餐费？"):
        answer = ragqa("ask", question, "--index", sample_index, "--json").json
        assert "160 元" in answer["answer"], question


def test_ask_refuses_what_is_not_there(ragqa, sample_index) -> None:
    question = "Who won the football world cup in 1998?"
    done = ragqa("ask", question, "--index", sample_index)
    assert done.returncode == 3
    assert done.stdout == "" or "not" in done.stdout
    markdown = ragqa("ask", question, "--index", sample_index, "--format", "md")
    assert (markdown.returncode, markdown.stdout) == (3, "")
    as_json = ragqa("ask", question, "--index", sample_index, "--json")
    assert as_json.returncode == 3
    valid("ask", as_json.json)
    assert (as_json.json["status"], as_json.json["citations"]) == ("not_found", [])
    # The passages that come closest are told all the same, whatever the format.
    for shown in (done, markdown, as_json):
        assert "ragqa: not in the documents: " in shown.stderr
        assert shown.stderr.split("closest passages:\n")[1].startswith("  ")
    assert as_json.json["hits"] and as_json.json["evidence"] < as_json.json["refuse_below"] == 0.5
    assert as_json.json["hits"][0]["document"] in done.stderr


def test_ask_streams_events_as_json_lines(ragqa, sample_index) -> None:
    done = ragqa("ask", LEAVE, "--index", sample_index, "--format", "jsonl")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    for event in events:
        valid("ask-event", event)
    assert [events[0]["event"], events[-1]["event"]] == ["retrieval", "result"]
    text = "".join(event["text"] for event in events if event["event"] == "token")
    assert text == events[-1]["answer"]


def test_ask_writes_markdown(ragqa, sample_index) -> None:
    done = ragqa("ask", LEAVE, "--index", sample_index, "--format", "md")
    assert done.returncode == 0
    assert "27 days" in done.stdout


def test_ask_reads_the_question_from_stdin(ragqa, sample_index) -> None:
    done = ragqa("ask", "-", "--index", sample_index, "--json", input=LEAVE + "\n")
    assert done.json["question"] == LEAVE


def test_a_question_that_is_not_utf_8_is_2(sample_index) -> None:
    command = [sys.executable, "-m", "ragqa", "search", "-", "--index", str(sample_index)]
    strict = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(command, input="請假".encode("big5"), capture_output=True, check=False, env=strict)
    assert done.returncode == 2
    assert b"not UTF-8" in done.stderr


def test_a_question_is_utf_8_whatever_the_locale_says(sample_index) -> None:
    command = [sys.executable, "-m", "ragqa", "search", "電池", "--index", str(sample_index), "--json"]
    ascii_only = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(command, capture_output=True, check=False, env=ascii_only)
    assert json.loads(done.stdout)["query"] == "電池"


def test_a_stale_file_is_told(ragqa, tmp_path: Path) -> None:
    (tmp_path / "gate.md").write_text("# Garden gate\n\nThe code of the garden gate is 4711.\n")
    ragqa("ingest", "gate.md")
    (tmp_path / "gate.md").write_text("# Garden gate\n\nThe code of the garden gate is 99.\n")
    assert "1 file changed since it was ingested" in ragqa("ask", "What is the code of the garden gate?").stderr


def test_an_empty_index_says_so(ragqa, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ragqa("ingest", "empty")
    done = ragqa("ask", LEAVE)
    assert done.returncode == 3
    assert "the index is empty" in done.stderr


def test_search_finds_and_says_how(ragqa, sample_index) -> None:
    done = ragqa("search", "GW-2 gateway", "--index", sample_index, "--json", "--top-k", "3")
    valid("search", done.json)
    assert done.returncode == 0
    assert [hit["rank"] for hit in done.json["hits"]] == [1, 2, 3]
    explained = ragqa("search", "GW-2 gateway", "--index", sample_index, "--explain")
    assert "lexical" in explained.stderr
    assert explained.stdout == ragqa("search", "GW-2 gateway", "--index", sample_index).stdout


def test_search_without_any_hit_is_3(ragqa, sample_index) -> None:
    done = ragqa("search", "鼴鼬鼯鼷", "--index", sample_index, "--json")
    assert (done.returncode, done.json["hits"]) == (3, [])


def test_a_filter_limits_what_is_searched_and_says_so(ragqa, sample_index) -> None:
    options = ("--in", "*.md", "--in", "sample_docs/*.html", "--lang", "zh", "--index", sample_index)
    done = ragqa("search", "保固 多久", *options, "--json")
    valid("search", done.json)
    assert done.returncode == 0
    assert {Path(hit["document"]).suffix for hit in done.json["hits"]} <= {".md", ".html"}
    chosen = done.json["filter"]
    assert (chosen["in"], chosen["lang"]) == (["*.md", "sample_docs/*.html"], ["zh-Hans", "zh-Hant"])
    listed = ragqa("list", *options, "--json").json["documents"]
    assert (chosen["documents"], chosen["chunks"]) == (len(listed), sum(each["chunks"] for each in listed))
    explained = ragqa("search", "保固 多久", *options, "--explain")
    assert f"documents {chosen['documents']}, passages {chosen['chunks']}" in explained.stderr
    answer = ragqa("ask", LEAVE, "--type", ".PDF", "--index", sample_index, "--json").json
    valid("ask", answer)
    assert answer["filter"]["type"] == ["pdf"]
    assert answer["status"] == "answered"
    assert ragqa("ask", LEAVE, "--index", sample_index, "--json").json["filter"] is None


@pytest.mark.parametrize("command", [("ask", LEAVE), ("search", LEAVE), ("list",)])
def test_a_filter_that_no_document_matches_is_3(ragqa, sample_index, command) -> None:
    done = ragqa(*command, "--after", "2999-01-01", "--index", sample_index, "--json")
    assert done.returncode == 3
    assert done.json["error"]["code"] == "not_found"
    assert "no document matches the filter" in done.stderr
    refused = ragqa(*command, "--type", "exe", "--index", sample_index)
    assert (refused.returncode, refused.stdout) == (2, "")


# --- looking and keeping ----------------------------------------------------------------------------------------------


def test_status_list_and_get_agree(ragqa, sample_index) -> None:
    status = ragqa("status", "--index", sample_index, "--json").json
    valid("status", status)
    listed = ragqa("list", "--index", sample_index, "--json").json
    valid("list", listed)
    stored = [document for document in listed["documents"] if document["status"] == "stored"]
    assert status["documents"] == len(stored) == 19
    assert status["chunks"] == sum(document["chunks"] for document in stored)
    assert status["stale_files"] == 0
    hit = ragqa("search", "annual leave", "--index", sample_index, "--json").json["hits"][0]
    got = ragqa("get", hit["chunk_id"], "--index", sample_index, "--json").json
    valid("get", got)
    assert got["passages"][0]["text"] == hit["text"]
    assert ragqa("get", "ffffffffffffffff", "--index", sample_index).returncode == 3


def test_check_finds_nothing_in_a_fresh_index(ragqa, sample_index) -> None:
    done = ragqa("check", "--index", sample_index, "--json")
    valid("check", done.json)
    assert (done.returncode, done.json["sound"], done.json["findings"]) == (0, True, [])


def test_check_names_a_damaged_chunk(ragqa, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Title\n\nA sentence that will be damaged.\n")
    ragqa("ingest", "a.md")
    database = tmp_path / ".ragqa" / "index.db"
    data = database.read_bytes()
    assert b"will be damaged" in data
    database.write_bytes(data.replace(b"will be damaged", b"will be Damaged"))
    done = ragqa("check", "--json")
    assert (done.returncode, done.json["sound"]) == (4, False)


def test_remove_takes_out_what_it_is_told(ragqa, tmp_path: Path) -> None:
    for name in ("a.md", "b.md"):
        (tmp_path / name).write_text(f"Text of {name}.\n")
    ragqa("ingest", ".")
    done = ragqa("remove", "a.md", "--json")
    valid("remove", done.json)
    assert [Path(path).name for path in done.json["removed"]] == ["a.md"]
    assert (tmp_path / "a.md").exists()
    assert ragqa("remove", "a.md").returncode == 3
    assert ragqa("status", "--json").json["documents"] == 1


# --- ingest -----------------------------------------------------------------------------------------------------------


def test_ingest_reports_and_is_incremental(ragqa, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# A\n\nSome text.\n")
    first = ragqa("ingest", "docs", "--json")
    valid("ingest", first.json)
    assert (first.returncode, first.json["added"], first.json["chunks"]) == (0, ["docs/a.md"], 1)
    second = ragqa("ingest", "--json").json
    assert (second["added"], second["unchanged"]) == ([], 1)


def test_ingest_without_a_path_names_files_as_before(ragqa, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "one.md").write_text("# One\n\nSome text.\n")
    ragqa("ingest", "notes")
    (tmp_path / "notes" / "two.md").write_text("# Two\n\nOther text.\n")
    assert ragqa("ingest", "--json").json["added"] == ["notes/two.md"]


def test_ingest_of_nothing_leaves_no_index(ragqa, tmp_path: Path) -> None:
    assert ragqa("ingest").returncode == 2
    assert not (tmp_path / ".ragqa").exists()


def test_ingest_with_a_bad_file_is_6_and_names_it(ragqa, tmp_path: Path) -> None:
    (tmp_path / "good.md").write_text("Some text.\n")
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.4\nnot really")
    done = ragqa("ingest", ".", "--json")
    assert done.returncode == 6
    (failed,) = done.json["failed"]
    assert (failed["document"], bool(failed["reason"])) == ("bad.pdf", True)
    assert done.json["added"] == ["good.md"]
    assert "bad.pdf" in ragqa("list").stdout


def test_ingest_reads_file_names_from_stdin(ragqa, tmp_path: Path) -> None:
    for name in ("a.md", "b.md", "c.md"):
        (tmp_path / name).write_text(f"Text of {name}.\n")
    done = ragqa("ingest", "--files-from", "-", "-0", "--json", input="a.md\0c.md\0")
    assert done.json["added"] == ["a.md", "c.md"]


def test_ingest_dry_run_writes_nothing(ragqa, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Some text.\n")
    done = ragqa("ingest", ".", "--dry-run", "--json")
    valid("ingest", done.json)
    assert done.json["added"] == ["a.md"]
    assert not (tmp_path / ".ragqa").exists()


def test_ingest_events_are_json_lines(ragqa, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Some text.\n")
    (tmp_path / "b.xyz").write_text("?")
    events = [json.loads(line) for line in ragqa("ingest", ".", "--format", "jsonl").stdout.splitlines()]
    for event in events:
        valid("ingest-event", event)
    assert {event["event"] for event in events} >= {"planned", "stored", "skipped", "result"}


def test_a_named_folder_that_is_in_use_gets_its_own_index_folder(ragqa, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("Some text.\n")
    ragqa("ingest", "docs", "--index", "docs")
    assert (tmp_path / "docs" / ".ragqa" / "index.db").exists()
    assert ragqa("status", "--index", "docs", "--json").json["documents"] == 1


# --- exit codes and errors --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("ask",), 2, "QUESTION"),
        (("ask", " "), 2, "empty"),
        (("ask", "x", "--top-k", "many"), 2, "many"),
        (("ask", "x", "--top-k", "0"), 2, "between"),
        (("ask", "x", "--json", "--format", "md"), 2, "--json"),
        (("nonsense",), 2, "nonsense"),
        (("ingest",), 2, "PATH"),
        (("schema", "nothing"), 2, "nothing"),
        (("ask", "two", "words"), 2, "quotes"),
        (("ask", "anything"), 4, "ragqa ingest"),
        (("search", "anything", "--index", "elsewhere"), 4, "elsewhere"),
        (("status",), 4, "ragqa ingest"),
        (("ingest", "nowhere"), 6, "nowhere"),
    ],
)
def test_errors_are_one_line_with_their_own_code(ragqa, arguments: tuple[str, ...], code: int, word: str) -> None:
    done = ragqa(*arguments)
    assert done.returncode == code
    assert word in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_errors_in_json_mode_are_one_object_on_stdout(ragqa) -> None:
    done = ragqa("ask", "anything", "--json")
    valid("error", done.json)
    assert (done.returncode, done.json["error"]["code"]) == (4, "index_missing")
    assert done.json["error"]["remedy"]
    usage = ragqa("ask", "--json")
    valid("error", usage.json)
    assert (usage.returncode, usage.json["error"]["code"]) == (2, "usage")


def test_a_model_named_without_its_key_is_2_and_says_which(ragqa, sample_index) -> None:
    done = ragqa("ask", LEAVE, "--model", "gemini:gemini-flash-latest", "--index", sample_index)
    assert done.returncode == 2
    assert "GEMINI_API_KEY" in done.stderr


def test_a_second_ingest_is_7(ragqa, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Some text.\n")
    ragqa("ingest", "a.md")
    with (tmp_path / ".ragqa" / "lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = ragqa("ingest", "a.md", "--json")
        assert (done.returncode, done.json["error"]["code"]) == (7, "locked")
        assert ragqa("search", "text").returncode == 0


@pytest.mark.parametrize("options", [(), ("--json",), ("--format", "jsonl")])
def test_a_full_disk_is_1(sample_index, options: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "ragqa", "list", "--index", str(sample_index)]
        done = subprocess.run([*command, *options], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("ragqa: cannot write the output")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_early_hears_no_complaint(sample_index, unbuffered: str) -> None:
    command = f"{sys.executable} -m ragqa list --json --index {sample_index} | head -c 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )
    assert done.returncode in (0, 141)
    assert done.stderr == ""


@pytest.fixture
def long_ingest(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """An ingest that would take a while, past its first stored document."""
    for number in range(400):
        (tmp_path / f"{number:03d}.md").write_text(f"# {number}\n\n" + f"Some words about number {number}. " * 40)
    command = [sys.executable, "-m", "ragqa", "ingest", ".", "--format", "jsonl"]
    child = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout
    for line in child.stdout:
        if json.loads(line)["event"] == "stored":
            break
    yield child
    child.kill()
    child.wait()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_ingest_says_so_and_keeps_what_was_stored(ragqa, long_ingest, number: int, code: int) -> None:
    started = time.monotonic()
    long_ingest.send_signal(number)
    _, stderr = long_ingest.communicate(timeout=30)
    assert time.monotonic() - started < 10
    assert long_ingest.returncode == code
    assert stderr.strip().splitlines()[-1] == "ragqa: interrupted"
    assert "Traceback" not in stderr
    assert ragqa("status", "--json").json["documents"] > 0
    assert ragqa("check").returncode == 0


def test_a_named_index_may_lie_in_folders_that_are_not_there_yet(ragqa, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Some text.\n")
    assert ragqa("ingest", "a.md", "--index", "deep/down/.ragqa").returncode == 0
    assert (tmp_path / "deep" / "down" / ".ragqa" / "index.db").exists()
