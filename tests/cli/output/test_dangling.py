"""No number that was not given reaches a reader as a citation: some of the random outputs of `bench/dangling.py`."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    file = Path(__file__).parents[3] / "bench" / "dangling.py"
    spec = importlib.util.spec_from_file_location("bench_dangling", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("strict", [True, False])
def test_no_citation_dangles_in_text_sentences_stream_json_or_markdown(bench: ModuleType, strict: bool) -> None:
    dice = random.Random(7)
    cited = 0
    for _ in range(150):
        output = bench.random_output(dice)
        answer, shown = bench.answered(bench.pieces(output, dice), strict=strict, complete=dice.random() < 0.9)
        assert list(bench.dangling(answer, shown)) == [], output
        cited += len(answer.citations)
    assert cited > 50


def test_a_citation_that_dangles_would_be_seen(bench: ModuleType) -> None:
    answer, _ = bench.answered(iter(["Soup costs £2.50 [3]."]), strict=False, complete=True)
    assert list(bench.dangling(answer, "Soup costs £2.50 [3].")) == []
    for shown in ("Soup [4].", "Soup 【٤】.", "Soup [^₄].", "Soup ［1\u200b2］."):
        assert {place for place, _ in bench.dangling(answer, shown)} == {"stream", "events"}
