"""Which legacy encoding some bytes are in: every candidate is tried, and the text that reads like language wins.

A text is scored by its characters beyond ASCII, from 1 (every one is common in a language that uses this encoding) to
far below 0 (private use, unassigned, symbols inside words).
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

# The characters that make up half to three quarters of Chinese text, in both scripts; order means nothing.
_FREQUENT_HAN = frozenset(
    "的一是不了人我在有他这這为為之大来來以个個中上们們到说說国國和地也子时時道出而要于於就下得可你年生自会會那后後能对對着著事"
    "其里裡裏所去行过過家十用发發天如然作方成者多日都三小军軍二无無同么麼经經法当當起与與好看学學进進种種将將还還分此心前面又"
    "定见見只主没沒公从從部动動因应應现現实實理本新高长長最被开開全向相体體等外由力政机機些关關外间間教文重问問明工业業四已通平"
    "点點期水名系產产民化加数數任代社合情提重書书電电第路內内北五及比月间線线立系世門门東东西南物合利海百身老位次度門表性变變"
    "市区區场場議议車车少名员員基期建军設设回受報报運运原反交思才風风常解決决光放帶带強强金山保認认條条目直別别总總太七口華华"
    "便万萬六品取城司女非死王德美吃更给給正意使量台入八九院選选果制先近手字走神爱愛打服收請请申費费料付款租違违約约規规定責责"
    "何每若即曰吾故夫不其於焉哉矣皆莫必且乃非是凡謂谓陰阴陽阳兵勝胜命戰战馬马食飲饮酒言语語易色安危存亡死生"
    "學校生研究院師师資资訊讯信息网網室館馆圖图單单號号額额及或各該该項项未逾依須须得由經經人員員機機關关本法第款"
)
_FREQUENT_KANJI = frozenset(
    "日本人年大一国中出会者上生事分学時見間自行社発手田東業方場的同地気下動思前作家長私話書何後今名物"
)
_HAN_PUNCTUATION = frozenset("，。、；：？！「」『』《》〈〉（）“”‘’…—·【】〔〕　")
_FREQUENT_HANGUL = frozenset(
    "이다는을의에가고하지로은기사한나도를리어대시자서인정수있그일해게부보들장과전주여아으제조성상원관면동위구요만라않오"
    "며러없국되마것히신문경화공선할월년적"
)

_CYRILLIC = ("cp1251", "koi8_u", "koi8_r", "cp866", "iso8859_5", "mac_cyrillic")
_WEST = ("cp1252", "iso8859_15", "mac_roman", "cp850", "cp437")
_CENTRE = ("cp1250", "iso8859_2", "cp852")
_LANGUAGES: tuple[tuple[tuple[str, ...], str, str], ...] = (
    # (encodings, best first; letters beyond a-z; those of them that make up most of a text, "" if all are alike)
    (_WEST, "éèàçêùâîôûëïüœæÿ", ""),
    (_WEST, "äöüß", ""),
    (_WEST, "áéíóúñü¿¡ºª", ""),
    (_WEST, "áàâãçéêíóôõúüºª", ""),
    (_WEST, "àèéìíòóù", ""),
    (_WEST, "åäöéæø", ""),
    (_WEST, "áðéíóúýþæö", ""),
    (_CENTRE, "ąćęłńóśźż", ""),
    (_CENTRE, "áčďéěíňóřšťúůýž", ""),
    (_CENTRE, "áäčďéíĺľňóôŕšťúýž", ""),
    (_CENTRE, "áéíóöőúüű", ""),
    (_CENTRE, "ăâîşţ", ""),
    (_CENTRE, "čćđšž", ""),
    (("cp1254", "iso8859_9", "cp857"), "çğıiöşüâîû", ""),
    (("cp1257",), "ąčęėįšųūžāēģīķļņäöõü", ""),
    (("cp1258",), "ăâđêôơưàèéìíòóùúý\u0300\u0301\u0303\u0309\u0323", ""),
    (_CYRILLIC, "абвгдежзийклмнопрстуфхцчшщъыьэюяё", "оеаинтсрвлкмдпуяы"),
    (_CYRILLIC, "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя", "оаиніевтрслкдмпуяз"),
    (_CYRILLIC, "абвгдђежзијклљмнњопрстћуфхцчџшў", "аоеинрстуквјмдлп"),
    (("cp1253", "iso8859_7"), "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ", "αοιετνσρηπςυκμλό"),
    (("cp1255", "iso8859_8"), "אבגדהוזחטיךכלםמןנסעףפץצקרשת", "יוהאלרבתמשנם"),
    (("cp1256", "iso8859_6"), "ءآأؤإئابةتثجحخدذرزسشصضطظعغـفقكلمنهوىيًٌٍَُِّْپچژگ", "اليمنورتبةعدسفهكأ"),
    (("cp874",), "".join(map(chr, [*range(0x0E01, 0x0E3B), *range(0x0E40, 0x0E4F)])), "านรอกเงมยวลสทตะหัป่้ิีดคบใแพช"),
)
_DOUBLE = ("gb18030", "cp950", "big5hkscs", "cp932", "euc_jp", "cp949", "johab")
_USUAL = ("gb18030", "cp950", "cp1252")
_JAPANESE = ("cp932", "euc_jp")
_KOREAN = ("cp949", "johab")
_ALIASES = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "cp950",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
}

_QUOTES_AND_DASHES = frozenset("“”‘’–—…\u00a0")
_BESIDE_WORDS = frozenset("„‚«»‹›€°§·£©®½¼¾²³±×•™†¿¡ºª¬№") | _QUOTES_AND_DASHES
_THAI_MISPLACED = re.compile(
    "(?<![\u0e01-\u0e2e\u0e31-\u0e3a\u0e47-\u0e4e])[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]|[A-Za-z][\u0e00-\u0e7f]"
)
_LONGEST_WORD = 25
_WORD = re.compile(r"[^\W\d_]+|[^\x00-\x7f]")


@dataclass(frozen=True, slots=True)
class Guess:
    """One candidate: the sample as it reads in `encoding`, and how much like language that is."""

    score: float
    encoding: str
    text: str


def sample(data: bytes, size: int) -> bytes:
    """About `size` bytes of the lines that hold anything beyond ASCII: the others say nothing about the encoding."""
    if len(data) <= size:
        return data
    lines: list[bytes] = []
    length = 0
    for match in re.finditer(rb"[^\n]*[\x80-\xff][^\n]*\n?", data):
        lines.append(match[0][: size - length])
        length += len(lines[-1])
        if length >= size:
            break
    return b"".join(lines)


def score(data: bytes, encoding: str) -> float:
    """How much like language `data` reads in one encoding."""
    return _rate(_decode(data, encoding), encoding)


def ranking(data: bytes) -> list[Guess]:
    """Every candidate, best first; of equal ones the more usual encoding first."""
    single = dict.fromkeys(encoding for encodings, _, _ in _LANGUAGES for encoding in encodings)
    guesses = []
    for encoding in (*_DOUBLE, *single):
        text = _decode(data, encoding)
        guesses.append(Guess(_rate(text, encoding) - _rarity(text, encoding), encoding, text))
    return sorted(guesses, key=lambda guess: -guess.score)


def _rarity(text: str, encoding: str) -> float:
    """What an unusual encoding has to make up for: one sign alone must not turn an English text into Russian."""
    if encoding in _USUAL:
        return 0.0
    beyond = sum(character > "\x7f" for character in text[:4096])
    return 1.2 / (beyond + 3)


def is_same(one: Guess, other: Guess) -> bool:
    """Whether choosing between the two changes nothing, or only a symbol of an encoding's own additions."""
    return one.text == other.text or {one.encoding, other.encoding} == {"cp950", "big5hkscs"}


