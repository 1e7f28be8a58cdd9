"""The README shows what the program really prints, and names every command and setting that exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_every_console_block_is_what_the_program_prints() -> None:
    command = [sys.executable, str(ROOT / "tools" / "readme.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr


def test_every_command_is_named() -> None:
    shown = subprocess.run([sys.executable, "-m", "ragqa", "--help"], capture_output=True, text=True, check=True).stdout
    commands = re.findall(r"^  ([a-z]+)  ", shown.split("Commands:")[1], re.MULTILINE)
    assert len(commands) > 10
    assert not [command for command in commands if f"`{command}`" not in README and f"ragqa {command}" not in README]


def test_every_exit_code_of_the_error_tree_is_explained() -> None:
    from ragqa import errors

    codes = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")}
    assert not [code for code in codes if f"\n| {code} |" not in README]


def test_every_relative_link_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


def test_every_published_schema_is_named() -> None:
    from ragqa.cli import evaluation_schemas, pipeline_schemas, schemas

    published = schemas.SCHEMAS | evaluation_schemas.SCHEMAS | pipeline_schemas.SCHEMAS
    scripting = (ROOT / "docs" / "scripting.md").read_text("utf-8")
    assert not [name for name in published if f"`{name}`" not in scripting]
