"""The small part of Markdown in which the sources are written, read into blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

Kind = Literal["title", "heading", "paragraph", "bullets", "table", "break"]

_FOOTNOTE = re.compile(r"^\[\^(\w+)\]: (.*)$")
_WIDE = re.compile(r"(?<=[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef])\n|\n(?=[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef])")


@dataclass(frozen=True, slots=True)
class Block:
    """`text` for a title, heading or paragraph; `items` for bullets; `rows` for a table, its header first."""

    kind: Kind
    text: str = ""
    level: int = 0
    items: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Blocks in order, and footnotes by the mark that refers to them: `[^mark]`."""

    blocks: tuple[Block, ...]
    footnotes: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The text of the first title."""
        return next(block.text for block in self.blocks if block.kind == "title")


def parse(text: str) -> Source:
    """Blocks are separated by blank lines; a paragraph's lines are joined, without a space between Chinese."""
    footnotes: dict[str, str] = {}
    blocks: list[Block] = []
    for piece in re.split(r"\n\s*\n", text.strip()):
        if note := _FOOTNOTE.match(piece):
            footnotes[note[1]] = _unwrap(note[2])
        else:
            blocks.extend(_blocks(piece))
    return Source(tuple(blocks), footnotes)


def _blocks(piece: str) -> Iterator[Block]:
    for kind, lines in groupby(piece.splitlines(), _kind_of):
        match kind:
            case "heading" | "title":
                for line in lines:
                    marks, _, words = line.partition(" ")
                    yield Block(kind, text=words, level=len(marks) - 1)
            case "bullets":
                items = re.split(r"(?:^|\n)- ", "\n".join(lines))[1:]
                yield Block(kind, items=tuple(_unwrap(item) for item in items))
            case "table":
                cells = (tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines)
                yield Block(kind, rows=tuple(row for row in cells if not all(set(cell) <= set("-:") for cell in row)))
            case "break":
                yield Block(kind)
            case _:
                yield Block("paragraph", text=_unwrap("\n".join(lines)))


def _kind_of(line: str) -> Kind:
    if line.startswith("# "):
        return "title"
    if re.match(r"#{2,4} ", line):
        return "heading"
    if line.startswith(("- ", "  ")):
        return "bullets"
    if line.startswith("|"):
        return "table"
    return "break" if line == "===" else "paragraph"


def _unwrap(text: str) -> str:
    joined = _WIDE.sub("", text)
    return re.sub(r"\s*\n\s*", " ", joined).strip()
