"""The services' embedders: what they ask for, in what batches, and what they do with replies that are not vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ragqa.errors import ConfigError, MissingKey, ServiceError
from ragqa.models.gemini import GeminiEmbedder
from ragqa.models.openai_embedding import OpenAICompatibleEmbedder
from ragqa.models.retrying import Retries
from ragqa.ports import Embedder
from tests.services import server
from tests.services.server import KEY, Service

QUICK = Retries(tries=4, budget_s=5.0, first_pause_s=0.01)


def gemini(service: Service, model: str = "scripted", **settings: Any) -> GeminiEmbedder:
    chosen: dict[str, Any] = {"batch_size": 3, "timeout_s": 10, "retries": QUICK, **settings}
    return GeminiEmbedder(model, environment=service.gemini_environment(), **chosen)


def openai(service: Service, **settings: Any) -> OpenAICompatibleEmbedder:
    chosen: dict[str, Any] = {"batch_size": 3, "timeout_s": 10, "retries": QUICK, **settings}
    return OpenAICompatibleEmbedder(f"openai:m@{service.openai_url}", environment={"OPENAI_API_KEY": KEY}, **chosen)


@pytest.fixture(params=[gemini, openai])
def embedder(request: pytest.FixtureRequest, service: Service) -> Embedder:
    made: Embedder = request.param(service)
    assert made.dimensions == server.DIMENSIONS  # asked for here, so that the tests count their own requests
    service.requests.clear()
    return made


@pytest.mark.parametrize(("kind", "task"), [("query", "RETRIEVAL_QUERY"), ("passage", "RETRIEVAL_DOCUMENT")])
def test_gemini_is_told_what_the_text_is_for(service: Service, kind: Any, task: str) -> None:
    gemini(service).embed(["rain", "snow"], kind=kind)
    asked = service.requests[0].body["requests"]
    assert [item["taskType"] for item in asked] == [task, task]
    assert [item["content"]["parts"] for item in asked] == [[{"text": "rain"}], [{"text": "snow"}]]


@pytest.mark.parametrize(
    ("kind", "words"), [("query", "task: search result | query: "), ("passage", "title: none | text: ")]
)
def test_geminis_second_model_is_told_in_words(service: Service, kind: Any, words: str) -> None:
    service.script(*[server.Reply((b'{"embeddings": [{"values": %s}]}' % str([1.0] * 3072).encode(),))] * 2)
    gemini(service, "gemini-embedding-2").embed(["rain"], kind=kind)
    [asked] = service.requests[0].body["requests"]
    assert asked["content"]["parts"] == [{"text": words + "rain"}]
    assert "taskType" not in asked


def test_texts_travel_in_batches_and_come_back_in_order(embedder: Embedder, service: Service) -> None:
    texts = [f"text {number}" for number in range(8)]
    rows = embedder.embed(texts, kind="passage")
    assert len(service.requests) == 3
    assert np.array_equal(rows, np.vstack([embedder.embed([text], kind="passage") for text in texts]))


def test_nothing_is_asked_for_no_texts(embedder: Embedder, service: Service) -> None:
    embedder.embed([], kind="passage")
    assert service.requests == []


def test_a_passing_failure_is_tried_again(embedder: Embedder, service: Service) -> None:
    service.script(server.html(503), server.gemini_error(429, retry_delay="0.01s"))
    assert embedder.embed(["rain"], kind="query").shape == (1, 8)
    assert len(service.requests) == 3


def test_a_lasting_refusal_is_said(embedder: Embedder, service: Service) -> None:
    service.script(server.openai_error(403, f"{KEY} may not"))
    with pytest.raises(ServiceError, match=r"403: .*\[key\] may not") as caught:
        embedder.embed(["rain"], kind="query")
    assert "check the key" in caught.value.remedy


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"nonsense",
        b'{"embeddings": [], "data": []}',
        b'{"embeddings": [{"values": [1, 2]}], "data": [{"index": 0, "embedding": [1, 2]}]}',
        b'{"embeddings": [{"values": %s}], "data": [{"index": 0, "embedding": %s}]}'
        % ((b"[0, 0, 0, 0, 0, 0, 0, 0]",) * 2),
        b'{"embeddings": [{"values": null}], "data": [{"index": 0, "embedding": null}]}',
        b'{"embeddings": [{"values": ["a"]}], "data": [{"index": 0, "embedding": ["a", 2, 3, 4, 5, 6, 7, 8]}]}',
        b'{"embeddings": [{"values": [1, NaN, 1, 1, 1, 1, 1, 1]}], "data": [{"index": 7, "embedding": [1]}]}',
    ],
)
def test_a_reply_without_usable_vectors_is_an_error(embedder: Embedder, service: Service, body: bytes) -> None:
    service.script(server.raw(body))
    with pytest.raises(ServiceError):
        embedder.embed(["rain"], kind="query")


def test_a_reply_that_trickles_in_ends_in_time(service: Service) -> None:
    service.script(
        server.drip(server.raw(b" " * 1000), pause_s=0.05), server.drip(server.raw(b" " * 1000), pause_s=0.05)
    )
    for embedder in (gemini(service, timeout_s=0.5), openai(service, timeout_s=0.5)):
        with pytest.raises(ServiceError, match=r"within 0\.5 seconds"):
            embedder.embed(["rain"], kind="query")


@pytest.mark.parametrize("make", [gemini, openai])
def test_fewer_dimensions_are_asked_for_and_come_out_at_unit_length(make: Any, service: Service) -> None:
    """Also where the service sends all of them, as those do that never heard of it: the prefix is what is meant."""
    whole = np.array(server.vector("rain"))[:3]
    embedder = make(service, dimensions=3)
    assert np.allclose(embedder.embed(["rain"], kind="passage"), [whole / np.linalg.norm(whole)], atol=1e-6)
    asked = [request.body for request in service.requests]
    assert all(body.get("dimensions", body.get("requests", [{}])[0].get("outputDimensionality")) == 3 for body in asked)
    assert embedder.dimensions == 3
    assert embedder.fingerprint != make(service).fingerprint


@pytest.mark.parametrize("make", [gemini, openai])
def test_more_dimensions_than_a_service_has_are_refused(make: Any, service: Service) -> None:
    with pytest.raises(ConfigError, match=r"8 dimensions.* asks for 9") as caught:
        make(service, dimensions=9).embed(["rain"], kind="query")
    assert "8 or less" in caught.value.remedy


def test_more_dimensions_than_a_known_model_has_are_refused_unasked(service: Service) -> None:
    with pytest.raises(ConfigError, match="3072 dimensions"):
        gemini(service, "gemini-embedding-001", dimensions=4096)
    with pytest.raises(ConfigError, match="1536 dimensions"):
        OpenAICompatibleEmbedder(
            "openai:text-embedding-3-small",
            environment={"OPENAI_API_KEY": KEY},
            batch_size=3,
            timeout_s=1,
            dimensions=2000,
        )
    assert service.requests == []


def test_all_dimensions_are_the_same_model_as_no_wish(service: Service) -> None:
    all_of_them, no_wish = (gemini(service, "gemini-embedding-001", dimensions=number) for number in (3072, 0))
    assert all_of_them.fingerprint == no_wish.fingerprint


def test_prompts_of_the_settings_go_before_the_text(service: Service) -> None:
    embedder = openai(service, query_prompt="query: ")
    embedder.embed(["rain"], kind="query")
    embedder.embed(["rain"], kind="passage")
    asked = [request.body["input"] for request in service.requests]
    assert [texts for texts in asked if texts != ["dimensions"]] == [["query: rain"], ["rain"]]
    assert embedder.fingerprint != openai(service).fingerprint
    assert embedder.max_tokens < openai(service).max_tokens


def test_keys_are_asked_for_at_once() -> None:
    with pytest.raises(MissingKey):
        GeminiEmbedder("m", environment={}, batch_size=3, timeout_s=1)
    with pytest.raises(MissingKey):
        OpenAICompatibleEmbedder("openai:m", environment={}, batch_size=3, timeout_s=1)
