"""English sentences of a few plain forms, turned into questions: amounts, times, prices, definitions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ragqa.evaluation.drafts import Proposal

_MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_WORDS = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fourteen|fifteen|twenty|thirty|sixty|ninety"
_NUMBER = rf"(?:\d[\d,]*(?:\.\d+)?|{_WORDS})"
_HEDGE = "(?:at least |at most |up to |about |no more than |no later than )?"
_TIME = rf"{_HEDGE}{_NUMBER} (?:full |working |business |calendar )?(?:second|minute|hour|day|night|week|month|year)s?"
_MONEY = r"(?:[£$€¥]|NT\$|US\$|EUR |USD |GBP )\d[\d,]*(?:\.\d+)?(?: (?:million|thousand))?"
_AMOUNT = (
    rf"(?:{_HEDGE}(?:{_MONEY}|{_NUMBER}(?: ?%| per cent| percent|"
    r" (?:grams?|kilograms?|kg|tonnes?|millimetres?|centimetres?|metres?|kilometres?|mm|cm|m|km|litres?|volts?|watts?"
    rf"|degrees|people|pages))))|{_TIME}"
)
_DATE = rf"(?:\d{{1,2}} {_MONTH}(?: \d{{4}})?|{_MONTH} \d{{1,2}}(?:, \d{{4}})?)"
_SUBJECT = r"(?P<subject>[A-Z][^,;:()\"“”?!.]{2,80}?)"
_REST = r"(?P<rest>(?: (?!and\b|or\b|but\b)[a-zA-Z][^\s,;:()]*){0,8})"

_ADVERBIALS = (
    (rf"within (?P<answer>{_TIME})", "Within what time"),
    (rf"(?P<answer>every {_TIME})", "How often"),
    (rf"for (?P<answer>{_TIME})", "For how long"),
    (rf"after (?P<answer>{_TIME})", "After how long"),
    (rf"by (?P<answer>{_DATE})", "By what date"),
    (rf"until (?P<answer>{_DATE})", "Until what date"),
    (rf"on (?P<answer>{_DATE})", "On what date"),
    (r"in (?P<answer>(?:19|20)\d\d)", "In what year"),
    (r"at (?P<answer>\d{1,2}[:.]\d\d)", "At what time"),
)
_TIMED = [
    (
        re.compile(
            rf"{_SUBJECT} (?P<verb>is|are|was|were|must|may|can|should|shall|will) "
            rf"(?P<action>[a-z][^,;:()\"“”]{{2,80}}?) {adverbial}{_REST}\."
        ),
        asks,
    )
    for adverbial, asks in _ADVERBIALS
]
_HAS = re.compile(
    rf"{_SUBJECT} (?P<verb>has|have|had) (?P<answer>{_NUMBER} (?P<noun>[a-z]+s)\b)"
    r"(?P<of>(?: of (?:[a-z]+ )?[a-z]+)?)(?=[ ,.])[^.]*\."
)
_COSTS = re.compile(rf"{_SUBJECT} (?P<verb>costs?|weighs?|lasts?) (?P<answer>{_AMOUNT})\b[^.]*\.")
_MEASURED = {"cost": "How much", "weigh": "How much", "last": "How long"}
_IS = re.compile(
    r"(?P<subject>(?:The|Our|Your) (?:[\w'’-]+ ){1,5}[\w'’-]+) (?P<verb>is|are|was|were) "
    rf"(?P<answer>{_AMOUNT}|{_MONEY}|{_DATE})(?P<rest>(?: (?!and\b|or\b|but\b)[^\s,;:()]+){{0,8}})\."
)
_MEANS = re.compile(r"[“\"](?P<subject>[^“”\"]{2,60})[”\"] means (?P<answer>[^;:|]{12,200}?)\.")

_REFERS = re.compile(
    r"\b(?:it|they|them|this|these|those|he|she|him|there|such|same|above|below|following|former|latter|here|then"
    r"|otherwise|also|former|both|each other|one another)\b",
    re.IGNORECASE,
)
"""Words that need the sentence before."""
_OPENS_CLAUSE = re.compile(
    r"(?:If|When|Where|While|Although|Though|Because|Since|Unless|After|Before|During|Until|In|On|At|For|From|With|By|As"
    r"|To|Under|Without|Except|However|But|And|So|Or|Nor|Not|No|Nobody|Nothing|Please|Only|Who|What|Which|How|That)\b"
)
_CLAUSE_INSIDE = re.compile(r"\b(?:that|which|who|whose|if|when|while|because|unless|and|or|but|not|never|so)\b")
_NOUN_LIST = """
    accuracy address amount area capacity charge code colour color cost date deadline department depth description
    dimension discount duration email extension fee frequency height interval length limit location maximum meaning
    minimum model number owner penalty percentage period phone place position power price quantity range rate reason
    revision role salary score share size speed status telephone temperature term time title type unit version voltage
    volume wage weight width
