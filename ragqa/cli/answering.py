"""Runs `ask` over an index or over what was passed in, and says what came of it: one question, a batch, a dry run."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragqa.cli import batch as batches
from ragqa.cli import listening, previewing
from ragqa.cli.command import Format, Session
from ragqa.cli.open import remember

if TYPE_CHECKING:
    from ragqa import wiring
    from ragqa.cli.batch import Batch
    from ragqa.flows.ask import Answering, Asked
    from ragqa.flows.context import Passed
    from ragqa.flows.search import IndexFacts, Searchable


@dataclass(frozen=True, slots=True)
class Run:
    """One run of `ask`, and what its options say of how services are asked."""

    session: Session
    timeout_s: float | None
    dry_run: bool
    explain: bool
    extractive: bool

    def one(self, question: str, *, strict_fresh: bool) -> int:
        """Answer one question from the index."""
        from ragqa import wiring
        from ragqa.flows import preview, search

        session, sending = self.session, self._sending()
        self._require_service()
        with wiring.open_store(session.index) as store:
            parts = wiring.searching(store, session.config, notice=session.note, chosen=session.filter, sending=sending)
            answering = self._answering(parts)
            if self.dry_run:
                facts = preview.facts(parts, strict_fresh=strict_fresh)
                return previewing.show(session, question, parts, answering, facts)
            asked = self._asked(question, parts, answering, search.checked(parts, strict_fresh=strict_fresh))
        remember(session, store.folder, asked)
        return self._after(asked)

    def about(self, question: str, passed: Passed) -> int:
        """Answer one question from what was passed in; no index is read, and nothing is kept."""
        from ragqa import wiring

        session = self.session
        self._require_service()
        parts, facts = wiring.searching_passed(
            passed, question, session.config, notice=session.note, sending=self._sending()
        )
        answering = self._answering(parts)
        if self.dry_run:
            return previewing.show(session, question, parts, answering, facts)
        return self._after(self._asked(question, parts, answering, facts))

    def batch(self, lines: Batch, *, strict_fresh: bool) -> int:
        """Answer every question of a batch from the index."""
        from ragqa import wiring
        from ragqa.flows import search

        session = self.session
        self._require_service()
        with wiring.open_store(session.index) as store:
            parts = wiring.searching(
                store, session.config, notice=session.note, chosen=session.filter, sending=self._sending()
            )
            answering = self._answering(parts, structured=True)
            index = search.checked(parts, strict_fresh=strict_fresh)
            return batches.answer(
                session, lines, parts, answering, index, timeout_s=self.timeout_s, explain=self.explain
            )

    def _require_service(self) -> None:
        """A missing key is told before anything is loaded."""
        from ragqa import wiring

        wiring.service(wiring.generator_name(self.session.config.answer), self.session.config.answer)

    def _sending(self) -> wiring.Sending:
        """Of a time limit a quarter at most goes to any request that comes before the answer's own."""
        from ragqa import wiring
        from ragqa.models.recording import refusing_to_send

        return wiring.Sending(
            before=refusing_to_send(os.environ) if self.dry_run else None,
            at_most_s=math.inf if self.timeout_s is None else self.timeout_s / 4,
        )

    def _answering(self, parts: Searchable, *, structured: bool = False) -> Answering:
        from ragqa import wiring

        session = self.session
        return wiring.answering(
            wiring.generator_name(session.config.answer),
            session.config,
            parts,
            notice=session.note,
            sending=self._sending(),
            degrades=self.timeout_s is not None,
            # One object is read only when it is whole: then the model may write one too.
            structured=structured or session.format is Format.JSON,
        )

    def _asked(self, question: str, parts: Searchable, answering: Answering, index: IndexFacts) -> Asked:
        from ragqa.flows import ask as flow

        with listening.listener(self.session) as on_event:
            asked = flow.answer(question, parts, answering, index, timeout_s=self.timeout_s, on_event=on_event)
        listening.show(self.session, asked, explain=self.explain)
        return asked

    def _after(self, asked: Asked) -> int:
        is_extractive = asked.answer.models["answer"] == "extractive" and asked.degraded is None
        return listening.after(self.session, asked, explain=self.explain, hint=is_extractive and not self.extractive)
