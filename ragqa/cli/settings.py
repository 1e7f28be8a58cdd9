"""`config` and `schema`: what ragqa is set to, and the shapes it promises."""

from __future__ import annotations

import json
import os
from importlib.resources import files
from typing import Annotated

import typer

from ragqa import config as configuration
from ragqa.cli.command import Session, command
from ragqa.errors import ConfigError, StorageError, UsageError

KEYS = ("GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_API_KEY")


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        name="config", help="Show the settings, or start a config file.", no_args_is_help=True, rich_markup_mode=None
    )
    command(group, "show")(show)
    command(group, "init")(init)
    command(group, "path")(path)
    app.add_typer(group)
    command(app, "schema")(schema)


def show(session: Session) -> int:
    """Every setting and its value.

    From defaults, file and environment together; which keys are set, never their text.
    """
    from ragqa.cli import shapes

    values = configuration.settings(session.config)
    keys = {name: "set" if os.environ.get(name, "").strip() else None for name in KEYS}
    session.data(
        shapes.settings(values, keys),
        lambda: _toml(values) + "".join(f"# {name} is {keys[name] or 'not set'}\n" for name in KEYS),
    )
    return 0


def init(session: Session) -> int:
    """Start a config file.

    Every setting at its default, where ragqa looks for it; never over an existing file.
    """
    from ragqa.cli import shapes

    target = configuration.default_path(os.environ)
    if target is None:
        raise ConfigError("there is no home folder to put a config file in", remedy="set RAGQA_CONFIG=FILE")
    text = files("ragqa").joinpath("config.example.toml").read_text(encoding="utf-8")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{target} exists already", remedy="edit it, or move it away first") from None
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror}") from error
    session.data(shapes.config_path(target), lambda: f"{target}\n")
    return 0


def path(session: Session) -> int:
    """Where the config file is looked for."""
    from ragqa.cli import shapes

    target = configuration.default_path(os.environ)
    session.data(shapes.config_path(target), lambda: f"{target or ''}\n")
    return 0


def schema(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="COMMAND", help="ask, search, ingest, status, ... or error.")],
) -> int:
    """The JSON Schema of a command's JSON output."""
    from ragqa.cli import evaluation_schemas, pipeline_schemas, schemas

    published = schemas.SCHEMAS | evaluation_schemas.SCHEMAS | pipeline_schemas.SCHEMAS
    if name not in published:
        raise UsageError(f"there is no schema {name!r}", remedy=f"one of {', '.join(sorted(published))}")
    session.out.json(published[name], indent=2)
    return 0


def _toml(values: dict[str, object]) -> str:
    """Settings as TOML, which reads back as the same settings."""
    lines: list[str] = []
    table = ""
    for name, value in values.items():
        head, entry = name.split(".")
        if head != table:
            lines.append(f"\n[{head}]" if lines else f"[{head}]")
            table = head
        lines.append(f"{entry} = {json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"
