"""Which loader reads a file: its suffix says so, and its first bytes put a wrong suffix right."""

from __future__ import annotations

from collections.abc import Mapping

from ragqa.errors import DocumentError

FORMATS: Mapping[str, str] = {
    ".pdf": "pdf",
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
    ".text": "text",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".docx": "docx",
}
"""Suffix in lower case -> name of the loader."""

HEAD = 1024
"""So many first bytes are enough for `sniff`."""

_CONVERSIONS = {
    ".doc": ".docx",
    ".dot": ".docx",
    ".odt": ".docx",
    ".rtf": ".docx",
    ".wps": ".docx",
    ".pages": ".docx",
    ".ppt": ".pdf",
    ".pptx": ".pdf",
    ".odp": ".pdf",
    ".xls": ".pdf",
    ".xlsx": ".pdf",
    ".ods": ".pdf",
    ".epub": ".pdf",
    ".djvu": ".pdf",
    ".ps": ".pdf",
}

_HTML = (b"<!doctype html", b"<html")


def suffix(name: str) -> str:
    """The last suffix in lower case with its dot, "" if there is none (a leading dot is no suffix)."""
    stem, dot, last = name.rpartition(".")
    return f".{last.lower()}" if dot and stem and not stem.endswith("/") and "/" not in last else ""


def unsupported(name: str) -> str | None:
    """Why a file of this name cannot be read, or None if it can."""
    ending = suffix(name)
    if ending in FORMATS:
        return None
    if not ending:
        return "unsupported format: the name has no suffix"
    target = _CONVERSIONS.get(ending)
    if target is not None:
        return f"unsupported format {ending}; save it as {target}, e.g. `soffice --convert-to {target[1:]}`"
    return f"unsupported format {ending}"


def sniff(name: str, head: bytes) -> str:
    """The name of the loader for a file that begins with `head` (at least `HEAD` bytes of it, or all).

    Raises DocumentError for a format that ragqa does not read (skipped), and for other things under a text's name.
    """
    reason = unsupported(name)
    if reason is not None:
        raise DocumentError(reason, code="unsupported", skipped=True)
    by_name = FORMATS[suffix(name)]
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n\f\0")
    if start.startswith(b"%PDF-"):
        return "pdf"
    if head.startswith(b"PK\x03\x04"):
        return _archive(by_name, head)
    if by_name in ("pdf", "text", "docx") and start[:15].lower().startswith(_HTML):
        return "html"
    if by_name == "text" and start.startswith(b"{\\rtf"):
        raise DocumentError("this is RTF under another name; save it as .docx", code="unsupported", skipped=True)
    return by_name


def _archive(by_name: str, head: bytes) -> str:
    """A zip: a Word document says so within its first entries, whatever it is called."""
    if by_name == "docx" or b"[Content_Types].xml" in head or b"word/" in head:
        return "docx"
    raise DocumentError("this is a zip archive under another name", code="binary", skipped=False)