"""
_NOUNS = frozenset(_NOUN_LIST.split())
"""Columns that are named so can be asked for by "What is the ...?"."""
_FUNCTION_WORDS = """
    The A An All Any Each Every Our Your My Some Most Both Many Few New Old Full Part Half People Staff You We
"""
_FUNCTION = frozenset(_FUNCTION_WORDS.split())


def propose(sentence: str, passage: str) -> Iterator[Proposal]:
    """Questions to one sentence, given on one line; none where it leans on its neighbours."""
    if found := _MEANS.fullmatch(sentence):
        yield Proposal(f"What does “{found['subject']}” mean?", found["answer"], "rule: definition")
        return
    if _OPENS_CLAUSE.match(sentence) or _REFERS.search(sentence):
        return
    for pattern, asks in _TIMED:
        found = pattern.fullmatch(sentence)
        if found and _stands_alone(found["subject"]) and not re.search(r"\d", found["action"] + found["rest"]):
            subject = _inside(found["subject"], passage)
            rest = found["rest"]
            # "within 30 days of receipt": the end belongs to the time, elsewhere to the action.
            asked, action = (asks + rest, "") if rest.startswith(" of ") else (asks, rest)
            question = f"{asked} {found['verb']} {subject} {found['action']}{action}?"
            yield Proposal(question, found["answer"], "rule: time")
            return
    if (found := _HAS.fullmatch(sentence)) and _stands_alone(found["subject"]):
        helper = {"has": "does", "have": "do", "had": "did"}[found["verb"]]
        subject = _inside(found["subject"], passage)
        yield Proposal(
            f"How many {found['noun']}{found['of']} {helper} {subject} have?", found["answer"], "rule: amount"
        )
    elif (found := _COSTS.fullmatch(sentence)) and _stands_alone(found["subject"]):
        verb = found["verb"].removesuffix("s")
        helper = "does" if found["verb"].endswith("s") else "do"
        subject = _inside(found["subject"], passage)
        yield Proposal(f"{_MEASURED[verb]} {helper} {subject} {verb}?", found["answer"], "rule: amount")
    elif (found := _IS.fullmatch(sentence)) and _stands_alone(found["subject"]) and not re.search(r"\d", found["rest"]):
        yield Proposal(
            f"What {found['verb']} {_inside(found['subject'], passage)}{found['rest']}?", found["answer"], "rule: value"
        )


def row(about: str, name: str, column: str) -> str:
    """The question to one cell of a table: what its row is named, what its column says; "" if that is not English."""
    words = column.lower().split()
    if not _NOUNS & {word.removesuffix("s") for word in words} or _OPENS_CLAUSE.match(column):
        return ""
    if not name[0].isupper() or re.match(r"(?:Other|Others|Elsewhere|Total|Sum|All|Any)\b", name):
        return ""
    first = column.split(" ")[0]
    lowered = column[0].lower() + column[1:] if first[1:].islower() or len(first) == 1 else column
    lead = f"{about}: what" if about and not re.search(r"[?:|]", about) else "What"
    verb = "are" if words[-1].endswith("s") and not words[-1].endswith("ss") and len(words) == 1 else "is"
    return f"{lead} {verb} the {lowered} for {name}?"


def _stands_alone(subject: str) -> bool:
    """Whether a subject names its thing without a clause, in few words, and not by an article and one word alone."""
    words = subject.split()
    if len(words) > 9 or _CLAUSE_INSIDE.search(subject):
        return False
    return words[0] not in ("The", "A", "An") or len(words) > 2


def _inside(subject: str, passage: str) -> str:
    """The subject as it is written inside a sentence: a name keeps its capital."""
    first, _, rest = subject.partition(" ")
    is_name = not first[1:].islower() or (rest[:1].isupper() and first not in _FUNCTION)
    if first not in _FUNCTION and not is_name:
        is_name = re.search(rf"[a-z,] {re.escape(first)}\b", passage) is not None
    if first == "I" or (is_name and first not in _FUNCTION):
        return subject
    return subject[0].lower() + subject[1:]
