"""Static models: vectors as sentence-transformers makes them, read from the model's files without its weight."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from ragqa import wiring
from ragqa.config import EmbeddingConfig
from ragqa.errors import ConfigError
from ragqa.models import static
from ragqa.models.prompts import Prompts
from ragqa.models.sentence_transformer import SentenceTransformerEmbedder
from ragqa.models.static import StaticEmbedder
from tests.services.tiny_models import VOCABULARY, save_embedder, save_model2vec, save_static

TEXTS = ["rain falls on monday", "雨 下 了", "snow nobody knows", "rain " * 100]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_static(tmp_path_factory.mktemp("static"), prompts={"query": "query : ", "document": "passage : "})


@pytest.mark.parametrize("kind", ["query", "passage"])
def test_vectors_are_those_of_sentence_transformers(folder: Path, kind: Literal["query", "passage"]) -> None:
    embedder = StaticEmbedder(str(folder), folder)
    oracle = SentenceTransformerEmbedder(str(folder))
    assert embedder.prompts == oracle.prompts == Prompts("query : ", "passage : ")
    assert np.allclose(embedder.embed(TEXTS, kind=kind), oracle.embed(TEXTS, kind=kind), atol=1e-6)


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16", "float64", "int8"])
@pytest.mark.parametrize("quantized", [False, True])
def test_vectors_of_model2vec_are_those_of_sentence_transformers_for_the_words_it_knows(
    tmp_path: Path, kind: str, quantized: bool
) -> None:
    """Model2Vec leaves unknown tokens out of the mean, which the other library does not."""
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    folder = save_model2vec(tmp_path, kind="float32" if kind == "int8" else kind, quantized=quantized)
    oracle = StaticEmbedding.load(str(folder)).float()
    if kind == "int8":  # which the library does not average: the same numbers as floats are what they mean
        from safetensors.torch import load_file, save_file

        tensors = load_file(folder / "model.safetensors")
        tensors["embeddings"] = tensors["embeddings"].round().clamp(-127, 127)
        save_file(tensors, folder / "model.safetensors")
        oracle = StaticEmbedding.load(str(folder)).float()
        save_file({**tensors, "embeddings": tensors["embeddings"].char()}, folder / "model.safetensors")
    known = [" ".join(word for word in text.split() if word in VOCABULARY) for text in TEXTS]
    assert known != TEXTS
    wanted = oracle(oracle.preprocess(known))["sentence_embedding"].detach().numpy()
    wanted = wanted / np.linalg.norm(wanted, axis=1, keepdims=True)
    got = StaticEmbedder(str(folder), folder).embed(TEXTS, kind="passage")
    # Where the rows are short floats, the library rounds each once more when it weighs them.
    assert np.allclose(got, wanted, atol=1e-2 if quantized and "16" in kind else 1e-6)


def test_unknown_tokens_count_where_sentence_transformers_reads_the_model(tmp_path: Path) -> None:
    """A folder for both libraries is read as this one reads it, and has another fingerprint."""
    bare = save_model2vec(tmp_path / "bare")
    both = Path(shutil.copytree(bare, tmp_path / "both"))
    modules = [{"idx": 0, "name": "0", "path": ".", "type": "sentence_transformers.models.StaticEmbedding"}]
    (both / "modules.json").write_text(json.dumps(modules))
    alone, wide = StaticEmbedder("bare", bare), StaticEmbedder("both", both)
    texts = ["snow nobody knows", "snow", "nobody knows"]
    wanted = SentenceTransformerEmbedder(str(both)).embed(texts, kind="passage")
    assert np.allclose(wide.embed(texts, kind="passage"), wanted, atol=1e-6)
    with_unknown, without, nothing = alone.embed(texts, kind="passage")
    assert np.array_equal(with_unknown, without)
    assert np.linalg.norm(nothing) == pytest.approx(1)
    assert alone.unknown_share("snow nobody knows") == wide.unknown_share("snow nobody knows") == pytest.approx(2 / 3)
    assert alone.fingerprint != wide.fingerprint


def test_a_text_without_tokens_has_a_vector(folder: Path) -> None:
    embedder = StaticEmbedder(str(folder), folder, query_prompt="none")
    for text in ("", " "):
        assert np.linalg.norm(embedder.embed([text], kind="query")) == pytest.approx(1)
    assert embedder.unknown_share("") == 0.0
    assert embedder.unknown_share("the rain 租客") == 0.5
    assert embedder.unknown_share("rain \udc80") == 0.5


def test_what_the_tokenizer_cuts_is_the_limit(folder: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    moved = shutil.copytree(folder, tmp_path / "moved")
    [file] = moved.rglob("tokenizer.json")
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.enable_truncation(10)
    tokenizer.save(str(file))
    embedder = StaticEmbedder(str(moved), moved)
    assert embedder.max_tokens == 10 - 2
    assert embedder.count_tokens("rain " * 50) == 50
    inside, other, beyond = embedder.embed(["rain " * 8, "rain " * 7 + "snow", "rain " * 8 + "snow"], kind="passage")
    assert not np.allclose(inside, other, atol=1e-3)
    assert np.array_equal(inside, beyond)


def test_a_cut_vector_is_the_unit_prefix_of_the_whole_one(folder: Path) -> None:
    whole, cut = StaticEmbedder(str(folder), folder), StaticEmbedder(str(folder), folder, dimensions=5)
    wanted = whole.embed(TEXTS, kind="query")[:, :5]
    wanted = wanted / np.linalg.norm(wanted, axis=1, keepdims=True)
    assert np.allclose(cut.embed(TEXTS, kind="query"), wanted, atol=1e-6)
    assert cut.fingerprint != whole.fingerprint == StaticEmbedder(str(folder), folder, dimensions=16).fingerprint
    with pytest.raises(ConfigError, match="16 dimensions"):
        StaticEmbedder(str(folder), folder, dimensions=17)


def test_the_fingerprint_follows_the_model_not_the_place(folder: Path, tmp_path: Path) -> None:
    own = StaticEmbedder(str(folder), folder).fingerprint
    moved = shutil.copytree(folder, tmp_path / "moved")
    assert StaticEmbedder("moved", moved).fingerprint == own
    assert StaticEmbedder("moved", moved, query_prompt="none").fingerprint != own
    retrained = save_static(tmp_path / "other", prompts={"query": "query : ", "document": "passage : "}, seed=1)
    assert StaticEmbedder("moved", retrained).fingerprint != own


def test_nothing_heavy_is_loaded(folder: Path) -> None:
    code = (
        "import sys\n"
        "from ragqa import wiring\n"
        "from ragqa.config import EmbeddingConfig\n"
        f"made = wiring.embedder(EmbeddingConfig(model={str(folder)!r}), notice=print)\n"
        "made.embed(['rain'], kind='query')\n"
        "print({'torch', 'transformers', 'sentence_transformers', 'huggingface_hub'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_only_static_models_are_taken_for_static(folder: Path, tmp_path: Path) -> None:
    assert static.find(str(folder)) == folder
    assert static.find(str(save_model2vec(tmp_path / "model2vec"))) == tmp_path / "model2vec"
    assert static.find(str(save_embedder(tmp_path))) is None
    assert static.find(str(tmp_path / "nothing")) is None
    followed = shutil.copytree(folder, tmp_path / "followed")
    modules = json.loads((followed / "modules.json").read_text())
    modules[1]["type"] = "sentence_transformers.models.Dense"
    (followed / "modules.json").write_text(json.dumps(modules))
    assert static.find(str(followed)) is None


def test_a_fetched_model_is_found_by_its_name(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Laid out as the hub's library does; the first use of a static model goes through sentence-transformers."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("ragqa.models.sentence_transformer.SentenceTransformerEmbedder", lambda *_, **__: fetch())

    def fetch() -> None:
        kept = tmp_path / "models--some--static"
        shutil.copytree(folder, kept / "snapshots" / "0123abcd")
        (kept / "refs").mkdir()
        (kept / "refs" / "main").write_text("0123abcd")

    assert static.find("some/static") is None
    first = wiring.embedder(EmbeddingConfig(model="some/static"), notice=print)
    again = wiring.embedder(EmbeddingConfig(model="some/static"), notice=print)
    assert isinstance(first, StaticEmbedder) and isinstance(again, StaticEmbedder)
    assert first.fingerprint == again.fingerprint == StaticEmbedder(str(folder), folder).fingerprint


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize(
    "content",
    [b"", b"\x02\0\0\0\0\0\0\0[]", b"\xff" * 64, b'\x60\0\0\0\0\0\0\0{"embeddings": 3}', b"{}", b"cut short"],
)
def test_a_damaged_model_is_named(tmp_path: Path, file: str, content: bytes) -> None:
    folder = save_model2vec(tmp_path / "here")
    whole = (folder / file).read_bytes()
    (folder / file).write_bytes(whole[: len(whole) // 2] if content == b"cut short" else content)
    with pytest.raises(ConfigError, match=r"the static model .*here cannot be used"):
        StaticEmbedder(str(folder), folder)


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    folder = save_model2vec(tmp_path)
    save_file({"embeddings": np.ones((3, 4), np.float32)}, folder / "model.safetensors")
    with pytest.raises(ConfigError, match="more tokens"):
        StaticEmbedder(str(folder), folder)


@pytest.mark.parametrize("row", [6, -1])
def test_tokens_without_a_row_are_refused_before_the_first_text(tmp_path: Path, row: int) -> None:
    from safetensors.numpy import load_file, save_file

    folder = save_model2vec(tmp_path, quantized=True)
    tensors = dict(load_file(folder / "model.safetensors"))
    tensors["mapping"] = tensors["mapping"].copy()
    tensors["mapping"][-1] = row
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ConfigError, match="rows that it does not have"):
        StaticEmbedder(str(folder), folder)
