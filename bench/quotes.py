"""Whether quoted words are found again: cut from real documents, retyped as models retype them, or with a word changed.

    RAGQA_SHARED=FOLDER python bench/quotes.py [--quotes 2000] [--seed 1] [--verbose]

Each quote is looked for in the passage that it was cut from, lengthened by its neighbours as a model's sources are, and
in its whole document. It is found wrongly where it is found at another place that does not hold the same words. The
altered quotes have one number, name or word changed; none of them may be found at all.
"""

from __future__ import annotations

import argparse
import functools
import random
import re
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from corpora import shared_folder
from opencc import OpenCC

from ragqa.answering import quotes
from ragqa.config import ChunkConfig
from ragqa.documents import chunking, formats
from ragqa.documents.loader import InProcessLoader
from ragqa.models.tokens import estimate
from ragqa.types import Chunk, Document

FOLDERS = {"en": "English", "zh-hans": "Simplified", "zh-hant": "Traditional"}
HAN = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Source:
    """A document, and where its passages begin and end."""

    name: str
    document: Document
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """`source.document.text[start:end]`; a model's source that holds it is `text[low:high]`."""

    source: Source
    start: int
    end: int
    low: int
    high: int

    @property
    def words(self) -> str:
        return self.source.document.text[self.start : self.end]


# --- what models do to words that they copy ---------------------------------------------------------------------------

Change = Callable[[str, random.Random], str]


def _case(text: str, dice: random.Random) -> str:
    return dice.choice((str.upper, str.lower, str.title, lambda text: text[:1].swapcase() + text[1:]))(text)


def _white_space(text: str, dice: random.Random) -> str:
    """One blank for each break, or two, or a line break; between Chinese and Latin with or without."""
    blank = dice.choice((" ", "  ", "\n", "\u00a0", "\u3000"))
    text = re.sub(r"\s+", blank, text.strip())
    if HAN.search(text):
        if dice.random() < 0.5:
            return re.sub(r"(?<=[\u3400-\u9fff])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9])(?=[\u3400-\u9fff])", " ", text)
        return re.sub(r"(?<=[\u3400-\u9fff，。；：、])\s+|\s+(?=[\u3400-\u9fff，。；：、])", "", text)
    return text


def _punctuation(text: str, dice: random.Random) -> str:
    """Commas and full stops gone, or others in their place, or one more at the end; never inside a number."""
    match dice.randrange(4):
        case 0:
            return re.sub(r"(?<!\d)[,;:](?=\s)|(?<=[\u3400-\u9fff])[，；：、](?=[\u3400-\u9fff])", "", text)
        case 1:
            return (
                re.sub(r"(?<!\d)[,;](?=\s)", dice.choice((" -", ";", ",")), text)
                .replace("，", "、")
                .replace("；", "，")
            )
        case 2:
            return re.sub(r"[.。!?；;,，]+$", "", text)
        case _:
            return text.rstrip(".。,，;；") + dice.choice((".", "。", "!", ",", "..."))


def _quotation_marks(text: str, dice: random.Random) -> str:
    style = dice.choice(("\"\"''", "“”‘’", "「」『』", "«»‹›", "''\"\""))
    for pair, written in (("“”", style[:2]), ("「」", style[:2]), ("‘’", style[2:]), ("『』", style[2:])):
        text = text.replace(pair[0], written[0])
        # The apostrophe of a word is no quotation mark.
        text = (
            re.sub(rf"{pair[1]}(?![A-Za-z])", written[1], text) if pair[1] == "’" else text.replace(pair[1], written[1])
        )
    text = text.replace("’", "'") if dice.random() < 0.5 else re.sub(r"(?<=[A-Za-z])'(?=[A-Za-z])", "’", text)
    return f"{style[0]}{text}{style[1]}" if dice.random() < 0.5 else text


def _dashes(text: str, dice: random.Random) -> str:
    dash = dice.choice("-‐‑–—―－")
    text = re.sub(r"(?<=\w)[-‐‑–](?=\w)", dice.choice("-‐‑–"), text)
    return re.sub(r"\s+[–—-]+\s+|—+", dice.choice((f" {dash} ", f" {dash}", dash * 2 + " ")), text)


def _width(text: str, dice: random.Random) -> str:
    if dice.random() < 0.5:
        return unicodedata.normalize("NFKC", text)
    wide = {code: code + 0xFEE0 for code in range(0x21, 0x7F) if chr(code).isalnum() or chr(code) in "()%,.:;?!"}
    return text.translate(wide)


