"""What can be said in a chat that is no question: /sources, /open, /why, /save, /new, /help, /quit."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ragqa.cli.command import Format
from ragqa.errors import RagqaError, StorageError, UsageError

if TYPE_CHECKING:
    from ragqa.cli.chat import Conversation
    from ragqa.cli.command import Session
    from ragqa.flows.chat import Turn

HELP = {
    "/sources": "the passages that the last answer rests on, and the others that were found",
    "/open N": "citation N in its page; `/open N whole` all of it, `/open N image [FILE]` a picture of a PDF's page",
    "/why": "how the last answer came about: what was searched, the evidence, each sentence's support",
    "/save [FILE]": "the conversation as Markdown, with its citations",
    "/new": "forget what was said, and begin anew",
    "/help": "this list",
    "/quit": "end the conversation; so does Ctrl-D",
}
_COMMAND = re.compile(r"/(\w*)(?:\s+(.*))?\s*", re.DOTALL)
_NAMES = [line.split()[0][1:] for line in HELP]
_ALSO = {"exit": "quit", "q": "quit", "source": "sources", "reset": "new", "clear": "new", "h": "help", "": "help"}
_SILENT = ("new", "quit")
"""Those that mean the same to a program that reads JSON."""


def parse(line: str) -> tuple[str, str] | None:
    """The name and the rest of a command; None for a question, also for one that begins with a path (`/etc/hosts`)."""
    found = _COMMAND.fullmatch(line.strip())
    return (found[1].lower(), (found[2] or "").strip()) if found else None


def history_folder(session: Session) -> Path | None:
    """Where the lines that were typed are kept; None where nothing is to be remembered."""
    from ragqa.flows.remembering import state_folder

    return state_folder(os.environ) if session.config.answer.remember else None


def run(talk: Conversation, name: str, rest: str) -> bool:
    """Do what a command says; false where it ends the conversation. What is wrong with it is one line on stderr."""
    name = _ALSO.get(name, name)
    if talk.session.format in (Format.JSON, Format.JSONL) and name in _NAMES and name not in _SILENT:
        talk.session.note(f"/{name} is for people: the JSON of a turn holds it all")
        return True
    try:
        match name:
            case "quit":
                return False
            case "help":
                _help(talk)
            case "new":
                talk.earlier += talk.turns
                talk.turns.clear()
                talk.session.note("a new conversation")
            case "sources":
                _sources(talk)
            case "why":
                _why(talk)
            case "open":
                _open(talk, rest)
            case "save":
                _save(talk, rest)
            case _:
                _unknown(name)
    except RagqaError as error:  # as in `hear`: it ends its line, not the conversation
        talk.session.err.line(f"ragqa: {error.line}")
    return True


def _unknown(name: str) -> None:
    close = difflib.get_close_matches(name, [*_NAMES, *_ALSO], n=1)
    meant = f"did you mean /{_ALSO.get(close[0], close[0])}?" if close else "/help lists those that there are"
    raise UsageError(f"there is no command /{name}", remedy=meant)


def _help(talk: Conversation) -> None:
    from ragqa.cli.cells import terminal_width, wrap
    from ragqa.cli.gate import style

    width = max(map(len, HELP)) + 2
    for line, says in HELP.items():
        first, *others = wrap(says, (columns := terminal_width()) and max(20, columns - width))
        talk.session.out.line(style(line.ljust(width), "bold") + first)
        for other in others:
            talk.session.out.line(" " * width + other)


def _last(talk: Conversation) -> Turn:
    if not talk.turns:
        raise UsageError("nothing has been asked yet", remedy="type a question")
    return talk.turns[-1]


def _sources(talk: Conversation) -> None:
    from ragqa.cli import chat_render

    talk.session.out.write(chat_render.sources(_last(talk)))


def _why(talk: Conversation) -> None:
    from ragqa.cli import chat_render

    talk.session.out.write(chat_render.why(_last(talk)))


def _open(talk: Conversation, rest: str) -> None:
    """`/open 2`, `/open 2 whole`, `/open 2 image`, `/open 2 image page.png`, of the last answer that cites anything."""
    from ragqa import wiring
    from ragqa.cli import ask_shapes
    from ragqa.cli import open as opening

    found = re.fullmatch(r"\[?(\d{1,6})\]?(?:\s+(?:(whole)|(image)(?:\s+(.+))?))?", rest)
    if found is None:
        raise UsageError("/open takes the number of a citation", remedy="/open 1, or /open 1 whole, or /open 1 image")
    turn = next((turn for turn in reversed(talk.turns) if turn.asked.answer.citations), None) or _last(talk)
    number, image = int(found[1]), _named(found[4]) if found[4] else None
    more = f"/open {number} whole"
    wanted = opening.Wanted(number, whole=bool(found[2]), image=bool(found[3]), file=image, more=more)
    with wiring.open_store(talk.session.index) as store:
        opening.show_citation(talk.session, wanted, ask_shapes.ask(turn.asked), store)


def _save(talk: Conversation, rest: str) -> None:
    """Into the named file, or one with a name of its own; only what this conversation has written is written over."""
    from ragqa.cli import chat_render

    turns = [*talk.earlier, *talk.turns]
    if not turns:
        raise UsageError("there is nothing to save yet")
    target = _named(rest) if rest else _free_name(talk)
    text = chat_render.transcript(turns).plain
    known = target.absolute() in talk.written
    try:
        with target.open("w" if known else "x", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(f"{target} exists already", remedy="give another name: /save FILE") from error
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror}") from error
    talk.written.add(target.absolute())
    talk.session.out.line(str(target))


def _named(text: str) -> Path:
    """The file that was named. Raises UsageError where there can be none of that name."""
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:  # ~nobody
        raise UsageError(f"there is no home for {text}") from error
    if "\0" in text:
        raise UsageError("the name of a file has no zero byte in it")
    return path


def _free_name(talk: Conversation) -> Path:
    """The file that was written last, else the first free name of `ragqa-chat.md`, `ragqa-chat-2.md` ..."""
    if talk.written:
        return max(talk.written, key=lambda file: file.stat().st_mtime_ns if file.exists() else 0)
    number, target = 1, Path("ragqa-chat.md")
    while os.path.lexists(target):
        number += 1
        target = Path(f"ragqa-chat-{number}.md")
    return target
