"""Takes out what a model thinks aloud before it answers: `<think>…</think>`, in whatever pieces it arrives."""

from __future__ import annotations

import re

_NAMES = ("think", "thinking", "thought", "reasoning")
_OPENING = re.compile(rf"\s*<({'|'.join(_NAMES)})>", re.IGNORECASE)
_STARTS = tuple(f"<{name}>" for name in _NAMES)
_OPENED_IN_THE_PROMPT = re.compile(r"(?i)deepseek-?r1|r1-distill|qwq|-thinking\b|:thinking\b")


def begins_with_thoughts(model: str) -> bool:
    """Whether this model's chat template writes the opening tag itself, so that only the closing one is seen."""
    return _OPENED_IN_THE_PROMPT.search(model) is not None


class ThoughtFilter:
    """Fed with the pieces of an output, gives out all of it but the blocks of thoughts that it begins with.

    Thoughts stand before the answer: such words further down belong to it. A block that is never closed holds all that
    follows; then `only_thoughts` is true and nothing was given out. With `opened`, the output may begin inside a block:
    it is held back until a closing tag tells, or the end, or `told_apart`.
    """

    def __init__(self, *, opened: bool = False) -> None:
        self._pending = ""
        self._closing: re.Pattern[str] | None = None
        self._longest = 0
        self._answers = False
        self._has_thought = False
        self._may_be_inside = opened

    @property
    def only_thoughts(self) -> bool:
        return self._has_thought and not self._answers

    def told_apart(self) -> None:
        """The service sends thoughts apart from the answer: what it sends as answer is one."""
        self._may_be_inside = False

    def feed(self, piece: str) -> str:
        """What of the output is known to be answer with this piece."""
        if self._answers:
            return piece
        self._pending += piece
        while not self._answers:
            if self._closing is not None:
                if (closed := self._closing.search(self._pending)) is None:
                    # Only what may yet be the beginning of the closing tag is kept of it.
                    self._pending = self._pending[-self._longest :]
                    return ""
                self._pending, self._closing = self._pending[closed.end() :], None
            elif opened := _OPENING.match(self._pending):
                self._open(opened[1])
                self._pending = self._pending[opened.end() :]
            elif any(start.startswith(self._pending.lstrip().lower()) for start in _STARTS):
                return ""
            elif self._may_be_inside and not self._has_thought:
                if "</think>" not in self._pending:
                    return ""
                self._open("think")
            else:
                self._answers = True
        return self._released()

    def finish(self) -> str:
        """What was held back and proved to be answer."""
        if self._closing is not None or self._answers:
            return ""
        shown = self._released()
        self._answers = bool(shown)
        return shown

    def _open(self, name: str) -> None:
        self._closing = re.compile(f"</{name}>", re.IGNORECASE)
        self._longest, self._has_thought = len(name) + 2, True

    def _released(self) -> str:
        shown, self._pending = self._pending, ""
        return shown.lstrip() if self._has_thought else shown
