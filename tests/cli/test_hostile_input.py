"""What comes from outside by stdin, files and lines is hostile: it ends in one clear line, never in a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Done

RAGQA = f"{sys.executable} -m ragqa"
LEAVE = "How many days of holiday does a full-time employee in Leeds get each year?"


def shell(script: str, *, cwd: Path) -> Done:
    done = subprocess.run(["bash", "-c", script], cwd=cwd, capture_output=True, check=False, timeout=120)
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize("command", ["ask -", "search -", "ask --extractive - --json"])
def test_a_question_from_a_closed_stdin_is_empty(command: str, sample_index: Path, tmp_path: Path) -> None:
    done = shell(f"{RAGQA} {command} --index '{sample_index}' <&-", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "ragqa: the question is empty\n"


def test_a_list_and_a_password_from_a_closed_stdin_are_empty(tmp_path: Path) -> None:
    (tmp_path / "gate.md").write_text("# Gate\n\nThe code of the garden gate is 4711.\n")
    assert shell(f"{RAGQA} ingest gate.md --password - <&-", cwd=tmp_path).returncode == 0
    done = shell(f"{RAGQA} ingest --files-from - <&-", cwd=tmp_path)
    assert "Traceback" not in done.stderr


def test_a_question_without_end_is_refused(ragqa, sample_index: Path, tmp_path: Path) -> None:
    done = shell(f"ulimit -v 8000000; yes | {RAGQA} ask - --index '{sample_index}'", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "ragqa: the question has more than 20,000 characters\n"


def test_a_password_that_is_not_utf_8_is_told(sample_index: Path, tmp_path: Path, ragqa) -> None:
    ragqa("ask", LEAVE, "--index", sample_index)
    done = shell(f"printf '\\377\\n' | {RAGQA} open 1 --image --password - --index '{sample_index}'", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "ragqa: the password on stdin is not UTF-8\n")


@pytest.mark.parametrize("name", ["marker", "quote_start", "quote_end"])
def test_an_answer_with_endless_numbers_is_none(name: str, ragqa, sample_index: Path) -> None:
    answer = ragqa("ask", LEAVE, "--index", sample_index, "--json").json
    answer["citations"][0][name] = float("inf")
    done = ragqa("open", 1, "--index", sample_index, "--answer", "-", input=json.dumps(answer))
    assert done.returncode == 2
    assert done.stderr.startswith("ragqa: this is no answer as ragqa writes it")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device here that is always full")
def test_a_link_to_a_full_device_stays_where_a_picture_cannot_be_written(ragqa, sample_index, tmp_path: Path) -> None:
    ragqa("ask", LEAVE, "--index", sample_index)
    link = tmp_path / "page.png"
    link.symlink_to("/dev/full")
    done = ragqa("open", 1, "--image", "page.png", "--force", "--index", sample_index)
    assert done.returncode == 1
    assert "cannot write page.png: No space left" in done.stderr
    assert link.is_symlink() and Path("/dev/full").exists()


@pytest.mark.parametrize("name", ["~nobody-of-this-name/talk.md", "a\0b.md"])
@pytest.mark.parametrize("command", ["/save", "/open 1 image"])
def test_a_file_that_can_have_no_such_name_ends_its_line_alone(command: str, name: str, ragqa, sample_index) -> None:
    done = ragqa("chat", "--extractive", "--index", sample_index, input=f"{LEAVE}\n{command} {name}\n{LEAVE}\n")
    assert done.returncode == 0
    assert done.stdout.count("Sources") == 2 and "Traceback" not in done.stderr
    assert "ragqa: the" in done.stderr


def test_a_history_that_somebody_else_wrote_is_none(tmp_path: Path) -> None:
    from ragqa.cli import typed

    (tmp_path / "history").write_text("[" * 100_000)
    assert typed._read(tmp_path / "history") == []
