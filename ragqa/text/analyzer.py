"""Cuts text into the terms that lexical search counts: one function for documents and for questions.

| text | terms |
|---|---|
| words of letters | the Snowball stem, without function words and question words |
| numbers | without thousands separators: `1,200` is `1200`; `3.14` stays one term |
| codes, dates, addresses (`GB/T`, `X-200`, `2025-01-01`, `foo_bar`) | the whole without signs between, and its parts |
| Han | single characters but the commonest, and pairs; question phrases and particles are cut out first |
| kana, Thai and other scripts without spaces | pairs |
| Hangul | the word, and pairs |
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ragqa.text.folding import fold

if TYPE_CHECKING:
    ANALYZER: str
    """Changes whenever the terms of some text would: terms of two versions must never be compared."""

_VERSION = 1

_HAN = "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = "\u3041-\u3096\u30a1-\u30fa\u30fc\u31f0-\u31ff"
_HANGUL = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
DENSE = _HAN + _KANA + _HANGUL + _UNSPACED
"""Inside a character class: the scripts that do not set their words apart, or (Hangul) let endings run on."""
_WORD = rf"[^\W_{DENSE}]+"

_TOKEN = re.compile(
    rf"(?P<han>[{_HAN}]+)|(?P<pairs>[{_KANA}]+|[{_UNSPACED}]+)|(?P<hangul>[{_HANGUL}]+)"
    rf"|(?P<word>c\+\+|[cf]#|{_WORD}(?:[-\u2010_./:@'’&,]{_WORD})*)"
)
_PART = re.compile(r"[^\W_]+")
_DECIMAL = re.compile(r"\d+(?:\.\d+)+")
_DECIMAL_OR_PART = re.compile(r"(?<![^\W_])\d+(?:\.\d+)+|[^\W_]+")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_JOINT = re.compile(r"[-\u2010_/:&'’,]")
_LETTERS_AND_DIGITS = re.compile(r"\d+|[^\W\d_]+")
_CONTRACTED = re.compile(r"['’](?:s|t|d|m|re|ve|ll)(?![^\W_])")

_STOP_WORD_LIST = """
    a about above after again against all also am an and any are aren as at be because been before being below
    between both but by can cannot could couldn did didn do does doesn doing don done down during each either else
    ever every few for from further had hadn has hasn have haven having he her here hers herself him himself his how
    however i if in into is isn it its itself just let many may me might mine more most much must my myself neither
    no nor not of off on once one only onto or other our ours ourselves out over own please same shall she should
    shouldn so some such than that the their theirs them themselves then there these they this those though through
    to too toward under until up upon very was wasn we were weren what whatever when where whether which while who
    whom whose why will with within without won would wouldn yet you your yours yourself yourselves
"""
_STOP_WORDS = frozenset(_STOP_WORD_LIST.split())
"""Function words and question words of English, in their folded form; `us` is not among them, being a country too."""

_STOP_CHARACTERS = frozenset("和或之其有为于以被把等对从到由就都则所并且将让给个着过")
"""Chinese characters that say nothing alone. Pairs that hold one of them stay: 首都, 被告, 对象."""

_CUT = re.compile(
    "为什么|为何|什么(?:时候|时间|地方|意思)|什么|甚么|多少钱|多少|多久|多长时间|有多[长高远大重深宽快]|几(?=[年月日天个次人岁种位名])"
    "|如何|怎么样|怎么|怎样|哪一个|哪一|哪些|哪个|哪里|哪儿|哪|谁|何时|何地|何处|何种|何者|何人|吗|呢|是否|请问|有没有|能不能"
    "|可不可以|[的了是在与及这那而也]"
)
"""Question phrases and the commonest particles: no term, and no pair across them. A pair with a particle is nearly
always an accident; without them the index is a sixteenth smaller and finds as much."""


def analyze(text: str) -> list[str]:
    """The terms of `text`, with repeats, in the order of the text; the whole of a code comes before its parts."""
    terms: list[str] = []
    for token in _TOKEN.finditer(fold(text)):
        kind = token.lastgroup
        if kind == "word":
            terms.extend(_word_terms(token.group()))
        elif kind == "han":
            for run in _CUT.split(token.group()):
                terms.extend([character for character in run if character not in _STOP_CHARACTERS])
                terms.extend(map(_join, run, run[1:]))
        else:
            terms.extend(_pair_terms(token.group(), whole=kind == "hangul"))
    return terms


def is_stop_word(word: str) -> bool:
    """Whether a folded word is one of those that no term is made of."""
    return word in _STOP_WORDS


def _join(first: str, second: str) -> str:
    return first + second


def _pair_terms(run: str, *, whole: bool) -> list[str]:
    pairs = [run[i : i + 2] for i in range(len(run) - 1)]
    return [run, *pairs] if len(run) == 1 or (whole and len(run) > 2) else pairs


@functools.lru_cache(maxsize=65536)
def _word_terms(token: str) -> tuple[str, ...]:
    """The terms of one run of letters, digits and the signs between them."""
    if token in ("c++", "c#", "f#"):
        return (token,)
    token = _THOUSANDS.sub("", _CONTRACTED.sub("", token))
    parts = _PART.findall(token)
    if len(parts) == 1:
        return _part_terms(parts[0])
    if _DECIMAL.fullmatch(token):
        return (token,)
    terms = [term for part in _DECIMAL_OR_PART.findall(token) for term in _part_terms(part)]
    # A hyphen between ordinary words joins nothing that anyone searches for; between short or numbered parts it does.
    if any(len(part) <= 2 or not part.isalpha() for part in parts) or any(sign in token for sign in "_@."):
        dotted = "@" in token or any(len(part) > 1 for part in parts)
        terms.insert(0, _JOINT.sub("", token if dotted else token.replace(".", "")))
    return tuple(terms)


def _part_terms(part: str) -> tuple[str, ...]:
    """The terms of letters and digits alone: a word's stem, a number, or a code whole and by its letters and digits."""
    if part.isalpha():
        return () if part in _STOP_WORDS else (_stemmer()(part),)
    if part.isdigit():
        return (part.lstrip("0") or "0",)
    if "." in part:
        return (part,)
    return (part, *_LETTERS_AND_DIGITS.findall(part))


@functools.cache
def _stemmer() -> Callable[[str], str]:
    from Stemmer import Stemmer

    stem: Callable[[str], str] = Stemmer("english").stemWord
    return stem


def __getattr__(name: str) -> str:
    """`ANALYZER`, which needs the versions of the libraries behind it, is worked out when it is asked for."""
    if name != "ANALYZER":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import opencc
    import Stemmer

    return f"terms-{_VERSION} opencc-{opencc.__version__} snowball-{Stemmer.version()}"
