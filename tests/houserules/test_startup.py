"""What must not be imported, and when: start-up is a promise."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = (
    "numpy",
    "torch",
    "faiss",
    "onnxruntime",
    "pypdf",
    "pypdfium2",
    "google.genai",
    "pydantic",
    "rich",
    "tiktoken",
    "prompt_toolkit",
    "asyncio",
)

PROGRAM = """
import json, sys
from ragqa.cli.main import run
code = run(json.loads(sys.argv[1]))
sys.stdout.flush()
print("\\n" + json.dumps([code, sorted(sys.modules)]))
"""


def modules_after(*arguments: str) -> tuple[int, list[str]]:
    """Run one command in a fresh interpreter; its exit code and every module it imported."""
    command = [sys.executable, "-c", PROGRAM, json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    code, modules = json.loads(done.stdout.splitlines()[-1])
    return code, modules


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("ask", "--help"),
        ("chat", "--help"),
        ("open", "--help"),
        ("eval", "--help"),
        ("ingest", "--help"),
        ("--version",),
    ],
)
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    code, modules = modules_after(*arguments)
    assert code == 0
    assert not set(HEAVY) & set(modules)
    assert not [name for name in modules if name.startswith(("ragqa.flows.", "ragqa.retrieval", "ragqa.models."))]


def test_config_show_imports_nothing_heavy() -> None:
    code, modules = modules_after("config", "show", "--json")
    assert code == 0
    assert not set(HEAVY) & set(modules)