def _script(text: str, dice: random.Random) -> str:
    if HAN.search(text):
        return _converter(dice.choice(("t2s", "s2t", "s2tw", "s2hk", "t2tw", "t2hk", "tw2s", "hk2s"))).convert(text)
    return unicodedata.normalize(dice.choice(("NFD", "NFKD")), text)


@functools.cache
def _converter(name: str) -> OpenCC:
    return OpenCC(name)


def _line_ends(text: str, dice: random.Random) -> str:
    """Broken into lines anew: Latin words with a hyphen at the break, Chinese anywhere."""
    if HAN.search(text):
        places = [place for place in range(1, len(text)) if HAN.match(text[place]) and HAN.match(text[place - 1])]
        for place in sorted(dice.sample(places, min(3, len(places))), reverse=True):
            text = text[:place] + "\n" + text[place:]
        return text
    words = [found for found in re.finditer(r"[a-z]{6,}", text)]
    for word in sorted(dice.sample(words, min(3, len(words))), key=lambda word: -word.start()):
        place = dice.randrange(word.start() + 2, word.end() - 2)
        text = text[:place] + dice.choice(("-\n", "-\n  ", "\u00ad", "\u00ad\n")) + text[place:]
    return text


def _ligatures(text: str, dice: random.Random) -> str:
    for plain, ligature in (("ffi", "ﬃ"), ("ffl", "ﬄ"), ("fi", "ﬁ"), ("fl", "ﬂ"), ("ff", "ﬀ")):
        text = text.replace(plain, ligature)
    return text.replace("...", "…").replace("No.", "№") if not HAN.search(text) else text


def _markup(text: str, dice: random.Random) -> str:
    """A word in bold, in italics or as code; the signs of lists and emphasis taken out."""
    text = re.sub(r"(?m)^\s*[-*•]\s+", "", text) if dice.random() < 0.5 else text
    words = list(re.finditer(r"[A-Za-z]{3,}|[\u3400-\u9fff]{2,4}", text))
    if not words:
        return f"**{text}**"
    word, mark = dice.choice(words), dice.choice(("**", "*", "`", "__"))
    return f"{text[: word.start()]}{mark}{word.group()}{mark}{text[word.end() :]}"


def _ellipsis(text: str, dice: random.Random) -> str:
    """The middle left out, or said to go on before or behind."""
    dots = dice.choice(("...", "…", " … ", " ... ", " [...] ", "……", "（……）", " (…) "))
    edges = [found.start() for found in re.finditer(r"(?<=\w)\s+(?=\w)|(?<=[\u3400-\u9fff])(?=[\u3400-\u9fff])", text)]
    edges = [edge for edge in edges if 8 <= edge <= len(text) - 8]
    if len(edges) < 2 or dice.random() < 0.2:
        return dice.choice((f"{dots}{text}", f"{text}{dots}", f"{dots}{text}{dots}"))
    first, last = sorted(dice.sample(edges, 2))
    return text[:first] + dots + text[last:].lstrip()


CHANGES: dict[str, Change] = {
    "none": lambda text, dice: text,
    "case": _case,
    "white space": _white_space,
    "punctuation": _punctuation,
    "quotation marks": _quotation_marks,
    "dashes": _dashes,
    "width": _width,
    "script, Unicode form": _script,
    "line ends": _line_ends,
    "ligatures": _ligatures,
    "markup": _markup,
    "ellipsis": _ellipsis,
}
COMBINED = "three at once"


def _three(text: str, dice: random.Random) -> str:
    for name in dice.sample([name for name in CHANGES if name not in ("none", "ellipsis")], 3):
        text = CHANGES[name](text, dice)
    return text


# --- what no quote may have -------------------------------------------------------------------------------------------


def _other_digit(text: str, dice: random.Random) -> str | None:
    digits = list(re.finditer(r"\d|[二三四五六七八九](?=[十百千年月日天条條款元])", text))
    if not digits:
        return None
    found = dice.choice(digits)
    other = dice.choice(
        [
            digit
            for digit in ("0123456789" if found.group().isdigit() and found.group().isascii() else "二三四五六七八九")
            if digit != found.group()
        ]
    )
    return text[: found.start()] + other + text[found.end() :]


