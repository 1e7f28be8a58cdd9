"""`ragqa chat`: a follow-up is made to stand alone, then asked as `ask` would, with the former turns beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from ragqa.answering.conversation import Exchange, with_history
from ragqa.flows import ask, search
from ragqa.text.follow_ups import follow_up

if TYPE_CHECKING:
    from ragqa.flows.ask import Answering, Asked, Event
    from ragqa.flows.search import Searching
    from ragqa.ports import GenerationRequest
    from ragqa.types import Hit

_ANSWERS_ITSELF = 0.9
"""Evidence from which on a short question is taken for a new one, where other documents hold it."""

Rewrite = Callable[[str, Sequence[Exchange]], str | None]
"""A question that stands alone, made from one that may not; None where the rules have to do."""


@dataclass(frozen=True, slots=True)
class Conversing:
    """What a conversation is led with, beside what one question is answered with.

    `rewrite` is None where rules alone decide; `follows` is false where every question is taken as it is. `kept` gives
    the latest exchanges that a prompt has room for.
    """

    kept: Callable[[Sequence[Exchange]], Sequence[Exchange]]
    rewrite: Rewrite | None = None
    follows: bool = True


@dataclass(frozen=True, slots=True)
class Understood:
    """A question as it stands alone, and who made it so; "" where it is as it was asked."""

    question: str
    rewritten_by: Literal["", "rules", "model"] = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """A question as it was asked, what it was understood as, and the answer to that."""

    question: str
    understood: Understood
    asked: Asked

    @property
    def exchange(self) -> Exchange:
        answer = self.asked.answer
        return Exchange(self.understood.question, answer.text if answer.status == "answered" else "")


def take_turn(
    question: str,
    turns: Sequence[Turn],
    searching: Searching,
    answering: Answering,
    conversing: Conversing,
    *,
    strict_fresh: bool = False,
    on_understood: Callable[[Understood], None] = lambda understood: None,
    on_event: Callable[[Event], None] = lambda event: None,
) -> Turn:
    """Answer one question of a conversation. Sources, and so citations, are those of this question alone."""
    kept = conversing.kept([turn.exchange for turn in turns]) if turns else ()
    understood = understand(question, turns, kept, searching, conversing)
    on_understood(understood)

    def prepare(question: str, hits: Sequence[Hit]) -> GenerationRequest:
        return with_history(answering.prepare(question, hits), kept)

    asked = ask.ask(
        understood.question,
        searching,
        replace(answering, prepare=prepare),
        strict_fresh=strict_fresh,
        on_event=on_event,
    )
    return Turn(question, understood, asked)


def understand(
    question: str, turns: Sequence[Turn], kept: Sequence[Exchange], searching: Searching, conversing: Conversing
) -> Understood:
    """The question as it stands alone: as the model says, where there is one that says it, else by the rules."""
    if not turns or not conversing.follows:
        return Understood(question)
    last = turns[-1].exchange
    if conversing.rewrite is not None:
        rewritten = conversing.rewrite(question, kept or (replace(last, answer=""),))
        if rewritten is not None:
            return Understood(rewritten, "model") if rewritten != question else Understood(question)
    read = follow_up(question, last.question)
    if read.alone == read.asked or (not read.sure and _stands_already(read.asked, read.alone, searching)):
        return Understood(question)
    return Understood(read.alone, "rules")


def _stands_already(asked: str, alone: str, searching: Searching) -> bool:
    """Whether a short question finds a good answer by itself, and not where the conversation has been."""
    as_asked, with_topic = (search.retrieve(each, searching) for each in (asked, alone))
    paths = [found.hits[0].passage.path if found.hits else None for found in (as_asked, with_topic)]
    return paths[0] != paths[1] and ask.weigh(as_asked, searching).score >= _ANSWERS_ITSELF
