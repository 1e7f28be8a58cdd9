"""How fast cross-encoders rerank: a MiniLM-L6 body as torch, ONNX and ONNX in eight bits, in turns in one process.

    python bench/reranking.py [--rounds 5] [--layers 6]

The body is the built-in embedder's, the head is random: what it costs is real, what it says is not. Pairs are exactly
128 or 256 tokens long, special tokens included. Both are the classes that `rerank.model` gets, the tokenizer included.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

from ragqa.models.builtin import model_folder
from ragqa.models.cross_encoder import CrossEncoderReranker
from ragqa.models.onnx_cross_encoder import OnnxCrossEncoder, exported_graph
from ragqa.models.onnx_session import processors
from ragqa.ports import Reranker

QUESTION = "When may the tenant end the contract before its time?"
LENGTHS = (256, 128)
CANDIDATES = (20, 32)
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--layers", type=int, default=6)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sides = _sides(Path(folder), chosen.layers)
        print(f"{chosen.layers} layers, {processors()} processors, {chosen.rounds} rounds; seconds are of the median")
        for length in LENGTHS:
            _table(sides, _passages(length), length, chosen.rounds)


def _sides(folder: Path, layers: int) -> dict[str, Reranker]:
    _save(folder, layers)
    _export(folder)
    graphs = {"ONNX, float32": "onnx/model.onnx", "ONNX, eight bits (per channel)": "onnx/model_qint8.onnx"}
    sides: dict[str, Reranker] = {}
    for name, file in graphs.items():
        graph = exported_graph(str(folder), file=file)
        assert graph is not None
        sides[name] = OnnxCrossEncoder(name, graph)
    return {**sides, "torch, float32": CrossEncoderReranker(str(folder))}


def _save(folder: Path, layers: int) -> None:
    """A cross-encoder's files: the built-in body, and a head that is as likely to be right as wrong."""
    import torch
    from safetensors.torch import load_file
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    torch.manual_seed(0)
    source = model_folder()
    config = BertConfig.from_pretrained(source, num_labels=1, num_hidden_layers=layers)
    model = BertForSequenceClassification(config)
    model.bert.load_state_dict(load_file(source / "model.safetensors"), strict=False)
    model.save_pretrained(folder)
    BertTokenizerFast.from_pretrained(source, model_max_length=512).save_pretrained(folder)


def _export(folder: Path) -> None:
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from transformers import BertForSequenceClassification

    model = BertForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    graph = folder / "onnx" / "model.onnx"
    graph.parent.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            tuple(torch.ones((2, 9), dtype=torch.long) for _ in INPUTS),
            str(graph),
            input_names=list(INPUTS),
            output_names=["logits"],
            dynamic_axes={name: {0: "batch", 1: "length"} for name in INPUTS},
            dynamo=False,
            opset_version=18,
        )
    quantize_dynamic(graph, graph.with_name("model_qint8.onnx"), per_channel=True, weight_type=QuantType.QInt8)


def _passages(length: int) -> list[str]:
    """As many as are reranked at most, each of its own words, so long that with the question they are `length`."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model_folder() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    words = ["rain", "snow", "wind", "tenant", "owner", "notice", "month", "contract", "roof", "sensor", "water"]
    room = length - len(tokenizer.encode(QUESTION, "").ids)
    return [
        " ".join(words[(number + place * (number + 1)) % len(words)] for place in range(room))
        for number in range(max(CANDIDATES))
    ]


def _table(sides: dict[str, Reranker], passages: Sequence[str], length: int, rounds: int) -> None:
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, side in sides.items():
            started = time.perf_counter()
            _score(side, passages)
            if turn:
                rates[name].append(len(passages) / (time.perf_counter() - started))
    first = next(iter(sides))
    title = f"{length} tokens a pair"
    print(f"\n{title:<34} {'pairs/s':>8} {'ratio':>6}" + "".join(f"{f'{number}, s':>9}" for number in CANDIDATES))
    for name, found in rates.items():
        rate = statistics.median(found)
        ratio = statistics.median(mine / other for mine, other in zip(found, rates[first], strict=True))
        seconds = "".join(f"{number / rate:>9.2f}" for number in CANDIDATES)
        print(f"{name:<34} {rate:>8.1f} {ratio:>6.2f}{seconds}")


def _score(side: Reranker, passages: Sequence[str]) -> list[float]:
    """In batches, as reranking asks for them."""
    size = side.batch or len(passages)
    return [
        score
        for start in range(0, len(passages), size)
        for score in side.score(QUESTION, passages[start : start + size])
    ]


if __name__ == "__main__":
    main()
