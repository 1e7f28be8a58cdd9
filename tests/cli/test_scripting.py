"""Every example of docs/scripting.md is run as it stands there, and prints what the page says it prints."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.conftest import SAMPLES, run

PAGE = (Path(__file__).parents[2] / "docs" / "scripting.md").read_text("utf-8")
EXAMPLE = re.compile(r"^```sh\n(?P<script>.*?)^```\n(?:```text\n(?P<output>.*?)^```$)?", re.MULTILINE | re.DOTALL)
CRONTAB = re.compile(r"^```crontab\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DOCUMENTS = ("employee-handbook-leeds.pdf", "price-list-2026.md", "support-faq.md", "travel-and-expenses-policy.md")
PROGRAMS = ("jq", "make", "curl", "git", "xargs", "tar")

examples = list(EXAMPLE.finditer(PAGE))
cron_lines = [line for block in CRONTAB.findall(PAGE) for line in block.splitlines() if not line.startswith("#")]


def missing(script: str) -> list[str]:
    """The programs that an example uses and this machine has not."""
    return [name for name in PROGRAMS if re.search(rf"\b{name}\b", script) and shutil.which(name) is None]


def example_id(example: re.Match[str]) -> str:
    return f"line {PAGE[: example.start()].count(chr(10)) + 1}"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the page speaks of, with `docs` ingested; and beside it, a copy of it that stays as it is."""
    folder = tmp_path_factory.mktemp("scripting") / "notes"
    (folder / "docs").mkdir(parents=True)
    for name in DOCUMENTS:
        shutil.copy(SAMPLES / name, folder / "docs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        if "RAGQA_CACHE_DIR" not in os.environ:
            patch.setenv("RAGQA_CACHE_DIR", str(tmp_path_factory.getbasetemp().parent / "ragqa-test-cache"))
        done = run("ingest", "docs", cwd=folder)
    assert done.returncode == 0, done.stderr
    shutil.copytree(folder, folder.with_name("untouched"))
    return folder


@pytest.fixture
def notes(prepared: Path) -> Path:
    """The folder as it was after the ingest, in its own place, since an index knows where its files are."""
    shutil.rmtree(prepared)
    return shutil.copytree(prepared.with_name("untouched"), prepared)


@pytest.fixture
def environment(tmp_path: Path, prepared: Path) -> Mapping[str, str]:
    """`ragqa` on the PATH, and what the page leaves to its reader to set."""
    programs = tmp_path / "bin"
    programs.mkdir()
    command = programs / "ragqa"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ragqa "$@"\n')
    command.chmod(0o755)
    page = tmp_path / "page.html"
    page.write_text("<html><body><h1>Leave</h1><p>Full-time staff have 27 days of holiday a year.</p></body></html>")
    home = prepared.parent  # cron finds ~/notes there
    root = str(Path(__file__).parents[2])
    return {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", "")))),
        "HOME": str(home),
        "URL": page.as_uri(),
        "PICKER": "head -n 1",
        "GIT_CONFIG_NOSYSTEM": "1",
    }


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(
            each, id=example_id(each), marks=pytest.mark.skipif(bool(missing(each["script"])), reason="a program lacks")
        )
        for each in examples
    ],
)
def test_an_example_runs_and_prints_what_stands_below_it(
    example: re.Match[str], notes: Path, environment: Mapping[str, str]
) -> None:
    command = ["bash", "-euo", "pipefail", "-c", example["script"]]
    done = subprocess.run(command, cwd=notes, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    if example["output"] is not None:
        assert done.stdout == example["output"]
    else:
        assert done.stdout.strip()


@pytest.mark.parametrize("line", cron_lines)
def test_what_cron_runs_runs(line: str, notes: Path, environment: Mapping[str, str]) -> None:
    """With a plain sh, from another folder, and no word for the mail."""
    fields = line.split(maxsplit=5)
    assert all(re.fullmatch(r"[\d*,/-]+", field) for field in fields[:5])
    (notes / "daily.txt").write_text("What does the GW-2 gateway cost?\n")
    done = subprocess.run(
        ["sh", "-c", fields[5]], cwd="/", env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_page_names_every_exit_code_and_its_examples_are_found() -> None:
    assert len(examples) >= 18 and len(cron_lines) >= 2
    assert PAGE.count("```sh") == len(examples)
    assert {f"| {code} |" for code in (0, 1, 2, 3, 4, 5, 6, 130)} <= set(re.findall(r"^\| \d+ \|", PAGE, re.MULTILINE))
