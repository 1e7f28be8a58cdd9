"""A user's own words around the rules of the prompt: checked when they are read, filled for each question."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ragqa.errors import ConfigError

NAMES = {"rules": "what ragqa needs", "language": "of the answer", "length": "how long it may be"}
LARGEST = 20_000
"""Characters. The rules and the sources need the prompt more."""

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}|[{}]")
_REMEDY = "{rules} stands where the rules go; {language} and {length} may be used; {{ and }} are braces"


@dataclass(frozen=True, slots=True)
class Template:
    """Text with `{rules}` in it exactly once, and no other placeholder but those of `NAMES`."""

    text: str

    def fill(self, *, rules: str, language: str, length: str) -> str:
        """The system text. Rules cannot be left out, nor changed by what stands around them."""
        words = {"rules": rules, "language": language, "length": length, "{{": "{", "}}": "}"}
        return _TOKEN.sub(lambda token: words[token[1] or token[0]], self.text)


def parse(text: str, *, name: str) -> Template:
    """The template in a file called `name`. Raises ConfigError that says in which line what is wrong."""
    if len(text) > LARGEST:
        raise ConfigError(f"{name} is too long for a prompt: {len(text):,} characters, at most {LARGEST:,}")
    seen = 0
    for token in _TOKEN.finditer(text):
        if token[0] in ("{{", "}}"):
            continue
        line = text.count("\n", 0, token.start()) + 1
        column = token.start() - text.rfind("\n", 0, token.start())
        place = f"{name}, line {line}, character {column}"
        if token[1] is None:
            raise ConfigError(f"{place}: a single {token[0]}", remedy=_REMEDY)
        if token[1] not in NAMES:
            raise ConfigError(f"{place}: there is no placeholder {token[0]}", remedy=_REMEDY)
        seen += token[1] == "rules"
        if seen > 1:
            raise ConfigError(f"{place}: {{rules}} stands there a second time", remedy=_REMEDY)
    if not seen:
        raise ConfigError(f"{name} has no {{rules}}", remedy=_REMEDY)
    return Template(text)
