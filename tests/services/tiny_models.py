"""Models of a few kilobytes, randomly initialised and saved as real ones are, for tests that must not download."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

WORDS = "rain snow wind falls on monday the roof query passage : sensor log 雨 下 了".split()  # noqa: SIM905 - it reads as text
VOCABULARY = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])}
MAX_TOKENS = 32


def tokenizer() -> Tokenizer:
    """One token for each word, and one for every other."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    made = Tokenizer(models.WordLevel(VOCABULARY, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = [("[CLS]", VOCABULARY["[CLS]"]), ("[SEP]", VOCABULARY["[SEP]"])]
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=specials
    )
    return made


def save_body(folder: Path, *, labels: int | None = None, masked: bool = False, seed: int = 0) -> Path:
    """A two-layer BERT with its tokenizer: an encoder, with `labels` a classifier, `masked` one that guesses words."""
    import torch
    from transformers import (
        BertConfig,
        BertForMaskedLM,
        BertForSequenceClassification,
        BertModel,
        PreTrainedTokenizerFast,
    )

    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.6,
        **({"num_labels": labels} if labels else {}),
    )
    kind = BertForMaskedLM if masked else BertForSequenceClassification if labels else BertModel
    body = kind(config)
    body.save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer(),
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=MAX_TOKENS,
    ).save_pretrained(folder)
    return folder


def save_embedder(
    folder: Path,
    *,
    name: str = "model",
    prompts: Mapping[str, str] | None = None,
    default_prompt: str | None = None,
    pooling: str = "mean",
    normalize: bool = False,
    similarity: str | None = None,
    seed: int = 0,
) -> Path:
    """A sentence-transformers model, saved in `folder / name` with the layout that published ones have.

    Unless told otherwise, it has prompts of its own and vectors that are not of unit length.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    body = Transformer(str(save_body(folder / "body", seed=seed)))
    modules = [body, Pooling(32, pooling_mode=pooling), *([Normalize()] if normalize else [])]
    model = SentenceTransformer(
        modules=modules,
        prompts={"query": "query : ", "document": "passage : "} if prompts is None else dict(prompts),
        default_prompt_name=default_prompt,
        similarity_fn_name=similarity,
        device="cpu",
    )
    model.max_seq_length = MAX_TOKENS
    model.save(str(folder / name))
    settings = folder / name / "config_sentence_transformers.json"
    if prompts is not None:
        # The library adds empty prompts that published files do not have.
        settings.write_text(json.dumps({**json.loads(settings.read_text()), "prompts": dict(prompts)}))
    return folder / name


def save_cross_encoder(folder: Path, *, labels: int = 1) -> Path:
    """A cross-encoder with one output, or with several, as a classifier has."""
    return save_body(folder, labels=labels)


def save_static(folder: Path, *, prompts: Mapping[str, str] | None = None, seed: int = 0) -> Path:
    """A sentence-transformers model that is one table of token vectors, as its StaticEmbedding saves it."""
    import numpy as np
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    rows = np.random.default_rng(seed).standard_normal((len(VOCABULARY), 16)).astype(np.float32)
    modules = [StaticEmbedding(tokenizer(), embedding_weights=rows), Normalize()]
    SentenceTransformer(modules=modules, prompts=dict(prompts or {}), device="cpu").save(str(folder))
    return folder


def save_model2vec(folder: Path, *, kind: str = "float32", quantized: bool = False) -> Path:
    """A folder as Model2Vec writes it; `quantized` ones share rows among tokens and weigh each token by itself."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(7)
    count = 6 if quantized else len(VOCABULARY)
    rows = (torch.randn(count, 16) * 40).to(getattr(torch, kind))
    tensors = {"embeddings": rows}
    if quantized:
        tensors["mapping"] = torch.randint(0, count, (len(VOCABULARY),), dtype=torch.int64)
        tensors["weights"] = torch.rand(len(VOCABULARY), dtype=torch.float64) + 0.1
    save_file(tensors, folder / "model.safetensors")
    tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"model_type": "model2vec", "normalize": True, "hidden_dim": 16}))
    return folder


def save_splade(folder: Path, *, inference_free: bool = False, seed: int = 0) -> Path:
    """A SPLADE model; `inference_free` ones look a question's tokens up in a table, and run for documents alone."""
    import torch
    from sentence_transformers import SparseEncoder
    from sentence_transformers.base.modules import Router, Transformer
    from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding, SpladePooling

    body = Transformer(str(save_body(folder / "body", masked=True, seed=seed)), transformer_task="fill-mask")
    body.max_seq_length = MAX_TOKENS
    modules = [body, SpladePooling("max")]
    if inference_free:
        table = SparseStaticEmbedding(body.tokenizer, weight=torch.arange(len(VOCABULARY)) / 7)
        modules = [Router.for_query_document(query_modules=[table], document_modules=modules)]
    SparseEncoder(modules=modules, device="cpu").save(str(folder / "model"))
    return folder / "model"


def save_token_weights(folder: Path, *, kind: str = "float32") -> Path:
    """A dense model with a second file for its sparse half, as BGE-M3 has it."""
    import torch

    saved = save_embedder(folder, prompts={}, pooling="cls", normalize=True)
    torch.manual_seed(3)
    line = torch.nn.Linear(32, 1)
    line.bias.data.fill_(2.0)  # most tokens weigh something
    torch.save(line.to(getattr(torch, kind)).state_dict(), saved / "sparse_linear.pt")
    return saved
