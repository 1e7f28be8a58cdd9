"""The table of commands: `ragqa NAME`, each in the file of its kind."""

from __future__ import annotations

from typing import Annotated

import typer

from ragqa import __version__
from ragqa.cli import ask, chat, evaluate, ingest, look, open, search, settings, upkeep

app = typer.Typer(
    name="ragqa",
    help="Answers questions from your own documents, with citations that code has checked.",
    epilog="Start with `ragqa ingest FOLDER`, then `ragqa ask QUESTION`. Exit codes: 0 answered, 1 error, 2 usage, "
    "3 not in the documents, 4 index, 5 model service, 6 some files failed, 7 locked, 130 interrupted.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ragqa {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
) -> None:
    """Options before the command."""


ingest.register(app)
ask.register(app)
search.register(app)
chat.register(app)
open.register(app)
look.register(app)
evaluate.register(app)
upkeep.register(app)
settings.register(app)