def codec_named(name: str) -> str | None:
    """Python's codec for a declared name, widened to what is really meant by it; None if there is none."""
    try:
        found = codecs.lookup(name.strip().replace("_", "-"))
        "".encode(found.name)
    except (LookupError, UnicodeError, ValueError):
        return None
    return _ALIASES.get(found.name, found.name)


def second_opinion(data: bytes) -> str | None:
    """What charset-normalizer takes the bytes for, a Latin page being read as Windows-1252; None if it gives up."""
    from charset_normalizer import from_bytes

    best = from_bytes(data).best()
    if best is None:
        return None
    latin = "ascii", "cp1250", "cp1252", "cp1254", "cp1257", "latin_1", "hp_roman8", "mac_roman", "cp037", "cp500"
    return "cp1252" if best.encoding in latin or best.encoding.startswith("iso8859") else best.encoding


def _decode(data: bytes, encoding: str) -> str:
    """`data` decoded leniently; a character cut off at the end is left out."""
    return codecs.getincrementaldecoder(encoding)("replace").decode(data)


def _rate(text: str, encoding: str) -> float:
    if encoding.startswith("utf"):
        counts = Counter(text)
        return _mean(counts, lambda character: max(_east_asian(character, encoding), _in_any_alphabet(character)))
    counts = Counter(character for character in text if character > "\x7f")
    if encoding in _DOUBLE:
        return _mean(counts, lambda character: _east_asian(character, encoding)) - _foreign(counts, encoding)
    return max(
        (
            _rate_words(text, letters, frequent or letters)
            for encodings, letters, frequent in _LANGUAGES
            if encoding in encodings
        ),
        default=-1.0,
    )


def _mean(counts: Counter[str], weight: Callable[[str], float]) -> float:
    total = counts.total()
    return sum(weight(character) * count for character, count in counts.items()) / total if total else 0.0


