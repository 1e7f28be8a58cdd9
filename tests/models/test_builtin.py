"""The built-in embedder: the numbers of the original model, one vector for one text, and no torch."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragqa.errors import StorageError
from ragqa.models import builtin as room
from ragqa.models import onnx_export
from ragqa.models.builtin import BuiltinEmbedder

TEXTS = [
    "The tenant may terminate this agreement with three months' notice.",
    "rainfall",
    "Sensors are calibrated every spring; the log book is kept for ten years. " * 12,
    "租客可於三個月前通知終止合約。",
    "",
    "word " * 600,
]


@pytest.fixture(scope="session")
def original() -> dict[str, list[float]]:
    """The vectors that sentence-transformers computes from the same weights, in a process of its own."""
    found = importlib.util.find_spec(room.PACKAGE)
    assert found is not None and found.submodule_search_locations
    code = (
        "import json, sys; from sentence_transformers import SentenceTransformer as S; t = json.load(sys.stdin); "
        "print(json.dumps(S(sys.argv[1], device='cpu').encode(t, normalize_embeddings=True).tolist()))"
    )
    folder = str(Path(found.submodule_search_locations[0]) / "model")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, folder],
        input=json.dumps(TEXTS),
        capture_output=True,
        check=True,
        env=environment,
        text=True,
    )
    return dict(zip(TEXTS, json.loads(done.stdout.splitlines()[-1]), strict=True))


def test_full_precision_equals_sentence_transformers(original: dict[str, list[float]], tmp_path: Path) -> None:
    exact = BuiltinEmbedder(tmp_path, precision="float32", threads=1).embed(TEXTS, kind="passage")
    assert np.abs(exact - np.array([original[text] for text in TEXTS])).max() < 2e-6


def test_eight_bits_stay_close_to_sentence_transformers(original: dict[str, list[float]], tmp_path: Path) -> None:
    """Prepared here: the cache that the run shares may hold what another version of the code made."""
    cosines = (
        BuiltinEmbedder(tmp_path).embed(TEXTS, kind="passage") * np.array([original[text] for text in TEXTS])
    ).sum(1)
    assert cosines.mean() > 0.985
    assert cosines.min() > 0.97


@given(texts=st.lists(st.text(max_size=200) | st.sampled_from(TEXTS), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_vector_depends_on_its_text_alone(builtin: BuiltinEmbedder, texts: list[str]) -> None:
    together = builtin.embed(texts, kind="passage")
    for row, text in zip(together, texts, strict=True):
        assert np.array_equal(row, builtin.embed([text], kind="query")[0])


def test_text_is_read_to_max_tokens_and_no_further(builtin: BuiltinEmbedder) -> None:
    full = "rain " * builtin.max_tokens
    assert builtin.count_tokens(full) == builtin.max_tokens
    shorter, cut = builtin.embed(["rain " * (builtin.max_tokens - 1), full + "sunshine " * 50], kind="passage")
    whole = builtin.embed([full], kind="passage")[0]
    assert np.array_equal(whole, cut)
    assert not np.array_equal(whole, shorter)


def test_unknown_characters_are_counted_one_by_one(builtin: BuiltinEmbedder) -> None:
    assert builtin.unknown_share("the rain falls") == 0.0
    assert builtin.unknown_share("") == 0.0
    assert builtin.count_tokens("颱風鑽") == 3
    assert builtin.unknown_share("颱颱 rain rain") == 0.5


def test_a_lone_surrogate_is_not_an_error(builtin: BuiltinEmbedder) -> None:
    assert builtin.embed(["caf\udce9"], kind="query").shape == (1, 384)


def test_neither_embedding_nor_preparing_imports_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ragqa.models.builtin import BuiltinEmbedder as B; "
        f"B(Path({str(tmp_path)!r})).embed(['rain', 'snow'], kind='passage'); "
        "print([m for m in ('torch', 'transformers', 'sentence_transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"
    assert done.stderr == ""


def test_the_first_use_is_announced_once(tmp_path: Path) -> None:
    said: list[str] = []
    for _ in range(2):
        embedder = BuiltinEmbedder(tmp_path, on_export=lambda: said.append("preparing"))
        embedder.embed(["rain"], kind="query")
        embedder.embed(["snow"], kind="query")
        assert embedder.is_prepared
    assert said == ["preparing"]


def test_first_uses_side_by_side_leave_one_model(tmp_path: Path) -> None:
    def first_use(_: int) -> Sequence[float]:
        row: list[float] = BuiltinEmbedder(tmp_path, threads=1).embed(["rain"], kind="query")[0].tolist()
        return row

    with ThreadPoolExecutor(3) as pool:
        vectors = list(pool.map(first_use, range(3)))
    assert vectors[0] == vectors[1] == vectors[2]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_model_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is on the disk before the folder has its name, so that no crash leaves half a model under it."""
    seen: list[bool] = []
    real = onnx_export._sync

    def watch(path: Path) -> None:
        seen.append(BuiltinEmbedder(tmp_path).is_prepared)
        real(path)

    monkeypatch.setattr(onnx_export, "_sync", watch)
    BuiltinEmbedder(tmp_path).embed(["rain"], kind="query")
    assert seen == [False, False, False, True]


def test_an_interrupted_preparation_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(onnx_export, "_sync", full)
    with pytest.raises(StorageError, match="No space left"):
        BuiltinEmbedder(tmp_path).embed(["rain"], kind="query")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    assert BuiltinEmbedder(tmp_path).embed(["rain"], kind="query").shape == (1, 384)


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(StorageError, match=r"model\.safetensors is not the file it should be"):
        BuiltinEmbedder(tmp_path).embed(["rain"], kind="query")


def test_a_damaged_model_names_the_folder_to_delete(tmp_path: Path) -> None:
    embedder = BuiltinEmbedder(tmp_path)
    embedder.embed(["rain"], kind="query")
    graph = next(tmp_path.rglob("model.onnx"))
    graph.write_bytes(graph.read_bytes()[:1000])
    with pytest.raises(StorageError) as caught:
        BuiltinEmbedder(tmp_path).embed(["rain"], kind="query")
    assert str(graph.parent) in caught.value.remedy


def test_the_runtime_keeps_no_identifier_of_this_machine_in_the_home_folder(
    builtin: BuiltinEmbedder, tmp_path: Path
) -> None:
    builtin.embed(["prepared"], kind="query")
    program = (
        "import sys; from pathlib import Path; from ragqa.models.builtin import BuiltinEmbedder as B; "
        "B(Path(sys.argv[1])).embed(['a'], kind='query')"
    )
    # No more than this: the runtime keeps quiet by itself where a variable says that this is a build server.
    bare = {"HOME": str(tmp_path), "PATH": os.defpath}
    subprocess.run([sys.executable, "-c", program, os.environ["RAGQA_CACHE_DIR"]], check=True, env=bare)
    assert list(tmp_path.rglob("*")) == []
