"""What changed since it was ingested: told, or refused where only fresh will do."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.parametrize("command", ["ask", "search"])
def test_a_stale_index_is_4_where_only_fresh_will_do(ragqa, tmp_path: Path, command: str) -> None:
    gate = tmp_path / "gate.md"
    gate.write_text("# Garden gate\n\nThe code of the garden gate is 4711.\n")
    ragqa("ingest", "gate.md")
    question = (command, "What is the code of the garden gate?", "--strict-fresh", "--json")
    assert ragqa(*question).returncode == 0
    gate.write_text("# Garden gate\n\nThe code of the garden gate is 99.\n")
    done = ragqa(*question)
    assert (done.returncode, done.json["error"]["code"]) == (4, "index_stale")
    assert "gate.md" in done.json["error"]["message"]
