"""Exports a tiny cross-encoder as an ONNX graph, as its makers do: with torch, one graph for every length."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def export_cross_encoder(folder: Path, file: str = "onnx/model.onnx", *, inputs: Sequence[str] = INPUTS) -> Path:
    """Write the graph of the model in `folder` as `file` beside it."""
    import torch
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    target = folder / file
    target.parent.mkdir(exist_ok=True)
    example = tuple(torch.ones((2, 9), dtype=torch.long) for _ in inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter that needs no further package
        torch.onnx.export(
            model,
            example,
            str(target),
            input_names=list(inputs),
            output_names=["logits"],
            dynamic_axes={name: {0: "batch", 1: "length"} for name in inputs},
            dynamo=False,
            opset_version=18,
        )
    return target
