"""Other ways to write an identifier that say the same: dates, numerals of Chinese references, `Art.` for `Article`."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

CHINESE_NUMERAL = "[0-9零〇○一二三四五六七八九十百千]{1,12}"
PARTS = "条條章节節款項项編编号號页頁届屆期版次卷集册冊課课講讲"
"""What 第 counts."""
ENGLISH_MONTHS = (
    ("january", "jan"),
    ("february", "feb"),
    ("march", "mar"),
    ("april", "apr"),
    ("may",),
    ("june", "jun"),
    ("july", "jul"),
    ("august", "aug"),
    ("september", "sep", "sept"),
    ("october", "oct"),
    ("november", "nov"),
    ("december", "dec"),
)
REFERENCES = (
    ("article", "art.", "art"),
    ("section", "sec.", "sec", "§"),
    ("clause", "cl."),
    ("chapter", "ch.", "chap."),
    ("figure", "fig.", "fig"),
    ("paragraph", "para.", "para", "¶"),
    ("appendix", "app."),
    ("regulation", "reg."),
    ("number", "no.", "no", "nr."),
)
"""Words that a reference begins with; those of one row are the same."""

_DIGITS = "〇一二三四五六七八九"
_UNITS = {"千": 1000, "百": 100, "十": 10}
_COUNTED = re.compile(rf"第\s?({CHINESE_NUMERAL})\s?([{PARTS}])(?:\s?之\s?({CHINESE_NUMERAL}))?")
NUMBERED_DATE = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})")
_CHINESE_DATE = re.compile(
    rf"(\d{{4}}|[零○{_DIGITS}]{{4}})年({CHINESE_NUMERAL})月(?:({CHINESE_NUMERAL})[日号號])?", re.IGNORECASE
)
_MONTH = "(" + "|".join(name for names in ENGLISH_MONTHS for name in names) + r")\.?"
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_ENGLISH_DATE = re.compile(rf"(?:{_DAY}\s+(?:of\s+)?{_MONTH},?|{_MONTH}(?:\s+{_DAY})?,?)\s+(\d{{4}})", re.IGNORECASE)
_REFERENCE = re.compile(r"([a-z]+\.?|§+|¶)\s*(\d.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Date:
    """A month of a year, or a day of it."""

    year: int
    month: int
    day: int | None

    @classmethod
    def of(cls, text: str) -> Date | None:
        """The date that `text` is, if it is nothing but one that could be."""
        if match := NUMBERED_DATE.fullmatch(text):
            date = cls(int(match[1]), int(match[3]), int(match[4]))
        elif match := _CHINESE_DATE.fullmatch(text):
            date = cls(number(match[1]), number(match[2]), number(match[3]) if match[3] else None)
        elif match := _ENGLISH_DATE.fullmatch(text):
            name = (match[2] or match[3]).lower()
            # Regular expressions take ı and ſ for i and s, which no name of a month is written with.
            month = next((place for place, names in enumerate(ENGLISH_MONTHS, start=1) if name in names), 0)
            day = match[1] or match[4]
            date = cls(int(match[5]), month, int(day) if day else None)
        else:
            return None
        return date if 1 <= date.month <= 12 and (date.day is None or 1 <= date.day <= 31) else None

    def forms(self) -> tuple[str, ...]:
        year = "".join(_DIGITS[int(digit)] for digit in str(self.year))
        month = ENGLISH_MONTHS[self.month - 1][0].capitalize()
        if self.day is None:
            return f"{self.year}年{self.month}月", f"{year}年{chinese(self.month)}月", f"{month} {self.year}"
        return (
            f"{self.year}-{self.month:02}-{self.day:02}",
            f"{self.year}-{self.month}-{self.day}",
            f"{self.year}年{self.month}月{self.day}日",
            f"{year}年{chinese(self.month)}月{chinese(self.day)}日",
            f"{self.day} {month} {self.year}",
            f"{month} {self.day}, {self.year}",
        )


@functools.lru_cache(maxsize=256)
def forms(text: str) -> tuple[str, ...]:
    """All ways to write it that are known to be the same, as given first."""
    found = [text]
    if date := Date.of(text):
        found += date.forms()
    elif match := _COUNTED.fullmatch(text):
        first, counted, second = number(match[1]), match[2], match[3]
        found.append(f"第{first}{counted}" + (f"之{number(second)}" if second else ""))
        if 0 < first < 10_000 and (not second or number(second) < 10_000):
            found.append(f"第{chinese(first)}{counted}" + (f"之{chinese(number(second))}" if second else ""))
    elif match := _REFERENCE.fullmatch(text):
        begins = match[1].lower().rstrip("§") + "§" * ("§" in match[1])
        same = next((row for row in REFERENCES if begins in row), ())
        found += [f"{word} {match[2]}" for word in same if word != begins]
    return tuple(dict.fromkeys(found))


def number(written: str) -> int:
    """The value of a Chinese or Arabic numeral, or of a mixture such as 1千2百."""
    total, run = 0, ""
    for character in written:
        if character in _UNITS:
            total += (int(run) if run else 1) * _UNITS[character]
            run = ""
        else:
            digit = _DIGITS.find("〇" if character in "零○" else character)
            run += character if digit < 0 else str(digit)
    return total + (int(run) if run else 0)


def chinese(value: int) -> str:
    """The usual numeral of a number from 0 to 9,999: 10 is 十, 110 is 一百一十, 1003 is 一千零三."""
    written, rest, gap = "", value, False
    for unit, size in _UNITS.items():
        digit, rest = divmod(rest, size)
        if digit:
            written += ("零" if gap else "") + _DIGITS[digit] + unit
            gap = False
        else:
            gap = bool(written)
    if rest:
        written += ("零" if gap else "") + _DIGITS[rest]
    return (written or "零").removeprefix("一") if 10 <= value < 20 else written or "零"
