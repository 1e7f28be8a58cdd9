"""What every Reranker promises: one score for each passage, in their order, that the passage and question decide."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragqa.models.cross_encoder import CrossEncoderReranker
from ragqa.ports import Reranker
from tests.services.tiny_models import WORDS, save_cross_encoder

PASSAGES = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=20).map(" ".join), max_size=4)


@pytest.fixture(scope="module")
def reranker(tmp_path_factory: pytest.TempPathFactory) -> Reranker:
    return CrossEncoderReranker(str(save_cross_encoder(tmp_path_factory.mktemp("tiny"))), batch_size=2)


@given(passages=PASSAGES, question=st.sampled_from(["rain on monday", "雨", "the roof"]))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_score_belongs_to_its_passage(reranker: Reranker, passages: list[str], question: str) -> None:
    together = reranker.score(question, passages)
    assert len(together) == len(passages)
    alone = [reranker.score(question, [passage])[0] for passage in passages]
    assert list(together) == pytest.approx(alone, abs=1e-5)


def test_another_question_gives_other_scores(reranker: Reranker) -> None:
    assert reranker.score("rain", ["snow falls"]) != reranker.score("the roof", ["snow falls"])