@cache
def _common_han() -> frozenset[str]:
    """The first, everyday levels of GB 2312, Big5 and JIS X 0208, as those tables are ordered."""
    found = []
    for codec, first, last in (("gb2312", 0xB0, 0xD7), ("big5", 0xA4, 0xC6), ("euc_jp", 0xB0, 0xCF)):
        rows = [bytes((lead, trail)) for lead in range(first, last + 1) for trail in range(0x40, 0xFF)]
        found.append("".join(row.decode(codec, "ignore") for row in rows))
    return frozenset("".join(found))


def _east_asian(character: str, encoding: str) -> float:
    """The weight of one character in an East Asian text."""
    code = ord(character)
    if character in _FREQUENT_HAN or character in _HAN_PUNCTUATION:
        return 1.0
    if encoding in _JAPANESE and character in _FREQUENT_KANJI:
        return 1.0
    if 0x4E00 <= code <= 0x9FFF:
        return 0.4 if character in _common_han() else -0.4
    if 0x3041 <= code <= 0x30FF:
        return 0.95
    if 0xAC00 <= code <= 0xD7A3:
        if character in _FREQUENT_HANGUL:
            return 1.0
        return 0.45 if encoding != "johab" or character.encode("euc_kr", "ignore") else -0.4
    if 0xFF01 <= code <= 0xFF5E or 0x2460 <= code <= 0x24FF:
        return 0.5
    if code < 0x80:
        return 0.8 if character.isalnum() or character in " \n\r\t.,;:!?'\"()-" else (0.2 if code >= 0x20 else -3.0)
    if 0x3400 <= code <= 0x4DBF or code >= 0x20000 or 0xF900 <= code <= 0xFAFF:
        return -0.5
    return _odd(character)


def _odd(character: str) -> float:
    """The weight of a character that no candidate language needs."""
    category = unicodedata.category(character)
    if character == "\ufffd" or category in ("Co", "Cn", "Cs", "Cc"):
        return -3.0
    return 0.0 if category[0] in "LN" else -0.3


def _foreign(counts: Counter[str], encoding: str) -> float:
    """What a mixture of scripts costs that the encoding's own language does not have."""
    total = counts.total() or 1
    kana = sum(count for character, count in counts.items() if "\u3041" <= character <= "\u30ff") / total
    hangul = sum(count for character, count in counts.items() if "\uac00" <= character <= "\ud7a3") / total
    han = sum(count for character, count in counts.items() if "\u3400" <= character <= "\u9fff") / total
    if encoding in _JAPANESE:
        return 0.0 if kana > 0.15 else 0.3
    if encoding in _KOREAN:
        return 0.0 if hangul > 2 * han else 0.8
    # Japanese and the Chinese sets share their rows of kana, so that those decode alike: only the kanji differ.
    return 0.3 if kana > 0.15 else 0.0


@cache
def _any_alphabet() -> frozenset[str]:
    letters = "".join(letters for _, letters, _ in _LANGUAGES)
    return frozenset(letters + letters.upper())


def _in_any_alphabet(character: str) -> float:
    return 0.8 if character in _any_alphabet() or character in _BESIDE_WORDS else -3.0


def _rate_words(text: str, letters: str, frequent: str) -> float:
    """The mean weight of the characters beyond ASCII in a text of one language with these letters."""
    total, beyond = 0.0, 0
    own = frozenset(letters)
    usual = frozenset(frequent)
    latin = "LATIN" in unicodedata.name(letters[0])
    for match in _WORD.finditer(text):
        word = match[0]
        if word.isascii():
            continue
        if len(word) == 1 and not word.isalpha():
            beyond += 1
            total += _beside(word, text, match.start(), own)
            continue
        odd_case = not (word.islower() or word.isupper() or word[1:].islower() or word.lower() == word.upper())
        for character in word:
            if character <= "\x7f":
                continue
            beyond += 1
            small = character.lower() if len(character.lower()) == 1 else character
            is_own = small in own or character in own
            if not is_own or odd_case or (len(word) > _LONGEST_WORD and "\u0e01" not in own):
                total -= 0.6
            else:
                usual_weight = 0.3 if len(word) == 1 and not latin else 1.0
                total += usual_weight if small in usual else 0.5 * usual_weight
    if "\u0e01" in own:
        total -= 2 * len(_THAI_MISPLACED.findall(text))
    return total / beyond if beyond else 0.0


def _beside(character: str, text: str, position: int, own: frozenset[str]) -> float:
    """The weight of a sign or a mark that stands alone, or inside a word."""
    if character in own:
        return 1.0
    inside = text[position - 1 : position].isalpha() and text[position + 1 : position + 2].isalpha()
    if character in _QUOTES_AND_DASHES:
        return 1.0
    if character in _BESIDE_WORDS:
        return 0.8 if not inside or character == "·" else -0.6
    return _odd(character) - (0.6 if inside else 0.2)
