"""The suffix chooses the loader, and the content puts a wrong suffix right."""

from __future__ import annotations

import pytest

from ragqa.documents.formats import sniff, suffix, unsupported
from ragqa.errors import DocumentError

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
DOCX = b"PK\x03\x04\x14\0\0\0\x08\0\0\0!\0\0\0\0\0\0\0\0\0\0\0\0\0\x13\0\0\0[Content_Types].xml"


@pytest.mark.parametrize(
    ("name", "head", "loader"),
    [
        ("a.pdf", PDF, "pdf"),
        ("A.PDF", b"\n" + PDF, "pdf"),
        ("a.txt", PDF, "pdf"),
        ("a.docx", PDF, "pdf"),
        ("a.docx", DOCX, "docx"),
        ("a.txt", DOCX, "docx"),
        ("a.pdf", b"<!DOCTYPE html><html>", "html"),
        ("a.txt", b"  <HTML>", "html"),
        ("a.md", b"<html> in Markdown", "markdown"),
        ("a.markdown", b"# Title", "markdown"),
        ("a.text", b"words", "text"),
        ("a.xhtml", b"<?xml version='1.0'?>", "html"),
        ("two.dots.pdf.txt", b"words", "text"),
        ("a.txt", b"words about %PDF-1.7", "text"),
    ],
)
def test_loaders(name: str, head: bytes, loader: str) -> None:
    assert sniff(name, head) == loader


@pytest.mark.parametrize("name", ["a.pptx", "a.doc", "a.exe", "noext", ".txt", "a.txt/b", "a."])
def test_other_formats_are_skipped_with_a_reason(name: str) -> None:
    assert unsupported(name)
    with pytest.raises(DocumentError) as caught:
        sniff(name, b"words")
    assert (caught.value.code, caught.value.skipped) == ("unsupported", True)


@pytest.mark.parametrize("head", [b"PK\x03\x04 some other archive", b"{\\rtf1\\ansi words}"])
def test_other_things_under_a_text_name_are_refused(head: bytes) -> None:
    with pytest.raises(DocumentError):
        sniff("a.txt", head)


def test_a_suffix_is_the_last_one_in_lower_case() -> None:
    assert [suffix(name) for name in ("A.Tar.GZ", ".hidden", "x/.hidden", "d.e/f", "a.txt")] == [
        ".gz",
        "",
        "",
        "",
        ".txt",
    ]
