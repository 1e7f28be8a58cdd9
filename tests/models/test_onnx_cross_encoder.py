"""The ONNX cross-encoder: the scores that torch gives, from the graph that is right for the processor, and no torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ragqa.errors import ConfigError
from ragqa.models import onnx_cross_encoder
from ragqa.models.cross_encoder import CrossEncoderReranker
from ragqa.models.onnx_cross_encoder import ExportedGraph, OnnxCrossEncoder, exported_graph
from tests.services.exporting import export_cross_encoder
from tests.services.tiny_models import WORDS, save_cross_encoder

PASSAGES = [" ".join(WORDS[start % 7 :: step]) for start, step in ((0, 1), (1, 3), (2, 2), (3, 5))]
PASSAGES += ["rain falls on monday the sensor log " * 9, "", "颱風 unknown", "雨"]
LONG = "the roof of rain and snow " * 12


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_cross_encoder(tmp_path_factory.mktemp("exported"))
    export_cross_encoder(folder)
    return folder


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(exported, tmp_path / "model"))


def change(file: Path, **settings: object) -> None:
    held = json.loads(file.read_text("utf-8")) if file.exists() else {}
    file.write_text(json.dumps({**held, **settings}), encoding="utf-8")


def found(folder: Path, file: str = "auto") -> ExportedGraph:
    graph = exported_graph(str(folder), file=file)
    assert graph is not None
    return graph


def plain(folder: Path) -> None:
    pass


def told_apart(folder: Path) -> None:
    change(folder / "tokenizer_config.json", model_input_names=["input_ids", "token_type_ids", "attention_mask"])


def of_a_family(folder: Path) -> None:
    change(folder / "tokenizer_config.json", tokenizer_class="BertTokenizer")


def shorter(folder: Path) -> None:
    change(folder / "tokenizer_config.json", model_max_length=16)


def unlimited(folder: Path) -> None:
    change(folder / "tokenizer_config.json", model_max_length=int(1e30))


def already_cut_and_padded(folder: Path) -> None:
    """As the file is left by a program that saves what it was last set to."""
    truncation = {"direction": "Right", "max_length": 7, "strategy": "OnlySecond", "stride": 0}
    padding = {"strategy": {"Fixed": 31}, "direction": "Right", "pad_to_multiple_of": None}
    padding |= {"pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}
    change(folder / "tokenizer.json", truncation=truncation, padding=padding)


@pytest.mark.parametrize(
    "variant",
    [plain, told_apart, of_a_family, shorter, unlimited, already_cut_and_padded],
    ids=lambda made: made.__name__,
)
def test_scores_are_those_of_torch(folder: Path, variant: Callable[[Path], None]) -> None:
    variant(folder)
    torch = CrossEncoderReranker(str(folder))
    onnx = OnnxCrossEncoder(str(folder), found(folder), threads=2)
    for question in ("rain on monday", LONG, ""):
        wanted = torch.score(question, PASSAGES)
        assert onnx.score(question, PASSAGES) == pytest.approx(wanted, abs=1e-4)
    assert len({round(score, 3) for score in onnx.score("rain", PASSAGES)}) > 5


def test_a_score_is_the_same_to_the_bit_whatever_stands_beside_it(exported: Path) -> None:
    reranker = OnnxCrossEncoder("tiny", found(exported), threads=3)
    assert reranker.score("rain", PASSAGES) == [reranker.score("rain", [passage])[0] for passage in PASSAGES]
    assert reranker.score("rain", []) == []


def test_a_graph_without_segments_is_run_without(folder: Path) -> None:
    shutil.rmtree(folder / "onnx")
    export_cross_encoder(folder, "model.onnx", inputs=("input_ids", "attention_mask"))
    wanted = CrossEncoderReranker(str(folder)).score("rain", PASSAGES)
    assert OnnxCrossEncoder("tiny", found(folder)).score("rain", PASSAGES) == pytest.approx(wanted, abs=1e-4)


FILES = ["onnx/model.onnx", "model.onnx", "onnx/model_quantized.onnx", "onnx/model_quint8_avx2.onnx"]
FILES += ["onnx/model_qint8_arm64.onnx", "onnx/model_qint8_avx512_vnni.onnx", "onnx/model_fp16.onnx"]


@pytest.mark.parametrize(
    ("machine", "vnni", "wanted"),
    [
        ("x86_64", True, "onnx/model_qint8_avx512_vnni.onnx onnx/model_quint8_avx2.onnx onnx/model_quantized.onnx"),
        ("x86_64", False, "onnx/model_quint8_avx2.onnx"),
        ("aarch64", False, "onnx/model_qint8_arm64.onnx onnx/model_quantized.onnx"),
    ],
)
def test_the_graph_is_the_best_that_is_exact_on_this_processor(
    folder: Path, monkeypatch: pytest.MonkeyPatch, machine: str, vnni: bool, wanted: str
) -> None:
    monkeypatch.setattr(onnx_cross_encoder.platform, "machine", lambda: machine)
    monkeypatch.setattr(onnx_cross_encoder, "_has_vnni", lambda: vnni)
    for name in FILES:
        (folder / name).touch()
    for name in [*wanted.split(), "onnx/model.onnx", "model.onnx"]:
        assert found(folder).file == folder / name
        (folder / name).unlink()
    assert exported_graph(str(folder), file="auto") is None


def test_the_named_graph_is_the_one(folder: Path) -> None:
    (folder / "other.onnx").touch()
    assert found(folder, "other.onnx").file == folder / "other.onnx"
    assert exported_graph(str(folder), file="none") is None
    with pytest.raises(ConfigError, match=r"has no third\.onnx"):
        exported_graph(str(folder), file="third.onnx")


def without_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def writes_text(folder: Path) -> None:
    change(folder / "config.json", architectures=["Qwen3ForCausalLM"])


def has_further_parts(folder: Path) -> None:
    (folder / "modules.json").write_text('[{"idx": 0}, {"idx": 1}]', encoding="utf-8")


def has_a_prompt(folder: Path) -> None:
    change(folder / "config_sentence_transformers.json", default_prompt_name="query")


def damaged(folder: Path) -> None:
    (folder / "config.json").write_text("[]", encoding="utf-8")


@pytest.mark.parametrize(
    "variant",
    [without_tokenizer, writes_text, has_further_parts, has_a_prompt, damaged],
    ids=lambda made: made.__name__,
)
def test_a_graph_that_is_not_the_whole_model_is_left_to_torch(folder: Path, variant: Callable[[Path], None]) -> None:
    variant(folder)
    assert exported_graph(str(folder), file="auto") is None
    with pytest.raises(ConfigError) as caught:
        exported_graph(str(folder), file="onnx/model.onnx")
    assert "rerank.onnx_file" in caught.value.remedy


def test_a_classifier_is_refused(folder: Path) -> None:
    change(folder / "config.json", id2label={"0": "no", "1": "maybe", "2": "yes"})
    with pytest.raises(ConfigError, match="3 classes"):
        OnnxCrossEncoder("tiny", found(folder))


@pytest.mark.parametrize("file", ["onnx/model.onnx", "tokenizer.json"])
def test_a_damaged_file_is_named(folder: Path, file: str) -> None:
    (folder / file).write_bytes(b"nonsense")
    with pytest.raises(ConfigError) as caught:
        OnnxCrossEncoder("tiny", found(folder))
    assert str(folder / file) in caught.value.message
    assert "rerank.onnx_file" in caught.value.remedy


HUB_PROGRAM = """
import sys
from ragqa import wiring
from ragqa.config import RerankConfig
reranker = wiring.reranker(RerankConfig(model=sys.argv[1]), notice=print)
print(type(reranker).__name__, reranker.name, reranker.score("rain", ["snow falls"]))
print([name for name in ("torch", "transformers", "sentence_transformers") if name in sys.modules])
"""


def test_a_hub_models_graph_is_found_on_disk_and_torch_is_never_imported(exported: Path, tmp_path: Path) -> None:
    cached = tmp_path / "hub" / "models--someone--tiny"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("0123", encoding="ascii")
    shutil.copytree(exported, cached / "snapshots" / "0123")
    for name in ("someone/tiny", str(exported)):
        done = subprocess.run(
            [sys.executable, "-c", HUB_PROGRAM, name],
            capture_output=True,
            text=True,
            check=False,
            env={"HF_HUB_CACHE": str(tmp_path / "hub"), "HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
        )
        assert done.stdout.startswith(f"OnnxCrossEncoder {name} ["), done.stderr
        assert done.stdout.endswith("\n[]\n")


def test_a_graph_is_looked_for_where_torch_would_find_the_model(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    for folder in ("models--someone--tiny", "models--cross-encoder--bare"):
        kept = tmp_path / folder
        (kept / "refs").mkdir(parents=True)
        (kept / "refs" / "main").write_text("0123", encoding="ascii")
        shutil.copytree(exported, kept / "snapshots" / "0123")
    for name in ("someone/tiny", "bare"):
        assert exported_graph(name, file="auto") is not None
        assert CrossEncoderReranker(name).name == name


def test_a_model_that_is_not_on_this_machine_has_no_graph() -> None:
    assert exported_graph("nobody/no-such-model", file="auto") is None
    assert exported_graph("no such name/at/all", file="auto") is None