def _other_word(text: str, dice: random.Random) -> str | None:
    words = list(re.finditer(r"[A-Za-z]{4,}|[\u3400-\u9fff]{2}", text))
    if not words:
        return None
    found = dice.choice(words)
    other = (
        dice.choice(("marble", "Hartwell", "seldom"))
        if found.group().isascii()
        else dice.choice(("鲸鱼", "灯塔", "莫氏"))
    )
    return text[: found.start()] + other + text[found.end() :]


def _left_out(text: str, dice: random.Random) -> str | None:
    words = [
        found
        for found in re.finditer(
            r"(?<=\w )[A-Za-z]{2,}(?= \w)|(?<=[\u3400-\u9fff])[\u3400-\u9fff](?=[\u3400-\u9fff])", text
        )
    ]
    if not words:
        return None
    found = dice.choice(words)
    return (text[: found.start()] + text[found.end() :]).replace("  ", " ")


def _negated(text: str, dice: random.Random) -> str | None:
    places = list(re.finditer(r"(?<=\w) (?=\w)|(?<=[\u3400-\u9fff])(?=[\u3400-\u9fff])", text))
    if not places:
        return None
    place = dice.choice(places)
    return text[: place.start()] + (dice.choice("不未没") if not place.group() else " not ") + text[place.end() :]


ALTERATIONS: dict[str, Callable[[str, random.Random], str | None]] = {
    "a digit": _other_digit,
    "a word": _other_word,
    "a word left out": _left_out,
    "a negation": _negated,
}

# --- measuring --------------------------------------------------------------------------------------------------------


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quotes", type=int, default=2000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--verbose", action="store_true", help="Show what was not found, or found wrongly.")
    chosen = options.parse_args()
    dice = random.Random(chosen.seed)
    sources = {language: list(_sources(shared_folder() / "docs" / language)) for language in FOLDERS}
    with mock.patch.object(quotes, "_skeleton", functools.lru_cache(4096)(quotes._skeleton)):
        _measure_found(sources, chosen.quotes, dice, verbose=chosen.verbose)
        _measure_altered(sources, chosen.quotes, dice, verbose=chosen.verbose)


def _sources(folder: Path) -> Iterator[Source]:
    size = ChunkConfig()
    for path in sorted(folder.iterdir()):
        if formats.unsupported(path.name) is None:
            document = InProcessLoader().load(path.read_bytes(), path.name)
            chunks = chunking.split(document, tokens=size.tokens, overlap=size.overlap, count=estimate)
            yield Source(path.name, document, tuple(chunks))


def _cut(sources: list[Source], dice: random.Random) -> Cut:
    """A stretch of words inside one passage of one of the documents."""
    while True:
        source = dice.choice(sources)
        number = dice.randrange(len(source.chunks))
        chunk = source.chunks[number]
        units = list(re.finditer(r"[\u3400-\u9fff]|(?:(?![\u3400-\u9fff])[^\s，。；：、！？（）「」])+", chunk.text))
        length = dice.randint(5, 40)
        if len(units) <= length:
            continue
        first = dice.randrange(len(units) - length)
        start, end = units[first].start(), units[first + length - 1].end()
        words = chunk.text[start:end]
        if (
            end - start > 380
            or sum(map(str.isalpha, words)) < 12
            or words[0] in "'’\"“"
            or _cuts_number(chunk.text, start, end)
        ):
            continue
        near = source.chunks[max(0, number - 1) : number + 2]
        return Cut(source, chunk.start + start, chunk.start + end, near[0].start, near[-1].end)


def _cuts_number(text: str, start: int, end: int) -> bool:
    """Whether a quote that begins or ends here tears a number, or its sign, from the rest of it."""
    figures = re.compile(r"[\d%‰$€£.,:/()–-]|[零〇一二三四五六七八九十百千万萬亿億点點分之第]")
    before, after = text[:start].rstrip()[-1:], text[end:].lstrip()[:1]
    return bool(
        (figures.match(text[start]) and figures.match(before))
        or (figures.match(text[end - 1]) and figures.match(after))
    )


