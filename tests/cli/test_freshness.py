"""An index that is not as its files or the settings are now: what is refused, and what the user is told."""

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


def test_reembed_by_the_model_that_the_settings_name_asks_for_no_other_setting(ragqa, tmp_path: Path) -> None:
    (tmp_path / "gate.md").write_text("# Garden gate\n\nThe code of the garden gate is 4711.\n")
    ragqa("ingest", "gate.md")
    done = ragqa("reembed", "--model", "builtin")
    assert done.returncode == 0
    assert done.stdout.startswith("nothing to do")
    assert "embedding.model" not in done.stderr
