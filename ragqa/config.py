"""Settings: defaults < config file < RAGQA_* environment < flags, merged into one frozen Config.

The file is TOML: `--config FILE`, else `$RAGQA_CONFIG`, else `$XDG_CONFIG_HOME/ragqa/config.toml` (`~/.config`). A
setting `name` of table `[table]` is `RAGQA_TABLE_NAME` in the environment. Unknown names are errors, with the nearest
known one. Keys of services are never settings: they are read from the environment by whoever calls the service.
"""

from __future__ import annotations

import difflib
import os
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from ragqa.errors import ConfigError


@dataclass(frozen=True, slots=True)
class IngestConfig:
    """`[ingest]`: what is read, and how much one file may cost."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    hidden: bool = False
    max_file_mb: int = 200
    parse_cpu_s: int = 60
    parse_wall_s: int = 180
    parse_memory_mb: int = 1024
    parse_text_mb: int = 50


@dataclass(frozen=True, slots=True)
class ChunkConfig:
    """`[chunk]`: sizes in tokens of the embedding model, heading path included."""

    tokens: int = 250
    overlap: int = 0


@dataclass(frozen=True, slots=True)
class EmbeddingConfig:
    """`[embedding]`: `builtin`, a sentence-transformers name or path, `gemini:MODEL`, `openai:MODEL@URL`."""

    model: str = "builtin"
    dimensions: int = 0
    query_prompt: str = "auto"
    passage_prompt: str = "auto"
    batch_size: int = 32
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class RetrievalConfig:
    """`[retrieval]`: both searches and their fusion."""

    top_k: int = 8
    candidates: int = 100
    lexical: str = "bm25"
    fusion: Literal["convex", "rrf"] = "convex"
    dense_weight: float = 0.65
    coverage_weight: float = 0.3
    collapse: bool = True
    spelling: bool = True
    split: Literal["rules", "model", "off"] = "rules"
    gate_unknown: float = 0.2
    bm25_k1: float = 1.2
    bm25_b: float = 0.75


@dataclass(frozen=True, slots=True)
class RerankConfig:
    """`[rerank]`: `auto`, `none`, a cross-encoder's name or path, or `gemini:M` or `openai:M@URL`, which rank lists."""

    model: str = "auto"
    candidates: int = 32
    budget_s: float = 1.0
    onnx_file: str = "auto"
    timeout_s: float = 20.0
    prompt_tokens: int = 6000


