"""`ragqa eval --make`: draft questions from the index itself, by the configured model or by rules, each one checked."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragqa.errors import ServiceError
from ragqa.evaluation import asking, drafts, templates
from ragqa.evaluation.drafts import Draft, Proposal
from ragqa.flows.writing import page_finder
from ragqa.replies import whole_reply

if TYPE_CHECKING:
    from ragqa.index.scope import Scope
    from ragqa.index.store import Store
    from ragqa.ports import Generator
    from ragqa.types import Passage

TRIES = 3
"""A model is asked about so many passages for each draft that is wanted, before what there is has to do."""
PATIENCE = 3
"""So many passages in a row may get no reply from a model service, before the run is given up."""
SHORTEST_PASSAGE = 60
"""In characters: less states nothing that a model could ask for."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """The drafts, how many passages were looked at for them, and how many proposals the checks dropped.

    `stopped` is what ended it before that many were made as were wanted, None where nothing did.
    """

    drafts: Sequence[Draft]
    passages: int
    dropped: int
    stopped: ServiceError | None = None


def draft(
    store: Store,
    wanted: int,
    *,
    generator: Generator | None,
    seed: int,
    scope: Scope | None = None,
    on_done: Callable[[int, int], None] = lambda done, of: None,
) -> Drafted:
    """At most `wanted` drafts, spread over languages and documents; the same for the same index, seed and model.

    They are drawn from `scope`, as if the index held nothing else; None is all of it.
    Without a generator the rules propose. A model service that fails several times in a row ends it; raises
    ServiceError where that left no draft.
    """
    if generator is None:
        return _by_rule(store, wanted, seed=seed, scope=scope)
    made: dict[str, Draft] = {}
    dropped = failed = looked_at = 0
    for passage in itertools.islice(_passages_in_turn(store, seed, scope), wanted * TRIES):
        looked_at += 1
        try:
            reply = whole_reply(generator, asking.request(passage))
            failed = 0
        except ServiceError as error:
            failed += 1
            if looked_at == 1 or (failed == PATIENCE and not made):
                raise
            if failed == PATIENCE:
                return Drafted(list(made.values()), looked_at, dropped, error)
            continue
        proposal = asking.read(reply, generator.name)
        found = _checked(proposal, passage, store) if proposal else None
        if found and found.id not in made:
            made[found.id] = found
            on_done(len(made), wanted)
        elif proposal:
            dropped += 1
        if len(made) == wanted:
            break
    return Drafted(list(made.values()), looked_at, dropped)


def _by_rule(store: Store, wanted: int, *, seed: int, scope: Scope | None) -> Drafted:
    """Rules read every passage first: what two places of the index would answer is no question to either."""
    proposed: list[tuple[Proposal, Passage]] = []
    looked_at = 0
    for passage, opens_section in _passages(store, scope):
        looked_at += 1
        proposals = templates.propose(passage.chunk, passage.language, opens_section=opens_section)
        proposed += [(proposal, passage) for proposal in proposals]
    asked = Counter(proposal.question for proposal, _ in proposed)
    by_language: dict[str, dict[str, list[Draft]]] = {}
    dropped = 0
    for proposal, passage in proposed:
        found = _checked(proposal, passage, store) if asked[proposal.question] == 1 else None
        if found is None:
            dropped += 1
        else:
            by_language.setdefault(found.language, {}).setdefault(found.document, []).append(found)
    chosen = itertools.islice(drafts.spread(by_language, seed=seed), wanted)
    return Drafted(list(chosen), looked_at, dropped)


def _passages(store: Store, scope: Scope | None) -> Iterator[tuple[Passage, bool]]:
    """Every passage in the order of its document, and whether it is the first one under its heading."""
    keys = [chunk.key for chunk in store.chunks()] if scope is None else sorted(map(int, scope.keys))
    before: tuple[bytes, tuple[str, ...]] | None = None
    for start in range(0, len(keys), _TOGETHER):
        passages = store.passages(keys[start : start + _TOGETHER])
        for passage in passages if scope is None else scope.shown(passages):
            here = (passage.path, passage.chunk.heading)
            yield passage, here != before
            before = here


_TOGETHER = 256


def _passages_in_turn(store: Store, seed: int, scope: Scope | None) -> Iterator[Passage]:
    by_language: dict[str, dict[str, list[Passage]]] = {}
    for passage, _ in _passages(store, scope):
        if len(passage.chunk.text) >= SHORTEST_PASSAGE:
            by_language.setdefault(passage.language, {}).setdefault(passage.document, []).append(passage)
    return drafts.spread(by_language, seed=seed)


def _checked(proposal: Proposal, passage: Passage, store: Store) -> Draft | None:
    chunk = passage.chunk
    found = drafts.checked(proposal, chunk.text)
    if found is None:
        return None
    page, _ = page_finder(store)(passage, chunk.start + found.start)
    return Draft(
        id=drafts.identity(found.question),
        question=found.question,
        answer=found.answer,
        document=passage.document,
        page=page,
        language=passage.language,
        evidence=drafts.flat(chunk.text[found.start : found.end]),
        heading=chunk.heading,
        by=proposal.by,
    )
