"""What a model wants before questions and passages: by its own files, else by a table of families that publish none."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

AUTO, NONE = "auto", "none"
"""Words of the settings: what the model's files say, and no prompt whatever they say."""

_QUERY_NAMES = ("query", "retrieval.query", "Retrieval-query", "search_query", "web_search_query", "s2p_query")
_PASSAGE_NAMES = (
    "document",
    "passage",
    "corpus",
    "retrieval.passage",
    "retrieval.document",
    "Retrieval-document",
    "search_document",
)
"""What models call their prompts for search, the usual name first."""

_CARD_HEAD = 1 << 16


@dataclass(frozen=True, slots=True)
class Prompts:
    """Text that is put before every question, and before every passage; empty where there is none."""

    query: str = ""
    passage: str = ""


_INSTRUCT = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: "

_FAMILIES: tuple[tuple[str, Prompts], ...] = (
    (r"(multilingual-)?e5-(small|base|large)(-v2)?(-unsupervised)?", Prompts("query: ", "passage: ")),
    (r"multilingual-e5-large-instruct", Prompts(_INSTRUCT)),
    (r"bge-(small|base|large)-en(-v1\.5)?", Prompts("Represent this sentence for searching relevant passages: ")),
    (r"bge-(small|base|large)-zh(-v1\.5)?", Prompts("为这个句子生成表示以用于检索相关文章：")),
    (r"nomic-embed-text-v1(\.5)?", Prompts("search_query: ", "search_document: ")),
)
"""Families whose model cards ask for prompts that their configuration does not hold, by the end of their name."""


def choose(
    own: Mapping[str, str | None],
    default_name: str | None,
    names: Sequence[str],
    *,
    query: str = AUTO,
    passage: str = AUTO,
) -> Prompts:
    """The prompts of one model. `query` and `passage` are the settings; `own` is what its configuration calls prompts.

    A configuration's default prompt stands in for the one that it does not name, unless it is meant for the other side.
    `names` are what the model is called; they count only where its configuration holds no prompt at all.
    """
    written = {name: prompt for name, prompt in own.items() if prompt}
    found = Prompts(_first(written, _QUERY_NAMES), _first(written, _PASSAGE_NAMES))
    if default_name not in (*_QUERY_NAMES, *_PASSAGE_NAMES):
        default = written.get(default_name or "", "")
        found = Prompts(found.query or default, found.passage or default)
    if not written:
        found = next((prompts for family, prompts in _FAMILIES if _is_called(names, family)), found)
    return Prompts(_set(query, found.query), _set(passage, found.passage))


def published_names(name: str) -> list[str]:
    """What a model may be known as: as it was asked for and, for a folder, as its configuration and its card say."""
    folder = Path(name).expanduser()
    names = [name]
    if not folder.is_dir():
        return names
    names.append(folder.resolve().name)
    # A folder of the hub's cache is `models--ORGANISATION--NAME/snapshots/REVISION`.
    names += [part.name for part in folder.resolve().parents[1:2] if part.name.startswith("models--")]
    configuration = read_json(folder / "config.json")
    if isinstance(origin := configuration.get("_name_or_path"), str):
        names.append(origin)
    if card := re.search(r"^model-index:\s*\n\s*- name: *(\S+)\s*$", _head(folder / "README.md"), re.MULTILINE):
        names.append(card[1])
    return names


def read_json(file: Path) -> dict[str, object]:
    """The object in a model's file; empty where there is none to be had."""
    found = _parsed(file)
    return found if isinstance(found, dict) else {}


def read_list(file: Path) -> list[object]:
    """The list in a model's file; empty where there is none to be had."""
    found = _parsed(file)
    return found if isinstance(found, list) else []


def _parsed(file: Path) -> object:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _head(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", errors="replace") as text:
            return text.read(_CARD_HEAD)
    except OSError:
        return ""


def _first(prompts: Mapping[str, str], names: Sequence[str]) -> str:
    return next((prompts[name] for name in names if name in prompts), "")


def _is_called(names: Sequence[str], family: str) -> bool:
    """Whether a name ends in one of the family, after its organisation or nothing: `my-e5-base` is somebody else's."""
    pattern = re.compile(rf"(.*[/\\_]|.*--)?({family})[/\\]?", re.IGNORECASE | re.DOTALL)
    return any(pattern.fullmatch(name) for name in names)


def _set(setting: str, found: str) -> str:
    return found if setting == AUTO else "" if setting == NONE else setting
