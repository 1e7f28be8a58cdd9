"""Writes a trained model as a folder that `rerank.model` can name: the graph in eight bits, tokenizer, settings.

    python training/export.py WEIGHTS FOLDER [--precision float32]

WEIGHTS is a `step-N.safetensors` or the `last.pt` of a run, which may go on while it is read.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch
from graph import write
from model import from_bert, to_bert
from safetensors.torch import load_file

from ragqa.models.builtin import model_folder

LARGEST_MB = 25


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("weights", type=Path)
    options.add_argument("folder", type=Path)
    options.add_argument("--precision", choices=("int8", "float32"), default="int8")
    options.add_argument("--longest", type=int, default=224, help="tokens of a pair")
    chosen = options.parse_args()
    export(chosen.weights, chosen.folder, precision=chosen.precision, longest=chosen.longest)
    size_mb = (chosen.folder / "model.onnx").stat().st_size / 1e6
    print(f"{chosen.folder}: {size_mb:.1f} MB")
    if chosen.precision == "int8" and size_mb > LARGEST_MB:
        options.exit(1, f"that is more than {LARGEST_MB} MB\n")


def export(weights: Path, folder: Path, *, precision: str, longest: int) -> None:
    trained = _averaged(weights)
    layers = 1 + max(int(name.split(".")[1]) for name in trained if name.startswith("layers."))
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: each.float().numpy() for name, each in to_bert(trained, layers).items()}
    write(arrays, folder / "model.onnx", layers=layers, precision=precision)
    shutil.copy(model_folder() / "tokenizer.json", folder / "tokenizer.json")
    settings = {
        "config.json": {
            "architectures": ["BertForSequenceClassification"],
            "num_labels": 1,
            "num_hidden_layers": layers,
        },
        "tokenizer_config.json": {
            "model_input_names": ["input_ids", "token_type_ids"],
            "model_max_length": longest,
            "tokenizer_class": "BertTokenizer",
        },
    }
    for name, content in settings.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _averaged(weights: Path) -> dict[str, torch.Tensor]:
    if weights.suffix != ".pt":
        return load_file(weights)
    averages = torch.load(weights, weights_only=True)["average"]
    return {**from_bert(load_file(model_folder() / "model.safetensors"), 0), **averages}


if __name__ == "__main__":
    main()
