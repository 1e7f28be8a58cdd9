"""Makes a question that leans on the one before it stand alone, by rules: it is given what that one is about."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ragqa.text.analyzer import analyze
from ragqa.text.exact import find
from ragqa.text.language import detect

_ASKING = (
    "what|what's|who|whom|whose|when|where|which|why|how|does|do|did|is|are|was|were|can|could|may|must|should|shall"
    "|will|would|has|have|had"
)
_BEGINS_ASKING = re.compile(
    rf"(?:(?:in|on|at|by|for|to|from|of|with|under|after|before|until|since)\s+)?(?:{_ASKING})\b", re.I
)
_JOINER = re.compile(
    r"(?:(?:and|but|or|so|then|also|plus|ok|okay|no|yes)\b[,\s]*)*(?:(?:(?:what|how)\s+about|what\s+if|same\s+for)\b)?"
    r"\s*(?:(?:then|also)\b)?[,:\s]*",
    re.I,
)
_PRONOUN = re.compile(
    r"\b(?:it|its|they|them|their|theirs|he|him|his|she|her|hers|this|these|those|one|ones|the\s+(?:same|others?)|there"
    r"|(?:(?<=do )|(?<=does )|(?<=did )|(?<=is )|(?<=was )|(?<=can )|(?<=could )|(?<=about )|(?<=for )|(?<=of )"
    r"|(?<=after )|(?<=before )|(?<=with )|(?<=like )|^)that)\b",
    re.I,
)
_THERE_IS = re.compile(r"\b(?:is|are|was|were|be|been)\s+there\b|\bthere\s+(?:is|are|was|were)\b", re.I)
_PREPOSITION = re.compile(
    r"(?:in|on|at|by|for|to|from|of|with|without|under|over|after|before|during|until|since|per|within|via)\b", re.I
)
_WORD = re.compile(r"[^\s,;:?？!()\"“”—]+")
_HOW = re.compile(r"\bhow\s+[a-z]+\b", re.I)
_BEFORE_PRONOUN = 2
"""With more words of its own before it, a pronoun stands for one of them."""
_FEW_WORDS = 2
_FRAGMENT_WORDS = 4

_CHINESE_JOINER = re.compile(
    "(?:(?:那么|那麼|那(?![里裡裏个個些儿兒边邊种種位家件时時天])|还有|還有|另外|以及|至于|至於|所以|然后|然後|可是|但是|但|而|又"
    "|如果是|换成|換成|好的?|嗯)[，,、\\s]*)+"
)
_CHINESE_PRONOUN = re.compile(
    "[它牠祂她]|他(?!人)|其(?!他|它|余|餘|实|實)|该(?!怎|如何|不该)|該(?!怎|如何|不該)|[這这](?!裡里樣样)|那[里裡裏个個些儿兒边邊种種位家件时時天]"
    "|此(?!外)|前者|[后後]者|上述|同一"
)
_ASKS = re.compile(
    "[为為](?:什么|什麼|何)|(?:是)?(?:什么|什麼|甚么|甚麼)(?:时候|時候|时间|時間|地方|意思)?|多少[钱錢]?|多久|多长时间|多長時間|有?多[长長高远遠大重深宽寬快]"
    "|[几幾](?=[年月日天个個次人岁歲种種位名座份折])|如何|怎么样|怎麼樣|怎么|怎麼|怎样|怎樣|哪一?[个個些年月日天种種]?|哪[里裡裏儿兒]|谁|誰|何[时時地处處种種者人]"
    "|[吗嗎呢吧]|是否|请问|請問|有没有|有沒有|能不能|可不可以|会不会|會不會|[是有](?=[？?。]?$)"
)
_EMPTY = re.compile(
    "以[后後前内內]|之[后後前内內]|需要|可以|应该|應該|必须|必須|已[经經]|一共|一起|另外|最多|最少|至少|[的了是在与及和要有做会會能到用我你们們把被得于於]"
)
_HAN_BEFORE_PRONOUN = 4
_FEW_CHARACTERS = 5
_LAST_FRAGMENT = re.compile(r"\s*[(（][^()（）]*[)）]\s*$")
_END = "?？!！.。 　"


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A question as it was asked, and as it stands alone: the same where it does not lean on another.

    `sure` is false where nothing but its shortness says that it does.
    """

    asked: str
    alone: str
    sure: bool = True


