"""What a question asks for (a time, a number, a reason, a place, a person), and which sentences hold such a thing."""

from __future__ import annotations

import re
from collections.abc import Callable

from ragqa.text.folding import fold

Cue = Callable[[str], bool]
"""Whether a sentence, as it is written, holds the kind of thing that was asked for."""

_ASKED = {
    "time": r"\bwhen\b|\b(?:what|which) (?:year|date|day|month|century|decade|time)\b"
    r"|何时|何年|何月|什么(?:时候|时间|日期)|哪一?(?:年|月|天|日|个(?:年代|世纪|朝代|月))|几[年月日号点时]|于何|年份",
    "number": r"\bhow (?:many|much|long|old|far|tall|large|big|high|heavy|deep|wide|often|fast|soon|quickly)\b"
    r"|\bwhat (?:percentage|percent|number|amount|fraction|portion|share|score|length|size|distance|age|population)\b"
    r"|\bwhat (?:price|fee|cost|salary|limit)\b"
    r"|多少|多久|多长|多大|多高|多远|多重|多快|几[个条次人位岁种家名天周]|比例|百分比|数量|人口",
    "reason": r"\bwhy\b|\bwhat (?:caused|reason)|\bfor what reason|为什么|为何|何故|原因|怎么会",
    "place": r"\bwhere\b|\b(?:what|which) (?:city|country|state|place|county|town|region|location|room|building)\b"
    r"|哪里|哪儿|何处|何地|在哪|哪一?[个座]?(?:国家|城市|地方|地区|省|州|县|市|区|楼)|什么地方",
    "person": r"\bwho(?:m|se)?\b|谁|何人|哪一?[位名]|什么人",
}
_PATTERNS = {name: re.compile(pattern) for name, pattern in _ASKED.items()}

_NUMBER = re.compile(
    r"\d|[一二三四五六七八九十百千万亿两半〇零]"
    r"|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|ninety"
    r"|hundred|thousand|million|billion|half|third|quarter|once|twice|dozens?|several|no|none)\b"
)
_TIME = re.compile(
    r"\d{3,4}|\d+ ?[年月日点时]|世纪|年代|[一二三四五六七八九十〇]+[年月日]"
    r"|[周星]期?[一二三四五六日天]|之前|之后|以内|期间|时期"
    r"|\bcentur|\d{1,2}:\d\d|\bmay (?=\d)|\b(?:before|after|until|within|every|during) |\b(?:noon|midnight)\b"
    r"|\b(?:january|february|march|april|june|july|august|september|october|november|december)\b"
    r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b"
)
_REASON = re.compile(
    r"\b(?:because|due to|since|so that|in order to|as a result|therefore|reason|caused?|owing to|thanks to)\b"
    r"|因为|因此|由于|所以|导致|为了|原因|使得|以便|以免|避免|鉴于"
)
_PLACE = re.compile(
    r"\b(?:in|at|near|from|to|on) (?:the )?[A-Z]|\d+F\b|[省市县区州镇乡村路街岛国山河江湖洲港楼室厅馆厂]"
)
_CAPITALISED = r"[A-ZÀ-ÖØ-ÞĀĆČĐĒĞĪİŁŌŐŚŞŠŪŰŻŽ][^\W\d_]+"
_NAME = re.compile(
    rf"(?<=[a-z,;:(] ){_CAPITALISED}|(?<=[A-Z]\. ){_CAPITALISED}"
    r"|[·・‧]|[先女]士|先生|小姐|经理|主任|部长|团队|[部局处科组会]\b"
)


def asked_for(question: str) -> Cue | None:
    """The test that a sentence with the answer should pass; None where the question names no kind of thing."""
    folded = fold(question)
    kind = next((name for name, pattern in _PATTERNS.items() if pattern.search(folded)), None)
    if kind == "person":
        return lambda sentence: any(fold(name) not in folded for name in _NAME.findall(sentence))
    if kind == "place":
        return lambda sentence: _PLACE.search(sentence) is not None or _PLACE.search(fold(sentence)) is not None
    if kind is None:
        return None
    pattern = {"time": _TIME, "number": _NUMBER, "reason": _REASON}[kind]
    return lambda sentence: pattern.search(fold(sentence)) is not None
