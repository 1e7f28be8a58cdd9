"""`chat`: a conversation over the index: lines in, answers out, until the lines end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ragqa.cli import chat_commands, listening, typed
from ragqa.cli.asking import ExplainOption, StrictFreshOption, require_question
from ragqa.cli.command import (
    ANSWERING,
    RETRIEVING,
    STRICT,
    ExtractiveOption,
    Format,
    ModelOption,
    NoRerankOption,
    RerankOption,
    Session,
    StrictOption,
    TopKOption,
    command,
)
from ragqa.cli.open import remember
from ragqa.errors import RagqaError

if TYPE_CHECKING:
    from types import FrameType

    from ragqa.cli.shapes import Shape
    from ragqa.flows.ask import Asked
    from ragqa.flows.chat import Conversing, Turn, Understood
    from ragqa.flows.search import Searching


def register(app: typer.Typer) -> None:
    command(app, "chat", settings={**RETRIEVING, **ANSWERING, **STRICT}, scoped=True)(chat)


def chat(
    session: Session,
    top_k: TopKOption = None,
    model: ModelOption = None,
    extractive: ExtractiveOption = False,
    rerank: RerankOption = None,
    no_rerank: NoRerankOption = False,
    explain: ExplainOption = False,
    strict: StrictOption = None,
    strict_fresh: StrictFreshOption = False,
) -> int:
    """Ask one question after another; a follow-up is understood from the one before it.

    At a terminal /help lists the commands. From a pipe each line is a question; the exit code is then 3 if one was not
    answered from the documents, and 5 if the model service failed for one.
    """
    talk = Conversation(session, explain=explain, strict_fresh=strict_fresh, hint=not extractive)
    talk.prepare()
    if talk.is_typed:
        session.note("/help lists the commands; Ctrl-D ends the conversation")
        state = chat_commands.history_folder(session)
        with interruptible() as stops:
            for line in typed.edited(state, on_hint=lambda: session.note("Ctrl-D or /quit ends the conversation")):
                if not stops.unless_stopped(partial(talk.hear, line), otherwise=talk.say_stopped):
                    break
        return 0
    for said in typed.piped():
        if isinstance(said, RagqaError):
            talk.fail(said)
        elif not talk.hear(said):
            break
    talk.finish()
    return talk.worst


@dataclass(slots=True)
class Conversation:
    """The turns so far, and the models, which are loaded once; each turn sees the index as it is then."""

    session: Session
    explain: bool = False
    strict_fresh: bool = False
    hint: bool = True
    """Whether it is to be said once that a model would write better answers than the extractive ones."""
    turns: list[Turn] = field(default_factory=list)
    earlier: list[Turn] = field(default_factory=list)
    """What was said before `/new`."""
    written: set[Path] = field(default_factory=set)
    """Files that this conversation was saved to."""
    worst: int = 0
    """The greatest exit code of any turn."""
    _stale: int = 0
    """How many files had changed at the last turn."""
    _shapes: list[Shape] = field(default_factory=list)
    _models: Searching | None = None
    _conversing: Conversing | None = None

    @property
    def is_typed(self) -> bool:
        """Whether a person sits at both ends."""
        stdin = sys.stdin is not None and sys.stdin.isatty()
        return stdin and self.session.at_terminal and self.session.format is Format.TEXT

    def prepare(self) -> None:
        """Load what every turn needs: what is wrong with the index or with the models is told before any question."""
        from ragqa import wiring

        session = self.session
        name = wiring.generator_name(session.config.answer)
        self._conversing = wiring.conversing(name, session.config, notice=session.note)
        with wiring.open_store(session.index) as store:
            self._models = wiring.searching(store, session.config, notice=session.note, chosen=session.filter)
        self.hint = self.hint and name == "extractive"

    def hear(self, line: str) -> bool:
        """Do what one line asks for; false where it ends the conversation."""
        if told := chat_commands.parse(line):
            return chat_commands.run(self, *told)
        try:
            self._answer(require_question(line))
        except RagqaError as error:  # it ends its turn, not the conversation
            self.fail(error)
        return True

    def finish(self) -> None:
        """Write what is written when all is said."""
        if self.session.format is Format.JSON:
            from ragqa.cli import chat_shapes

            self.session.out.json(chat_shapes.conversation(self._shapes), indent=None)

    def _answer(self, question: str) -> None:
        from ragqa import wiring
        from ragqa.flows import chat as flow

        session = self.session
        assert self._conversing is not None
        name = wiring.generator_name(session.config.answer)
        with wiring.open_store(session.index) as store:
            parts = wiring.searching(
                store, session.config, notice=session.note, chosen=session.filter, models=self._models
            )
            answering = wiring.answering(name, session.config, parts, notice=session.note)
            as_text = session.format is Format.TEXT
            with listening.listener(session) if as_text else nullcontext(lambda event: None) as on_event:
                turn = flow.take_turn(
                    question,
                    self.turns,
                    parts,
                    answering,
                    self._conversing,
                    strict_fresh=self.strict_fresh,
                    on_understood=self._say_understood,
                    on_event=on_event,
                )
        self._show(turn)
        self.turns.append(turn)
        remember(session, store.folder, turn.asked)

    # --- what is shown ------------------------------------------------------------------------------------------------

    def _say_understood(self, understood: Understood) -> None:
        from ragqa.cli.cells import one_line
        from ragqa.cli.gate import style

        if understood.rewritten_by and not self.session.quiet:
            self.session.err.line(style(f"understood as: {one_line(understood.question)}", "dim"))

    def _show(self, turn: Turn) -> None:
        from ragqa.cli import chat_render, chat_shapes

        session, number = self.session, len(self.earlier) + len(self.turns) + 1
        if session.format is Format.TEXT:
            listening.show(session, turn.asked, explain=False)
        elif session.format is Format.MD:
            session.out.write(chat_render.turn_markdown(turn, number))
        else:
            self._give(chat_shapes.turn(turn, number, explain=self.explain))
        code = listening.after(session, self._untold(turn.asked), explain=self.explain, hint=self.hint)
        self.hint = self.hint and turn.asked.answer.status != "answered"
        self.worst = max(self.worst, code)
        if session.format is Format.TEXT and turn.asked.answer.text:
            session.out.line()

    def _untold(self, asked: Asked) -> Asked:
        """The same without files that changed, where that many have been told of before."""
        before, self._stale = self._stale, asked.index.stale_files
        return replace(asked, index=replace(asked.index, stale_files=0)) if self._stale == before else asked

    def _give(self, shape: Shape) -> None:
        """One object on a line of its own, or kept for the one at the end."""
        if self.session.format is Format.JSONL:
            self.session.out.json(shape)
        else:
            self._shapes.append(shape)

    def fail(self, error: RagqaError) -> None:
        from ragqa.cli import shapes

        self.worst = max(self.worst, error.exit_code)
        if self.session.format in (Format.JSON, Format.JSONL):
            self._give(shapes.error(error))
        self.session.err.line(f"ragqa: {error.line}")

    def say_stopped(self) -> None:
        self.session.out.line()
        self.session.err.line("stopped: nothing of this answer was checked, and none of it is kept")


class _Stopped(KeyboardInterrupt):
    """Ctrl-C while a line was being answered."""


class _Stops:
    """Ctrl-C stops what one line has begun, once; at any other moment it does nothing, so that two of them do no more.

    At the prompt it is a key, which the line editor reads.
    """

    def __init__(self) -> None:
        self._can_stop = False
        self._stopped = False

    def unless_stopped(self, act: Callable[[], bool], *, otherwise: Callable[[], None]) -> bool:
        """What `act` gives; true, after `otherwise`, where Ctrl-C has stopped it."""
        self._can_stop, self._stopped = True, False
        try:
            return act()
        except _Stopped:
            pass
        except Exception:
            if not self._stopped:
                raise  # else a library that was just being loaded has made an error of its own of it
        finally:
            self._can_stop = False
        otherwise()
        return True

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._can_stop:
            self._can_stop, self._stopped = False, True
            raise _Stopped


@contextmanager
def interruptible() -> Iterator[_Stops]:
    """Ctrl-C is handled as `_Stops` says. Where it is ignored, as under nohup, it stays so."""
    stops = _Stops()
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, stops.on_signal)
    try:
        yield stops
    finally:
        signal.signal(signal.SIGINT, before)
