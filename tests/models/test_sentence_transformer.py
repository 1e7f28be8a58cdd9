"""Models by name or folder: their own prompts and limits, a fingerprint of what they compute, no stall offline."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragqa.errors import ConfigError
from ragqa.models.sentence_transformer import SentenceTransformerEmbedder
from tests.services.tiny_models import MAX_TOKENS, save_embedder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_embedder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def embedder(folder: Path) -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder(str(folder), batch_size=4)


def test_vectors_are_those_of_the_bare_transformer(embedder: SentenceTransformerEmbedder, folder: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    texts = {"query": "rain on monday", "passage": "snow falls on the roof"}
    body, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    for kind, prompt in (("query", "query : "), ("passage", "passage : ")):
        with torch.no_grad():
            states = body(**tokenizer(prompt + texts[kind], return_tensors="pt")).last_hidden_state[0].mean(dim=0)
        wanted = (states / states.norm()).numpy()
        got = embedder.embed([texts[kind]], kind=kind)[0]  # type: ignore[arg-type]
        assert np.allclose(got, wanted, atol=1e-5)


def test_the_limit_leaves_room_for_specials_and_prompt(embedder: SentenceTransformerEmbedder) -> None:
    assert embedder.max_tokens == MAX_TOKENS - 2 - len(["passage", ":"])
    full = ["rain"] * embedder.max_tokens
    other_end = [*full[:-1], "snow"]
    first, second, cut = embedder.embed(
        [" ".join(words) for words in (full, other_end, [*full, "wind"])], kind="passage"
    )
    assert not np.allclose(first, second, atol=1e-3)
    assert np.allclose(first, cut, atol=1e-5)


def test_tokens_and_unknown_ones_are_the_tokenizers(embedder: SentenceTransformerEmbedder) -> None:
    assert embedder.count_tokens("the rain 雨") == 3
    assert embedder.unknown_share("the rain 租客") == 0.5
    assert embedder.unknown_share("") == 0.0
    assert embedder.count_tokens("rain " * 500) == 500


def test_the_fingerprint_follows_the_model_not_the_place(
    embedder: SentenceTransformerEmbedder, folder: Path, tmp_path: Path
) -> None:
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    assert SentenceTransformerEmbedder(str(moved)).fingerprint == embedder.fingerprint
    retrained = save_embedder(tmp_path / "other", seed=1)
    assert SentenceTransformerEmbedder(str(retrained)).fingerprint != embedder.fingerprint


def test_other_prompts_are_another_model(embedder: SentenceTransformerEmbedder, folder: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    settings = moved / "config_sentence_transformers.json"
    settings.write_text(settings.read_text().replace("passage : ", "sensor : "))
    assert SentenceTransformerEmbedder(str(moved)).fingerprint != embedder.fingerprint


def test_another_pooling_of_the_same_weights_is_another_model(
    embedder: SentenceTransformerEmbedder, tmp_path: Path
) -> None:
    other = SentenceTransformerEmbedder(str(save_embedder(tmp_path, pooling="cls")))
    assert other.fingerprint != embedder.fingerprint


@pytest.mark.parametrize("kind", ["query", "passage"])
@pytest.mark.parametrize("dimensions", [1, 12, 32])
def test_a_cut_vector_is_the_unit_prefix_of_the_whole_one(
    embedder: SentenceTransformerEmbedder, folder: Path, kind: Any, dimensions: int
) -> None:
    cut = SentenceTransformerEmbedder(str(folder), dimensions=dimensions)
    assert cut.dimensions == dimensions
    texts = ["rain on monday", "snow falls on the roof"]
    wanted = embedder.embed(texts, kind=kind)[:, :dimensions]
    wanted = wanted / np.linalg.norm(wanted, axis=1, keepdims=True)
    assert np.allclose(cut.embed(texts, kind=kind), wanted, atol=1e-6)
    assert (cut.fingerprint == embedder.fingerprint) == (dimensions == 32)


def test_more_dimensions_than_the_model_has_are_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="32 dimensions") as caught:
        SentenceTransformerEmbedder(str(folder), dimensions=33)
    assert "embedding.dimensions" in caught.value.remedy


@pytest.mark.parametrize(("normalize", "similarity", "said"), [(False, "dot", 1), (True, "dot", 0), (False, None, 0)])
def test_a_model_that_cosines_do_not_suit_is_announced(
    tmp_path: Path, normalize: bool, similarity: str | None, said: int
) -> None:
    notices: list[str] = []
    saved = save_embedder(tmp_path, normalize=normalize, similarity=similarity)
    SentenceTransformerEmbedder(str(saved), notice=notices.append)
    assert len(notices) == said and all("dot" in notice for notice in notices)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no model in"):
        SentenceTransformerEmbedder(str(tmp_path / "nothing"))


def test_a_folder_that_holds_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="cannot be used"):
        SentenceTransformerEmbedder(str(tmp_path))


def test_an_unknown_name_without_network_fails_at_once_and_says_what_to_do() -> None:
    started = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        SentenceTransformerEmbedder("nobody/no-such-model")
    assert time.monotonic() - started < 5
    assert "HF_HUB_OFFLINE" in caught.value.message
    assert "embedding.model" in caught.value.remedy


def test_a_local_model_asks_nobody_and_says_nothing(folder: Path) -> None:
    """Also where the user forbade nothing: any look-up of a host ends this process."""
    code = (
        "import socket, sys\n"
        "def refuse(*parts, **named): sys.exit(f'looked for {parts}')\n"
        "socket.getaddrinfo = socket.socket.connect = refuse\n"
        "from ragqa.models.sentence_transformer import SentenceTransformerEmbedder as E\n"
        f"print(E({str(folder)!r}).embed(['rain'], kind='query').shape)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert (done.stdout, done.stderr) == ("(1, 32)\n", "")


def test_code_that_a_model_brings_is_never_run(folder: Path, tmp_path: Path) -> None:
    hostile = shutil.copytree(folder, tmp_path / "hostile")
    (hostile / "modules.json").write_text('[{"idx": 0, "name": "0", "path": "", "type": "evil.Module"}]')
    (hostile / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Module: pass\n")
    with pytest.raises(ConfigError):
        SentenceTransformerEmbedder(str(hostile))
    assert not (tmp_path / "ran").exists()
