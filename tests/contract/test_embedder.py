"""What every Embedder promises: unit vectors, one for each text in order, of its own and of nothing else."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from ragqa.models.builtin import BuiltinEmbedder
from ragqa.models.gemini import GeminiEmbedder
from ragqa.models.openai_embedding import OpenAICompatibleEmbedder
from ragqa.models.sentence_transformer import SentenceTransformerEmbedder
from ragqa.models.static import StaticEmbedder
from ragqa.ports import Embedder
from tests.fakes import HashingEmbedder
from tests.services.server import Service, vector
from tests.services.tiny_models import save_embedder, save_static

TEXTS = ["rain falls", "snow on the roof", "monday", "rain falls on the roof " * 3, "雨 下 了", "rain falls"]
KINDS: tuple[Literal["passage", "query"], ...] = ("passage", "query")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_embedder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def tiny_static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_static(tmp_path_factory.mktemp("static"))


@pytest.fixture(params=["builtin", "sentence-transformers", "static", "gemini", "openai", "fake"])
def make(request: pytest.FixtureRequest, service: Service, tiny: Path, tiny_static: Path) -> Callable[[], Embedder]:
    match request.param:
        case "builtin":
            return lambda: BuiltinEmbedder(Path(os.environ["RAGQA_CACHE_DIR"]), threads=2)
        case "sentence-transformers":
            return lambda: SentenceTransformerEmbedder(str(tiny), batch_size=3)
        case "static":
            return lambda: StaticEmbedder(str(tiny_static), tiny_static)
        case "gemini":
            environment = service.gemini_environment()
            return lambda: GeminiEmbedder("scripted", environment=environment, batch_size=4, timeout_s=20)
        case "openai":
            name = f"openai:scripted@{service.openai_url}"
            return lambda: OpenAICompatibleEmbedder(name, environment={}, batch_size=4, timeout_s=20)
        case _:
            return HashingEmbedder


@pytest.fixture
def embedder(make: Callable[[], Embedder]) -> Embedder:
    return make()


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_float32_and_unit_length(embedder: Embedder, kind: Literal["passage", "query"]) -> None:
    rows = embedder.embed(TEXTS, kind=kind)
    assert rows.dtype == np.float32
    assert rows.shape == (len(TEXTS), embedder.dimensions)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_no_texts_give_no_rows(embedder: Embedder, kind: Literal["passage", "query"]) -> None:
    rows = embedder.embed([], kind=kind)
    assert (rows.shape, rows.dtype) == ((0, embedder.dimensions), np.dtype(np.float32))


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_has_one_vector_whatever_stands_beside_it(embedder: Embedder, kind: Literal["passage", "query"]) -> None:
    alone = np.stack([embedder.embed([text], kind=kind)[0] for text in TEXTS])
    together = embedder.embed(TEXTS, kind=kind)
    backwards = embedder.embed(TEXTS[::-1], kind=kind)[::-1]
    # Libraries that pad a batch round differently in the seventh place; everything else is equal to the bit.
    tolerance = 2e-6 if isinstance(embedder, SentenceTransformerEmbedder) else 0.0
    assert np.abs(together - alone).max() <= tolerance
    assert np.abs(backwards - alone).max() <= tolerance
    assert np.abs(alone[0] - alone[1]).max() > 1e-3


def test_a_text_of_the_longest_size_is_read_to_its_end(embedder: Embedder) -> None:
    most = bisect_right(range(20_000), embedder.max_tokens, key=lambda n: embedder.count_tokens("rain " * n)) - 1
    first, second = embedder.embed(["rain " * (most - 1) + last for last in ("rain", "snow")], kind="passage")
    assert not np.array_equal(first, second)


def test_tokens_grow_with_the_text(embedder: Embedder) -> None:
    counts = [embedder.count_tokens("rain falls 雨 " * times) for times in range(5)]
    assert counts[0] == 0
    assert counts == sorted(set(counts))


def test_unknown_tokens_are_a_share(embedder: Embedder) -> None:
    assert embedder.unknown_share("") == 0.0
    assert embedder.unknown_share("rain falls on the roof") == 0.0
    assert 0.0 <= embedder.unknown_share("颱風 rain 𠮷") <= 1.0


def test_a_fingerprint_outlives_the_process_that_wrote_it(make: Callable[[], Embedder]) -> None:
    assert make().fingerprint == make().fingerprint
    assert make().name == make().name


def test_no_two_models_share_a_fingerprint(tiny: Path, tiny_static: Path, service: Service) -> None:
    environment = service.gemini_environment()
    embedders: Sequence[Embedder] = [
        BuiltinEmbedder(Path(os.environ["RAGQA_CACHE_DIR"])),
        BuiltinEmbedder(Path(os.environ["RAGQA_CACHE_DIR"]), precision="float32"),
        SentenceTransformerEmbedder(str(tiny)),
        SentenceTransformerEmbedder(str(tiny), dimensions=16),
        StaticEmbedder(str(tiny_static), tiny_static),
        *(GeminiEmbedder(name, environment=environment, batch_size=4, timeout_s=20) for name in ("a", "b")),
        *(
            OpenAICompatibleEmbedder(f"openai:{name}@{url}", environment={}, batch_size=4, timeout_s=20)
            for name in ("a", "b")
            for url in (service.openai_url, "http://127.0.0.2/v1")
        ),
    ]
    assert len({embedder.fingerprint for embedder in embedders}) == len(embedders)


def test_a_services_vectors_are_the_ones_it_sent(service: Service) -> None:
    wanted = np.array([vector(text) for text in TEXTS])
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    gemini = GeminiEmbedder("scripted", environment=service.gemini_environment(), batch_size=4, timeout_s=20)
    openai = OpenAICompatibleEmbedder(
        f"openai:scripted@{service.openai_url}", environment={}, batch_size=4, timeout_s=20
    )
    for embedder in (gemini, openai):
        assert np.allclose(embedder.embed(TEXTS, kind="passage"), wanted, atol=1e-6)
