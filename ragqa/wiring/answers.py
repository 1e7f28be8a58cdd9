"""Who answers and how: the generator, its prompt, its fallback; and what a conversation is led with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ragqa.errors import ConfigError
from ragqa.models.cache import cache_dir
from ragqa.ports import GenerationRequest
from ragqa.text.language import detect
from ragqa.wiring.services import AS_SET, Notice, Sending, service

if TYPE_CHECKING:
    from ragqa.answering.citations import Scorer
    from ragqa.answering.conversation import Exchange
    from ragqa.answering.template import Template
    from ragqa.config import AnswerConfig, Config, RerankConfig
    from ragqa.flows.ask import Answering
    from ragqa.flows.chat import Conversing
    from ragqa.flows.search import Searchable
    from ragqa.ports import TokenCounter
    from ragqa.types import Hit

_REWRITING_S = 15.0


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

    return scorer(reranker, budget_s=settings.budget_s)


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
        path = Path(named).expanduser()
        if path.exists() and not path.is_file():
            raise ConfigError(f"{named} is not a file", remedy="answer.prompt names a text file")
        with path.open("rb") as file:
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