def _measure_found(sources: dict[str, list[Source]], count: int, dice: random.Random, *, verbose: bool) -> None:
    changes = {**CHANGES, COMBINED: _three}
    right: dict[tuple[str, str], list[bool]] = defaultdict(list)
    wrong: dict[tuple[str, str], int] = defaultdict(int)
    for number in range(count):
        language = list(FOLDERS)[(number // 2 % 2 + 1) if number % 2 else 0]
        name = list(changes)[number // 4 % len(changes)]
        cut = _cut(sources[language], dice)
        quote = changes[name](cut.words, dice)
        text = cut.source.document.text
        inside, whole = _looked_for(quote, text, cut.low, cut.high), _looked_for(quote, text, 0, sys.maxsize)
        bad = [found for found in (inside, whole) if found is not None and not _same(found, cut)]
        bad = [found for found in bad if not _says(quote, text[slice(*found)], cut.words)]
        wrong[language, name] += bool(bad)
        is_right = inside is not None and not bad
        right[language, name].append(is_right)
        if verbose and not is_right:
            print(f"{language}, {name}, {'found wrongly' if bad else 'not found'} in {cut.source.name}:")
            print(f"  text  {cut.words!r}\n  quote {quote!r}\n  found {[text[slice(*found)] for found in bad]}")
    print(f"\n| change | {' | '.join(FOLDERS.values())} | all | found wrongly |\n|---|" + "---|" * 5)
    for name in [*changes, "all"]:
        cells = []
        for languages in [*([language] for language in FOLDERS), list(FOLDERS)]:
            hits = [
                hit
                for (language, change), found in right.items()
                if language in languages and name in (change, "all")
                for hit in found
            ]
            cells.append(f"{sum(hits) / len(hits):.3f} of {len(hits)}" if hits else "")
        wrongly = sum(found for (_, change), found in wrong.items() if name in (change, "all"))
        print(f"| {name} | {' | '.join(cells)} | {wrongly} |")


def _looked_for(quote: str, text: str, low: int, high: int) -> tuple[int, int] | None:
    found = quotes.locate(quote, text[low:high])
    return found and (found[0] + low, found[1] + low)


def _same(found: tuple[int, int], cut: Cut) -> bool:
    """Whether this is the place: to the letter, apart from the punctuation around it."""
    text = cut.source.document.text
    return _trimmed(text, *found) == _trimmed(text, cut.start, cut.end)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and not text[start].isalnum():
        start += 1
    while end > start and not text[end - 1].isalnum():
        end -= 1
    return start, end


def _says(quote: str, found: str, words: str) -> bool:
    """Whether the words of another place are the same, so that it is as good; with an ellipsis both ends must be."""
    if _bare(found) == _bare(words):
        return True
    pieces = [_bare(piece) for piece in re.split(r"[\[(（]?(?:\.{3,}|…+)[\])）]?", quote) if _bare(piece)]
    return len(pieces) > 1 and _bare(found).startswith(pieces[0]) and _bare(found).endswith(pieces[-1])


def _bare(text: str) -> str:
    text = _converter("t2s").convert(unicodedata.normalize("NFKC", text).casefold())
    return "".join(character for character in text if character.isalnum() or character in "%$€£")


def _measure_altered(sources: dict[str, list[Source]], count: int, dice: random.Random, *, verbose: bool) -> None:
    """Altered quotes, each retyped as well; whatever is found is an error."""
    found: dict[tuple[str, str], list[bool]] = defaultdict(list)
    number = 0
    while number < count:
        language = list(FOLDERS)[(number // 2 % 2 + 1) if number % 2 else 0]
        name = list(ALTERATIONS)[number // 4 % len(ALTERATIONS)]
        cut = _cut(sources[language], dice)
        altered = ALTERATIONS[name](cut.words, dice)
        text = cut.source.document.text
        if altered is None or _bare(altered) in _bare_document(cut.source):
            continue
        change = dice.choice([change for change in CHANGES if change != "ellipsis"])
        quote = CHANGES[change](altered, dice)
        place = _looked_for(quote, text, 0, sys.maxsize)
        found[language, name].append(place is not None)
        if verbose and place is not None:
            print(f"{language} {name}, {change}, FOUND:\n  quote {quote!r}\n  found {text[slice(*place)]!r}")
        number += 1
    print(f"\n| altered: found | {' | '.join(FOLDERS.values())} |\n|---|" + "---|" * 3)
    for name in ALTERATIONS:
        print(
            f"| {name} | "
            + " | ".join(f"{sum(found[language, name])} of {len(found[language, name])}" for language in FOLDERS)
            + " |"
        )


_BARE: dict[str, str] = {}


def _bare_document(source: Source) -> str:
    key = source.document.text
    if key not in _BARE:
        _BARE[key] = _bare(key)
    return _BARE[key]


if __name__ == "__main__":
    main()
