"""Finds the names in a sentence of an answer, English and Chinese, that the text it cites does not hold."""

from __future__ import annotations

import itertools
import re

from ragqa.text.analyzer import analyze
from ragqa.text.folding import fold
from ragqa.text.ordinary import words

_CAPITALISED = re.compile(r"(?<![a-zA-Z0-9\u00c0-\u024f])[A-Z\u00c0-\u00de][a-zA-Z0-9\u00c0-\u024f&'’-]*")
_WORD = re.compile(r"[^\W\d_]+")
_IN_NAMES = frozenset(
    "李张刘陈杨赵吴周徐孙胡朱林郭罗梁宋郑谢唐冯邓曹彭曾肖蔡潘袁董余叶蒋杜苏魏吕丁沈任姚卢崔钟谭廖范汪陆贾韦傅邹孟熊秦邱薛侯龚黎赖"
    "阿埃艾奥巴贝比伯博布查茨达德迪蒂多顿俄恩尔法菲费弗夫戈格贡古哈汉赫霍基吉杰卡凯坎考科克库昆拉莱兰朗劳勒雷里丽利"
    "林卢鲁伦罗洛马麦曼梅蒙米密莫默姆纳奈内尼努诺欧帕佩皮普奇齐乔琴让热萨塞瑟桑森沙舍圣史斯松索塔泰坦汤唐特提图托"
    "瓦万威维韦温翁沃武西希席夏谢辛休雅亚延耶伊英尤约扎詹兹泽"
)
"""Family names, and what foreign names are spelt with: one that is no word by itself is part of a name."""


_TITLED = re.compile(
    "([\u3400-\u9fff]{2})(?:先生|女士|小姐|太太|博士|教授|经理|主任|总统|主席|校长|律师|医生|老师|法官|部长|总理)"
)
_NO_NAME = frozenset("这那哪位名个的任为是和与及由让请被向对给跟同说叫当做")


def lacks_names(text: str, sentence: str, *, is_chinese: bool) -> bool:
    """Whether the sentence has a name, or a rare Chinese word, that `text` has not."""
    if not _capitalised(sentence) <= _terms(text):
        return True
    return is_chinese and _has_strange_words(fold(sentence), fold(text))


def _capitalised(sentence: str) -> frozenset[str]:
    """The terms of capitalised words, but the sentence's first one: that has its capital for another reason."""
    first = _WORD.search(sentence)
    names = [
        match.group()
        for match in _CAPITALISED.finditer(sentence)
        if first is None or match.start() != first.start() or match.group()[1:2].isupper()
    ]
    return _terms(" ".join(names))


def _terms(text: str) -> frozenset[str]:
    return frozenset(term for term in analyze(text) if not term.isdecimal())


def _has_strange_words(sentence: str, text: str) -> bool:
    """Words that are not ordinary must be in the text: pair by pair, so that one may end otherwise than another."""
    for stretch in words().unusual(sentence):
        if len(stretch) == 1:
            if stretch in _IN_NAMES and stretch not in text:
                return True
        elif any(first + second not in text for first, second in itertools.pairwise(stretch)):
            return True
    return any(
        not _NO_NAME & set(pair) and pair not in text and pair not in words().pairs
        for pair in _TITLED.findall(sentence)
    )
