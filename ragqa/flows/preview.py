"""`ragqa ask --dry-run`: everything up to the first request to a service, which is kept and not sent."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ragqa.flows import ask, search
from ragqa.models.recording import NotSent, Outgoing

if TYPE_CHECKING:
    from ragqa.flows.ask import Answering
    from ragqa.flows.search import IndexFacts, Searchable, Searching


Purpose = Literal["search", "answer", "none"]


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be sent first, and what for; `request` is None where nothing would be, `reason` says why.

    What is sent for the search (a service embeds, splits or reranks) decides what is sent for the answer, which cannot
    be known before.
    """

    question: str
    request: Outgoing | None
    purpose: Purpose
    reason: str = ""


def facts(searching: Searching, *, strict_fresh: bool = False) -> IndexFacts:
    """What the index is now. Raises IndexMismatch and IndexStale as `search` does, but where a service had to be asked.

    That is for the length of its vectors, which tells it nothing of the documents nor of the question.
    """
    with suppress(NotSent):
        search.checked(searching, strict_fresh=strict_fresh)
    return search.facts(searching.store)


def preview(question: str, searching: Searchable, answering: Answering, index: IndexFacts) -> Preview:
    """Ask as far as that goes without sending anything; whatever a service is to be sent has to raise NotSent."""
    try:
        found = search.find(question, searching, index)
    except NotSent as kept:
        return Preview(question, kept.request, "search")
    begun = ask.begin(question, found.retrieval, searching, answering)
    if begun.prepared is None:
        return Preview(question, None, "none", "the documents do not hold the answer, so no service is asked")
    try:
        ask.written(begun, answering)
    except NotSent as kept:
        return Preview(question, kept.request, "answer")
    return Preview(question, None, "none", f"the answer is made on this machine ({answering.generator.name})")
