"""The models that read: embedders, sparse encoders, rerankers."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from ragqa.errors import ConfigError
from ragqa.models.cache import cache_dir
from ragqa.wiring.services import AS_SET, Notice, Sending

if TYPE_CHECKING:
    from ragqa.config import Config, EmbeddingConfig, RerankConfig
    from ragqa.ports import Embedder, Generator, Reranker, SparseEncoder


def embedder(settings: EmbeddingConfig, *, notice: Notice, sending: Sending = AS_SET) -> Embedder:
    """The embedder that `embedding.model` names. Raises ConfigError for a setting that it has no use for."""
    service = settings.model.partition(":")[0]
    if service in ("builtin", "gemini") and (settings.query_prompt, settings.passage_prompt) != ("auto", "auto"):
        raise ConfigError(
            f"the embedding model {settings.model} takes no prompts",
            remedy='leave embedding.query_prompt and embedding.passage_prompt at "auto"',
        )
    match service:
        case "builtin":
            from ragqa.models.builtin import BuiltinEmbedder

            if settings.dimensions not in (0, BuiltinEmbedder.dimensions):
                # Its numbers are not sorted by weight: a prefix finds less, and 384 are few already.
                raise ConfigError(
                    "the built-in embedding model was not trained to have its vectors cut",
                    remedy="leave embedding.dimensions at 0, or name a Matryoshka model in embedding.model",
                )
            return BuiltinEmbedder(
                cache_dir(os.environ), on_export=lambda: notice("preparing the built-in embedding model (only once)")
            )
        case "gemini":
            from ragqa.models.gemini import GeminiEmbedder

            return GeminiEmbedder(
                settings.model.removeprefix("gemini:"),
                environment=os.environ,
                batch_size=settings.batch_size,
                timeout_s=min(settings.timeout_s, sending.at_most_s),
                dimensions=settings.dimensions,
                before_sending=sending.before,
            )
        case "openai":
            from ragqa.models.openai_embedding import OpenAICompatibleEmbedder

            return OpenAICompatibleEmbedder(
                settings.model,
                environment=os.environ,
                batch_size=settings.batch_size,
                timeout_s=min(settings.timeout_s, sending.at_most_s),
                dimensions=settings.dimensions,
                query_prompt=settings.query_prompt,
                passage_prompt=settings.passage_prompt,
                before_sending=sending.before,
            )
        case _:
            return _named_embedder(settings, notice)


def _named_embedder(settings: EmbeddingConfig, notice: Notice) -> Embedder:
    """A model by name or folder: the fast way for a static one, sentence-transformers for all others.

    A static model that is not on this machine is fetched by sentence-transformers, and found here afterwards, so that
    one model never has two fingerprints.
    """
    from ragqa.models import static

    name, query, passage = settings.model, settings.query_prompt, settings.passage_prompt
    root = static.find(name)
    if root is None:
        from ragqa.models.sentence_transformer import SentenceTransformerEmbedder

        fetched = SentenceTransformerEmbedder(
            name,
            dimensions=settings.dimensions,
            query_prompt=query,
            passage_prompt=passage,
            batch_size=settings.batch_size,
            on_download=partial(_announce_download, notice),
            notice=notice,
        )
        root = static.find(name)
        if root is None:
            return fetched
    return static.StaticEmbedder(name, root, dimensions=settings.dimensions, query_prompt=query, passage_prompt=passage)


def sparse_encoder(config: Config, *, notice: Notice) -> SparseEncoder | None:
    """The sparse model that `retrieval.lexical` names; None for BM25, which needs none."""
    match config.retrieval.lexical.partition(":"):
        case "bm25", "", "":
            return None
        case "sparse", ":", name if name:
            from ragqa.models.sparse_encoder import SparseEncoderModel

            return SparseEncoderModel(
                name, batch_size=config.embedding.batch_size, on_download=partial(_announce_download, notice)
            )
        case _:
            raise ConfigError(
                f"`{config.retrieval.lexical}` is no lexical search",
                remedy='retrieval.lexical is "bm25", or "sparse:" and the name or folder of a sparse model',
            )


def reranker(settings: RerankConfig, *, notice: Notice, sending: Sending = AS_SET) -> Reranker | None:
    """The reranker that `rerank.model` names; `auto` is none, as long as none is built in."""
    name = settings.model
    match name.partition(":")[0]:
        case "auto" | "none":
            return None
        case "gemini" | "openai":
            from ragqa.models.listwise import ListwiseReranker

            return ListwiseReranker(_ranker(settings, sending), prompt_tokens=settings.prompt_tokens)
        case _:
            from ragqa.models.onnx_cross_encoder import OnnxCrossEncoder, exported_graph

            graph = exported_graph(name, file=settings.onnx_file)
            if graph is not None:
                return OnnxCrossEncoder(name, graph)
            from ragqa.models.cross_encoder import CrossEncoderReranker

            return CrossEncoderReranker(name, on_download=partial(_announce_download, notice))


def _ranker(settings: RerankConfig, sending: Sending) -> Generator:
    """The model that is asked for an order. Raises MissingKey or ConfigError for a service that cannot be asked."""
    from ragqa.models.retrying import Retries

    service, _, model = settings.model.partition(":")
    if not model:
        raise ConfigError(f"`{settings.model}` does not name a model", remedy="rerank.model = gemini:MODEL")
    timeout_s = min(settings.timeout_s, sending.at_most_s)
    retries, environment, before = Retries(tries=3, budget_s=timeout_s), os.environ, sending.before
    if service == "gemini":
        from ragqa.models.gemini import GeminiGenerator

        return GeminiGenerator(
            model, environment=environment, timeout_s=timeout_s, retries=retries, before_sending=before
        )
    from ragqa.models.openai_compatible import OpenAICompatibleGenerator

    return OpenAICompatibleGenerator(
        settings.model, environment=environment, timeout_s=timeout_s, retries=retries, before_sending=before
    )


def _announce_download(notice: Notice, name: str) -> None:
    notice(f"fetching the model {name} from the Hugging Face hub (only once; HF_HUB_OFFLINE=1 forbids it)")
