"""Runs one command and ends the process: every error becomes one clear line and its exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from ragqa.errors import RagqaError, StorageError, UsageError

INTERRUPTED = 130


def main() -> NoReturn:
    """The console script. Nothing heavy is imported before signals are handled."""
    _open_closed_streams()
    _handle_signals()
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt as stop:
        code = _interrupted(stop)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. Errors that are not the user's keep their traceback."""
    try:
        return _invoke(arguments)
    except RagqaError as error:
        return _report(error, arguments)
    except BrokenPipeError:
        return _reader_has_gone()
    except KeyboardInterrupt as stop:
        return _interrupted(stop)


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP: ends the program as Ctrl-C does, with that signal's exit code."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def _open_closed_streams() -> None:
    """A closed stdin, stdout or stderr (`>&-`) is opened on nothing, lest the index's file get its number."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)


def _handle_signals() -> None:
    def stop(number: int, _frame: FrameType | None) -> None:
        raise Terminated(number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)


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
            sys.stderr.write(error.format_message() + "\n")
            return UsageError.exit_code
        raise UsageError(error.format_message(), remedy=f"`{path} --help` shows how it is used") from error
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
        Output(sys.stderr, may_be_lost=True).line(
            f"ragqa: {error.message}" + (f" ({error.remedy})" if error.remedy else "")
        )
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


def _interrupted(stop: KeyboardInterrupt) -> int:
    """One line; a second Ctrl-C from here on ends the process at once."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.stderr.write("ragqa: interrupted\n")
    return 128 + stop.number if isinstance(stop, Terminated) else INTERRUPTED
