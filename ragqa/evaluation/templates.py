"""Questions by rule, without a model: from tables, questions in headings, and sentences of a few plain forms.

A rule that is not sure proposes nothing: a few good drafts are better than many to throw away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ragqa.evaluation import templates_chinese, templates_english
from ragqa.evaluation.answers import tokens
from ragqa.evaluation.drafts import Proposal, flat
from ragqa.text.sentences import spans
from ragqa.types import Chunk, Language

_ASKS = re.compile(r"[?？]$")
_SHORTEST_ANSWER = 4
"""Tokens of a sentence that answers a question: less is `Yes.`"""
_CELL = re.compile(r"([^:：|]{1,40}): (.{1,60})")
_NOTHING = re.compile(
    r"[-–—/]+$|(?:n/?a|none|yes|no|(?:the )?same|see|not)\b|[无無不没沒]|[可是否有同]$", re.IGNORECASE
)
"""Cells that say nothing by themselves."""
_UNIT = re.compile(r"\s*[(（][^()（）]*[)）]$")
_NUMBERING = re.compile(
    r"^(?:\d+(?:\.\d+)*\.?|[IVX]+\.|[A-Z]\.|§ ?\d+|第[一二三四五六七八九十百\d]+[章节節条條款编編部]"
    r"|[一二三四五六七八九十]+[、.．]|[(（][一二三四五六七八九十\d]+[)）])\s*"
)


def propose(chunk: Chunk, language: Language, *, opens_section: bool) -> Iterator[Proposal]:
    """What the rules make of a passage; `opens_section` says that it is the first one under its heading."""
    if language not in ("en", "zh-Hans", "zh-Hant"):
        return
    yield from _asked_and_answered(chunk, opens_section=opens_section)
    yield from _rows(chunk, language)
    for start, end in spans(chunk.text):
        sentence = flat(chunk.text[start:end])
        if " | " not in sentence and not _ASKS.search(sentence):
            if language == "en":
                yield from templates_english.propose(sentence, chunk.text)
            else:
                yield from templates_chinese.propose(sentence, traditional=language == "zh-Hant")


def _asked_and_answered(chunk: Chunk, *, opens_section: bool) -> Iterator[Proposal]:
    """A heading, or a line of its own, that asks: the sentence behind it answers."""
    sentences = [chunk.text[start:end] for start, end in spans(chunk.text)]
    if opens_section and chunk.heading and sentences and _ASKS.search(chunk.heading[-1].strip()):
        question = _NUMBERING.sub("", flat(chunk.heading[-1]), count=1)
        if len(tokens(sentences[0])) >= _SHORTEST_ANSWER:
            yield Proposal(question, flat(sentences[0]), "rule: question in a heading")
    places = spans(chunk.text)
    for (start, _), asked, answered in zip(places, sentences, sentences[1:], strict=False):
        opens_line = chunk.text[:start].rstrip(" *_").endswith("\n") or not chunk.text[:start].strip(" *_")
        if opens_line and _ASKS.search(asked.strip()) and not _ASKS.search(answered.strip()):
            question = re.sub(r"^(?:Q|问|問)\s*[:：.]\s*", "", flat(asked))
            answer = re.sub(r"^(?:A|答)\s*[:：.]\s*", "", flat(answered))
            if len(tokens(answer)) >= _SHORTEST_ANSWER:
                yield Proposal(question, answer, "rule: question in the text")


def _rows(chunk: Chunk, language: Language) -> Iterator[Proposal]:
    """Rows of tables that name their columns: `Model: BP-20 | Price: 45` asks for the price of BP-20."""
    rows: list[list[tuple[str, str]]] = []
    for line in chunk.text.split("\n"):
        cells = [_CELL.fullmatch(cell.strip()) for cell in line.split(" | ")]
        if len(cells) > 1 and all(cells):
            rows.append([(cell[1].strip(), cell[2].strip()) for cell in cells if cell])
    keys = [row[0][1] for row in rows]
    about = _NUMBERING.sub("", flat(chunk.heading[-1]), count=1) if chunk.heading else ""
    for (_, name), *columns in rows:
        # A name that is a figure, or stands in two rows, does not tell what is asked about.
        if keys.count(name) > 1 or not re.search(r"[^\W\d]", name):
            continue
        for column, value in columns:
            if _NOTHING.match(value) or not 2 <= len(value) <= 40:
                continue
            column = _UNIT.sub("", column)
            if language == "en":
                question = templates_english.row(about, name, column)
            else:
                question = templates_chinese.row(about, name, column, value, traditional=language == "zh-Hant")
            if question:
                yield Proposal(question, value, "rule: table")
