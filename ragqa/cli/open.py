"""`open`: a citation of the last answer in its page, as text and as a picture."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragqa.cli.asking import read_password
from ragqa.cli.command import Format, Session, command
from ragqa.errors import NoEvidence, RagqaError, StorageError, UsageError

if TYPE_CHECKING:
    from ragqa.cli.gate import Styled
    from ragqa.cli.shapes import Shape
    from ragqa.flows.ask import Asked
    from ragqa.flows.opening import Opened, View
    from ragqa.index.store import Store

_LARGEST_ANSWER = 64 << 20


def register(app: typer.Typer) -> None:
    command(app, "open")(open_citation)


def open_citation(
    session: Session,
    citation: Annotated[int, typer.Argument(metavar="N", min=1, help="The number of the citation: [N].")],
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where --image writes to. [default: a name of its own]")
    ] = None,
    answer: Annotated[
        str | None,
        typer.Option("--answer", metavar="FILE", help="An answer that `ask --json` wrote, not the last; - is stdin."),
    ] = None,
    whole: Annotated[bool, typer.Option("--whole", help="The whole page or section, however long.")] = False,
    context_lines: Annotated[
        int | None,
        typer.Option("--context-lines", "-C", metavar="N", min=0, help="Lines around each quote. [default: 8]"),
    ] = None,
    image: Annotated[
        bool, typer.Option("--image", help="Of a PDF, also write the page as a PNG with the quote boxed.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="--image may write over a file.")] = False,
    view: Annotated[bool, typer.Option("--view", help="At a terminal, show the image in its viewer.")] = False,
    password: Annotated[
        str | None, typer.Option(metavar="TEXT", help="For an encrypted file; - reads it from stdin's first line.")
    ] = None,
) -> int:
    """Show citation N of the last answer, marked in its page.

    The answer is the last that `ask` or `chat` gave over this index. Exit code 3 means that there is no such citation.
    """
    from ragqa import wiring
    from ragqa.cli.cells import one_line

    if whole and context_lines is not None:
        raise UsageError("--whole and --context-lines cannot both be meant")
    if (file is not None or force or view or password is not None) and not image:
        raise UsageError("FILE, --force, --view and --password are for --image")
    if answer == "-" == password:
        raise UsageError("stdin cannot be both the answer and the password")
    given = _given(answer) if answer is not None else None
    wanted = Wanted(
        citation,
        whole=whole,
        lines=context_lines,
        image=image,
        file=file,
        force=force,
        view=view,
        password=read_password(password) if image else None,
    )
    with wiring.open_store(session.index) as store:
        if given is None:
            given = _last(store.folder)
            if session.at_terminal:  # whoever has asked elsewhere meanwhile sees that this is another answer
                session.note(f"of the answer to “{one_line(str(given.get('question', '')))}”")
        return show_citation(session, wanted, given, store)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which citation is shown, how much around it, and whether in a picture as well."""

    marker: int
    whole: bool = False
    lines: int | None = None
    """On either side of each quote; None is the usual number."""
    image: bool = False
    file: Path | None = None
    force: bool = False
    view: bool = False
    password: str | None = None
    more: str = "--whole"
    """What shows the whole page where something of it is left out."""


def show_citation(session: Session, wanted: Wanted, answer: Mapping[str, Any], store: Store) -> int:
    """Show a citation of `answer`, which is as `ask --json` writes it; the exit code."""
    from ragqa.cli import pages
    from ragqa.flows import opening

    found = opening.open_citation(wanted.marker, answer, store)
    around = pages.LINES if wanted.lines is None else wanted.lines
    lines = None if wanted.whole else around
    as_json = session.format in (Format.JSON, Format.JSONL)
    if not as_json:  # a picture may take a while
        session.out.write(_text(session, found, lines, wanted.more))
    for remark in pages.remarks(found):
        session.note(remark)
    images: list[Shape] = []
    failure = _draw(session, found, wanted, images) if wanted.image else None
    if as_json:
        told = failure.line if failure else None
        session.data(pages.shape(found, lines=lines, images=images, image_failure=told), str)
    else:
        session.out.write("".join(f"{each['path']}\n" for each in images))
    for each in images:
        if each["boxed"] < each["quotes"]:
            session.note(
                f"{each['path']}: {each['quotes'] - each['boxed']} of {each['quotes']} quotes have no box: "
                "the page holds their words in another order, or no text at all"
            )
    if failure is not None:
        session.err.line(f"ragqa: {failure.line}")
        return failure.exit_code
    if wanted.view:
        _show(session, images)
    return 0


