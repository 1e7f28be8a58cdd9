"""A command at a pseudo-terminal: what is typed, what is shown, and how it ends."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

PATIENCE_S = 90
_PROMPT = r"\x1b\[\?2004h[^>]*>\x08\x1b\[2C"
"""How the line editor draws `> `, ready for a line."""


class Terminal:
    """`python -m ragqa ...` in a window of 24 by 100, as a context manager. `shown` is all that it wrote."""

    def __init__(self, *arguments: object, cwd: Path, env: Mapping[str, str] | None = None) -> None:
        self._main, child = pty.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self.initial = self.settings()
        environment = {**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", **(env or {})}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ragqa", *map(str, arguments)],
            cwd=cwd,
            stdin=child,
            stdout=child,
            stderr=child,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # Ctrl-C comes from the controlling terminal
        )
        os.close(child)
        self.shown = ""
        self._seen = 0

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._main)

    def type(self, text: str) -> None:
        """What a person types; `\\r` is the Enter key, `\\x03` Ctrl-C, `\\x04` Ctrl-D."""
        os.write(self._main, text.encode())

    def wait_for(self, pattern: str) -> str:
        """What has been shown since the last call, up to the end of `pattern`."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := re.compile(pattern, re.DOTALL).search(self.shown, self._seen)):
            assert self._read(deadline), f"no {pattern!r} in {self.shown[self._seen :]!r}"
        text = self.shown[self._seen : found.end()]
        self._seen = found.end()
        return text

    def answered(self, pattern: str) -> str:
        """The same up to the next prompt behind it."""
        return self.wait_for(f"{pattern}.*?{_PROMPT}")

    def ended(self) -> int:
        """Wait for the end, and give the exit code."""
        deadline = time.monotonic() + PATIENCE_S
        while self._read(deadline):
            pass
        return self._process.wait(PATIENCE_S)

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def settings(self) -> list[object]:
        """What the terminal is set to: a line editor has to leave it as it was at the start, in `initial`."""
        return termios.tcgetattr(self._main)[:4]

    def _read(self, deadline: float) -> bool:
        if not select.select([self._main], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return False
        try:
            piece = os.read(self._main, 65536)
        except OSError:  # Linux says so where nobody has the other end open any more
            return False
        self.shown += piece.decode("utf-8", "replace")
        return bool(piece)
