"""Chinese sentences with one amount or one date, asked for where it stands; definitions; cells of tables."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ragqa.evaluation.drafts import Proposal

_NUMBER = r"(?:\d+(?:[,，]\d{3})*(?:\.\d+)?|[零〇一二三四五六七八九十百千万萬两兩]+)"
_UNITS = (
    "個工作天|个工作日|個工作日|工作日|工作天|个月|個月|小时|小時|分钟|分鐘|天|日|年|秒|周|週|元|人|次|件|套|支|台|臺|只|隻|张|張"
    "|份|名|位|倍|公里|公尺|厘米|公分|毫米|米|千克|公斤|公克|克|吨|噸|公升|升|伏|瓦|百帕"
)
_AMOUNT = re.compile(
    r"(?<![第至到~～\-－之.\dA-Za-z分点點])(?<!\d[,，])"
    rf"(?P<number>{_NUMBER}) ?(?P<unit>{_UNITS})(?![至到～~\-－期代度时時])"
)
_DATE = re.compile(r"(?:(?:\d{4}|[一二〇零○]{4}) ?年 ?)?\d{1,2} ?月 ?\d{1,2} ?日")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d ?年(?! ?\d{1,2} ?月)")
_FIGURE = re.compile(r"\d|[二三四五六七八九十百千万萬两兩]")
_NAMED = re.compile(r"[A-Za-z][A-Za-z0-9-]*|(?<=[\u4e00-\u9fff])\d+(?=型|系列|的)")
_MEANS = re.compile(
    r"(?:本[合契]?[同約约规規]?[定办辦]?[法]?所[称稱])?[“「『]?(?P<subject>[^，。；：“”「」『』]{2,16}?)[”」』]?，?"
    r"(?:是指|係指|系指|指的是)(?P<answer>[^。；：]{6,80})[。；]?"
)
_LABEL = re.compile(
    r"^[-•*·\s]*(?:\d+(?:\.\d+)*[.、]?|第[一二三四五六七八九十百\d]+[条條款章节節項项]|[一二三四五六七八九十]+、|[(（][一二三四五六七八九十\d]+[)）])?\s*"
)
_OPENS = re.compile(
    "但|惟|超[过過]|逾|多|如|若|倘|当|當|因|由[于於]|按|依|并|並|且|也|亦|还|還|另|此|同[时時]|以及|或|否[则則]|逾期|[应應][当當]?|[须須]|不得|不可|可|需|必"
    "|[这這那]|其|[该該]|它|他|她|前[项項款述]|上述|下列|以下|以上|再|又|仍|而|均|都|就|才|每"
)
"""A sentence that begins so goes on from the one before, or has no subject."""
_LEADS = re.compile("[为為是有应應须須得超于於在提可每达達]")
"""Something of a verb or a preposition has to stand before the amount, or the sentence is a heading in disguise."""
_MEASURE = re.compile(
    "(?:[价價费費率量额額数數限重长長宽寬高深]|金[额額]|[时時][间間]|[间間]隔|[范範][围圍]|温度|溫度|准确度|準確度)$"
)
_STARTS_WITH_FIGURE = re.compile(r"[±−+-]?\d|[¥￥$]")
_REFERS = re.compile(
    "其(?!他|它|中|[实實]|[余餘])|(?<![应應])[该該]|此|[这這]|它|前[项項款述]|上述|下列|如下|以下[简簡]|同上|上表|下表"
)


def propose(sentence: str, *, traditional: bool) -> Iterator[Proposal]:
    """Questions to one sentence, given on one line; none where it leans on its neighbours."""
    text = _LABEL.sub("", sentence, count=1)
    found = _MEANS.fullmatch(text)
    if found and not _REFERS.search(text) and not _OPENS.match(found["subject"]):
        what = "什麼" if traditional else "什么"
        yield Proposal(f"{found['subject']}是指{what}？", found["answer"], "rule: definition")
        return
    if not text.endswith(("。", "；")) or not 8 <= len(text) <= 48:
        return
    text = text[:-1]
    if _OPENS.match(text) or _REFERS.search(text) or re.search("[：？！|“「『（(]", text) or text.count("，") > 2:
        return
    for pattern, asks in ((_DATE, "哪一天"), (_YEAR, "哪一年"), (_AMOUNT, "")):
        places = [found for found in pattern.finditer(text) if asks or _is_count(found["number"], found["unit"])]
        if len(places) != 1:
            if places:
                return
            continue
        place = places[0]
        around = _NAMED.sub("", f"{text[: place.start()]}\0{text[place.end() :]}")
        if _FIGURE.search(around):
            return  # a second figure: which of them is asked for would be a guess
        before, behind = text[: place.start()].rstrip(), text[place.end() :].lstrip()
        if not asks and not _LEADS.search(before):
            return
        asked = asks or f"多少{place['unit']}"
        yield Proposal(f"{before}{asked}{_rest(behind)}？", place.group(), "rule: date" if asks else "rule: amount")
        return


def _rest(behind: str) -> str:
    """What is left of the sentence to ask: its clause, and the next one where that is what the clause is for."""
    clause, comma, more = behind.partition("，")
    if comma and re.search("[的者时時后後内內上下前]$", clause):
        return f"{clause}，{more.partition('，')[0]}"
    return clause


def row(about: str, name: str, column: str, value: str, *, traditional: bool) -> str:
    """The question to one cell of a table: what its row is named, what its column says."""
    what = "什麼" if traditional else "什么"
    lead = f"{about}：" if about and not re.search("[？：|]", about) else ""
    return (
        f"{lead}{name}的{column}是{'多少' if _MEASURE.search(column) or _STARTS_WITH_FIGURE.match(value) else what}？"
    )


def _is_count(number: str, unit: str) -> bool:
    """`一` before most measure words is an article, not an amount."""
    return number != "一" or unit in ("年", "小时", "小時", "个月", "個月", "天")
