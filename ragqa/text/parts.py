"""Splits a question that asks for several things into questions that can be searched one by one, by rules."""

from __future__ import annotations

import re

from ragqa.text.analyzer import analyze
from ragqa.text.exact import quotations

_MOST = 4
"""With more parts than this, splitting is more likely a misreading than a help."""
_ASKING = (
    "what|whats|who|whom|whose|when|where|which|why|how|does|do|did|is|are|was|were|can|could|may|must|should|shall"
    "|will|would|has|have|had"
)
_AND = re.compile(
    rf"(?:[,;]\s*(?:and|or|but|also)?|\s+(?:and|or|as well as))\s+(?:also\s+|then\s+)?(?=(?:{_ASKING})\b)", re.I
)
_BEGINS_ASKING = re.compile(
    rf"(?:(?:and|so|but|then)\s+)?(?:(?:in|on|at|by|for|to|from|of|with|under)\s+)?(?:{_ASKING})\b", re.I
)
_PRONOUN = re.compile(
    r"\b(?:it|its|they|them|their|theirs|he|him|his|she|her|hers|this|that|these|those|there)\b|[它他她其该該此这這那]",
    re.I,
)
_ASKS_IN_CHINESE = re.compile(
    "什么|甚么|什麼|甚麼|谁|誰|何[时時地处處种種者人]|为何|為何|哪|多少|多久|多[长長大高远遠重]|几[年月日天个個次人岁歲种種位名]"
    "|幾[年月日天個次人歲種位名]|如何|怎么|怎麼|怎样|怎樣|是否|[吗嗎]"
)
_CHINESE_JOINT = re.compile(
    "[，,；;]\\s*(?:以及|并且|並且|而且|还有|還有|另外|同时|同時|又)?|以及|并且|並且|还有|還有|[？?]\\s*"
)
_SUBJECT_END = re.compile(
    "是|在|由|於|于|的|有|被|将|將|什么|什麼|谁|誰|何|哪|多少|多久|几|幾|如何|怎|为|為|会|會|能|可以|应|應|要|[，,]"
)
_SENTENCE = re.compile(r"[^?？!！。\n]+[?？!！。]?|\n")
_NAME = re.compile(
    r"(?<![.!?]\s)(?<!^)\b(?:[A-Z][\w’'-]+|[A-Za-z]*\d[\w.-]*)(?:\s+(?:of\s+(?:the\s+)?)?(?:[A-Z][\w’'-]*|\d[\w.-]*))*"
)
_WORD = re.compile(r"[^\W_]+")
_FEW_TERMS = 2
_LONGEST = 1000
"""A longer text is no question with parts, but a document with questions in it."""
_FIRST_HELD = 0xE000
_HELD = re.compile("[\ue000-\uf8ff]")
"""Private characters, which stand for quotations while a question is cut."""


def keep_whole(question: str) -> tuple[str, ...]:
    """Takes every question for one."""
    return ()


def split(question: str) -> tuple[str, ...]:
    """The questions inside `question`, in order, each complete enough to be searched; empty where it is only one.

    A part that leans on the first one ("... and when did it end?") gets what that one is about. A quoted phrase is
    never cut.
    """
    if len(question) > _LONGEST or _HELD.search(question):
        return ()
    masked, quoted = _without_quotations(question)
    pieces = _chinese(masked) if _ASKS_IN_CHINESE.search(masked) else _english(masked)
    if not 2 <= len(pieces) <= _MOST:
        return ()
    parts = (pieces[0], *(_completed(piece, pieces[0]) for piece in pieces[1:]))
    return tuple(_HELD.sub(lambda match: quoted[ord(match.group()) - _FIRST_HELD], part) for part in parts)


def _without_quotations(question: str) -> tuple[str, list[str]]:
    """The question with one private character in the place of each quotation; and the quotations."""
    masked, end = "", 0
    quoted: list[str] = []
    for start, stop in quotations(question):
        masked += question[end:start] + chr(_FIRST_HELD + len(quoted))
        quoted.append(question[start:stop])
        end = stop
    return masked + question[end:], quoted


def _english(question: str) -> list[str]:
    sentences = [match.group().strip() for match in _SENTENCE.finditer(question)]
    asking = [sentence for sentence in sentences if sentence.endswith(("?", "？")) or _BEGINS_ASKING.match(sentence)]
    if len(asking) > 1:
        told = " ".join(sentence for sentence in sentences if sentence and sentence not in asking)
        pieces = [part for sentence in asking for part in _joined(sentence)]
        return [f"{piece} {told}".strip() for piece in pieces]
    return _joined(question) if asking else []


def _joined(sentence: str) -> list[str]:
    """One sentence cut before each "and what", where what stands before is a question too."""
    pieces: list[str] = []
    start = 0
    for joint in _AND.finditer(sentence):
        before = sentence[start : joint.start()]
        if _BEGINS_ASKING.match(before.strip()) and len(analyze(before)) >= 1:
            pieces.append(before.strip())
            start = joint.end()
    return [*pieces, sentence[start:].strip()]


def _chinese(question: str) -> list[str]:
    """Cut at commas and joining words, but only between pieces that both ask something."""
    pieces: list[str] = []
    start = 0
    for joint in _CHINESE_JOINT.finditer(question):
        before, after = question[start : joint.start()], question[joint.end() :]
        if _ASKS_IN_CHINESE.search(before) and _ASKS_IN_CHINESE.search(after):
            pieces.append(before.strip())
            start = joint.end()
    return [*pieces, question[start:].strip()]


def _completed(piece: str, first: str) -> str:
    """The piece with what `first` is about, where it names nothing itself."""
    if _HELD.search(piece):
        return piece
    leans = _PRONOUN.search(piece) is not None
    if _ASKS_IN_CHINESE.search(piece):
        # Question words are no terms; what is left of a piece of a few characters is not enough to be found by.
        if not leans and len(analyze(piece)) > 8:
            return piece
        return f"{first[: _subject_end(first)]} {piece}"
    if not leans and len(analyze(piece)) > _FEW_TERMS:
        return piece
    names = [match.group() for match in _NAME.finditer(first)]
    if names and len(analyze(piece)) >= 1:
        return f"{piece} {' '.join(names)}"
    return " ".join([piece, *(word for word in _WORD.findall(first) if analyze(word))])


def _subject_end(question: str) -> int:
    """Where what a Chinese question is about ends: before the first verb or question word, but not at once."""
    ends = (match.start() for match in _SUBJECT_END.finditer(question) if match.start() >= 2)
    return next(ends, len(question))
