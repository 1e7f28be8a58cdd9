"""Reads plain text: decoded, and cut into paragraphs at its blank lines."""

from __future__ import annotations

import re

from ragqa.documents import quality
from ragqa.documents.decoding import decode
from ragqa.types import Block, Document

_BLANK_LINES = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")


def load(data: bytes, name: str, *, password: str | None = None) -> Document:
    """The whole text as it is; a plain text states no title."""
    quality.require_text_bytes(data)
    decoded = decode(data)
    return Document(text=decoded.text, loader="text", blocks=_paragraphs(decoded.text), warnings=decoded.warnings)


def _paragraphs(text: str) -> tuple[Block, ...]:
    """What lies between blank lines, without the spaces around it."""
    blocks = []
    start = 0
    for end, following in [*((gap.start(), gap.end()) for gap in _BLANK_LINES.finditer(text)), (len(text), len(text))]:
        piece = text[start:end]
        stripped = piece.strip()
        if stripped:
            first = start + len(piece) - len(piece.lstrip())
            blocks.append(Block(first, first + len(stripped), "paragraph"))
        start = following
    return tuple(blocks)
