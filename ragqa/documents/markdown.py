"""Reads Markdown (CommonMark with tables): rendered to HTML, then walked like any page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ragqa.documents.blocks import DocumentBuilder, Piece
from ragqa.documents.decoding import decode
from ragqa.documents.html import HIDDEN_ELEMENTS, read_blocks
from ragqa.types import Document

if TYPE_CHECKING:
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token
    from markdown_it.utils import EnvType, OptionsDict

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)(?<=\n)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_LONGEST_FRONT_MATTER = 100_000
_KEY = re.compile(r"([A-Za-z][\w -]{0,40}):[ \t]*(.*)")
_KEPT_KEYS = ("subtitle", "description", "summary", "author", "authors", "date")
"""What a reader may ask for. Layout names, identifiers and redirects are not text."""

_DEEPEST_NESTING = 100

_FULL_LINE_END = tuple("。！？；：.!?;:」』”）)")
_ITEM_START = re.compile(
    r"\s*(?:[0-9]{1,3}[.)、．]|[一二三四五六七八九十]{1,3}[、．]|[(（][0-9A-Za-z一二三四五六七八九十]{1,3}[)）]|[•·●])"
)

_TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9-]*)")
_FORMATTING = """
    a abbr b bdi bdo br cite code data del dfn em font i img ins kbd label mark q rp rt ruby s samp small span strike
    strong sub sup time tt u var wbr
"""
_INLINE_TAGS = frozenset(_FORMATTING.split())
_STRUCTURE = """
    address article aside blockquote body caption center col colgroup dd details div dl dt figcaption figure footer
    form h1 h2 h3 h4 h5 h6 head header hr html input li link main meta nav ol p pre section source summary table tbody
    td tfoot th thead title tr ul
"""
_OTHER_TAGS = frozenset(_STRUCTURE.split())
_RAW_TEXT = frozenset(("title", "plaintext", "xmp"))
_LINK = re.compile(r"!?\[([^\[\]\n]{0,500})\]\([^()\s]{0,1000}(?: \"[^\"\n]{0,200}\")?\)")


def load(data: bytes, name: str, *, password: str | None = None) -> Document:
    """Markup becomes plain text: link text, alternative texts and code stay, emphasis and addresses go.

    The title is the front matter's, else a first-level heading at the very top.
    """
    decoded = decode(data)
    properties, text = _front_matter(decoded.text)
    builder = DocumentBuilder()
    kept = [f"{key}: {properties[key]}" for key in _KEPT_KEYS if properties.get(key)]
    read_blocks(_render(text), builder, whole_page=True)
    title = properties.get("title", "")
    if kept and not builder.is_empty:
        builder.add(Piece("paragraph", "\n".join(kept)))
    return builder.build(title=title, loader="markdown", warnings=decoded.warnings)


def _front_matter(text: str) -> tuple[dict[str, str], str]:
    """The simple `key: value` lines of a YAML block at the top, and the text without it. Nothing is evaluated."""
    text = text.removeprefix("\ufeff")
    match = _FRONT_MATTER.match(text[:_LONGEST_FRONT_MATTER])
    if match is None:
        return {}, text
    properties: dict[str, str] = {}
    for line in match[1].splitlines():
        if key := _KEY.match(line):
            value = key[2].strip()
            if value[:1] in "\"'" and value[-1:] == value[:1]:
                value = value[1:-1]
            properties.setdefault(key[1].lower(), value.strip())
    if not properties and "\n\n" in match[1]:
        return {}, text  # two rules with text between them
    return properties, text[match.end() :]


def _render(text: str) -> str:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"maxNesting": _DEEPEST_NESTING}).enable(["table", "strikethrough"])
    parser.add_render_rule("softbreak", _soft_break)
    parser.add_render_rule("html_inline", _inline_html)
    parser.add_render_rule("html_block", _html_block)
    tokens = parser.parse(text)
    if any(token.level >= _DEEPEST_NESTING - 1 for token in tokens):
        # The parser leaves out what is nested deeper; such a text is no structure anyway.
        return _paragraphs(text)
    return str(parser.renderer.render(tokens, parser.options, {}))


def _paragraphs(text: str) -> str:
    """Text as it stands, without any markup."""
    return "".join(f"<p>{escape(paragraph, quote=False)}</p>" for paragraph in text.split("\n\n"))


def _soft_break(
    renderer: RendererHTML, tokens: Sequence[Token], number: int, options: OptionsDict, env: EnvType
) -> str:
    """A line break in the source: kept behind a finished sentence and before an item, else the walker joins the lines.

    Statutes are written so, one clause to a line, without the blank lines that Markdown wants.
    """
    before = tokens[number - 1].content.rstrip() if number else ""
    after = tokens[number + 1].content if number + 1 < len(tokens) else ""
    return "<br>" if before.endswith(_FULL_LINE_END) or _ITEM_START.match(after) else "\n"


def _inline_html(
    renderer: RendererHTML, tokens: Sequence[Token], number: int, options: OptionsDict, env: EnvType
) -> str:
    """Tags that format words pass; those that would open a block are dropped; `<path>` is no tag but text."""
    content = tokens[number].content
    tag = _TAG.match(content)
    if tag is None:
        return ""
    name = tag[1].lower()
    if name in _INLINE_TAGS:
        return content
    return "" if name in _OTHER_TAGS else escape(content, quote=False)


def _html_block(
    renderer: RendererHTML, tokens: Sequence[Token], number: int, options: OptionsDict, env: EnvType
) -> str:
    """Blocks of HTML pass, unless one opens what would hide the rest of the document and does not close it.

    Links in them are often written as Markdown all the same.
    """
    content = _LINK.sub(r"\1", tokens[number].content)
    lower = content.lower()
    for name in {tag.lower() for tag in _TAG.findall(content)} & (HIDDEN_ELEMENTS | _RAW_TEXT):
        if lower.count(f"</{name}") < lower.count(f"<{name}") and not re.search(rf"<{name}\b[^>]*/>", lower):
            return _paragraphs(content)
    return content
