"""The cross-encoder as a torch module: the built-in embedder's layers over "question [SEP] passage", and one logit."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

WIDTH, HEADS, WIDE, WORDS, PLACES, EPSILON = 384, 12, 1536, 30522, 512, 1e-12


class Layer(nn.Module):
    """One layer of BERT, without dropout: the run is too short to learn anything by heart."""

    def __init__(self) -> None:
        super().__init__()
        self.joined = nn.Linear(WIDTH, 3 * WIDTH)
        self.attended = nn.Linear(WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=EPSILON)
        self.wide = nn.Linear(WIDTH, WIDE)
        self.narrow = nn.Linear(WIDE, WIDTH)
        self.last_norm = nn.LayerNorm(WIDTH, eps=EPSILON)

    def forward(self, state: Tensor, mask: Tensor | None, *, first_only: bool = False) -> Tensor:
        """With `first_only`, nothing but the first token's state: all that the head of the last layer reads."""
        batch, length, _ = state.shape
        parts = self.joined(state).view(batch, length, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind(0)
        if first_only:
            state, query = state[:, :1], query[:, :, :1]
        with torch.autocast("cpu", enabled=False):
            # In bf16 its backward pass is slow: half of all time went there.
            heads = functional.scaled_dot_product_attention(query.float(), key.float(), value.float(), attn_mask=mask)
        heads = heads.to(state.dtype).transpose(1, 2).reshape(batch, -1, WIDTH)
        middle = self.norm(state + self.attended(heads))
        return self.last_norm(middle + self.narrow(functional.gelu(self.wide(middle))))


class CrossEncoder(nn.Module):
    """Ids and token types of padded pairs to one logit each: above 0, the passage answers the question."""

    def __init__(self, layers: int = 6) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.places = nn.Embedding(PLACES, WIDTH)
        self.sides = nn.Embedding(2, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=EPSILON)
        self.layers = nn.ModuleList(Layer() for _ in range(layers))
        self.head = nn.Linear(WIDTH, 1)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, ids: Tensor, sides: Tensor, lengths: Tensor) -> Tensor:
        length = ids.shape[1]
        state = self.norm(self.words(ids) + self.places.weight[:length] + self.sides(sides))
        if torch.is_autocast_enabled("cpu"):
            state = state.bfloat16()
        mask = None
        if int(lengths.min()) < length:
            mask = torch.zeros((len(ids), 1, 1, length))
            mask.masked_fill_((torch.arange(length)[None] >= lengths[:, None])[:, None, None], -1e4)
        for number, layer in enumerate(self.layers):
            state = layer(state, mask, first_only=number == len(self.layers) - 1)
        with torch.autocast("cpu", enabled=False):
            return self.head(state[:, 0].float()).squeeze(-1)


def started(folder: Path, layers: int) -> CrossEncoder:
    """A model with the built-in embedder's weights, of as many of its first layers."""
    model = CrossEncoder(layers)
    model.load_state_dict(from_bert(load_file(folder / "model.safetensors"), layers), strict=False)
    return model


_NAMES = {
    "attended": "attention.output.dense",
    "norm": "attention.output.LayerNorm",
    "wide": "intermediate.dense",
    "narrow": "output.dense",
    "last_norm": "output.LayerNorm",
}
_TABLES = {"words": "word_embeddings", "places": "position_embeddings", "sides": "token_type_embeddings"}


def from_bert(weights: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    """BERT's names into ours."""
    found = {f"{ours}.weight": weights[f"embeddings.{name}.weight"] for ours, name in _TABLES.items()}
    for kind in ("weight", "bias"):
        found[f"norm.{kind}"] = weights[f"embeddings.LayerNorm.{kind}"]
        for number in range(layers):
            layer = f"encoder.layer.{number}."
            parts = [weights[f"{layer}attention.self.{part}.{kind}"] for part in ("query", "key", "value")]
            found[f"layers.{number}.joined.{kind}"] = torch.cat(parts)
            for ours, name in _NAMES.items():
                found[f"layers.{number}.{ours}.{kind}"] = weights[f"{layer}{name}.{kind}"]
    return found


def to_bert(weights: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Our names into BERT's; the head keeps its own."""
    found = {f"embeddings.{name}.weight": weights[f"{ours}.weight"] for ours, name in _TABLES.items()}
    for kind in ("weight", "bias"):
        found[f"head.{kind}"] = weights[f"head.{kind}"]
        found[f"embeddings.LayerNorm.{kind}"] = weights[f"norm.{kind}"]
        for number in range(layers):
            layer = f"encoder.layer.{number}."
            parts = weights[f"layers.{number}.joined.{kind}"].chunk(3)
            for part, value in zip(("query", "key", "value"), parts, strict=True):
                found[f"{layer}attention.self.{part}.{kind}"] = value
            for ours, name in _NAMES.items():
                found[f"{layer}{name}.{kind}"] = weights[f"layers.{number}.{ours}.{kind}"]
    return found
