"""What a model that sentence-transformers has loaded tells of itself: tokens, limit, a digest of what it computes."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragqa.models.prompts import Prompts

PROBE = "Rain fell on 3 roofs — 屋頂下雨了, 屋顶下雨了."
_SAMPLES = 256


def token_ids(tokenizer: Any, text: str) -> list[int]:
    """The tokens of the whole text, without special ones; static models bring the bare tokenizer."""
    if not callable(tokenizer):
        bare: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return bare
    ids: list[int] = tokenizer(text, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
    return ids


def longest(model: Any) -> int:
    """Tokens that the model reads of a text, special ones not counted; a model without a limit gets a generous one."""
    limit = model.max_seq_length
    tokens = int(limit) if limit and limit < 1_000_000 else 8192
    # Static models bring the bare tokenizer, and use it without special tokens.
    return tokens - (model.tokenizer.num_special_tokens_to_add(pair=False) if callable(model.tokenizer) else 0)


def _pooling(module: Any) -> dict[str, object]:
    """How a module pools token vectors, where it does: what tells two models of the same weights apart."""
    mode = getattr(module, "pooling_mode", None) or getattr(module, "get_pooling_mode_str", lambda: None)()
    told = {"mode": mode, "include_prompt": getattr(module, "include_prompt", True)} if mode else {}
    sparse = {name: getattr(module, name, None) for name in ("pooling_strategy", "activation_function")}
    return told | {name: value for name, value in sparse.items() if isinstance(value, str)}


def digest(model: Any, chosen: Prompts) -> str:
    """Says what the model computes, not where its files lie: parts, limits, prompts, tokens of a probe, weights.

    The weights are sampled, evenly from each tensor: training moves them all, and reading gigabytes would take longer
    than loading them.
    """
    parts = [type(module).__name__ for module in model.modules()]
    pooling = [pooled for module in model.modules() if (pooled := _pooling(module))]
    both = [chosen.query, chosen.passage]
    settings = [parts, pooling, model.max_seq_length, both, token_ids(model.tokenizer, PROBE)]
    found = hashlib.sha256(json.dumps(settings, default=str).encode())
    for name, tensor in sorted(model.state_dict().items()):
        values = tensor.reshape(-1)
        sample = values[:: max(1, len(values) // _SAMPLES)][: _SAMPLES + 1]
        found.update(f"{name}{tuple(tensor.shape)}".encode())
        found.update(sample.detach().float().cpu().numpy().tobytes())
    return found.hexdigest()[:16]
