"""Reads any supported document in this process: chooses the format, and holds every loader to the same promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from ragqa.documents import formats, quality
from ragqa.errors import DocumentError
from ragqa.text.language import detect
from ragqa.types import Document


class _Load(Protocol):
    def __call__(self, data: bytes, name: str, *, password: str | None = None) -> Document: ...


class InProcessLoader:
    """The loader without a child around it: for what runs inside the child, and for tests.

    A hang or a crash of a library takes this process with it.
    """

    def load(self, data: bytes, name: str, *, password: str | None = None) -> Document:
        if not data:
            raise DocumentError("the file is empty", code="empty", skipped=True)
        kind = formats.sniff(name, data[: formats.HEAD])
        if kind in ("markdown", "html"):
            quality.require_text_bytes(data)
        document = _loader(kind)(data, name, password=password)
        quality.require_language(document.text)
        if document.language == "other":
            document = replace(document, language=detect(document.text))
        return document if document.loader == kind else replace(document, loader=kind)


def _loader(kind: str) -> _Load:
    """The function that reads one format; its libraries are imported now, not before."""
    chosen: Callable[..., Document]
    match kind:
        case "pdf":
            from ragqa.documents import pdf

            chosen = pdf.load
        case "markdown":
            from ragqa.documents import markdown

            chosen = markdown.load
        case "html":
            from ragqa.documents import html

            chosen = html.load
        case "docx":
            from ragqa.documents import docx

            chosen = docx.load
        case _:
            from ragqa.documents import plain

            chosen = plain.load
    return chosen
