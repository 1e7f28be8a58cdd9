"""The lines of a conversation: at a terminal from a line editor with a history, else from a pipe, line by line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ragqa.errors import UsageError

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

_MOST_LINES = 1000
_MOST_BYTES = 1 << 20
"""A longer line of a pipe is no question."""
_FILE = "chat-history.jsonl"


def piped() -> Iterator[str | UsageError]:
    """Lines of stdin, as they come; blank ones are left out. One that nobody can mean is the error that says so."""
    for number, line in enumerate(iter(lambda: sys.stdin.buffer.readline(_MOST_BYTES + 1), b""), 1):
        if len(line) > _MOST_BYTES:
            while line and not line.endswith(b"\n"):
                line = sys.stdin.buffer.readline(_MOST_BYTES)
            yield UsageError(f"line {number} of stdin is longer than any question")
            continue
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError:
            yield UsageError(f"line {number} of stdin is not UTF-8")
            continue
        if text:
            yield text


def edited(state: Path | None, *, on_hint: Callable[[], None]) -> Iterator[str]:
    """Lines typed at a terminal, until Ctrl-D; `state` is the folder for their history, None for none.

    Ctrl-C clears the line; `on_hint` is called where it is pressed twice with nothing to clear.
    """
    session = _session(state)
    idle = 0
    while True:
        try:
            text = session.prompt("> ", handle_sigint=False).strip()
        except _Cleared:
            idle += 1
            if idle == 2:
                on_hint()
                idle = 0
            continue
        except EOFError:
            return
        idle = 0
        if text:
            yield text


class _Cleared(Exception):
    """Ctrl-C at an empty line."""


def _session(state: Path | None) -> PromptSession[str]:
    """A line editor that draws its own line and nothing else."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import InMemoryHistory
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    keys = KeyBindings()

    @keys.add("c-c")
    def clear(event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=_Cleared)

    file = None if state is None else state / _FILE
    lines = _read(file)

    class Kept(InMemoryHistory):
        """What was typed before, and what is typed now, which is kept for the next time."""

        def store_string(self, string: str) -> None:
            super().store_string(string)
            lines.append(string)
            _write(file, lines)

    return PromptSession(history=Kept(lines[:]), key_bindings=keys, enable_suspend=True)


def _read(file: Path | None) -> list[str]:
    """The lines of a history; none where it cannot be read."""
    if file is None or not file.is_file():  # a pipe or a device might never end
        return []
    try:
        found = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()[-_MOST_LINES:]]
    except (OSError, ValueError, RecursionError):
        return []
    return [line for line in found if isinstance(line, str)]


def _write(file: Path | None, lines: Sequence[str]) -> None:
    """Add the last line, for its owner alone; a history that has become long is written anew. It is worth no error."""
    if file is None:
        return
    from ragqa.flows.remembering import private_folder

    with suppress(OSError):
        if file.exists() and not file.is_file():
            return
        private_folder(file.parent)
        file.touch(mode=0o600)
        file.chmod(0o600)
        if len(lines) > 2 * _MOST_LINES:
            file.write_text("".join(f"{json.dumps(line)}\n" for line in lines[-_MOST_LINES:]), encoding="utf-8")
        else:
            with file.open("a", encoding="utf-8") as out:
                out.write(f"{json.dumps(lines[-1])}\n")