def follow_up(question: str, last: str) -> FollowUp:
    """`question` so that it can be searched without knowing `last`, the question before it, which stands alone.

    Nothing is taken away from what is asked. A fragment ("and in 2024?", 那英國呢？) is put behind the last question,
    or in the place of its like; a question that refers to something gets the words of the last one behind a dash. One
    that names what it asks for is left as it is.
    """
    language = detect(question)
    if language in ("ja", "ko") or not last.strip() or not question.strip():
        return FollowUp(question, question)
    if language in ("zh-Hans", "zh-Hant"):
        return _chinese(question.strip(), last)
    return _english(question.strip(), last)


def _english(question: str, last: str) -> FollowUp:
    joiner = _JOINER.match(question)
    begun = joiner.end() if joiner else 0
    bare = question[begun:].strip(_END)
    words, names = len(analyze(bare)), find(bare)
    asks = _BEGINS_ASKING.match(bare) is not None
    if not asks and (begun or (words <= _FRAGMENT_WORDS and not names)):
        return FollowUp(question, _with_fragment(bare, last), sure=begun > 0)
    leans = begun > 0 or _refers(bare)
    if not leans and (words > _FEW_WORDS or names):
        return FollowUp(question, question)
    return FollowUp(question, _with_topic(bare[:1].upper() + bare[1:], last, "?"), sure=leans)


def _chinese(question: str, last: str) -> FollowUp:
    joiner = _CHINESE_JOINER.match(question)
    bare = question[joiner.end() if joiner else 0 :].strip(_END)
    is_fragment = bare.endswith("呢") and not _ASKS.search(bare[:-1])
    if is_fragment or (joiner and not _ASKS.search(bare)):
        return FollowUp(question, _with_fragment(bare.rstrip("呢").rstrip("的") or bare, last))
    pronoun = _CHINESE_PRONOUN.search(bare)
    refers = pronoun is not None and len(_content(bare[: pronoun.start()])) <= _HAN_BEFORE_PRONOUN
    leans = joiner is not None or refers
    if not leans and (len(_content(bare)) > _FEW_CHARACTERS or find(bare)):
        return FollowUp(question, question)
    return FollowUp(question, _with_topic(bare, last, "？"), sure=leans)


def _refers(text: str) -> bool:
    """Whether a pronoun stands for something that this question does not name itself."""
    text = _THERE_IS.sub(lambda match: "." * len(match.group()), text)
    return any(len(analyze(text[: found.start()])) <= _BEFORE_PRONOUN for found in _PRONOUN.finditer(text))


def _content(text: str) -> str:
    """What is left of Chinese words without question phrases and words that say nothing alone."""
    return "".join(filter(str.isalnum, _EMPTY.sub("", _ASKS.sub("", text))))


def _with_topic(question: str, last: str, mark: str) -> str:
    own = set(analyze(question))
    if detect(last) in ("zh-Hans", "zh-Hant"):
        topic = "，".join(filter(None, (part.strip(" ，,、—" + _END) for part in _ASKS.split(last))))
    else:
        words = [
            word
            for word in _WORD.findall(_HOW.sub(" ", last))
            if (terms := analyze(word)) and not own.issuperset(terms)
        ]
        topic = " ".join(word.strip(".'’") for word in words)
    return f"{question} — {topic}{mark}" if topic else f"{question}{mark}"


def _with_fragment(fragment: str, last: str) -> str:
    """The last question about something else: its like is taken out, where there is one."""
    mark = "？" if detect(last) in ("zh-Hans", "zh-Hant") else "?"
    whole = _LAST_FRAGMENT.sub("", last.rstrip(_END))
    if replaced := _in_place(fragment, whole):
        return replaced + mark
    opening, closing = "（）" if mark == "？" else (" (", ")")
    return f"{_without_parallel(fragment, whole)}{opening}{fragment}{closing}{mark}"


def _in_place(fragment: str, last: str) -> str:
    """The last question with the fragment where its like stood: a code for a code, 加密模式 for 节电模式; else ""."""
    codes = [code.text for code in find(last) if code.text in last]
    if len(codes) == 1 and [code.text for code in find(fragment)] == [fragment]:
        return last.replace(codes[0], fragment)
    return ""


def _without_parallel(fragment: str, last: str) -> str:
    """The last question without the phrase that begins with the fragment's own preposition."""
    preposition = _PREPOSITION.match(fragment)
    if not preposition:
        return last
    found = re.search(rf"(?i:\s+{preposition.group()}\s+(?:(?:the|a|an)\s+)?)[^\s,]+(?:\s+[A-Z0-9][^\s,]*)*", last)
    return last[: found.start()] + last[found.end() :] if found else last
