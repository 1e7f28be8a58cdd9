"""Reads Word documents: the package is checked before anything is parsed, then mammoth's HTML is walked like a page."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.parsers.expat import ExpatError

from ragqa.documents.blocks import DocumentBuilder
from ragqa.documents.html import read_blocks
from ragqa.errors import DocumentError
from ragqa.types import Document

if TYPE_CHECKING:
    from collections.abc import Iterator

_OLE_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")

_MEBIBYTE = 1 << 20
_LARGEST_PART = 100 * _MEBIBYTE
_LARGEST_TOTAL = 200 * _MEBIBYTE
_HIGHEST_RATIO = 200
_RATIO_MATTERS_ABOVE = _MEBIBYTE
_MOST_ENTRIES = 10_000

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    ExpatError,
    ElementTree.ParseError,
    RecursionError,
    NotImplementedError,  # an unknown compression method
    RuntimeError,  # an encrypted part
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
    OSError,
    EOFError,
)
"""What zipfile, expat and mammoth raise on packages that are not what they claim to be."""

_BACK_LINK = re.compile(r'<a href="#[^"]*-ref-[^"]*">↑</a>')
_NOT_A_TITLE = re.compile(
    r"(?:microsoft word\b.*|untitled|word document|document ?\d*|无标题|無標題|.*\.docx?)", re.IGNORECASE
)
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_TITLE = "{http://purl.org/dc/elements/1.1/}title"


def load(data: bytes, name: str, *, password: str | None = None) -> Document:
    """Headings, paragraphs, lists, tables and footnotes; images, comments and deleted text are left out."""
    if data.startswith(_OLE_MAGIC):
        raise _not_a_package(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            _check(package)
            markup = _convert(_without_hidden_text(data, package), _style_map(package))
            title = _title(package)
    except _DAMAGE as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error) or type(error).__name__
        raise DocumentError(f"not a readable Word document: {reason}", code="damaged") from error
    builder = DocumentBuilder()
    read_blocks(markup, builder)
    return builder.build(title=title, loader="docx")


def _not_a_package(data: bytes) -> DocumentError:
    if _ENCRYPTED_PACKAGE in data:
        return DocumentError(
            "the Word document is encrypted", code="encrypted", remedy="save a copy without a password in Word"
        )
    return DocumentError(
        "an old Word file (.doc) under the name .docx", code="damaged", remedy="save it as .docx in Word"
    )


def _check(package: zipfile.ZipFile) -> None:
    """Refuses bombs, parts that appear twice, and document type declarations, which no Word document has."""
    entries = package.infolist()
    if len(entries) > _MOST_ENTRIES:
        raise DocumentError(f"the package holds {len(entries):,} entries", code="too_large")
    names = {entry.filename for entry in entries}
    if len(names) < len(entries):
        raise DocumentError("the package holds two parts of the same name", code="damaged")
    total = 0
    for entry in _parts(entries):
        total += entry.file_size
        ratio = entry.file_size / max(1, entry.compress_size)
        if entry.file_size > _LARGEST_PART or total > _LARGEST_TOTAL:
            raise DocumentError(f"{entry.filename} unpacks to more than it should", code="too_large")
        if entry.file_size > _RATIO_MATTERS_ABOVE and ratio > _HIGHEST_RATIO:
            raise DocumentError(f"{entry.filename} unpacks to {ratio:,.0f} times its size", code="too_large")
    for entry in _parts(entries):
        part = package.read(entry)
        if any(f"<!{word}".encode(encoding) in part for word in ("DOCTYPE", "ENTITY") for encoding in _XML_ENCODINGS):
            raise DocumentError(f"{entry.filename} declares a document type", code="damaged")


_XML_ENCODINGS = ("ascii", "utf-16-le", "utf-16-be")


def _parts(entries: list[zipfile.ZipInfo]) -> Iterator[zipfile.ZipInfo]:
    """The parts that will be parsed; media are never unpacked."""
    return (entry for entry in entries if entry.filename.lower().endswith((".xml", ".rels")))


def _without_hidden_text(data: bytes, package: zipfile.ZipFile) -> bytes:
    """The package without the runs that Word does not show: nobody could find a quotation from them."""
    parts = {entry.filename: package.read(entry) for entry in _parts(package.infolist())}
    hiding = [name for name, part in parts.items() if name.startswith("word/") and b"vanish" in part]
    hiding = [name for name in hiding if not name.endswith(("styles.xml", "numbering.xml", "settings.xml"))]
    if not hiding:
        return data
    for name in hiding:
        root = ElementTree.fromstring(parts[name])
        for parent in root.iter():
            for run in parent.findall(f"{_WORD}r"):
                mark = run.find(f"{_WORD}rPr/{_WORD}vanish")
                if mark is not None and mark.get(f"{_WORD}val", "true") not in ("0", "false", "off"):
                    parent.remove(run)
        parts[name] = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w") as shown:
        for name, part in parts.items():
            shown.writestr(name, part)
    return copy.getvalue()


def _convert(data: bytes, style_map: str) -> str:
    import mammoth

    result = mammoth.convert_to_html(
        io.BytesIO(data),
        style_map=style_map,
        include_embedded_style_map=False,
        convert_image=lambda image: [],
        external_file_access=False,
    )
    return _BACK_LINK.sub("", str(result.value))


def _style_map(package: zipfile.ZipFile) -> str:
    """Which paragraph styles are headings, one level below the title's; tables of contents are left out."""
    lines = ["p[style-name='Title'] => h1:fresh", "p[style-name='TOC Heading'] => !"]
    for level in range(1, 10):
        lines += [f"p[style-name='{toc} {level}'] => !" for toc in ("toc", "TOC")]
    words = ("Heading ", "heading ", "标题 ", "標題 ", "标题", "標題")
    levels = {f"{word}{level}": level for word in words for level in range(1, 10)}
    if "word/styles.xml" in package.namelist():
        levels |= _outline_levels(package.read("word/styles.xml"))
    for style, level in levels.items():
        quoted = style.replace("\\", "\\\\").replace("'", "\\'")
        lines.append(f"p[style-name='{quoted}'] => h{min(level + 1, 6)}:fresh")
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Style:
    name: str
    base: str
    level: int | None


