"""`ragqa chat` as its user meets it: from a pipe line by line; at a terminal with an editor, Ctrl-C and commands."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper
from pathlib import Path
from unittest import mock

import pytest
from jsonschema import Draft202012Validator

from ragqa.cli import typed
from ragqa.cli.schemas import SCHEMAS
from ragqa.errors import UsageError
from tests.cli.terminal import Terminal
from tests.services.server import Service, openai_answer, openai_error, stall

HOTEL = "What may a hotel in Taipei cost per night when somebody from Leeds travels there?"
NOWHERE = "Who won the football world cup in 1998?"
TRIAL = "門禁卡不見了，補發要付多少錢？"
UNDERSTOOD = "What may a hotel cost per night when somebody from Leeds travels there (in Shenzhen)?"


def lines(*said: str) -> str:
    return "".join(f"{line}\n" for line in said)


# --- from a pipe ------------------------------------------------------------------------------------------------------


def test_each_line_of_a_pipe_is_answered_and_a_follow_up_is_understood(ragqa, sample_index) -> None:
    done = ragqa("chat", "--index", sample_index, input=lines(HOTEL, "", "And in Shenzhen?"))
    assert done.returncode == 0
    first, second = done.stdout.split("\nSources\n")[:2]
    assert "NT$4,600" in first
    assert "CNY 680" in second
    assert f"understood as: {UNDERSTOOD}\n" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_jsonl_is_one_result_a_line_as_the_schema_says(ragqa, sample_index) -> None:
    said = lines(HOTEL, "And in Shenzhen?", NOWHERE, "x" * 20_001, "/why", "/new", "And in Shenzhen?")
    done = ragqa("chat", "--format", "jsonl", "--index", sample_index, input=said)
    turns = [json.loads(line) for line in done.stdout.splitlines()]
    for turn in turns:
        Draft202012Validator(SCHEMAS["chat-turn"]).validate(turn)
    assert [turn.get("status", turn.get("error", {}).get("code")) for turn in turns[:4]] == [
        "answered",
        "answered",
        "not_found",
        "usage",
    ]
    first, second, third, _, fifth = turns
    assert [each["turn"] for each in (first, second, third, fifth)] == [1, 2, 3, 4]
    assert (first["question"], first["stands_alone"], first["rewritten_by"]) == (HOTEL, HOTEL, None)
    assert (second["question"], second["stands_alone"]) == ("And in Shenzhen?", UNDERSTOOD)
    assert second["rewritten_by"] == "rules"
    assert "CNY 680" in second["answer"]
    assert fifth["rewritten_by"] is None  # what was said before /new is forgotten
    assert done.returncode == 3
    assert "for people" in done.stderr


def test_json_is_one_document_at_the_end_and_markdown_a_transcript(ragqa, sample_index) -> None:
    done = ragqa("chat", "--json", "--index", sample_index, input=lines(HOTEL, "And in Shenzhen?"))
    Draft202012Validator(SCHEMAS["chat"]).validate(done.json)
    assert len(done.json["turns"]) == 2
    markdown = ragqa("chat", "--format", "md", "--index", sample_index, input=lines(HOTEL, "And in Shenzhen?")).stdout
    assert "## 2. And in Shenzhen?\n" in markdown
    assert f"*understood as: {UNDERSTOOD}*" in markdown
    assert "[^2-1]: " in markdown


def test_a_line_of_a_pipe_that_nobody_can_mean_ends_its_turn_alone() -> None:
    given = b"\xef\xbb\xbffirst\n\n\xff\xfe\n" + b"x" * 3_000_000 + b"\nlast"
    with mock.patch("sys.stdin", TextIOWrapper(BytesIO(given))):
        first, bad, long, last = typed.piped()
    assert (first, last) == ("first", "last")
    assert isinstance(bad, UsageError) and "line 3" in bad.message and "UTF-8" in bad.message
    assert isinstance(long, UsageError) and "line 4" in long.message


def test_chinese_follow_ups_are_understood_from_a_pipe(ragqa, sample_index) -> None:
    said = lines(TRIAL, "要在多久之內通報？")
    done = ragqa("chat", "--format", "jsonl", "--index", sample_index, input=said)
    second = json.loads(done.stdout.splitlines()[1])
    assert second["stands_alone"].startswith("要在多久之內通報 — 門禁卡不見了")
    assert "三十分鐘" in second["answer"]


def test_what_is_wrong_is_told_before_any_question(ragqa, sample_index) -> None:
    nothing = ragqa("chat", input="anything\n")
    assert (nothing.returncode, nothing.stdout) == (4, "")
    no_key = ragqa("chat", "--model", "gemini:gemini-flash-latest", "--index", sample_index, input="anything\n")
    assert no_key.returncode == 2 and "GEMINI_API_KEY" in no_key.stderr
    filtered = ragqa("chat", "--after", "2999-01-01", "--index", sample_index, input="anything\n")
    assert filtered.returncode == 3
    latin = ragqa("chat", "--index", sample_index, input="")
    assert (latin.returncode, latin.stdout, latin.stderr) == (0, "", "")


def test_changed_files_are_told_of_once(ragqa, tmp_path: Path) -> None:
    (tmp_path / "gate.md").write_text("# Gate\n\nThe code of the garden gate is 4711.\n")
    ragqa("ingest", "gate.md")
    (tmp_path / "gate.md").write_text("# Gate\n\nThe code of the garden gate is 99.\n")
    asked = "What is the code of the garden gate?"
    done = ragqa("chat", input=lines(asked, asked))
    assert done.stdout.count("4711") == 2
    assert done.stderr.count("1 file changed since it was ingested") == 1


def test_open_after_chat_shows_its_last_answer(ragqa, sample_index) -> None:
    ragqa("chat", "--index", sample_index, input=lines(HOTEL, "And in Shenzhen?"))
    done = ragqa("open", 1, "--index", sample_index)
    assert ">>>Place: Shenzhen | Limit per night: CNY 680<<<" in done.stdout


# --- with a model -----------------------------------------------------------------------------------------------------


def model(service: Service) -> tuple[str, str]:
    return ("--model", f"openai:scripted@{service.openai_url}")


def test_a_model_rewrites_in_one_small_request_and_sees_the_former_turn_as_data(ragqa, sample_index, service) -> None:
    rewritten = "What may a hotel in Shenzhen cost per night?"
    service.script(
        openai_answer("A hotel in Taipei may cost NT$4,600 a night [1]."),
        openai_answer(json.dumps({"question": rewritten})),
        openai_answer("A hotel in Shenzhen may cost CNY 680 a night [1]."),
    )
    done = ragqa(
        "chat", *model(service), "--format", "jsonl", "--index", sample_index, input=lines(HOTEL, "And in Shenzhen?")
    )
    _, second = [json.loads(line) for line in done.stdout.splitlines()]
    assert (second["stands_alone"], second["rewritten_by"]) == (rewritten, "model")
    assert second["answer"] == "A hotel in Shenzhen may cost CNY 680 a night [1]."
    first, small, last = ("".join(each["content"] for each in r.body["messages"]) for r in service.requests)
    assert "earlier turn" not in first
    assert "And in Shenzhen?" in small and "NT$4,600 a night" in small and "CNY 680" not in small
    assert rewritten in last and "earlier turn" in last
    assert "NT$4,600 a night [1]" not in last  # a marker of a former turn is no citation of this one


def test_a_rewriting_that_is_of_no_use_leaves_it_to_the_rules(ragqa, sample_index, service) -> None:
    useless = (
        openai_answer("Certainly! Which city do you mean?"),
        openai_answer(json.dumps({"question": "Who is the president of 44 countries?"})),
        openai_error(400),
    )
    service.script(openai_answer("NT$4,600 a night [1]."))
    for reply in useless:
        service.script(reply, openai_answer("CNY 680 a night [1]."))
    said = lines(HOTEL, *["And in Shenzhen?"] * len(useless))
    done = ragqa("chat", *model(service), "--format", "jsonl", "--index", sample_index, input=said)
    turns = [json.loads(line) for line in done.stdout.splitlines()][1:]
    assert [(turn["stands_alone"], turn["rewritten_by"]) for turn in turns] == [(UNDERSTOOD, "rules")] * len(useless)
    assert done.stderr.count("understood by rules: ") == len(useless)


# --- at a terminal ----------------------------------------------------------------------------------------------------


@pytest.fixture
def terminal(sample_index: Path, tmp_path: Path) -> Iterator[Terminal]:
    with Terminal("chat", "--extractive", "--index", sample_index, cwd=tmp_path) as opened:
        opened.answered("/help lists the commands")
        yield opened


def test_a_conversation_at_a_terminal(terminal: Terminal, tmp_path: Path, sealed_home: Path) -> None:
    terminal.type(HOTEL + "\r")
    terminal.answered(r"NT\$4,600.*Sources.*travel-and-expenses")
    terminal.type("And in Shenzhen?\r")
    answer = terminal.answered("understood as: .*CNY 680.*Sources")
    assert "\x1b[2munderstood as" in answer
    terminal.type("/open 1\r")
    assert "\x1b[1m\x1b[33mPlace: Shenzhen" in terminal.answered("Staying there.*friends or family")
    terminal.type("/why\r")
    why = terminal.answered("asked: And in Shenzhen.*milliseconds")
    assert "evidence: 0." in why and "quoted" in why
    terminal.type("/sources\r")
    terminal.answered(r"found, not cited")
    terminal.type("/save notes.md\r")
    terminal.answered("notes.md.*notes.md")
    assert "## 2. And in Shenzhen?" in (tmp_path / "notes.md").read_text()
    terminal.type("/opne\r")
    terminal.answered("did you mean /open")
    terminal.type("\x04")
    assert terminal.ended() == 0
    assert terminal.settings() == terminal.initial
    kept = sealed_home / ".local" / "state" / "ragqa" / "chat-history.jsonl"
    assert [json.loads(line) for line in kept.read_text().splitlines()][:2] == [HOTEL, "And in Shenzhen?"]
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_history_that_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    history = tmp_path / "chat-history.jsonl"
    os.mkfifo(history)
    assert typed._read(history) == []
    typed._write(history, [HOTEL])
    assert stat.S_ISFIFO(history.stat().st_mode)


def test_save_never_writes_over_what_it_has_not_written(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "mine.md").write_text("mine")
    terminal.type("/save\r")
    terminal.answered("nothing to save")
    terminal.type(HOTEL + "\r")
    terminal.answered("Sources")
    terminal.type("/save mine.md\r")
    terminal.answered("mine.md exists already")
    for _ in range(2):  # its own file may be written again
        terminal.type("/save\r")
        terminal.answered("ragqa-chat.md")
    terminal.type("/quit\r")
    assert terminal.ended() == 0
    assert (tmp_path / "mine.md").read_text() == "mine"
    assert sorted(file.name for file in tmp_path.glob("*.md")) == ["mine.md", "ragqa-chat.md"]


def test_each_turn_sees_the_index_as_it_is_then(ragqa, tmp_path: Path) -> None:
    (tmp_path / "gate.md").write_text("# Gate\n\nThe code of the garden gate is 4711.\n")
    ragqa("ingest", ".")
    with Terminal("chat", "--extractive", cwd=tmp_path) as term:
        term.answered("")
        (tmp_path / "cellar.md").write_text("# Cellar\n\nThe code of the wine cellar is 1234.\n")
        ragqa("ingest", ".")
        term.type("What is the code of the wine cellar?\r")
        assert "is 1234" in term.answered("Sources")
        (tmp_path / ".ragqa").rename(tmp_path / "gone")
        term.type("What is the code of the garden gate?\r")
        term.answered("ragqa: there is no index")
        (tmp_path / "gone").rename(tmp_path / ".ragqa")
        term.type("What is the code of the garden gate?\r")
        assert "is 4711" in term.answered("Sources")
        term.type("\x04")
        assert term.ended() == 0


def test_ctrl_c_at_the_prompt_clears_the_line_and_hints_when_there_is_none(terminal: Terminal) -> None:
    terminal.type("half a question that nobody sends")
    terminal.wait_for("nobody sends")
    terminal.type("\x03")
    terminal.type(HOTEL + "\r")
    assert "NT$4,600" in terminal.answered("Sources")
    terminal.type("\x03")
    terminal.type("\x03")
    terminal.answered("Ctrl-D or /quit ends the conversation")
    terminal.type("\x1b[A")  # the line before
    terminal.wait_for("What may a hotel")
    terminal.type("\x03\x04")
    assert terminal.ended() == 0


def test_ctrl_c_stops_an_answer_and_not_the_program(sample_index: Path, tmp_path: Path, service: Service) -> None:
    service.script(
        stall(openai_answer("The hotel in Taipei ", "may cost so ", "much [1]."), after=2),
        openai_answer("NT$4,600 a night [1]."),
    )
    with Terminal("chat", *model(service), "--index", sample_index, cwd=tmp_path, env={"OPENAI_API_KEY": "k"}) as term:
        term.answered("")
        term.type(HOTEL + "\r")
        term.wait_for("The hotel in Taipei")
        term.type("\x03\x03")
        term.answered("stopped: nothing of this answer was checked")
        term.type(HOTEL + "\r")
        assert "Sources" in term.answered(r"NT\$4,600 a night")
        # What was stopped is no part of the conversation, so that the question was not taken for a follow-up.
        assert len(service.requests) == 2
        term.type("\x04")
        assert term.ended() == 0


def test_a_signal_that_ends_programs_ends_it_and_leaves_the_terminal_as_it_was(terminal: Terminal) -> None:
    terminal.type("abc")
    terminal.wait_for("abc")
    terminal.signal(signal.SIGTERM)
    assert terminal.ended() == 143
    assert "Traceback" not in terminal.shown
    assert re.search(r"ragqa: interrupted", terminal.shown)


def test_what_is_pasted_in_several_lines_is_one_question_in_any_script_and_locale(
    sample_index: Path, tmp_path: Path
) -> None:
    plain = {"LC_ALL": "C", "NO_COLOR": "1"}
    with Terminal("chat", "--extractive", "--index", sample_index, cwd=tmp_path, env=plain) as term:
        term.answered("")
        term.type("\x1b[200~門禁卡不見了，\n補發要付多少錢？\x1b[201~")
        term.type("\r")
        assert "200 元" in term.answered("Sources")
        term.type("/open [1]\r")
        term.answered(">>>.*<<<")
        term.type("\x04")
        assert term.ended() == 0


def test_nothing_is_kept_where_nothing_is_to_be_remembered(
    sample_index: Path, tmp_path: Path, sealed_home: Path
) -> None:
    forget = {"RAGQA_ANSWER_REMEMBER": "false"}
    with Terminal("chat", "--extractive", "--index", sample_index, cwd=tmp_path, env=forget) as term:
        term.answered("")
        term.type(HOTEL + "\r")
        term.answered("Sources")
        term.type("\x04")
        assert term.ended() == 0
    assert not (sealed_home / ".local").exists()
