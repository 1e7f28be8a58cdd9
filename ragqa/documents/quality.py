"""Whether bytes are text and text is language: glyph codes, binary and blank files must never be indexed."""

from __future__ import annotations

import re

from ragqa.errors import DocumentError

_MAGIC = (
    b"\x89PNG\r\n\x1a\n",
    b"\x7fELF",
    b"\xff\xd8\xff",
    b"GIF87a",
    b"GIF89a",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\0",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"SQLite format 3\0",
    b"\xca\xfe\xba\xbe",
    b"\xcf\xfa\xed\xfe",
    b"OggS",
    b"ID3",
    b"fLaC",
    b"II*\0",
    b"MM\0*",
    b"wOFF",
    b"wOF2",
    b"\0asm",
    b"\0\x01\0\0\0",
)
_SAMPLE = 65536
_MOST_CONTROLS = 0.05
_MOST_GARBLED = 0.10

_CONTROL_BYTES = bytes(code for code in range(32) if code not in b"\t\n\v\f\r\a\b\x0e\x0f\x1b")
_TEXT_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
_GARBLED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufffd\ufdd0-\ufdef\ufffe\uffff\ue000-\uf8ff\U000f0000-\U0010ffff\ud800-\udfff]"
)
_GLYPH_NAMES = re.compile(r"\(cid:\d+\)|/(?:g|G|c|C|a|i|uni|gid|glyph|index)\d{1,5}(?=[/\s]|$)")
_WRITTEN = re.compile(r"[^\W_]")


def is_binary(data: bytes) -> bool:
    """Whether the bytes are something else than text, in any encoding."""
    if data.startswith(_MAGIC):
        return True
    sample = data[:_SAMPLE]
    if not sample or data.startswith(_TEXT_MARKS):
        return False
    controls = len(sample) - len(sample.translate(None, _CONTROL_BYTES))
    return controls > _MOST_CONTROLS * len(sample) and controls > 2 and not _looks_wide(sample)


def garbled_share(text: str) -> float:
    """The share, 0 to 1, of the visible characters that no font can show: controls, private use, U+FFFD, glyph names.

    To be asked of the raw text, before `clean_text` takes the controls away.
    """
    visible = len(text) - sum(map(text.count, " \n\t\r"))
    if not visible:
        return 0.0
    glyph_names = sum(len(match[0]) for match in _GLYPH_NAMES.finditer(text))
    return min(1.0, (len(_GARBLED.findall(text)) + glyph_names) / visible)


def is_garbled(text: str) -> bool:
    """Whether too much of the raw text is not language to be worth reading."""
    return garbled_share(text) > _MOST_GARBLED


def has_text(text: str) -> bool:
    """Whether there is a letter, digit or ideograph at all."""
    return _WRITTEN.search(text) is not None


def require_text_bytes(data: bytes) -> None:
    """Raise DocumentError if a file that is called a text is empty, or is not text."""
    if not data.strip():
        raise DocumentError("the file is empty", code="empty", skipped=True)
    if is_binary(data):
        raise DocumentError("this is not text but binary data", code="binary")


def require_language(text: str) -> None:
    """Raise DocumentError if there is nothing to read in the text of a document, or nothing legible."""
    if not has_text(text):
        raise DocumentError("there is no text in it", code="empty", skipped=True)
    if is_garbled(text):
        raise DocumentError(
            "its characters are not legible text (unknown encoding, or codes of glyphs)", code="garbled"
        )


def _looks_wide(sample: bytes) -> bool:
    """Whether the control bytes are halves of characters, in UTF-16 or UTF-32 without a mark."""
    from ragqa.documents import legacy

    part = sample[:4096]
    return any(legacy.score(part, encoding) > 0.35 for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"))
