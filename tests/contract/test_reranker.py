"""What every Reranker promises: one score for each passage, in their order, that question and passage decide."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragqa.models.cross_encoder import CrossEncoderReranker
from ragqa.models.gemini import GeminiGenerator
from ragqa.models.listwise import ListwiseReranker
from ragqa.models.onnx_cross_encoder import OnnxCrossEncoder, exported_graph
from ragqa.models.openai_compatible import OpenAICompatibleGenerator
from ragqa.ports import Reranker
from tests.services import server
from tests.services.exporting import export_cross_encoder
from tests.services.server import Reply, Request, Service
from tests.services.tiny_models import WORDS, save_cross_encoder

PASSAGE = st.lists(st.sampled_from(WORDS), min_size=1, max_size=20).map(" ".join)
QUESTION = st.sampled_from(["rain on monday", "雨 下 了", "the roof"])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_cross_encoder(tmp_path_factory.mktemp("tiny"))
    export_cross_encoder(folder)
    return folder


def judged(request: Request) -> list[int]:
    """What the model on the other side says: the passages that share words with the question, most words first."""
    sent = json.dumps(request.body, ensure_ascii=False).replace("\\n", "\n")
    passages = re.findall(r"--- passage (\d+) \w+\n(.*?)\n---", sent, re.DOTALL)
    asked = re.findall(r"--- question \w+\n(.*?)\n---", sent, re.DOTALL)[0].split()
    shared = {int(number): sum(word in asked for word in text.split()) for number, text in passages}
    texts = {int(number): text for number, text in passages}
    return sorted((number for number in shared if shared[number]), key=lambda n: (-shared[n], texts[n]))


def order(request: Request) -> Reply:
    said = json.dumps({"order": judged(request)})
    return server.openai_answer(said) if "messages" in request.body else server.gemini_answer(said)


@pytest.fixture(scope="module")
def model_service() -> Iterator[Service]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        running = Service()
        running.script(*[order] * 1000)
        yield running
        running.close()


@pytest.fixture(scope="module", params=["torch", "onnx", "gemini", "openai"])
def reranker(request: pytest.FixtureRequest, tiny: Path, model_service: Service) -> Reranker:
    match request.param:
        case "torch":
            return CrossEncoderReranker(str(tiny), batch_size=2)
        case "onnx":
            graph = exported_graph(str(tiny), file="auto")
            assert graph is not None
            return OnnxCrossEncoder(str(tiny), graph, threads=2)
        case "gemini":
            gemini = GeminiGenerator("m", environment=model_service.gemini_environment(), timeout_s=20)
            return ListwiseReranker(gemini, prompt_tokens=4000)
        case _:
            name = f"openai:m@{model_service.openai_url}"
            openai = OpenAICompatibleGenerator(name, environment={}, timeout_s=20)
            return ListwiseReranker(openai, prompt_tokens=4000)


@given(passages=st.lists(PASSAGE, max_size=6, unique=True), question=QUESTION, shuffled=st.randoms())
@settings(max_examples=12, deadline=None)
def test_a_score_goes_with_its_passage_wherever_that_stands(
    reranker: Reranker, passages: list[str], question: str, shuffled: object
) -> None:
    scores = reranker.score(question, passages)
    assert len(scores) == len(passages)
    assert all(type(score) is float and math.isfinite(score) for score in scores)
    numbers = [*range(len(passages))]
    shuffled.shuffle(numbers)  # type: ignore[attr-defined]
    again = reranker.score(question, [passages[number] for number in numbers])
    assert list(again) == pytest.approx([scores[number] for number in numbers], abs=1e-4)


@given(passages=st.lists(PASSAGE, min_size=1, max_size=4), question=QUESTION)
@settings(max_examples=6, deadline=None)
def test_scores_compare_across_calls_unless_all_passages_must_be_seen_together(
    reranker: Reranker, passages: list[str], question: str
) -> None:
    together = list(reranker.score(question, passages))
    if reranker.batch is not None:
        assert together == pytest.approx([reranker.score(question, [each])[0] for each in passages], abs=1e-4)
    else:
        assert all(0 <= score <= 1 for score in together)


def test_the_question_matters(reranker: Reranker) -> None:
    passages = ["snow falls on the roof", "rain on monday", "the sensor log"]
    assert list(reranker.score("rain on monday", passages)) != list(reranker.score("the roof", passages))


def test_it_has_a_name_and_takes_at_least_one_passage(reranker: Reranker) -> None:
    assert reranker.name
    assert reranker.batch is None or reranker.batch >= 1


def test_only_a_score_that_its_makers_turn_into_a_probability_is_one(tiny: Path, tmp_path: Path) -> None:
    assert CrossEncoderReranker(str(tiny)).is_logit
    graph = exported_graph(str(tiny), file="auto")
    assert graph is not None and OnnxCrossEncoder("tiny", graph).is_logit
    raw = Path(shutil.copytree(tiny, tmp_path / "raw"))
    config = json.loads((raw / "config.json").read_text("utf-8"))
    config["sentence_transformers"] = {"activation_fn": "torch.nn.modules.linear.Identity"}
    (raw / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert not CrossEncoderReranker(str(raw)).is_logit
    graph = exported_graph(str(raw), file="auto")
    assert graph is not None and not OnnxCrossEncoder("raw", graph).is_logit
    assert not ListwiseReranker.is_logit