@dataclass(frozen=True, slots=True)
class AnswerConfig:
    """`[answer]`: `auto` (Gemini if its key is set, else extractive), `extractive`, `gemini:M`, `openai:M@URL`."""

    model: str = "auto"
    gemini_model: str = "gemini-flash-latest"
    length: Literal["short", "medium", "long"] = "medium"
    prompt: str = "builtin"
    max_sources: int = 6
    neighbours: int = 1
    max_tokens: int = 0
    prompt_tokens: int = 6000
    sentences: int = 3
    temperature: float = 0.0
    refuse_below: float | Literal["auto"] = "auto"
    strict: bool = False
    timeout_s: float = 120.0
    idle_s: float = 30.0
    rewrite: Literal["auto", "rules", "off"] = "auto"
    history_tokens: int = 1500
    remember: bool = True


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that may be set. Values are checked when it is built by `load`."""

    ingest: IngestConfig = field(default_factory=IngestConfig)
    chunk: ChunkConfig = field(default_factory=ChunkConfig)
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)
    retrieval: RetrievalConfig = field(default_factory=RetrievalConfig)
    rerank: RerankConfig = field(default_factory=RerankConfig)
    answer: AnswerConfig = field(default_factory=AnswerConfig)


_RANGES: dict[str, tuple[float, float]] = {
    "ingest.max_file_mb": (1, 4096),
    "ingest.parse_cpu_s": (1, 3600),
    "ingest.parse_wall_s": (1, 7200),
    "ingest.parse_memory_mb": (128, 65536),
    "ingest.parse_text_mb": (1, 1024),
    "chunk.tokens": (16, 32768),
    "chunk.overlap": (0, 16384),
    "embedding.dimensions": (0, 65536),
    "embedding.batch_size": (1, 1024),
    "embedding.timeout_s": (0.1, 3600),
    "retrieval.top_k": (1, 1000),
    "retrieval.candidates": (1, 10000),
    "retrieval.dense_weight": (0, 1),
    "retrieval.coverage_weight": (0, 1),
    "retrieval.gate_unknown": (0, 1),
    "retrieval.bm25_k1": (0, 10),
    "retrieval.bm25_b": (0, 1),
    "rerank.candidates": (1, 1000),
    "rerank.budget_s": (0, 3600),
    "rerank.timeout_s": (0.1, 3600),
    "rerank.prompt_tokens": (256, 2_000_000),
    "answer.max_sources": (1, 100),
    "answer.neighbours": (0, 20),
    "answer.max_tokens": (0, 1_000_000),
    "answer.prompt_tokens": (256, 2_000_000),
    "answer.sentences": (1, 20),
    "answer.temperature": (0, 2),
    "answer.refuse_below": (0, 1),
    "answer.timeout_s": (0.1, 3600),
    "answer.history_tokens": (0, 2_000_000),
    "answer.idle_s": (0.1, 3600),
}
"""Smallest and largest value of every number, checked whatever the source."""


def default_path(environment: Mapping[str, str]) -> Path | None:
    """Where the config file is looked for without `--config`; None where there is no home to look in."""
    if named := environment.get("RAGQA_CONFIG"):
        return Path(named)
    if base := environment.get("XDG_CONFIG_HOME"):
        return Path(base) / "ragqa" / "config.toml"
    try:
        return Path.home() / ".config" / "ragqa" / "config.toml"
    except RuntimeError:
        return None


def load(
    path: Path | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    flags: Mapping[str, object] | None = None,
) -> Config:
    """Merge all sources. `path` must exist if given; `flags` maps `table.name` to a value, None meaning not given."""
    config = Config()
    named = path or (Path(environment["RAGQA_CONFIG"]) if environment.get("RAGQA_CONFIG") else None)
    file = named or default_path(environment)
    if file is not None and (named is not None or file.is_file()):
        config = _merge(config, _flatten(_read(file), source=str(file)), source=str(file))
    config = _merge(config, _from_environment(environment), source="the environment")
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    return _merge(config, given, source="the command line")


def settings(config: Config) -> dict[str, object]:
    """Every setting as `table.name` -> value, in the order they are declared."""
    return {
        f"{table.name}.{entry.name}": getattr(getattr(config, table.name), entry.name)
        for table in fields(config)
        for entry in fields(getattr(config, table.name))
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the config file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error


def _flatten(tables: Mapping[str, Any], *, source: str) -> dict[str, object]:
    flat: dict[str, object] = {}
    for table, entries in tables.items():
        if not isinstance(entries, dict):
            raise ConfigError(f"{source}: `{table}` must be inside a table such as [answer]")
        flat.update({f"{table}.{name}": value for name, value in entries.items()})
    return flat


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    """Every variable that begins like a setting's is one: a misspelt name is found by `_merge`, not passed over."""
    known = {"RAGQA_" + name.replace(".", "_").upper(): name for name in settings(Config())}
    tables = {table.name: f"RAGQA_{table.name.upper()}_" for table in fields(Config)}
    found: dict[str, object] = {}
    for variable, value in environment.items():
        for table, prefix in tables.items():
            if variable.startswith(prefix):
                found[known.get(variable, f"{table}.{variable.removeprefix(prefix).lower()}")] = value
    return found


def _merge(config: Config, values: Mapping[str, object], *, source: str) -> Config:
    known = settings(config)
    for name, value in values.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            raise ConfigError(
                f"{source}: there is no setting `{name}`",
                remedy=f"did you mean `{close[0]}`?" if close else "`ragqa config show` lists every setting",
            )
        table, entry = name.split(".")
        part = getattr(config, table)
        hint = typing.get_type_hints(type(part))[entry]
        config = replace(config, **{table: replace(part, **{entry: _convert(name, value, hint, source=source)})})
    return config


def _convert(name: str, value: object, hint: Any, *, source: str) -> object:
    """`value` as the type that the setting has; text is accepted for every type, since the environment has no other."""
    origin = typing.get_origin(hint)
    if origin is tuple:
        if isinstance(value, str):
            return tuple(part for part in value.split(os.pathsep) if part)
        if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
            return tuple(value)
    elif origin is Literal:
        if value in typing.get_args(hint):
            return value
        raise ConfigError(f"{source}: `{name}` must be one of {', '.join(typing.get_args(hint))}, not {value!r}")
    elif hint is bool:
        words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in words:
            return words[value.lower()]
    elif hint in (int, float):
        return _number(name, value, hint, source=source)
    elif origin in (typing.Union, types.UnionType):  # a number, or a word that stands for one
        number, word = typing.get_args(hint)
        (spelt,) = typing.get_args(word)
        return value if value == spelt else _number(name, value, number, source=source, otherwise=f" or {spelt}")
    elif isinstance(value, str) and hint is str and value:
        return value
    wanted = "list of strings" if origin is tuple else hint.__name__
    raise ConfigError(f"{source}: `{name}` must be a {wanted}, not {value!r}")


def _number(
    name: str, value: object, hint: type[int] | type[float], *, source: str, otherwise: str = ""
) -> int | float:
    low, high = _RANGES[name]
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        number = hint(value)
        if isinstance(value, float) and number != value:
            raise ValueError
    except (ValueError, OverflowError):
        raise ConfigError(f"{source}: `{name}` must be a number{otherwise}, not {value!r}") from None
    if not low <= number <= high:
        raise ConfigError(f"{source}: `{name}` must be between {low} and {high}, not {number}")
    return number
