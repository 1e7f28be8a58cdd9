"""`ask --batch`: a JSON line for each question, in order, resumable, and ended by nothing but an end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from ragqa.cli.pipeline_schemas import SCHEMAS
from tests.services.server import Reply, Request, Service, gemini_answer, gemini_error, stall

LEAVE = "How many days of holiday does a full-time employee in Leeds get each year?"
MEAL = "晚上八點以後還在辦公室，公司提供多少餐費？"
ABSENT = "Who won the football world cup in 1998?"
HERE = [sys.executable, "-m", "ragqa"]


def lines(stdout: str) -> list[dict]:  # type: ignore[type-arg]
    rows = [json.loads(line) for line in stdout.splitlines()]
    for row in rows:
        Draft202012Validator(SCHEMAS["ask-batch"]).validate(row)
    return rows


def jsonl(*rows: object) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def test_each_line_is_what_ask_says_of_its_question(ragqa, sample_index: Path, tmp_path: Path) -> None:
    (tmp_path / "questions.txt").write_text(f"\ufeff{LEAVE}\r\n\n" + jsonl({"id": "meal", "question": MEAL}) + ABSENT)
    done = ragqa("ask", "--batch", "questions.txt", "--index", sample_index)
    assert done.returncode == 0
    rows = lines(done.stdout)
    assert [(row["id"], row["status"]) for row in rows] == [(1, "answered"), ("meal", "answered"), (4, "not_found")]
    for row in rows:
        alone = ragqa("ask", row["question"], "--index", sample_index, "--json").json
        volatile = ("id", "timings_ms")
        assert {name: value for name, value in row.items() if name not in volatile} == {
            name: value for name, value in alone.items() if name not in volatile
        }
    piped = ragqa("ask", "--batch", "-", "--index", sample_index, input=(tmp_path / "questions.txt").read_text())
    assert [row["answer"] for row in lines(piped.stdout)] == [row["answer"] for row in rows]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (b'{"id": "x"}', "no question"),
        (b'{"id": "x", "question": "  "}', "empty"),
        (b'{"id": "x", "question": 7}', "no question"),
        (b'{"question": "', "JSON"),
        (b'{"id": [1], "question": "What?"}', "id"),
        (b'{"id": true, "question": "What?"}', "id"),
        ("請假".encode("big5"), "UTF-8"),
        (b"why " * 10_000, "characters"),
        (b"why " * 400_000, "MB"),
        (b"{" * 90_000, "JSON"),
    ],
)
def test_a_line_that_is_no_question_has_an_error_and_costs_nothing_else(
    ragqa, sample_index: Path, tmp_path: Path, line: bytes, word: str
) -> None:
    (tmp_path / "questions.txt").write_bytes(ABSENT.encode() + b"\n" + line + b"\n" + ABSENT.encode() + b"\n")
    done = ragqa("ask", "--batch", "questions.txt", "--index", sample_index)
    assert done.returncode == 6
    first, bad, last = lines(done.stdout)
    assert (first["id"], last["id"], last["status"]) == (1, 3, "not_found")
    assert bad["id"] == ("x" if b'"x"' in line else 2)
    assert (bad["error"]["code"], word in bad["error"]["message"]) == ("usage", True)
    assert "Traceback" not in done.stderr


def by_question(request: Request) -> Reply:
    """What a service says that fails for one question and is slow for another."""
    sent = json.dumps(request.body, ensure_ascii=False)
    if LEAVE in sent:
        return replace(gemini_answer("Full-time staff have 27 days of paid leave a year [1]."), pause_s=0.3)
    if "refuse" in sent:
        return gemini_error(403)
    return gemini_answer("Employees in Leeds have 27 days of paid leave a year [1].")


QUESTIONS = [
    LEAVE,
    "How many days of paid leave do employees in Leeds have?",
    "How many days of paid leave do employees in Leeds have, or do they refuse?",
    "What paid leave do full-time staff in Leeds have a year?",
]


@pytest.mark.parametrize("jobs", ["1", "4"])
def test_services_are_asked_for_all_and_one_failure_is_5(
    ragqa, sample_index: Path, service: Service, jobs: str
) -> None:
    service.script(*[by_question] * 12)  # one that refuses is asked in another way, too
    given = "\n".join(QUESTIONS) + "\n{\n"
    command = ("ask", "--batch", "-", "--jobs", jobs, "--index", sample_index)
    done = ragqa(*command, input=given, env=service.gemini_environment())
    assert done.returncode == 5
    rows = lines(done.stdout)
    assert [row["id"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row.get("status") for row in rows] == ["answered", "answered", "incomplete", "answered", None]
    assert rows[0]["answer"].startswith("Full-time") and rows[1]["answer"].startswith("Employees")
    sent = [json.dumps(request.body, ensure_ascii=False) for request in service.requests]
    assert all(any(question in body for body in sent) for question in QUESTIONS)


def test_what_is_done_is_left_out_and_what_failed_is_asked_again(
    ragqa, sample_index: Path, tmp_path: Path, service: Service
) -> None:
    given = jsonl(
        {"id": "leave", "question": LEAVE},
        {"id": "fails", "question": QUESTIONS[2]},
        {"id": "late", "question": QUESTIONS[1]},
        {"id": "absent", "question": ABSENT},
        {"id": "bad"},
    )
    (tmp_path / "questions.jsonl").write_text(given)
    out = tmp_path / "answers.jsonl"
    command = ("ask", "--batch", "questions.jsonl", "--skip-done", out, "--index", sample_index)
    service.script(*[by_question] * 3)
    first = ragqa(*command, env=service.gemini_environment())
    assert [row["id"] for row in lines(first.stdout)] == ["leave", "fails", "late", "absent", "bad"]
    whole = first.stdout.splitlines(keepends=True)
    out.write_text("".join([*whole[:2], whole[2][: len(whole[2]) // 2]]))

    service.script(*[lambda request: gemini_answer("Employees in Leeds have 27 days of paid leave a year [1].")] * 2)
    again = ragqa(*command, env=service.gemini_environment())
    assert [(row["id"], row.get("status")) for row in lines(again.stdout)] == [
        ("fails", "answered"),
        ("late", "answered"),
        ("absent", "not_found"),
        ("bad", None),
    ]
    assert service.unused == 0
    out.write_text(whole[0] + "".join(again.stdout))
    third = ragqa(*command, env=service.gemini_environment())
    assert ([row["id"] for row in lines(third.stdout)], third.returncode) == (["bad"], 6)


def test_results_that_are_appended_begin_a_line_of_their_own(sample_index: Path, tmp_path: Path) -> None:
    out = tmp_path / "answers.jsonl"
    out.write_text('{"id": 7, "status": "answered"}\n{"id": 1, "sta')
    script = (
        f'printf "%s\\n" "{ABSENT}" | "{sys.executable}" -m ragqa ask --batch - --skip-done "$0" --index "$1" >> "$0"'
    )
    subprocess.run(["bash", "-c", script, str(out), str(sample_index)], check=True)
    whole, broken, new = out.read_text().splitlines()
    assert (json.loads(whole)["id"], broken, json.loads(new)["id"]) == (7, '{"id": 1, "sta', 1)


def test_a_file_that_holds_no_results_is_not_taken_for_one(ragqa, sample_index: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("# Notes\n")
    command = ("ask", "--batch", "-", "--skip-done", "notes.md", "--index", sample_index)
    done = ragqa(*command, input=ABSENT)
    assert (done.returncode, done.stdout) == (2, "")
    assert "notes.md holds no results" in done.stderr


def test_results_of_the_wrong_kind_count_for_nothing(ragqa, sample_index: Path, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text('{"id": 1, "status": ["answered"]}\n{"id": true, "status": "answered"}\n')
    done = ragqa("ask", "--batch", "-", "--skip-done", "out.jsonl", "--index", sample_index, input=ABSENT)
    assert [row["id"] for row in lines(done.stdout)] == [1]


def test_a_reader_that_takes_one_line_ends_the_batch_without_a_word(sample_index: Path, tmp_path: Path) -> None:
    """The pipe stays open, as `tail -f` holds it: the first answer comes all the same, and then nobody waits."""
    script = (
        f'(echo "{ABSENT}"; echo "{ABSENT}"; exec sleep 600) | "{sys.executable}" -m ragqa ask --batch - --index "$0"'
    )
    command = ["bash", "-c", f"{script} | head -n 1", str(sample_index)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, start_new_session=True
    )
    try:
        assert process.stdout is not None and process.stderr is not None
        assert json.loads(process.stdout.readline())["id"] == 1
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert process.stderr.read() == ""


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_an_interrupt_keeps_what_was_printed_and_waits_for_no_service(
    sample_index: Path, service: Service, jobs: str
) -> None:
    service.script(gemini_answer("Full-time staff have 27 days of paid leave a year [1]."), *[stall()] * 3)
    command = [*HERE, "ask", "--batch", "-", "--jobs", jobs, "--index", str(sample_index)]
    environment = {**os.environ, **service.gemini_environment()}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, env=environment, text=True, **pipes)  # type: ignore[call-overload]
    process.stdin.write(f"{LEAVE}\n")
    process.stdin.flush()
    first = json.loads(process.stdout.readline())
    assert (first["id"], first["status"]) == (1, "answered")
    process.stdin.write("\n".join(QUESTIONS) + "\n")
    process.stdin.flush()
    while len(service.requests) < 2:
        time.sleep(0.01)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert time.monotonic() - started < 10  # a stalled service would be waited for two minutes
    assert (process.stdout.read(), process.stderr.read()) == ("", "ragqa: interrupted\n")


def test_a_batch_of_nothing_is_done(ragqa, sample_index: Path) -> None:
    assert ragqa("ask", "--batch", "-", "--index", sample_index, input="\n \n").returncode == 0
    script = f'"{sys.executable}" -m ragqa ask --batch - --index "$0" <&-'
    done = subprocess.run(["bash", "-c", script, str(sample_index)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("ask", LEAVE, "--batch", "-"), "--batch"),
        (("ask", "--batch", "nowhere.txt"), "nowhere.txt"),
        (("ask", "--batch", "-", "--dry-run"), "--dry-run"),
        (("ask", "--batch", "-", "--format", "md"), "JSON lines"),
        (("ask", LEAVE, "--jobs", "2"), "--jobs"),
        (("ask", LEAVE, "--skip-done", "x"), "--skip-done"),
        (("ask", "--batch", "-", "--jobs", "0"), "--jobs"),
    ],
)
def test_what_cannot_be_meant_is_2(ragqa, sample_index: Path, arguments: tuple[str, ...], word: str) -> None:
    done = ragqa(*arguments, "--index", sample_index)
    assert (done.returncode, done.stdout) == (2, "")
    assert word in done.stderr


def test_explanations_go_with_each_line(ragqa, sample_index: Path) -> None:
    [row] = lines(ragqa("ask", "--batch", "-", "--explain", "--index", sample_index, input=LEAVE).stdout)
    assert row["explain"]["terms"]


def test_a_time_limit_is_that_of_each_question(ragqa, sample_index: Path, service: Service) -> None:
    service.script(stall(), gemini_error(400))
    command = ("ask", "--batch", "-", "--jobs", "2", "--timeout", "3", "--index", sample_index)
    done = ragqa(*command, input=f"{QUESTIONS[0]}\n{QUESTIONS[1]}\n", env=service.gemini_environment())
    assert done.returncode == 5
    for row in lines(done.stdout):
        assert (row["status"], row["models"]["answer"]) == ("answered", "extractive")
        assert row["degraded"]["reason"]