def _text(session: Session, found: Opened, lines: int | None, more: str) -> Styled:
    from ragqa.cli import pages

    if session.format is Format.MD:
        return pages.opened_markdown(found, lines=lines)
    return pages.opened(found, lines=lines, colour=session.out.shows_colour, more=more)


# --- the answer -------------------------------------------------------------------------------------------------------


def remember(session: Session, index: Path, asked: Asked) -> None:
    """Keep an answer, as `ask --json` writes it but for what led to it; where that cannot be, nobody is the worse."""
    from ragqa.cli import ask_shapes
    from ragqa.flows import remembering

    if session.config.answer.remember:
        kept = ("schema_version", "question", "status", "answer", "sentences", "citations", "index")
        answer = {name: value for name, value in ask_shapes.ask(asked).items() if name in kept}
        state = remembering.state_folder(os.environ)
        remembering.remember(state, index, {"index_folder": os.fsdecode(index), **answer})


def _last(index: Path) -> Mapping[str, Any]:
    from ragqa.flows import remembering

    found = remembering.recall(remembering.state_folder(os.environ), index)
    if found is None:
        raise NoEvidence(
            "no answer over this index is remembered", remedy="`ragqa ask` first, or name an answer with --answer FILE"
        )
    return found


def _given(name: str) -> Mapping[str, Any]:
    """The answer in a file: one JSON object, or the last one of JSON lines."""
    try:
        data = _read_stdin() if name == "-" else _read(Path(name))
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from error
    for text in (data, *data.splitlines()[::-1]):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and "citations" in found:
            return found
    what = "stdin" if name == "-" else name
    raise UsageError(f"{what} holds no answer", remedy="`ragqa ask --json QUESTION > FILE` writes one")


def _read_stdin() -> bytes:
    return sys.stdin.buffer.read(_LARGEST_ANSWER)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LARGEST_ANSWER)


# --- the picture ------------------------------------------------------------------------------------------------------


def _draw(session: Session, found: Opened, wanted: Wanted, images: list[Shape]) -> RagqaError | None:
    """Draw and write every page; what went wrong with one ends it, and is told beside the text that stands already."""
    from ragqa import wiring
    from ragqa.flows import opening

    try:
        with wiring.drawing(session.config, password=wanted.password) as draw:
            for view in found.views:
                target = _target(found, view, wanted.file, force=wanted.force)
                drawn = opening.picture(view, draw)
                _write(target, drawn.png, force=wanted.force)
                page = view.page.number if view.page else 0
                if drawn.bare:
                    session.note(
                        f"{target}: hardly anything is drawn in the boxes: the PDF does not hold the font of these "
                        "words, and neither does this machine (for Chinese: the package fonts-noto-cjk)"
                    )
                images.append({"path": str(target), "page": page, "quotes": drawn.quotes, "boxed": drawn.boxed})
    except RagqaError as error:
        return error
    return None


def _target(found: Opened, view: View, file: Path | None, *, force: bool) -> Path:
    """As named, with the page's number where there are several; else a name in the working directory that is free."""
    from ragqa.flows import opening

    if file is not None:
        several = len(found.views) > 1 and view.page is not None and file.name  # "." has none, and exists already
        return file.with_name(f"{file.stem}-p{view.page.number}{file.suffix}") if several and view.page else file
    first = Path(opening.picture_name(view, found.marker))
    target, number = first, 1
    while not force and os.path.lexists(target):
        number += 1
        target = first.with_name(f"{first.stem}-{number}.png")
    return target


def _write(target: Path, png: bytes, *, force: bool) -> None:
    """Raises UsageError where there is a file already, StorageError where none can be; half a picture is none."""
    made = False
    try:
        with target.open("wb" if force else "xb") as file:
            made = stat.S_ISREG(os.lstat(target).st_mode)  # a link or a device was there before, and stays
            file.write(png)
    except FileExistsError as error:
        raise UsageError(f"{target} exists already", remedy="--force writes over it") from error
    except OSError as error:
        if made:
            target.unlink(missing_ok=True)
        raise StorageError(f"cannot write {target}: {error.strerror}") from error


def _show(session: Session, images: Sequence[Shape]) -> None:
    """Start the desktop's viewer, where a person is there to see it."""
    if not session.at_terminal:
        return
    viewer = shutil.which("open" if sys.platform == "darwin" else "xdg-open")
    if viewer is None:
        session.note("there is no xdg-open here to show the image with")
        return
    for each in images:
        subprocess.Popen(
            [viewer, os.path.abspath(each["path"])],  # noqa: PTH100  (a name that begins with - is no option)
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
