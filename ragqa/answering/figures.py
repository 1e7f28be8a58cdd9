"""Reads numbers, their units and dates out of English and Chinese text, so that equal ones compare equal.

1,200 is 1200 is １２００ is 一千二百 is "one thousand two hundred"; 2025年1月1日 is "January 1, 2025" is 2025-01-01.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from ragqa.text.folding import fold


@dataclass(frozen=True, slots=True)
class Number:
    """A number with the unit written after (or before) it, "" for none that is known, "counted" for a measure word.

    `certain` is false for what may be no number at all: "one" the pronoun, 一 of 一般, 十 of 十分.
    """

    value: Decimal
    unit: str
    certain: bool


@dataclass(frozen=True, slots=True)
class Date:
    """A date, as far as it is given."""

    year: int | None
    month: int | None
    day: int | None

    def covers(self, other: Date) -> bool:
        """Whether this date says everything that `other` says, and the same."""
        return other.year in (None, self.year) and other.month in (None, self.month) and other.day in (None, self.day)


@dataclass(frozen=True, slots=True)
class Figures:
    """All numbers and dates of a text. What is part of a date is not among the numbers."""

    numbers: frozenset[Number]
    dates: frozenset[Date]

    def cover(self, other: Figures) -> bool:
        """Whether every certain number and every date of `other` is here too; a unit not given agrees with any."""
        return all(any(own.covers(date) for own in self.dates) or self._has_year(date) for date in other.dates) and all(
            self._has(number) for number in other.numbers if number.certain
        )

    def _has(self, number: Number) -> bool:
        units = {own.unit for own in self.numbers if own.value == number.value}
        if units and (not number.unit or units & {number.unit, ""}):
            return True
        return not number.unit and any(number.value in (own.year, own.month, own.day) for own in self.dates)

    def _has_year(self, date: Date) -> bool:
        return date.month is None and any(number.value == date.year and not number.unit for number in self.numbers)


@functools.lru_cache(maxsize=64)  # every sentence of an answer is compared with the same few passages
def read(text: str) -> Figures:
    """Every number and date in `text`."""
    rest, dates = _without_dates(text)
    return Figures(frozenset(number for number, _, _ in _numbers(rest)), frozenset(dates))


def remove(text: str) -> str:
    """The folded text without its dates and its certain numbers with their units: the words that are left."""
    rest, _ = _without_dates(text)
    pieces, end = [], 0
    for number, start, stop in _numbers(rest):
        if number.certain:
            pieces.append(rest[end:start])
            end = stop
    return "\n".join([*pieces, rest[end:]])


def _without_dates(text: str) -> tuple[str, set[Date]]:
    dates: set[Date] = set()
    rest = fold(_LIST_COMMA.sub("，\n", text))
    for pattern in _DATES:
        rest = pattern.sub(lambda found: _take_date(found, dates), rest)
    return rest, dates


# --- dates ------------------------------------------------------------------------------------------------------------

_MONTH_NAMES = "january february march april may june july august september october november december"
_MONTHS = _MONTH_NAMES.split()
_MONTH = "(?P<name>" + "|".join(f"{name[:3]}(?:{name[3:]}|\\.)?" for name in _MONTHS) + r"|sept\.?)(?![a-z])"
_HAN = "[零〇一二三四五六七八九十百千万亿两廿卅]"
_COUNT = rf"(?:\d{{1,4}}|{_HAN}{{1,7}})"
_ORDINAL = r"(?:st|nd|rd|th)?"
_DATES = [
    re.compile(pattern)
    for pattern in (
        rf"(?P<roc>民国|中华民国)\s*(?P<year>{_COUNT})\s*年(?:\s*(?P<month>{_COUNT})\s*月(?:\s*(?P<day>{_COUNT})\s*[日号])?)?",
        rf"(?P<year>\d{{4}}|[零〇一二三四五六七八九]{{4}})\s*年(?:\s*(?P<month>{_COUNT})\s*月(?:\s*(?P<day>{_COUNT})\s*[日号])?)?",
        rf"(?<!个)(?P<month>{_COUNT})\s*月(?!薪|租|费)(?:\s*(?P<day>{_COUNT})\s*[日号])?",
        r"(?<![a-z0-9_.,-])(?P<year>\d{4})(?P<sign>[-/.])(?P<month>\d{1,2})(?P=sign)(?P<day>\d{1,2})(?!\d)",
        rf"(?<![a-z0-9_.,]){_MONTH}\s+(?P<day>\d{{1,2}}){_ORDINAL}(?!\d)(?:,?\s+(?P<year>\d{{4}})(?!\d))?",
        rf"(?<![a-z0-9_.,])(?P<day>\d{{1,2}}){_ORDINAL}(?:\s+of)?\s+{_MONTH}(?:,?\s+(?P<year>\d{{4}})(?!\d))?",
        rf"(?<![a-z0-9_.,]){_MONTH},?\s+(?P<year>\d{{4}})(?!\d)",
    )
]


def _take_date(found: re.Match[str], dates: set[Date]) -> str:
    """Puts the date on `dates` and leaves a blank in its place; what cannot be a date is left standing."""
    parts = found.groupdict()
    if name := parts.get("name"):
        month: int | None = next(number for number, known in enumerate(_MONTHS, 1) if known[:3] == name[:3])
    else:
        month = _small(parts.get("month"))
    year, day = _small(parts.get("year")), _small(parts.get("day"))
    if year is not None and parts.get("roc"):
        year += 1911
    if not (1 <= (month or 1) <= 12 and 1 <= (day or 1) <= 31):
        return found.group()
    dates.add(Date(year, month, day))
    return " \n "


def _small(text: str | None) -> int | None:
    if not text:
        return None
    if text.isdecimal():
        return int(text)
    value = _han_value(text)
    return int(value) if value is not None else -1


# --- numbers ----------------------------------------------------------------------------------------------------------

_ENGLISH_WORDS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_ENGLISH = {word: value for value, word in enumerate(f"{_ENGLISH_WORDS} seventeen eighteen nineteen".split())}
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ENGLISH |= {word: 10 * value for value, word in enumerate(_TENS.split(), 2)}
_ENGLISH_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "bn": 10**9}
_WORD = "|".join(sorted([*_ENGLISH, "hundred", "thousand", "million", "billion"], key=len, reverse=True))
_HAN_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
    "廿": 20,
    "卅": 30,
}
_HAN_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8}

_LIST_COMMA = re.compile(r"，(?!\d{3}(?!\d))")
"""Folding makes a full-width comma an ASCII one, which between digits would read as part of a number."""
_NUMBER = re.compile(
    rf"(?P<percent>百分之)?(?P<digits>(?<![a-z0-9_.])-?\d+(?:,\d{{3}})*(?!\d|,\d)(?:\.\d+)?(?!\.\d))"
    rf"(?:\s*(?P<scale>(?:hundred|thousand|million|billion|bn)(?![a-z])|[百千万亿]+))?"
    rf"|(?P<per>百分之)?(?P<han>{_HAN}+(?:点[零〇一二三四五六七八九]+)?)"
    rf"|(?<![a-z0-9_-])(?P<words>(?:{_WORD})(?:(?:[\s-]+and)?[\s-]+(?:{_WORD}))*)(?![a-z0-9_])"
)
_UNITS = {
    "percent": "%|percent(?!age points?)|per cent|pct",
    "permille": "‰|per mille?",
    "workday": "(?:working|business)[ -]days?|个?工作日|个?工作天|个?营业日",
    "day": "(?:calendar |consecutive )?days?|天|日(?!元|本|圆)",
    "week": "weeks?|个?星期|周(?!年|岁)|个?礼拜",
    "month": "months?|个月",
    "year": "years?(?:[ -]olds?)?|yrs?|年|周年|周?岁",
    "decade": "decades?",
    "century": "centur(?:y|ies)|个世纪",
    "hour": "hours?|hrs?|个?小时|个?钟头",
    "minute": "minutes?|mins?|分钟",
    "second": "seconds?|secs?|秒钟?",
    "kg": "kg|kilograms?|kilos?|公斤|千克",
    "g": "grams?|g|公克|克",
    "mg": "mg|milligrams?|毫克",
    "ton": "(?:metric )?ton(?:ne)?s?|公吨|吨",
    "weightpound": "lbs?|磅",
    "ounce": "oz|ounces?|盎司",
    "sqkm": "(?:square|sq\\.?) (?:km|kilomet(?:er|re)s?)|km2|平方公里|平方千米",
    "sqm": "(?:square|sq\\.?) (?:m|met(?:er|re)s?)|m2|平方米|平方公尺",
    "sqmile": "(?:square|sq\\.?) mi(?:les?)?|平方英里|平方英哩",
    "sqfoot": "(?:square|sq\\.?) f(?:ee|oo)?t|平方英尺",
    "acre": "acres?|英亩",
    "hectare": "hectares?|ha|公顷",
    "kmh": "km/h|kph|kilomet(?:er|re)s? per hour|(?:公里|千米)(?:/|每)小?时",
    "mph": "mph|miles? per hour|英里每小时",
    "km": "km|kilomet(?:er|re)s?|公里|千米",
    "m": "met(?:er|re)s?|m|公尺|米",
    "cm": "cm|centimet(?:er|re)s?|公分|厘米",
    "mm": "mm|millimet(?:er|re)s?|公厘|毫米",
    "mile": "mi|miles?|英里|英哩",
    "yard": "yards?|yds?|码",
    "foot": "feet|foot|ft|英尺|英呎",
    "inch": "inch(?:es)?|英寸|英吋",
    "l": "lit(?:er|re)s?|l|公升|升",
    "ml": "ml|millilit(?:er|re)s?|毫升",
    "gallon": "gallons?|加仑",
    "kb": "kb|kilobytes?",
    "mb": "mb|megabytes?",
    "gb": "gb|gigabytes?",
    "tb": "tb|terabytes?",
    "watt": "watts?|w|瓦特?",
    "kilowatt": "kw|kilowatts?|千瓦",
    "megawatt": "mw|megawatts?|兆瓦",
    "hertz": "hz|hertz|赫兹?",
    "degree": "°c?|degrees?(?: celsius)?|摄氏度|度",
    "dollar": "us dollars?|dollars?|usd|美元|美金",
    "euro": "€|euros?|eur|欧元",
    "pound": "£|pounds? sterling|pounds?|gbp|英镑",
    "yen": "yen|jpy|日元|日圆",
    "yuan": "yuan|rmb|cny|人民币",
    "counted": "名|位|个|次|项|条|章|节|页|层|楼|号|台|件|种|份|倍|人|期|级|款",
    "": "元|块|圆",
}
_UNIT = re.compile(
    r"\s*[)\-]?\s*(?:余|多|几)?(?:"
    + "|".join(
        f"(?P<{name or 'measure'}>(?:{pattern})(?![a-z]))" if name != "degree" else f"(?P<degree>{pattern})"
        for name, pattern in _UNITS.items()
    )
    + ")"
)
_CURRENCY = {"$": "dollar", "€": "euro", "£": "pound"}
_COUNTED_ONCE = frozenset(_UNITS) - {"", "counted", "day", "degree", "minute", "second", "m", "l"}
"""Units with which a single one is a number too: "one month", but not "one day he came", 一度."""


def _numbers(folded: str) -> Iterator[tuple[Number, int, int]]:
    """Each number and the span, its unit included, where it is written."""
    for found in _NUMBER.finditer(folded):
        unit = _UNIT.match(folded, found.end())
        name = unit.lastgroup or "" if unit else ""
        start, end = found.start(), unit.end() if unit else found.end()
        before = folded[: found.start()].rstrip()[-1:]
        if found["percent"] or found["per"]:
            name = "percent"
        elif before in _CURRENCY and found["digits"]:
            name = _CURRENCY[before]
        known = "" if name == "measure" else name
        if digits := found["digits"]:
            value = Decimal(digits.replace(",", "")) * _scale(found["scale"])
            yield Number(value, known, certain=True), start, end
        elif words := found["words"]:
            value = Decimal(_english_value(words))
            yield Number(value, known, certain=value > 1 or (value == 1 and known in _COUNTED_ONCE)), start, end
        else:
            spelled = _han_value(found["han"])
            if spelled is not None:
                is_certain = (bool(name) and spelled > 1) or (spelled == 1 and known in _COUNTED_ONCE)
                yield Number(spelled, known, certain=is_certain), start, end


def _scale(text: str | None) -> int:
    scale = 1
    if text in _ENGLISH_SCALES:
        return _ENGLISH_SCALES[text]
    for character in text or "":
        scale *= _HAN_SCALES[character]
    return scale


def _english_value(words: str) -> int:
    total, current = 0, 0
    for word in re.split(r"[\s-]+", words):
        if word in _ENGLISH:
            current += _ENGLISH[word]
        elif word == "hundred":
            current = (current or 1) * 100
        elif word in _ENGLISH_SCALES:
            total, current = total + (current or 1) * _ENGLISH_SCALES[word], 0
    return total + current


def _han_value(text: str) -> Decimal | None:
    """十二 is 12, 二〇二五 is 2025, 一百二十 is 120, 三点五 is 3.5; None for what reads as no number (千万, 亿万)."""
    whole, _, fraction = text.partition("点")
    decimals = "".join(str(_HAN_DIGITS[character]) for character in fraction)
    if all(character in _HAN_DIGITS for character in whole):
        if len(whole) > 1 and any(_HAN_DIGITS[character] > 9 for character in whole):
            return Decimal(sum(_HAN_DIGITS[character] for character in whole))
        value = int("".join(str(_HAN_DIGITS[character]) for character in whole))
    else:
        parsed = _han_scaled(whole)
        if parsed is None:
            return None
        value = parsed
    return Decimal(f"{value}.{decimals}") if decimals else Decimal(value)


def _han_scaled(text: str) -> int | None:
    if text[0] in "百千万亿":
        return None
    total, section, digit = 0, 0, 0
    for character in text:
        if character in _HAN_DIGITS:
            digit += _HAN_DIGITS[character]
            continue
        scale = _HAN_SCALES[character]
        if scale < 10**4:
            section, digit = section + (digit or 1) * scale, 0
        else:
            total, section, digit = total + (section + digit) * scale, 0, 0
    return total + section + digit
