"""The command line as its users run it: a real process in a folder of its own, and an index of the sample documents."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SAMPLES = Path(__file__).parents[2] / "sample_docs"


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


def run(*arguments: object, cwd: Path, input: str = "", env: Mapping[str, str] | None = None) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "ragqa", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        input=input,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def ragqa(tmp_path: Path) -> Callable[..., Done]:
    """`ragqa("ask", ..., input=...)` runs the command in the test's temporary folder, without a key."""
    return functools.partial(run, cwd=tmp_path)


@pytest.fixture(scope="session")
def sample_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of `sample_docs`, made once for the whole run."""
    folder = tmp_path_factory.mktemp("samples")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        if "RAGQA_CACHE_DIR" not in os.environ:
            patch.setenv("RAGQA_CACHE_DIR", str(tmp_path_factory.getbasetemp().parent / "ragqa-test-cache"))
        done = run("ingest", SAMPLES, "--index", folder / ".ragqa", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / ".ragqa"
