"""Which language a text is in, judged by its script alone: enough to choose how to answer, and never slow.

Latin letters are taken for English, whatever language they spell; that is all that `Language` distinguishes.
"""

from __future__ import annotations

import re
from collections import Counter

from ragqa.types import Language

_SAMPLE_PIECES = 32
_SAMPLE_PIECE_LENGTH = 1024

_HAN = re.compile("[\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_KANA = re.compile("[\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\uff66-\uff9d]")
_HANGUL = re.compile("[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")
_LATIN_WORD = re.compile(
    "[A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff\uff21-\uff3a\uff41-\uff5a]+"
)

# Words of either language that are there for the grammar: they tell "What is 勞動基準法?" from "iPhone 15 多少錢".
_ENGLISH_WORDS = """
    a an and are be by can did do does for from how if in is it may must of on or should that the this to was were
    what when where which who whom whose why will with
"""
_ENGLISH_GRAMMAR = frozenset(_ENGLISH_WORDS.split())
_CHINESE_GRAMMAR = frozenset(
    "的了是嗎吗呢在有和與与及或不什麼么何幾几哪誰谁多少怎為为這这那把被從从到對对將将應应可能要會会請请"
)

_SIMPLIFIED = frozenset("与么价优体儿党几厂听圣坏宁庄异怀怜惊扑扰据机极构柜气洁种确离网胜虫触赶适筑")
"""Characters that Big5 holds too, for old or rare words, but nobody who writes Traditional uses every day."""


def is_han(character: str) -> bool:
    """Whether one character is a Han ideograph (々 and 〇 count as such)."""
    return _HAN.match(character) is not None


def han_share(text: str) -> float:
    """The share, 0 to 1, of the characters other than white space that are Han; 0 for a blank text."""
    sample = "".join(_sample(text).split())
    return len(_HAN.findall(sample)) / len(sample) if sample else 0.0


def detect(text: str) -> Language:
    """The language of a text of any length; of a long one, samples from beginning to end are looked at.

    Han text in which nothing tells Traditional from Simplified is `zh-Hans`.
    """
    sample = _sample(text)
    if sample.isascii():
        return _latin_or_other(sample)
    han = len(_HAN.findall(sample))
    kana = len(_KANA.findall(sample))
    hangul = len(_HANGUL.findall(sample))
    if not han + kana + hangul:
        return _latin_or_other(sample)
    words = [word.lower() for word in _LATIN_WORD.findall(sample)]
    if _reads_as_english(sample, words, han + kana + hangul):
        return "en"
    if hangul > han + kana:
        return "ko"
    # A Chinese text may name a Japanese product; Japanese prose is a third kana or more, its headlines a tenth.
    if kana * 10 >= han + kana:
        return "ja"
    return _script_of_han(sample)


def tells_script(text: str) -> bool:
    """Whether any character of the text is only Simplified or only Traditional: 年假 is neither."""
    sample = _sample(text)
    return _scripts(sample) != (0, 0) or not _SIMPLIFIED.isdisjoint(sample)


def _sample(text: str) -> str:
    """The text itself, or evenly spaced pieces of a long one (the first and the last included)."""
    if len(text) <= _SAMPLE_PIECES * _SAMPLE_PIECE_LENGTH:
        return text
    last = len(text) - _SAMPLE_PIECE_LENGTH
    starts = (last * number // (_SAMPLE_PIECES - 1) for number in range(_SAMPLE_PIECES))
    return "\n".join(text[start : start + _SAMPLE_PIECE_LENGTH] for start in starts)


def _latin_or_other(sample: str) -> Language:
    latin = sum(map(len, _LATIN_WORD.findall(sample)))
    letters = latin if sample.isascii() else sum(map(str.isalpha, sample))
    return "en" if latin and latin * 2 > letters else "other"


def _reads_as_english(sample: str, words: list[str], characters: int) -> bool:
    """Whether Latin words carry a text that also holds East Asian characters (about 1.6 of them to a word)."""
    if not words:
        return False
    if characters < 100 and len(words) < 100:
        english = any(word in _ENGLISH_GRAMMAR for word in words)
        chinese = any(character in _CHINESE_GRAMMAR for character in sample)
        kana_or_hangul = _KANA.search(sample) or _HANGUL.search(sample)
        if english != chinese and not kana_or_hangul:
            return english
    return len(words) * 1.6 > characters


def _script_of_han(sample: str) -> Language:
    traditional, simplified = _scripts(sample)
    return "zh-Hant" if traditional > simplified else "zh-Hans"


def _scripts(sample: str) -> tuple[int, int]:
    """Counts what only one of the two national character sets can write: Traditional, Simplified.

    GB 2312 holds the everyday Simplified characters and no Traditional form of them, Big5 the reverse; characters of
    both (中, 后, 里) or of neither say nothing.
    """
    counts = Counter(_HAN.findall(sample))
    distinct = "".join(counts)
    big5 = set(distinct.encode("big5", "ignore").decode("big5"))
    gb2312 = set(distinct.encode("gb2312", "ignore").decode("gb2312"))
    traditional = sum(counts[character] for character in big5 - gb2312)
    simplified = sum(counts[character] for character in gb2312 - big5)
    return traditional, simplified
