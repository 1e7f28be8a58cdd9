"""The JSON of a conversation: each turn as `ask` has it, with what it was understood as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragqa.cli import ask_shapes
from ragqa.cli.shapes import SCHEMA_VERSION, Shape

if TYPE_CHECKING:
    from ragqa.flows.chat import Turn


def turn(turn: Turn, number: int, *, explain: bool = False) -> Shape:
    """A line of `ragqa chat --format jsonl`."""
    return {
        "turn": number,
        **ask_shapes.ask(turn.asked, explain=explain),
        "question": turn.question,
        "stands_alone": turn.understood.question,
        "rewritten_by": turn.understood.rewritten_by or None,
    }


def conversation(turns: Sequence[Shape]) -> Shape:
    """`ragqa chat --json`."""
    return {"schema_version": SCHEMA_VERSION, "turns": list(turns)}
