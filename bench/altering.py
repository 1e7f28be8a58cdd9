"""Sentences of a benchmark, said in other words or with a fact changed, made without regard to what will check them."""

from __future__ import annotations

import calendar
import functools
import hashlib
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from corpora import Corpus
from opencc import OpenCC

HAN = "[\u3400-\u9fff]"


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence, made of `original` in the way of `kind`, and the text that it cites; `what` was done."""

    kind: str
    language: str
    sentence: str
    cited: str
    original: str
    what: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """A sentence as it stands in a passage."""

    text: str
    language: str
    passage: str
    cited: str

    @property
    def is_chinese(self) -> bool:
        return self.language != "en"


Change = Callable[[Taken, random.Random], Iterator[tuple[str, str]]]
"""The sentence changed, and what was done: tried in order; nothing where there is nothing to change."""


def cases(corpus: Corpus, count: int, dice: random.Random, *, half: str) -> Iterator[Case]:
    """Every kind of case that can be made of `count` sentences: half English, a quarter each in either script."""
    passages = {passage: (_typeset(title), _typeset(text)) for passage, (title, text) in corpus.passages.items()}
    corpus = replace(corpus, passages=passages)
    names = Names(corpus)
    changes: dict[str, Change] = {
        **_RIGHT,
        "number": _number,
        "date": _date,
        "unit": _unit,
        "name": names.another,
        "name in part": names.in_part,
        "number from elsewhere in it": _number_from_elsewhere,
        "name from elsewhere in it": names.from_elsewhere,
        "negation added": _negation_added,
        "negation left out": _negation_left_out,
        "turned round": _turned_round,
    }
    for language, share in (("en", 2), ("zh-Hans", 1), ("zh-Hant", 1)):
        for taken in dice.sample(_passages(corpus, language, half), count * share // 4):
            yield Case("verbatim", language, taken.text, taken.cited, taken.text)
            for kind, cited in _elsewhere(taken, corpus, dice):
                yield Case(kind, language, taken.text, cited, taken.text)
            for kind, change in changes.items():
                for changed, what in change(taken, dice):
                    if changed != taken.text:
                        yield Case(kind, language, changed, taken.cited, taken.text, what)
                        break


def _typeset(text: str) -> str:
    """Some passages come as tokens with blanks between them; joined again as they were printed."""
    if " . " not in f"{text} " and " , " not in text:
        return text
    text = re.sub(r" ([.,;:!?%)\]]|'s\b|n't\b)", r"\1", re.sub(r"([(\[$£#]) ", r"\1", text))
    return re.sub(r"``\s*", "“", re.sub(r"\s*''", "”", text)).replace(" - ", "-")


def _passages(corpus: Corpus, language: str, half: str) -> list[Taken]:
    """One or two sentences of each passage of the language and the half: neither short nor long, and no question."""
    found = []
    shortest, longest = (40, 220) if language == "en" else (16, 90)
    for passage, (title, text) in corpus.passages.items():
        is_fit = hashlib.sha256(passage.encode()).digest()[0] < 128
        if _language(passage) != language or is_fit is not (half == "fit"):
            continue
        fitting = [
            each
            for each in _sentences(text, language)
            if shortest <= len(each) <= longest and not re.search("[?？]", each)
        ]
        two = random.Random(passage).sample(fitting, min(2, len(fitting)))
        found += [Taken(chosen, language, passage, f"{title}\n{text}") for chosen in two]
    return found


def _sentences(text: str, language: str) -> list[str]:
    cut = r"(?<=[a-z0-9)%][.!]) +(?=[A-Z])" if language == "en" else r"(?<=[。！；])"
    return [each.strip() for each in re.split(cut, text)]


def _language(passage: str) -> str:
    return {"drcd_dev": "zh-Hant", "cmrc2018_trial": "zh-Hans", "xquad_zh": "zh-Hans"}.get(
        passage.partition(":")[0], "en"
    )


def _elsewhere(taken: Taken, corpus: Corpus, dice: random.Random) -> Iterator[tuple[str, str]]:
    """Other passages to cite: any of the language, and one of the same article."""
    title = corpus.passages[taken.passage][0]
    others = [
        (passage, own, text)
        for passage, (own, text) in corpus.passages.items()
        if passage != taken.passage and _language(passage) == taken.language and taken.text not in text
    ]
    _, own, text = dice.choice([other for other in others if not title or other[1] != title])
    yield "another passage", f"{own}\n{text}"
    if near := [other for other in others if title and other[1] == title]:
        _, own, text = dice.choice(near)
        yield "another passage of its article", f"{own}\n{text}"


# --- right: the same in other words -----------------------------------------------------------------------------------

_ENGLISH_WORDS = """also=as well|but=though|because=since|about=around|more than=over|began=started|however=still
    many=numerous|large=big|within=inside|such as=like|located=situated|named=called|during=in|although=even though
    which=that|until=up to|therefore=so|usually=normally|approximately=about|the first=the earliest|often=frequently
    became=turned into|main=chief|several=a number of|received=got|built=constructed|won=gained|used=employed
    known as=called|after=following|led=headed|area=region|people=persons|end=close|part=portion|created=made
    is=was|are=were|was=is|has=had|of the=of its|the=its"""
_CHINESE_WORDS = """但是=不过|但=不过|因为=由于|以及=和|与=和|位于=坐落于|约=大约|超过=多于|目前=现在|称为=叫做
    之后=以后|开始=起初|其中=当中|主要=首要|并且=而且|由=经由|为=是|是=为|曾=曾经|可以=能够|许多=很多
    大部分=多数|包括=包含|成为=变成|认为=觉得|使用=采用|建立=设立|成立=创立|于=在|及=和|已=已经|后=之后|因=因为
    被=遭到|则=就|便=就|即=也就是"""
_OPENINGS = {
    "en": ("According to the source, ", "The text says that ", "Yes, ", "In short, ", "As stated, ", "It says that "),
    "zh": ("根据资料，", "文中提到，", "是的，", "简单来说，", "据资料所述，", "答案是："),
}


def _pairs(words: str) -> list[tuple[str, str]]:
    return [(old, new) for pair in words.replace("\n", "|").split("|") for old, new in [pair.strip().split("=")]]


def _in_script(text: str, language: str) -> str:
    return _converter("s2t").convert(text) if language == "zh-Hant" else text


@functools.cache
def _converter(name: str) -> OpenCC:
    return OpenCC(name)


def _other_words(taken: Taken, dice: random.Random) -> Iterator[tuple[str, str]]:
    """Up to three words of a short list replaced by others that say about the same."""
    pairs = _pairs(_CHINESE_WORDS if taken.is_chinese else _ENGLISH_WORDS)
    text, made = taken.text, []
    for old, new in dice.sample(pairs, len(pairs)):
        old, new = _in_script(old, taken.language), _in_script(new, taken.language)
        changed = text.replace(old, new, 1) if taken.is_chinese else re.sub(rf"\b{old}\b", new, text, count=1)
        if changed != text and len(made) < 3:
            text = changed
            made.append(f"{old}={new}")
    yield text, " ".join(made)


def _opened(taken: Taken, dice: random.Random) -> Iterator[tuple[str, str]]:
    opening = _in_script(dice.choice(_OPENINGS["zh" if taken.is_chinese else "en"]), taken.language)
    yield opening + taken.text, opening


def _reordered(taken: Taken, dice: random.Random) -> Iterator[tuple[str, str]]:
    """The first clause put last."""
    comma, end = ("，", "。") if taken.is_chinese else (", ", ".")
    clauses = taken.text.rstrip("。.；;").split(comma)
    if len(clauses) > 1:
        first, *rest = clauses
        joined = comma.join([*rest, first])
        yield joined[:1].upper() + joined[1:] + end, f"last: {first}"


def _shortened(taken: Taken, dice: random.Random) -> Iterator[tuple[str, str]]:
    """Without brackets and without one of its clauses."""
    comma = "，" if taken.is_chinese else ", "
    text = re.sub(r"\s*[(（][^()（）]*[)）]", "", taken.text)
    clauses = text.split(comma)
    if len(clauses) > 2:
        left_out = dice.randrange(1, len(clauses))
        del clauses[left_out]
    text = comma.join(clauses).rstrip("，, ；;")
    yield text, ""


_ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_HAN_ONES = "零一二三四五六七八九十"
_MONTHS = [name for name in calendar.month_name if name]


def _written_otherwise(taken: Taken, dice: random.Random) -> Iterator[tuple[str, str]]:
    """A number or a date in another form: words for digits and digits for words, thousands, months, percentages."""

    def month(found: re.Match[str]) -> str:
        number = _MONTHS.index(found[1]) + 1
        return dice.choice((f"{found[2]} {found[1]} {found[3]}", f"{found[3]}-{number:02}-{int(found[2]):02}"))

    def in_han(found: re.Match[str]) -> str:
        return "".join("〇一二三四五六七八九"[int(digit)] for digit in found[1]) + "年"

    forms: list[tuple[str, Callable[[re.Match[str]], str]]]
    if taken.is_chinese:
        forms = [
            (r"(?<!\d)(\d{4})年", in_han),
            (r"(?<![\d.,])(\d)(?=[个個位名座次人年月天])", lambda found: _HAN_ONES[int(found[1])]),
            (r"(?<![\d.,])(\d{1,3})(\d{3})(?!\s*[\d年,.])", lambda found: f"{found[1]},{found[2]}"),
            (r"(\d+(?:\.\d+)?)[%％]", lambda found: f"百分之{found[1]}"),
            (
                rf"(?<!{HAN[:-1]}第])([二三四五六七八九])(?=[个個位名座次年])",
                lambda found: str(_HAN_ONES.index(found[1])),
            ),
            (r"(\d+)", lambda found: "".join(chr(ord(digit) + 0xFEE0) for digit in found[1])),
        ]
    else:
        forms = [
            (rf"({'|'.join(_MONTHS)}) (\d{{1,2}}),? (\d{{4}})", month),
            (r"(?<![\d.,$])(\d{1,3}),(\d{3})(?![\d,])", lambda found: found[1] + found[2]),
            (r"(?<![\d.,$-])([2-9]|1[0-2])(?= [a-z])", lambda found: _ONES[int(found[1])]),
            (rf"\b({'|'.join(_ONES[2:])})\b(?! million| hundred)", lambda found: str(_ONES.index(found[1]))),
            (r"(\d)%", lambda found: f"{found[1]} percent"),
            (r"(\d) percent", lambda found: f"{found[1]}%"),
        ]
    for pattern, form in forms:
        changed = re.sub(pattern, form, taken.text, count=1)
        if changed != taken.text:
            yield changed, pattern


def _other_script(taken: Taken, dice: random.Random) -> Iterator[tuple[str, str]]:
    if taken.is_chinese:
        yield _converter("t2s" if taken.language == "zh-Hant" else "s2tw").convert(taken.text), ""


def _several(taken: Taken, dice: random.Random) -> Iterator[tuple[str, str]]:
    """Shortened, in other words, and with an opening."""
    text, made = taken.text, []
    for change in (_shortened, _other_words, _opened):
        changed = Taken(text, taken.language, taken.passage, taken.cited)
        text, what = next(change(changed, dice), (text, ""))
        made.append(what)
    yield text, " ".join(made)


def _two_joined(taken: Taken, dice: random.Random) -> Iterator[tuple[str, str]]:
    """One sentence of two: its first clause, and the first clause of another sentence of the passage."""
    comma, joint, end = ("，", "；", "。") if taken.is_chinese else (", ", "; ", ".")
    others = [each for each in _sentences(taken.cited.partition("\n")[2], taken.language) if each != taken.text]
    if others:
        first, second = (each.rstrip("。；.").split(comma)[0] for each in (taken.text, dice.choice(others)))
        if min(len(first), len(second)) > (8 if taken.is_chinese else 25):
            yield first + joint + second + end, ""


_RIGHT: dict[str, Change] = {
    "reordered": _reordered,
    "other words": _other_words,
    "shortened": _shortened,
    "opened": _opened,
    "numbers written otherwise": _written_otherwise,
    "other script": _other_script,
    "several": _several,
    "two joined": _two_joined,
}

# --- wrong numbers, dates, units --------------------------------------------------------------------------------------

_FIGURE = re.compile(r"(?<![\dA-Za-z.,/:-])\d+(?:,\d{3})*(?:\.\d+)?(?![\dA-Za-z/:-])")
_SPELLED = re.compile(rf"\b(?:{'|'.join(_ONES[2:])})\b", re.I)
_HAN_SPELLED = re.compile("(?<![一二三四五六七八九十百千第零〇])[二三四五六七八九](?=[个個位名座次项項种種条條大年天])")
_DATE_BEHIND = re.compile(r"\s*(?:年|月|日|號|号|世紀|世纪)")


def _number(taken: Taken, dice: random.Random) -> Iterator[tuple[str, str]]:
    """One number that is no date is another one, which the passage nowhere has."""
    places = [
        found
        for found in _FIGURE.finditer(taken.text)
        if not _DATE_BEHIND.match(taken.text, found.end()) and not _is_date(taken.text, found)
    ]
    places += list((_HAN_SPELLED if taken.is_chinese else _SPELLED).finditer(taken.text))
    for found in dice.sample(places, len(places)):
        for _ in range(20):
            other = _other_number(found.group(), dice)
            if other and not re.search(rf"(?<!\d){re.escape(other)}(?!\d)", taken.cited, re.I):
                yield _put(taken.text, found, other), f"{found.group()} -> {other}"
                break


def _is_date(text: str, found: re.Match[str]) -> bool:
    around = text[max(0, found.start() - 12) : found.end() + 12]
    year = re.fullmatch(r"1[0-9]{3}|20[0-2]\d", found.group())
    return bool(year) or any(month[:3] in around for month in _MONTHS)


def _other_number(number: str, dice: random.Random) -> str | None:
    if number.lower() in _ONES:
        return dice.choice([one for one in _ONES[2:] if one != number.lower()])
    if number in _HAN_ONES:
        return dice.choice([one for one in _HAN_ONES[2:10] if one != number])
    digits = [place for place, digit in enumerate(number) if digit.isdigit()]
    place = dice.choice(digits)
    other = dice.choice([digit for digit in "123456789" if digit != number[place]])
    return number[:place] + other + number[place + 1 :]


def _put(text: str, found: re.Match[str], other: str) -> str:
    return text[: found.start()] + other + text[found.end() :]


def _number_from_elsewhere(taken: Taken, dice: random.Random) -> Iterator[tuple[str, str]]:
    """One number is another one of the same passage."""
    own = [
        found
        for found in _FIGURE.finditer(taken.text)
        if not _DATE_BEHIND.match(taken.text, found.end()) and not _is_date(taken.text, found)
    ]
    others = [
        found.group()
        for found in _FIGURE.finditer(taken.cited)
        if not _DATE_BEHIND.match(taken.cited, found.end()) and not _is_date(taken.cited, found)
    ]
    others = [other for other in others if other not in taken.text]
    if own and others:
        found, other = dice.choice(own), dice.choice(others)
        yield _put(taken.text, found, other), f"{found.group()} -> {other}"


_DATES = re.compile(
    r"(?<!\d)(?P<year>1[0-9]{3}|20[0-2]\d)(?!\d)(?!,\d|\.\d)|(?P<name>\b(?:" + "|".join(_MONTHS) + r")\b)"
    r"|(?<!\d)(?P<count>\d{1,2})(?=[月日])"
)


def _date(taken: Taken, dice: random.Random) -> Iterator[tuple[str, str]]:
    """One year, month or day is another one, which the passage nowhere has."""
    for found in dice.sample(places := list(_DATES.finditer(taken.text)), len(places)):
        for _ in range(20):
            if found["name"]:
                other = dice.choice(_MONTHS)
            elif found["year"]:
                other = str(int(found["year"]) + dice.choice((-10, -3, -2, -1, 1, 2, 3, 10)))
            else:
                other = str(dice.randint(1, 12 if taken.text[found.end()] == "月" else 28))
            behind = taken.text[found.end()] if found["count"] else ""
            if other != found.group() and f"{other}{behind}" not in taken.cited:
                yield _put(taken.text, found, other), f"{found.group()} -> {other}"
                break


_UNITS = {
    "en": """miles=kilometers|km=m|kilometers=miles|years=months|days=weeks|months=years|hours=minutes|minutes=hours
        seconds=minutes|feet=yards|metres=feet|meters=feet|million=billion|billion=million|%=‰|percent=per mille|$=€
        £=$|inches=feet|kg=g|weeks=months|acres=hectares|tons=kilograms|dollars=euros|thousand=million""",
    "zh": """公里=公尺|公里=英里|米=公里|公尺=公里|平方公里=平方公尺|年=个月|天=周|小时=分钟|分钟=小时|万=亿|亿=万|%=‰
        公斤=公克|吨=公斤|美元=欧元|元=美元|个月=年|秒=分钟|公分=公尺|厘米=米|千米=米|岁=个月""",
}


def _unit(taken: Taken, dice: random.Random) -> Iterator[tuple[str, str]]:
    """A number keeps its digits and gets another unit, which the passage does not have behind it."""
    pairs = _pairs(_UNITS["zh" if taken.is_chinese else "en"])
    for old, new in dice.sample(pairs, len(pairs)):
        old, new = _in_script(old, taken.language), _in_script(new, taken.language)
        if old in "$£":
            pattern = re.escape(old) + r"(?=\d)"
        elif taken.is_chinese:
            pattern = rf"(?<=[\d一二三四五六七八九十百千]){re.escape(old)}(?![代度月前方半])"
            if old == "年":
                pattern = r"(?<![\d])(?<=\d{2})年(?=[後后間间])|(?<=[二三四五六七八九十])年(?=[後后間间])"
        else:
            pattern = rf"(?<=\d )\b{re.escape(old)}(?!\w)|(?<=\d)-?{re.escape(old)}(?!\w)"
        found = re.search(pattern, taken.text)
        if found:
            yield _put(taken.text, found, new), f"{old} -> {new}"


# --- wrong names ------------------------------------------------------------------------------------------------------

_PLACES = """中国 美国 英国 法国 德国 日本 韩国 朝鲜 印度 俄罗斯 苏联 意大利 西班牙 葡萄牙 荷兰 比利时 瑞士 瑞典
    挪威 丹麦 芬兰 波兰 奥地利 匈牙利 希腊 土耳其 埃及 伊朗 伊拉克 以色列 加拿大 墨西哥 巴西 阿根廷 澳大利亚
    新西兰 泰国 越南 菲律宾 马来西亚 新加坡 印度尼西亚 北京 上海 天津 重庆 香港 澳门 台湾 台北 高雄 台中 台南
    广州 深圳 南京 武汉 成都 西安 杭州 苏州 沈阳 青岛 长沙 东京 大阪 京都 首尔 伦敦 巴黎 柏林 罗马 莫斯科 纽约
    华盛顿 洛杉矶 芝加哥 河北 山西 山东 河南 湖北 湖南 广东 广西 四川 云南 贵州 浙江 江苏 江西 福建 安徽 陕西
    甘肃 青海 辽宁 吉林 黑龙江 新疆 西藏 内蒙古 欧洲 亚洲 非洲 北美洲 南美洲"""
_ASKS_PERSON = re.compile("[谁誰]|哪位|哪一位|何人|哪一個人|哪个人")
_ASKS_PLACE = re.compile("哪[里裡]|何[处處地]|哪[一]?[个個座](?:国|國|城|州|省|地|市|区|區|岛|島)")
_ASKS_BODY = re.compile(
    "哪[一]?[个個家支所间間](?:公司|球[队隊]|大[学學]|[学學]校|组织|組織|乐|樂|[党黨]|部|[学學]院|[银銀])"
)
_HAN_NAME = re.compile(rf"{HAN}{{2,10}}(?:·{HAN}{{1,10}})*")
_DOTTED = re.compile(rf"{HAN}{{2,6}}(?:·{HAN}{{1,6}})+")
_LATIN_WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")
_TIME_WORDS = frozenset(_MONTHS) | frozenset(calendar.day_name) | {"I"}


class Names:
    """Names by kind: what questions ask for, what has a dot in it, what is never in small letters."""

    def __init__(self, corpus: Corpus) -> None:
        self._texts = [(f"{title}\n{text}", _language(passage)) for passage, (title, text) in corpus.passages.items()]
        small = {word for text, language in self._texts if language == "en" for word in _LATIN_WORD.findall(text)}
        self._small = {word for word in small if word.islower()}
        self._han: dict[str, set[str]] = defaultdict(set)
        self._han["place"] |= set(_PLACES.split())
        for question in corpus.questions:
            for kind, asks in (("person", _ASKS_PERSON), ("place", _ASKS_PLACE), ("body", _ASKS_BODY)):
                if asks.search(question.text):
                    self._han[kind] |= {each for each in question.answers if self._is_name(each)}
        for text, language in self._texts:
            if language != "en":
                self._han["person"] |= set(_DOTTED.findall(text))
        self._latin = sorted(
            {name for text, language in self._texts if language == "en" for name, _ in self._names(text)}
        )

    def _is_name(self, answer: str) -> bool:
        """Whether an answer is a name and no common word, which many passages would hold."""
        return bool(_HAN_NAME.fullmatch(answer)) and sum(answer in text for text, _ in self._texts) <= 10

    def another(self, taken: Taken, dice: random.Random) -> Iterator[tuple[str, str]]:
        """One name is another one of its kind, which the passage nowhere has."""
        if taken.is_chinese:
            yield from self._another_han(taken, dice)
            return
        names = self._names(taken.text)
        for name, place in dice.sample(names, len(names)):
            alike = [other for other in self._latin if len(other.split()) == len(name.split())]
            for other in dice.sample(alike, min(20, len(alike))):
                if not any(word in taken.cited for word in other.split()):
                    changed = taken.text[:place] + other + taken.text[place + len(name) :]
                    yield changed, f"{name} -> {other}"
                    break

    def in_part(self, taken: Taken, dice: random.Random) -> Iterator[tuple[str, str]]:
        """Of one name a part is another one: the family name, the given name, the last part."""
        if taken.is_chinese:
            yield from self._another_han(taken, dice, part=True)
            return
        names = [(name, place) for name, place in self._names(taken.text) if " " in name]
        for name, place in dice.sample(names, len(names)):
            kept = name.rpartition(" ")[0]
            for other in dice.sample(self._latin, 20):
                last = other.split()[-1]
                if last not in taken.cited:
                    changed = f"{taken.text[:place]}{kept} {last}{taken.text[place + len(name) :]}"
                    yield changed, f"{name} -> {kept} {last}"
                    break

    def from_elsewhere(self, taken: Taken, dice: random.Random) -> Iterator[tuple[str, str]]:
        """One name is another one of the same passage."""
        if taken.is_chinese:
            own, others = self._held(taken.text, taken.language), self._held(taken.cited, taken.language)
            pairs = [
                (name, other)
                for kind, name in own
                for each, other in others
                if each == kind and other not in taken.text
            ]
        else:
            own_names = self._names(taken.text)
            others_latin = {name for name, _ in self._names(taken.cited)}
            pairs = [
                (name, other)
                for name, _ in own_names
                for other in sorted(others_latin)
                if len(other.split()) == len(name.split()) and other not in taken.text
            ]
        if pairs:
            name, other = dice.choice(pairs)
            yield taken.text.replace(name, other, 1), f"{name} -> {other}"

    def _names(self, text: str) -> list[tuple[str, int]]:
        """Runs of words with capitals that the corpus never has in small letters, and where they begin."""
        found: list[tuple[str, int]] = []
        end = -2
        for match in _LATIN_WORD.finditer(text):
            word = match.group()
            plain = word.removesuffix("'s")
            if not plain[0].isupper() or len(plain) < 3 or plain.lower() in self._small or plain in _TIME_WORDS:
                continue
            if match.end() < len(text) and text[match.end()].isalpha():  # the rest of it is not ASCII
                continue
            if match.start() == end + 1 and text[end] == " " and found:
                name, place = found[-1]
                found[-1] = (f"{name} {plain}", place)
            else:
                found.append((plain, match.start()))
            end = match.start() + len(plain)
        return found

    def _held(self, text: str, language: str) -> list[tuple[str, str]]:
        found = [
            (kind, _in_script(name, language))
            for kind, names in self._han.items()
            for name in sorted(names)
            if _in_script(name, language) in text
        ]
        # Of names inside one another the longest is meant.
        return [(kind, name) for kind, name in found if not any(name != other and name in other for _, other in found)]

    def _another_han(self, taken: Taken, dice: random.Random, *, part: bool = False) -> Iterator[tuple[str, str]]:
        held = self._held(taken.text, taken.language)
        for kind, name in dice.sample(held, len(held)):
            others = sorted(other for other in self._han[kind] if ("·" in other) is ("·" in name) and len(other) < 11)
            for other in dice.sample(others, min(40, len(others))):
                other = _in_script(other, taken.language)
                if part:
                    if kind != "person" or len(name) < 3:
                        continue
                    kept = name.rpartition("·")[0] + "·" if "·" in name else name[0]
                    other = kept + (other.rpartition("·")[2] if "·" in name else other[1:3])
                if _plain(other) not in _plain(taken.cited) and (part or other[:3] != name[:3]) and other != name:
                    yield taken.text.replace(name, other, 1), f"{name} -> {other}"
                    break


@functools.lru_cache(4096)
def _plain(text: str) -> str:
    return _converter("t2s").convert(text)


# --- what is said of the facts ----------------------------------------------------------------------------------------


def _negation_added(taken: Taken, dice: random.Random) -> Iterator[tuple[str, str]]:
    if taken.is_chinese:
        options = """是=不是|有=没有|位于=并非位于|可以=不可以|会=不会|曾=从未|能=不能|成为=未成为|为=不为
            被=未被|由=不由|在=不在|获=未获"""
        for old, new in dice.sample(pairs := _pairs(options), len(pairs)):
            old, new = _in_script(old, taken.language), _in_script(new, taken.language)
            found = re.search(rf"(?<![不没沒未非无無的]){old}(?![不没沒未的])", taken.text)
            if found:
                yield _put(taken.text, found, new), f"{old} -> {new}"
        return
    auxiliaries = re.compile(
        r"\b(?:is|was|are|were|has|had|have|can|could|will|would|may|must|should|did|does)\b(?! not|n't)"
    )
    for found in dice.sample(places := list(auxiliaries.finditer(taken.text)), len(places)):
        yield _put(taken.text, found, f"{found.group()} {dice.choice(('not', 'not', 'never'))}"), found.group()


def _negation_left_out(taken: Taken, dice: random.Random) -> Iterator[tuple[str, str]]:
    if taken.is_chinese:
        pattern = re.compile(
            "(?:并|並)?(?:不(?!同|久|断|斷|仅|僅|少|过|過|论|論|如|再|足|但|得不)|未(?!来|來)|没有|沒有|没|沒)"
        )
    else:
        pattern = re.compile(r" (?:not|never)\b(?! only)|n't\b")
    for found in dice.sample(places := list(pattern.finditer(taken.text)), len(places)):
        yield _put(taken.text, found, ""), found.group()


_OPPOSITES = {
    "en": """more=less|before=after|after=before|first=last|largest=smallest|increased=decreased|north=south|east=west
        high=low|early=late|won=lost|above=below|old=young|most=least|began=ended|south=north|west=east|male=female
        larger=smaller|higher=lower|northern=southern|eastern=western|allowed=forbidden|always=never|highest=lowest""",
    "zh": """增加=减少|减少=增加|最大=最小|最高=最低|之前=之后|以前=以后|东部=西部|南部=北部|上升=下降
        成功=失败|支持=反对|早期=晚期|开始=结束|大于=小于|高于=低于|东北=西南|西北=东南|最早=最晚|胜利=失败
        允许=禁止|北部=南部|西部=东部""",
}


def _turned_round(taken: Taken, dice: random.Random) -> Iterator[tuple[str, str]]:
    """One word is its opposite."""
    pairs = _pairs(_OPPOSITES["zh" if taken.is_chinese else "en"])
    for old, new in dice.sample(pairs, len(pairs)):
        old, new = _in_script(old, taken.language), _in_script(new, taken.language)
        pattern = re.escape(old) if taken.is_chinese else rf"\b{old}\b"
        found = re.search(pattern, taken.text)
        if found:
            yield _put(taken.text, found, new), f"{old} -> {new}"


RIGHT: Sequence[str] = ("verbatim", *_RIGHT)
ALTERED: Sequence[str] = (
    "number",
    "date",
    "unit",
    "name",
    "name in part",
    "another passage",
    "another passage of its article",
)
HARD: Sequence[str] = (
    "number from elsewhere in it",
    "name from elsewhere in it",
    "negation added",
    "negation left out",
    "turned round",
)
