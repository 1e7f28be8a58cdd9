"""The only place that names implementations: each is built from the Config, on first use, and closed at the end."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from ragqa.errors import ConfigError, IndexMissing, UsageError
from ragqa.index import layout
from ragqa.index.store import Store
from ragqa.models.cache import cache_dir
from ragqa.ports import GenerationRequest
from ragqa.text.language import detect

if TYPE_CHECKING:
    from ragqa.answering.citations import Scorer
    from ragqa.answering.conversation import Exchange
    from ragqa.answering.template import Template
    from ragqa.config import AnswerConfig, Config, EmbeddingConfig, RerankConfig, RetrievalConfig
    from ragqa.flows.ask import Answering
    from ragqa.flows.chat import Conversing
    from ragqa.flows.context import Passed
    from ragqa.flows.ingest import Parts
    from ragqa.flows.opening import Draw
    from ragqa.flows.search import IndexFacts, Searchable, Searching
    from ragqa.models.recording import Hook
    from ragqa.ports import Embedder, Generator, LexicalIndex, Loader, Reranker, SparseEncoder, Split, TokenCounter
    from ragqa.types import Filter, Hit, Keys

INDEX = layout.FOLDER
GEMINI_KEYS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
"""Those of `models/gemini.py`, which an extractive answer has no need to import."""

_REWRITING_S = 15.0

Notice = Callable[[str], None]
"""Who is told, in one line, of something that takes long or that the user should know."""


@dataclass(frozen=True, slots=True)
class Sending:
    """How services are asked in this run. `before` sees each request, and can keep it from being sent.

    No request but that for the answer itself takes longer than `at_most_s`.
    """

    before: Hook | None = None
    at_most_s: float = math.inf


AS_SET = Sending()
"""Services are asked as the settings say."""


# --- the index folder -------------------------------------------------------------------------------------------------


def index_to_read(named: Path | None) -> Path:
    """The folder of an index that exists: `named`, `$RAGQA_INDEX`, or the nearest `.ragqa` upward."""
    chosen = named or _from_environment()
    if chosen is not None:
        folder = _inside(chosen)
        if folder is None:
            raise IndexMissing(
                f"there is no index in {chosen}", remedy=f"`ragqa ingest PATH --index {chosen}` makes one"
            )
        return folder
    found = Store.find(Path.cwd())
    if found is None:
        raise IndexMissing("there is no index here or in a folder above", remedy="`ragqa ingest PATH` makes one here")
    return found


def index_to_write(named: Path | None) -> Path:
    """The same, but where there is none yet, the folder to make: as named, else `.ragqa` in the working directory.

    A named folder that holds other things gets its own `.ragqa`, so that nobody's files end up in an index.
    """
    chosen = named or _from_environment()
    if chosen is None:
        return Store.find(Path.cwd()) or Path.cwd() / INDEX
    folder = _inside(chosen)
    if folder is not None:
        return folder
    is_taken = chosen.name != INDEX and chosen.is_dir() and any(chosen.iterdir())
    return chosen / INDEX if is_taken else chosen


def _from_environment() -> Path | None:
    named = os.environ.get("RAGQA_INDEX")
    return Path(named) if named else None


def _inside(folder: Path) -> Path | None:
    """The index in `folder`: the folder itself, or its `.ragqa`."""
    return next((place for place in (folder, folder / INDEX) if _is_index(place)), None)


def _is_index(folder: Path) -> bool:
    return (folder / layout.DATABASE).is_file()


def collection_folder(named: Path) -> Path:
    """The folder for a collection of passages and its index: `named`, or the one around an index `.ragqa` in it."""
    folder = named.parent if named.name == INDEX else named
    if _is_index(folder):
        raise UsageError(f"{named} is an index of its own", remedy="name a folder that is new, or was named so before")
    return folder


def open_store(named: Path | None, *, write: bool = False, wait_s: float = 0.0, lenient: bool = False) -> Store:
    """Open the index of this command."""
    return Store.open(index_to_read(named), write=write, wait_s=wait_s, lenient=lenient)


def create_store(folder: Path, *, wait_s: float) -> Store:
    """Open an index for writing, made first where there is none."""
    return Store.create(folder, wait_s=wait_s)


@contextmanager
def maybe_open(folder: Path) -> Iterator[Store | None]:
    """The index in `folder`, or None where there is none yet."""
    if not _is_index(folder):
        yield None
        return
    with Store.open(folder) as store:
        yield store


# --- what a command works with ----------------------------------------------------------------------------------------


@contextmanager
def ingesting(config: Config, *, notice: Notice) -> Iterator[Parts]:
    """What an ingest works with; the parser child, if one was started, ends with it."""
    from ragqa.flows.ingest import Parts

    with ExitStack() as closing:

        @cache
        def loader() -> Loader:
            from ragqa.documents.child import ChildLoader

            return closing.enter_context(ChildLoader(config.ingest))

        @cache
        def model() -> Embedder:
            return embedder(config.embedding, notice=notice)

        @cache
        def sparse() -> SparseEncoder | None:
            return sparse_encoder(config, notice=notice)

        yield Parts(embedder=model, loader=loader, config=config, sparse=sparse)


@contextmanager
def drawing(config: Config, *, password: str | None) -> Iterator[Draw]:
    """What draws a page of a PDF: the parser child, which ends with it."""
    from ragqa.documents.child import ChildLoader

    with ChildLoader(config.ingest) as loader:
        yield partial(loader.picture, password=password)


def searching(
    store: Store,
    config: Config,
    *,
    notice: Notice,
    chosen: Filter | None = None,
    sending: Sending = AS_SET,
    models: Searching | None = None,
) -> Searching:
    """What a search stands on: the snapshot of `store`, or the part that `chosen` lets through (NoEvidence: none).

    With `models`, those of an earlier search over the same index serve again.
    """
    from ragqa.flows.search import Searching
    from ragqa.index.scope import scope_of
    from ragqa.index.vectors import ExactVectors

    ranking = models.reranker if models else reranker(config.rerank, notice=notice, sending=sending)
    scope = scope_of(store, chosen) if chosen is not None else None
    allowed = scope.keys if scope is not None else None
    sparse = models.sparse if models else sparse_encoder(config, notice=notice)
    return Searching(
        store=store,
        embedder=models.embedder if models else embedder(config.embedding, notice=notice, sending=sending),
        vectors=ExactVectors(store, allowed=allowed),
        lexical=_lexical(store, config.retrieval, sparse, allowed),
        reranker=ranking,
        config=config,
        sparse=sparse,
        scope=scope,
        split=models.split if models else splitter(config, notice=notice, sending=sending),
    )


def searching_passed(
    passed: Passed, question: str, config: Config, *, notice: Notice, sending: Sending = AS_SET
) -> tuple[Searchable, IndexFacts]:
    """What a search for this question stands on that is made over one document in memory."""
    from ragqa.documents.child import ChildLoader
    from ragqa.flows import context

    ranking = reranker(config.rerank, notice=notice, sending=sending)
    model = embedder(config.embedding, notice=notice, sending=sending)
    with ChildLoader(config.ingest) as loader:
        held, facts = context.hold(passed, question, loader, model, config)
    return replace(held, reranker=ranking, split=splitter(config, notice=notice, sending=sending)), facts


def splitter(config: Config, *, notice: Notice, sending: Sending = AS_SET) -> Split:
    """What finds the parts of a question: rules, or the model that answers, where `retrieval.split` says so."""
    from ragqa.text import parts

    match config.retrieval.split:
        case "off":
            return parts.keep_whole
        case "rules":
            return parts.split
        case "model":
            settings = replace(config.answer, timeout_s=min(config.answer.timeout_s, sending.at_most_s))
            generator = service(generator_name(settings), settings, sending=sending)
            if generator is None:
                return parts.split
            from ragqa.models.splitting import ModelSplitter

            return ModelSplitter(generator, on_failure=lambda reason: notice(f"question split by rules: {reason}"))


def _lexical(
    store: Store, settings: RetrievalConfig, sparse: SparseEncoder | None, allowed: Keys | None
) -> LexicalIndex:
    if sparse is None:
        from ragqa.index.lexical import Bm25Index

        return Bm25Index(store, k1=settings.bm25_k1, b=settings.bm25_b, allowed=allowed)
    from ragqa.index.sparse import SparseIndex

    return SparseIndex(store, sparse, k1=settings.bm25_k1, b=settings.bm25_b, allowed=allowed)


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


# --- who answers ------------------------------------------------------------------------------------------------------


def generator_name(settings: AnswerConfig) -> str:
    """What `answer.model` comes to: `auto` is Gemini where its key is set, else extractive; `gemini` is its model."""
    if settings.model == "gemini":
        return f"gemini:{settings.gemini_model}"
    if settings.model != "auto":
        return settings.model
    has_key = any(os.environ.get(name, "").strip() for name in GEMINI_KEYS)
    return f"gemini:{settings.gemini_model}" if has_key else "extractive"


def answering(
    name: str,
    config: Config,
    searching: Searchable,
    *,
    notice: Notice,
    sending: Sending = AS_SET,
    degrades: bool = False,
    structured: bool = False,
) -> Answering:
    """Who writes the answer. Raises MissingKey or ConfigError for a service that cannot be asked.

    Where it `degrades`, a service that does not finish leaves the answer to the extractive generator. A `structured`
    answer is asked for as JSON and comes in one piece: for who does not read it while it is written.
    """
    from ragqa.flows.ask import Answering

    settings = config.answer
    made = service(name, settings, sending=sending)
    if made is None:
        return _extractive(settings, searching)
    if structured:
        from ragqa.models.claiming import ClaimingGenerator

        made = ClaimingGenerator(made)
    prepare = partial(_prompted, settings, _template(settings.prompt), notice, structured=structured)
    fallback = _extractive(settings, searching) if degrades else None
    return Answering(
        made,
        prepare,
        _refuse_below(settings, searching),
        settings.neighbours,
        strict=settings.strict,
        scoring=partial(_scoring, searching, config.rerank),
        fallback=fallback,
    )


def _extractive(settings: AnswerConfig, searching: Searchable) -> Answering:
    from ragqa.flows.ask import Answering
    from ragqa.models.extractive import ExtractiveGenerator

    generator = ExtractiveGenerator(searching.lexical.idf, sentences=settings.sentences)
    return Answering(generator, partial(_unprompted, settings), _refuse_below(settings, searching))


def _refuse_below(settings: AnswerConfig, searching: Searchable) -> float:
    from ragqa.flows.calibrate import threshold
    from ragqa.flows.search import Searching

    return threshold(settings, searching.store.meta() if isinstance(searching, Searching) else None)


def _scoring(searching: Searchable, settings: RerankConfig) -> Scorer | None:
    """What tells the support of one answer by the reranker, where there is one that gives probabilities."""
    reranker = searching.reranker
    if reranker is None or not reranker.is_logit:
        return None
    from ragqa.answering.scoring import scorer

    return scorer(reranker, budget_s=settings.budget_s)()


def conversing(name: str, config: Config, *, notice: Notice) -> Conversing:
    """What a conversation is led with: the model that answers rewrites its follow-ups, where there is one."""
    from ragqa.flows.chat import Conversing

    settings = config.answer
    follows, generator = settings.rewrite != "off", service(name, settings)
    if generator is None:
        return Conversing(lambda exchanges: (), follows=follows)
    rewrite = None
    # A question is rewritten before it is answered: what takes long is not worth the wait.
    if settings.rewrite == "auto" and (brief := service(name, replace(settings, timeout_s=_rewriting_s(settings)))):
        from ragqa.models.rewriting import ModelRewriter

        rewrite = ModelRewriter(brief, on_failure=lambda reason: notice(f"understood by rules: {reason}"))
    return Conversing(partial(_kept, settings, notice), rewrite, follows)


def _rewriting_s(settings: AnswerConfig) -> float:
    return min(_REWRITING_S, settings.timeout_s)


def _kept(settings: AnswerConfig, notice: Notice, exchanges: Sequence[Exchange]) -> Sequence[Exchange]:
    from ragqa.answering.conversation import recent

    return recent(exchanges, budget=settings.history_tokens, counter=_token_counter(notice))


def service(name: str, settings: AnswerConfig, *, sending: Sending = AS_SET) -> Generator | None:
    """The model service of this name, None for `extractive`. Raises MissingKey or ConfigError as `answering` does."""
    match name.partition(":")[0]:
        case "extractive":
            return None
        case "gemini":
            from ragqa.models.gemini import GeminiGenerator

            model = name.removeprefix("gemini:")
            return GeminiGenerator(
                model,
                environment=os.environ,
                timeout_s=settings.timeout_s,
                idle_s=settings.idle_s,
                before_sending=sending.before,
            )
        case "openai":
            from ragqa.models.openai_compatible import OpenAICompatibleGenerator

            return OpenAICompatibleGenerator(
                name,
                environment=os.environ,
                timeout_s=settings.timeout_s,
                idle_s=settings.idle_s,
                before_sending=sending.before,
            )
        case _:
            raise ConfigError(
                f"`{name}` is no answer model",
                remedy="extractive, gemini:MODEL, or openai:MODEL@URL as in config.example.toml",
            )


def _unprompted(settings: AnswerConfig, question: str, hits: Sequence[Hit]) -> GenerationRequest:
    """What a generator needs that is no model: no prompt, so that no token is counted either."""
    return GenerationRequest(
        question=question,
        language=detect(question),
        sources=tuple(hits[: settings.max_sources]),
        system="",
        prompt="",
        max_tokens=settings.max_tokens,
        temperature=settings.temperature,
    )


def _template(named: str) -> Template | None:
    """The user's own words to the model, from the file that `answer.prompt` names."""
    if named == "builtin":
        return None
    from ragqa.answering import template

    try:
        with Path(named).expanduser().open("rb") as file:
            text = file.read(template.LARGEST * 4 + 1).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{named} is not UTF-8", remedy="answer.prompt names a text file") from error
    except (OSError, RuntimeError, ValueError) as error:  # no such file, no such home, a name with a null
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"cannot read {named}: {reason}", remedy="answer.prompt names a text file") from error
    return template.parse(text, name=named)


def _prompted(
    settings: AnswerConfig,
    own: Template | None,
    notice: Notice,
    question: str,
    hits: Sequence[Hit],
    *,
    structured: bool,
) -> GenerationRequest:
    from ragqa.answering import prompt

    language, counter = prompt.answer_language(question, hits), _token_counter(notice)
    return prompt.build(
        question, hits, language=language, settings=settings, counter=counter, template=own, structured=structured
    )


def _token_counter(notice: Notice) -> TokenCounter:
    from ragqa.models.tokens import counter

    return counter(
        cache_dir(os.environ),
        environment=os.environ,
        on_download=lambda: notice("fetching the table that tokens are counted with, 4 MB (only once)"),
    )
