"""What every command shares: the options, the Session they become, and where its output goes."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from ragqa.cli import filters
from ragqa.errors import UsageError

if TYPE_CHECKING:
    from ragqa.cli.gate import Output
    from ragqa.config import Config
    from ragqa.types import Filter


class Format(StrEnum):
    """How data is written to stdout."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    MD = "md"


@dataclass(frozen=True, slots=True)
class Session:
    """One run of one command: its settings, its index folder as named (None: to be found), and its two outputs.

    `standing` are the settings without the options of this run: those that other runs will have. `filter` says which
    documents it is about; None is all.
    """

    config: Config
    standing: Config
    index: Path | None
    format: Format
    quiet: bool
    out: Output
    err: Output
    filter: Filter | None = None

    @property
    def at_terminal(self) -> bool:
        """Whether a person reads stdout as it is written."""
        return sys.stdout is not None and sys.stdout.isatty()

    @property
    def shows_progress(self) -> bool:
        """Whether a person watches stderr and has not asked for quiet."""
        return not self.quiet and sys.stderr is not None and sys.stderr.isatty()

    def note(self, line: str) -> None:
        """One line of talk on stderr, unless --quiet."""
        if not self.quiet:
            self.err.line(line)

    def note_stale(self, files: int) -> None:
        """Say where the index is behind its files."""
        if files:
            changed = "1 file changed since it was ingested" if files == 1 else f"{files:,} files changed since"
            self.note(f"{changed}; `ragqa ingest` reads what changed")

    def data(self, shape: Mapping[str, object], text: Callable[[], str]) -> None:
        """The result: one JSON object (on one line for jsonl), or what `text` gives for people and Markdown."""
        if self.format is Format.JSON:
            self.out.json(shape, indent=2 if self.at_terminal else None)
        elif self.format is Format.JSONL:
            self.out.json(shape, indent=None)
        else:
            self.out.write(text())


IndexOption = Annotated[
    Path | None, typer.Option("--index", metavar="DIR", help="The index folder. [default: the nearest .ragqa upward]")
]
ConfigOption = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="The config file.")]
FormatOption = Annotated[Format | None, typer.Option("--format", help="How results are written. [default: text]")]
JsonOption = Annotated[bool, typer.Option("--json", help="Short for --format json.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on stderr but errors.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Errors show where they arose.")]

_COMMON: dict[str, tuple[Any, object]] = {
    "index": (IndexOption, None),
    "config": (ConfigOption, None),
    "format": (FormatOption, None),
    "json": (JsonOption, False),
    "quiet": (QuietOption, False),
    "debug": (DebugOption, False),
}

Command = Callable[..., int]
Override = str | tuple[str, str]
"""The setting that a parameter overrides; for a flag also the value that it gives to it."""

RerankOption = Annotated[
    str | None,
    typer.Option("--rerank", metavar="NAME", help="A cross-encoder, gemini:NAME or openai:NAME@URL reorders the best."),
]
NoRerankOption = Annotated[bool, typer.Option("--no-rerank", help="Keep the order of the two searches.")]
ModelOption = Annotated[
    str | None, typer.Option("--model", metavar="NAME", help="gemini:NAME, openai:NAME@URL or extractive.")
]
TopKOption = Annotated[
    int | None,
    typer.Option("--top-k", "-k", metavar="N", help="Passages to work from. [default: as in the settings]"),
]
ExtractiveOption = Annotated[bool, typer.Option("--extractive", help="Answer with verbatim sentences; no model.")]

RETRIEVING: dict[str, Override] = {
    "top_k": "retrieval.top_k",
    "rerank": "rerank.model",
    "no_rerank": ("rerank.model", "none"),
}
"""The settings behind the options of every command that searches."""

_STRICT_HELP = "Leave out sentences that the sources do not confirm."
StrictOption = Annotated[bool | None, typer.Option("--strict/--no-strict", help=_STRICT_HELP, show_default=False)]

ANSWERING: dict[str, Override] = {"model": "answer.model", "extractive": ("answer.model", "extractive")}
"""The settings behind the options of every command that answers."""

STRICT: dict[str, Override] = {"strict": "answer.strict"}
"""That of `--strict`."""


def command(
    app: typer.Typer, name: str, *, settings: Mapping[str, Override] | None = None, scoped: bool = False
) -> Callable[[Command], Command]:
    """Register a function as command `name`, with the common options behind its own.

    The function gets a Session first. `settings` maps those of its parameters that override a setting to the
    setting's name (`{"top_k": "retrieval.top_k"}`), or to that and the value it stands for where it is a flag
    (`{"no_rerank": ("rerank.model", "none")}`); they are checked and merged with all other settings. A `scoped`
    command takes the options of `filters.py` too, and finds what they say in its session.
    """
    overrides = settings or {}
    options = {**filters.OPTIONS, **_COMMON} if scoped else _COMMON

    def register(function: Command) -> Command:
        hints = get_type_hints(function, include_extras=True)
        own = [
            parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in list(inspect.signature(function).parameters.values())[1:]
        ]
        common = [
            inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for option, (annotation, default) in options.items()
        ]

        def run(**values: Any) -> int:
            shared = {option: values.pop(option) for option in options}
            chosen = filters.parse({option: shared[option] for option in filters.OPTIONS}) if scoped else None
            return function(_session(shared, _flags(overrides, values), chosen), **values)

        run.__signature__ = inspect.Signature([*own, *common])  # type: ignore[attr-defined]  # what typer reads
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *common]}
        run.__doc__ = function.__doc__
        app.command(name)(run)
        return function

    return register


def _flags(overrides: Mapping[str, Override], values: Mapping[str, object]) -> dict[str, object]:
    """Each setting that was given a value, by whichever of its options; two of them cannot both be meant."""
    flags: dict[str, object] = {}
    used: dict[str, str] = {}
    for parameter, override in overrides.items():
        given = values[parameter]
        setting, value = override if isinstance(override, tuple) else (override, given)
        if given is None or (isinstance(override, tuple) and not given):
            continue
        option = "--" + parameter.replace("_", "-")
        if setting in flags:
            raise UsageError(f"{used[setting]} and {option} cannot both be meant")
        flags[setting], used[setting] = value, option
    return flags


def _session(shared: Mapping[str, Any], flags: Mapping[str, object], chosen: Filter | None) -> Session:
    from ragqa.cli.gate import Output
    from ragqa.config import load

    if shared["json"] and shared["format"] not in (None, Format.JSON):
        raise UsageError(f"--json and --format {shared['format'].value} cannot both be meant")
    standing = load(shared["config"])
    return Session(
        config=load(shared["config"], flags=flags) if flags else standing,
        standing=standing,
        index=shared["index"],
        format=Format.JSON if shared["json"] else shared["format"] or Format.TEXT,
        quiet=shared["quiet"],
        out=Output(sys.stdout),
        err=Output(sys.stderr, may_be_lost=True),
        filter=chosen,
    )
