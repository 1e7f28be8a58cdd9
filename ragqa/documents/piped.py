"""Bytes that come without the name of a file: what kind of document they are, told from themselves."""

from __future__ import annotations

import re

from ragqa.documents.formats import HEAD, unsupported

STDIN = "stdin"
_LOOKED_AT = 1 << 16
_LARGEST_MARKDOWN = 2 << 20
"""Bytes. What is larger was written by a program; to parse it would take seconds, and bring a few headings."""
_HTML = re.compile(rb"\s*<(!doctype html|html|head|body)\b", re.IGNORECASE)
_HEADING = re.compile(r"(?:\A|\n[ \t]*\n)#{1,6} \S[^\n]*(?=\n[ \t]*\n|\Z)")
"""A heading of Markdown stands by itself; a line of a script that begins with # mostly does not."""


def named(name: str, data: bytes) -> str:
    """The name under which a loader reads `data`: its own where that says the format, else one with a suffix."""
    if name != STDIN and unsupported(name) is None:
        return name
    head = data[:HEAD].lstrip(b"\xef\xbb\xbf \t\r\n\f\0")
    if head.startswith(b"%PDF-"):
        return f"{STDIN}.pdf"
    if data.startswith(b"PK\x03\x04"):
        return f"{STDIN}.docx"
    if _HTML.match(head):
        return f"{STDIN}.html"
    text = data[:_LOOKED_AT].decode("utf-8", "replace").replace("\r\n", "\n")
    is_markdown = len(data) <= _LARGEST_MARKDOWN and _HEADING.search(text)
    return f"{STDIN}.md" if is_markdown else f"{STDIN}.txt"
