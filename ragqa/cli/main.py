"""Runs one command and ends the process: every error becomes one clear line and its exit code."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from ragqa.errors import RagqaError, StorageError, UsageError

INTERRUPTED = 130

_REFUSALS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
"""What a device says that takes no more."""


def main() -> NoReturn:
    """The console script. Nothing heavy is imported before signals are handled."""
    _open_closed_streams()
    received = _handle_signals()
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt as stop:
        code = _interrupted(stop)
    except Exception:
        if not received:
            raise
        # A library that was just being loaded turned the interrupt into an error of its own.
        code = _interrupted(received[0])
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. Errors that are not the user's keep their traceback."""
    try:
        return _invoke(arguments)
    except RagqaError as error:
        return _report(error, arguments)
    except BrokenPipeError:
        return _reader_has_gone()
    except OSError as error:
        return _report(_refusal(error), arguments)
    except KeyboardInterrupt as stop:
        return _interrupted(stop)


def _refusal(error: OSError) -> StorageError:
    """What the system refused, if that can befall a program without a mistake; anything else is a bug and stays one."""
    if error.errno in _REFUSALS:
        where = f" {os.fsdecode(error.filename)}" if isinstance(error.filename, str | bytes) else ""
        return StorageError(f"cannot write{where}: {error.strerror}")
    from pathlib import Path

    try:
        Path.cwd()
    except OSError:
        return StorageError("the working directory does not exist any more", remedy="cd to one that does")
    raise error


class Terminated(KeyboardInterrupt):
    """A signal that ends the program as Ctrl-C does, with that signal's exit code."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def _open_closed_streams() -> None:
    """A closed stdin, stdout or stderr (`>&-`) is opened on nothing, lest the index's file get its number."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _handle_signals() -> Sequence[Terminated]:
    """Raise Terminated for the signals that end a program; whatever was raised is on the list that is returned.

    A signal that is ignored stays so: that is how nohup and a shell's background jobs protect a command.
    """
    received: list[Terminated] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        received.append(Terminated(number))
        raise received[-1]

    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
    return received


def _invoke(arguments: Sequence[str]) -> int:
    import typer
    from typer.exceptions import TyperException

    from ragqa.cli.app import app

    if "_RAGQA_COMPLETE" in os.environ:  # the shell asks for completions
        app(prog_name="ragqa")
    command = typer.main.get_command(app)
    try:
        # Not `app()`: it swallows interrupts and broken pipes, which are ours to report.
        with command.make_context("ragqa", list(arguments)) as context:
            result = command.invoke(context)
    except typer.Exit as done:
        return done.exit_code
    except TyperException as error:
        path = getattr(getattr(error, "ctx", None), "command_path", "ragqa")
        if type(error).__name__ == "NoArgsIsHelpError":  # typer keeps this class to itself
            _say(error.format_message())
            return UsageError.exit_code
        message = error.format_message()
        quotes = "words that belong together need quotes; " if "unexpected extra argument" in message else ""
        raise UsageError(message, remedy=f"{quotes}`{path} --help` shows how it is used") from error
    return result if isinstance(result, int) else 0


def _report(error: RagqaError, arguments: Sequence[str]) -> int:
    """One line for people on stderr; in JSON mode also the error as the one object on stdout."""
    from ragqa.cli import shapes
    from ragqa.cli.gate import Output

    if "--debug" in arguments:
        import traceback

        Output(sys.stderr, may_be_lost=True).write("".join(traceback.format_exception(error)))
    try:
        if _wants_json(arguments):
            with suppress(StorageError):  # stdout is on a full device, which may be the very error
                Output(sys.stdout).json(shapes.error(error), indent=None)
        _say(f"ragqa: {error.line}")
    except BrokenPipeError:
        _reader_has_gone()
    return error.exit_code


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether the caller reads JSON, told from the words alone, since the error may be in parsing them."""
    formats = [after for word, after in zip(arguments, [*arguments[1:], ""], strict=True) if word == "--format"]
    formats += [word.partition("=")[2] for word in arguments if word.startswith("--format=")]
    return "--json" in arguments or any(name in ("json", "jsonl") for name in formats)


def _reader_has_gone() -> int:
    """stdout was closed by whoever read it, as `head` does: no complaint, also not from the interpreter at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 128 + signal.SIGPIPE


def _say(line: str) -> None:
    from ragqa.cli.gate import Output

    Output(sys.stderr, may_be_lost=True).line(line)


def _interrupted(stop: KeyboardInterrupt) -> int:
    """One line; a second signal from here on ends the process at once."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    _say("ragqa: interrupted")
    return 128 + stop.number if isinstance(stop, Terminated) else INTERRUPTED
