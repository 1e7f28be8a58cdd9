"""`ragqa open` as its user meets it: after `ask`, from a file, as a picture, and when it cannot be."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from ragqa.cli.schemas import SCHEMAS
from tests.cli.terminal import Terminal

LEAVE = "How many days of holiday does a full-time employee in Leeds get each year?"
TRIAL = "試用期有多長？"


def test_open_shows_the_last_answers_citation_in_its_page(ragqa, sample_index) -> None:
    assert ragqa("open", 1, "--index", sample_index).returncode == 3
    asked = ragqa("ask", LEAVE, "--index", sample_index, "--json").json
    done = ragqa("open", 1, "--index", sample_index)
    assert (done.returncode, done.stderr) == (0, "")
    first, rest = done.stdout.split("\n", 1)
    assert re.fullmatch(
        r"\[1\] .*employee-handbook-leeds\.pdf · p\. 4 \(printed 2\) › 3 Leave › 3\.1 Annual leave", first
    )
    (marked,) = re.findall(">>>(.*?)<<<", rest, re.DOTALL)
    assert marked == asked["citations"][0]["quote"]
    assert "2.3 On-call duty" in rest


def test_only_the_lines_around_the_quote_or_all_of_the_page(ragqa, sample_index) -> None:
    ragqa("ask", TRIAL, "--index", sample_index)
    around, whole = (ragqa("open", 1, *how, "--index", sample_index).stdout for how in (("-C", 1), ("--whole",)))
    assert "characters left out" in around
    assert "characters left out" not in whole
    assert len(around) < len(whole)
    assert ragqa("open", 1, "-C", 1, "--whole", "--index", sample_index).returncode == 2


def test_open_json_is_what_the_schema_says(ragqa, sample_index) -> None:
    asked = ragqa("ask", LEAVE, "--index", sample_index, "--json").json
    opened = ragqa("open", 1, "--whole", "--index", sample_index, "--json").json
    Draft202012Validator(SCHEMAS["open"]).validate(opened)
    (view,) = opened["views"]
    assert "".join(part["text"] for part in view["parts"] if part["quoted"]) == asked["citations"][0]["quote"]
    assert sum(len(part["text"]) for part in view["parts"]) == view["end"] - view["start"]
    assert opened["question"] == LEAVE
    markdown = ragqa("open", 1, "--format", "md", "--index", sample_index).stdout
    assert "> **Full-time staff have 27 days" in markdown


def test_an_answer_in_a_file_is_opened_without_any_memory(ragqa, sample_index, tmp_path: Path) -> None:
    asked = ragqa("ask", LEAVE, "--index", sample_index, "--format", "jsonl", env={"RAGQA_ANSWER_REMEMBER": "false"})
    assert ragqa("open", 1, "--index", sample_index).returncode == 3
    (tmp_path / "answer.jsonl").write_text(asked.stdout)
    done = ragqa("open", 1, "--answer", "answer.jsonl", "--index", sample_index)
    assert done.returncode == 0 and ">>>Full-time staff" in done.stdout
    piped = ragqa("open", 1, "--answer", "-", "--index", sample_index, input=asked.stdout)
    assert piped.stdout == done.stdout
    (tmp_path / "other.json").write_text('{"x": 1}')
    for name, word in (("other.json", "holds no answer"), ("nowhere.json", "cannot read nowhere.json")):
        refused = ragqa("open", 1, "--answer", name, "--index", sample_index)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert word in refused.stderr


@pytest.mark.parametrize("home", [{"HOME": "/dev/null"}, {"HOME": ""}, {"XDG_STATE_HOME": "/proc/nowhere"}])
def test_where_nothing_can_be_kept_ask_answers_all_the_same(ragqa, sample_index, home: Mapping[str, str]) -> None:
    done = ragqa("ask", LEAVE, "--index", sample_index, "--quiet", env=home)
    assert (done.returncode, done.stderr) == (0, "")
    assert "27 days" in done.stdout


def test_image_writes_the_page_and_never_over_a_file(ragqa, sample_index, tmp_path: Path) -> None:
    ragqa("ask", LEAVE, "--index", sample_index)
    for name in ("employee-handbook-leeds-p4-citation1.png", "employee-handbook-leeds-p4-citation1-2.png"):
        done = ragqa("open", 1, "--image", "--index", sample_index)
        assert done.returncode == 0
        assert done.stdout.splitlines()[-1] == name
        assert Image.open(tmp_path / name).size[1] > 1000
    (tmp_path / "page.png").write_text("mine")
    refused = ragqa("open", 1, "--image", "page.png", "--index", sample_index)
    assert refused.returncode == 2
    assert ">>>Full-time staff" in refused.stdout and "page.png exists already" in refused.stderr
    assert (tmp_path / "page.png").read_text() == "mine"
    forced = ragqa("open", 1, "--image", "page.png", "--force", "--index", sample_index, "--json").json
    Draft202012Validator(SCHEMAS["open"]).validate(forced)
    assert forced["images"] == [{"path": "page.png", "page": 4, "quotes": 1, "boxed": 1}]
    assert Image.open(tmp_path / "page.png").size[1] > 1000


def test_at_a_terminal_the_image_can_be_shown_and_nowhere_else(ragqa, sample_index, tmp_path: Path) -> None:
    for name in ("xdg-open", "open"):
        (tmp_path / name).write_text('#!/bin/sh\nprintf "%s" "$1" > shown.part && mv shown.part shown\n')
        (tmp_path / name).chmod(0o755)
    path = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    ragqa("ask", LEAVE, "--index", sample_index)
    assert ragqa("open", 1, "--image", "a.png", "--view", "--index", sample_index, env=path).returncode == 0
    with Terminal("open", 1, "--image", "b.png", "--view", "--index", sample_index, cwd=tmp_path, env=path) as terminal:
        assert terminal.ended() == 0
    deadline = time.monotonic() + 30
    while not (tmp_path / "shown").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (tmp_path / "shown").read_text() == str(tmp_path / "b.png")


def test_an_image_that_cannot_be_is_one_line_and_the_text_is_there(ragqa, sample_index, tmp_path: Path) -> None:
    (tmp_path / "rules.md").write_text("# Gate\n\nThe code of the garden gate is 4711.\n")
    ragqa("ingest", "rules.md")
    ragqa("ask", "What is the code of the garden gate?")
    done = ragqa("open", 1, "--image", "--json")
    assert done.returncode == 2
    Draft202012Validator(SCHEMAS["open"]).validate(done.json)
    assert "is no PDF" in done.json["image_failure"] and done.json["views"]
    assert done.stderr.count("\n") == 1
    for options in (("page.png",), ("--force",), ("--view",), ("--password", "x")):
        assert ragqa("open", 1, *options).returncode == 2


def test_a_name_that_is_none_is_one_line_where_there_are_several_pages(ragqa, sample_index, tmp_path: Path) -> None:
    asked = ragqa("ask", LEAVE, "--index", sample_index, "--json").json
    first = asked["citations"][0]
    other = {**first, "chunk_id": "", "quote": "2.3 On-call duty"}
    elsewhere = {**first, "chunk_id": "", "quote": "Employee handbook", "quote_start": 0}
    (tmp_path / "answer.json").write_text(json.dumps({**asked, "citations": [first, other, elsewhere]}))
    done = ragqa("open", 1, ".", "--image", "--answer", "answer.json", "--index", sample_index, "--json")
    assert len(done.json["views"]) > 1
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_at_a_terminal_the_quote_is_in_colour_without_colour_between_marks(ragqa, sample_index, tmp_path) -> None:
    ragqa("ask", LEAVE, "--index", sample_index)
    with Terminal("open", 1, "--index", sample_index, cwd=tmp_path) as terminal:
        assert terminal.ended() == 0
        shown = terminal.shown
    assert f"of the answer to “{LEAVE}”" in shown
    assert "\x1b[1m\x1b[33mFull-time staff have" in shown
    assert ">>>" not in shown
    with Terminal("open", 1, "--index", sample_index, cwd=tmp_path, env={"NO_COLOR": "1"}) as terminal:
        assert terminal.ended() == 0
        plain = terminal.shown
    assert "\x1b" not in plain
    assert ">>>Full-time staff have" in plain


def test_open_needs_a_number(ragqa, sample_index) -> None:
    for wrong in ("0", "x", "-1"):
        done = ragqa("open", wrong, "--index", sample_index, "--json")
        assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (2, "usage")