def _outline_levels(styles: bytes) -> dict[str, int]:
    """The paragraph styles, by name, that put a paragraph into the outline, themselves or through their base."""
    found: dict[str, _Style] = {}
    for element in ElementTree.fromstring(styles).iter(f"{_WORD}style"):
        if element.get(f"{_WORD}type") == "paragraph":
            outline = _value(element, f"{_WORD}pPr/{_WORD}outlineLvl")
            level = int(outline) + 1 if outline.isdecimal() else None
            name, base = _value(element, f"{_WORD}name"), _value(element, f"{_WORD}basedOn")
            found[element.get(f"{_WORD}styleId", "")] = _Style(name, base, level)
    levels: dict[str, int] = {}
    for style in found.values():
        seen, current = set[str](), style
        while current.level is None and current.base in found and current.base not in seen:
            seen.add(current.base)
            current = found[current.base]
        if style.name and "\n" not in style.name and current.level is not None and 1 <= current.level <= 9:
            levels[style.name] = current.level
    return levels


def _value(element: ElementTree.Element, path: str) -> str:
    """The `w:val` of a child, "" without one."""
    child = element.find(path)
    return child.get(f"{_WORD}val", "") if child is not None else ""


def _title(package: zipfile.ZipFile) -> str:
    """The title in the document's properties, unless it is one that a program made up."""
    if "docProps/core.xml" not in package.namelist():
        return ""
    element = ElementTree.fromstring(package.read("docProps/core.xml")).find(_TITLE)
    title = " ".join((element.text or "").split()) if element is not None else ""
    return "" if _NOT_A_TITLE.fullmatch(title) else title
