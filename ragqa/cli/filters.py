"""The options that say which documents a question is about, and the Filter that they become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Annotated, Any

import typer

from ragqa.documents.formats import FORMATS
from ragqa.errors import UsageError
from ragqa.types import Filter, Language

LANGUAGES: Mapping[str, tuple[Language, ...]] = {
    "en": ("en",),
    "zh": ("zh-Hans", "zh-Hant"),
    "zh-hans": ("zh-Hans",),
    "zh-hant": ("zh-Hant",),
    "ja": ("ja",),
    "ko": ("ko",),
    "other": ("other",),
}
"""What may be asked for, in lower case."""
TYPES: Mapping[str, str] = {loader: suffix[1:] for suffix, loader in reversed(list(FORMATS.items()))}
"""Loader -> its usual suffix, without the dot."""

_In = Annotated[
    list[str] | None,
    typer.Option("--in", metavar="PATTERN", help="Only documents whose path fits, as in .gitignore; repeatable."),
]
_Lang = Annotated[
    list[str] | None,
    typer.Option(metavar="LANGUAGE", help="Only documents in en, zh, zh-Hans, zh-Hant, ja or ko; repeatable."),
]
_Type = Annotated[
    list[str] | None, typer.Option(metavar="TYPE", help="Only pdf, md, txt, html or docx documents; repeatable.")
]
_After = Annotated[str | None, typer.Option(metavar="DATE", help="Only files changed on DATE (2025-12-31) or later.")]
_Before = Annotated[str | None, typer.Option(metavar="DATE", help="Only files changed before DATE.")]

OPTIONS: dict[str, tuple[Any, object]] = {
    "within": (_In, None),
    "lang": (_Lang, None),
    "type": (_Type, None),
    "after": (_After, None),
    "before": (_Before, None),
}


def parse(values: Mapping[str, Any]) -> Filter | None:
    """The values of OPTIONS as a Filter; None where none was given. Raises UsageError, naming what there is."""
    if not any(value is not None and value != [] for value in values.values()):
        return None
    after, before = (_midnight(name, values[name]) for name in ("after", "before"))
    if after is not None and before is not None and after >= before:
        raise UsageError("there is no time between --after and --before", remedy="--after takes the earlier date")
    return Filter(
        patterns=tuple(values["within"] or ()),
        languages=tuple(dict.fromkeys(each for name in values["lang"] or () for each in _languages(name))),
        types=tuple(dict.fromkeys(_loader(name) for name in values["type"] or ())),
        after_ns=after,
        before_ns=before,
    )


def day(nanoseconds: int | None) -> str | None:
    """The local date of a moment that `parse` has made."""
    return None if nanoseconds is None else datetime.fromtimestamp(nanoseconds // 10**9).date().isoformat()


def _languages(name: str) -> Sequence[Language]:
    found = LANGUAGES.get(name.strip().lower())
    if found is None:
        raise UsageError(f"--lang {name!r} is no language", remedy="one of en, zh, zh-Hans, zh-Hant, ja, ko, other")
    return found


def _loader(name: str) -> str:
    wanted = name.strip().lower().removeprefix(".")
    loader = wanted if wanted in TYPES else FORMATS.get(f".{wanted}")
    if loader is None:
        known = ", ".join(suffix[1:] for suffix in FORMATS)
        raise UsageError(f"--type {name!r} is no type of document that ragqa reads", remedy=f"one of {known}")
    return loader


def _midnight(option: str, given: str | None) -> int | None:
    """Where the day begins here, in nanoseconds since the epoch."""
    if given is None:
        return None
    try:
        return int(datetime.combine(date.fromisoformat(given.strip()), time.min).timestamp()) * 10**9
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(f"--{option} {given!r} is no date", remedy="write it as 2025-12-31") from error
