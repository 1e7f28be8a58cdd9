"""Finds quoted words in a source again: exactly the same words, however they are spaced, hyphenated or typed.

Both texts are folded and reduced to what has meaning: letters, digits, signs of quantity. Between two of these stands a
gap. A quote is found where the characters are equal and the gaps agree, so that `nowhere` is not `now here`.
"""

from __future__ import annotations

import enum
import functools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from ragqa.text.folding import fold_with_offsets

_GAP_CHARACTERS = 400
"""An ellipsis in a quote may stand for at most so many characters of the source."""
_PIECE_LENGTH = 3
"""Each piece beside an ellipsis has at least so many letters or digits: fewer are found anywhere."""
_CANDIDATES = 200
"""So many places of a quote's first piece are tried before giving up."""

_ELLIPSIS = re.compile(r"\s*(?:[\[(（]\s*(?:\.{3,}|…+)\s*[\])）]|\.{3,}|…+|(?<!\.)\. \. \.(?!\.)|⋯+)\s*")
_VARIANTS = str.maketrans("衞敍枱簷痺缐讬馀麹麺锺谘钜迳", "卫叙台檐痹线托余曲面钟咨巨径")
"""Forms of the same character, from Hong Kong and from hasty conversion, that folding leaves apart."""
_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_LINE_HYPHEN = re.compile(r"-\s+")
"""At the end of a line, which may have become a blank: `infor-\nmation`, `infor- mation`."""
_SOFT_HYPHEN_AT_END = re.compile(r"\u00ad(?=\s)")
_IN_NUMBER = re.compile(r"(?<=\d) {0,3}(-)\s{0,3}(?=\d)|(?<=\d)([.,:/'])(?=\d)|(?<![a-z0-9_)\]-])(-)(?=\d)")
"""The sign of a range (with spaces or without), a separator, a minus."""
_THOUSANDS = re.compile(r"\d{3}(?!\d)")
_HAN_NUMERALS = frozenset("〇零一二三四五六七八九十百千万亿两廿卅")
_NUMBER_SIGNS = frozenset(".,:/'-")
"""Significant only inside a number or before it, where they never end one."""
_SIGNS = frozenset("%‰$§&@+<>=±×÷°¬✓✔✗✘☐☑☒⁄")
"""Signs that change what is said; so do currency signs. Every other sign is layout or punctuation."""


class _Gap(enum.Enum):
    """What stands between a significant character and the next."""

    NONE = 0
    """Nothing: they are one word or one number."""
    BREAK = 1
    """White space or punctuation: they are two words."""
    FREE = 2
    """Either may be written: beside Han, beside a sign, at a hyphen that ends a line."""


@dataclass(frozen=True, slots=True)
class _Skeleton:
    """`gaps[i]` stands before character `i`; `starts[i]` and `ends[i]` are its place in the original text."""

    characters: str
    gaps: tuple[_Gap, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]


def locate(quote: str, text: str) -> tuple[int, int] | None:
    """Where the words of `quote` stand in `text`: the first such place, or None.

    Equal up to: Unicode form, letter case, Traditional and Simplified, full width, ligatures, soft hyphens and hyphens
    at line ends, quotation marks, dashes, other punctuation, and white space (beside Han characters, with or without).
    Every letter, digit and sign of quantity must agree, words must be whole, and so must numbers: `12` is not found in
    `120`, `1.2`, `12%` or 十二. An ellipsis in the quote stands for up to 400 characters of the text. The span also
    holds the quote's own closing punctuation where the text has the same.
    """
    source = _skeleton(text)
    span = next(_places(_skeleton(quote), source), None)
    if span is None:
        span = _locate_pieces([piece for piece in _ELLIPSIS.split(quote) if piece], source)
    if span is None:
        return None
    return _with_punctuation(quote, text, source.starts[span[0]], source.ends[span[1] - 1])


def _locate_pieces(pieces: list[str], source: _Skeleton) -> tuple[int, int] | None:
    """The first place where all pieces stand in order, each near the one before."""
    skeletons = [_skeleton(piece) for piece in pieces]
    skeletons = [skeleton for skeleton in skeletons if skeleton.characters]
    if not skeletons or any(len(skeleton.characters) < _PIECE_LENGTH for skeleton in skeletons):
        return None
    for number, (start, end) in enumerate(_places(skeletons[0], source)):
        if number >= _CANDIDATES:
            return None
        for skeleton in skeletons[1:]:
            following = next(_places(skeleton, source, start=end), None)
            if following is None or source.starts[following[0]] - source.ends[end - 1] > _GAP_CHARACTERS:
                break
            end = following[1]
        else:
            return start, end
    return None


def _places(quote: _Skeleton, source: _Skeleton, *, start: int = 0) -> Iterator[tuple[int, int]]:
    """Every place, in order, where the characters are equal and the gaps agree; indices of `source`'s skeleton."""
    if not quote.characters:
        return
    length = len(quote.characters)
    place = source.characters.find(quote.characters, start)
    while place >= 0:
        if (
            _is_whole(source, place)
            and _is_whole(source, place + length)
            and all(_agree(quote.gaps[i], source.gaps[place + i]) for i in range(1, length))
        ):
            yield place, place + length
        place = source.characters.find(quote.characters, place + 1)


def _agree(first: _Gap, second: _Gap) -> bool:
    return first is second or first is _Gap.FREE or second is _Gap.FREE


def _is_whole(source: _Skeleton, place: int) -> bool:
    """Whether a quote may begin or end before character `place`: not inside a word, a number or a percentage."""
    if place == 0 or place == len(source.characters):
        return True
    before, after = source.characters[place - 1], source.characters[place]
    if before in _NUMBER_SIGNS or after in _NUMBER_SIGNS:
        return False
    if source.ends[place - 1] < source.starts[place]:
        return True
    if source.gaps[place] is _Gap.NONE or (after in "%‰" and _is_numeral(before)):
        return False
    return not (
        (_is_numeral(before) and _is_numeral(after))
        or source.characters.endswith("分之", 0, place)
        or (after == "点" and _is_numeral(before) and _is_numeral(source.characters[place + 1 : place + 2]))
        or (before == "点" and _is_numeral(after) and _is_numeral(source.characters[max(0, place - 2) : place - 1]))
    )


def _is_numeral(character: str) -> bool:
    return character.isdigit() or character in _HAN_NUMERALS


@functools.lru_cache(maxsize=32)  # every sentence of an answer is looked for in the same few passages
def _skeleton(text: str) -> _Skeleton:
    # Folding takes soft hyphens out, and with one at the end of a line what told that a word goes on.
    folded, offsets = fold_with_offsets(_SOFT_HYPHEN_AT_END.sub("-", text))
    folded = _DASHES.sub("-", folded.translate(_VARIANTS))
    in_numbers = {
        place
        for found in _IN_NUMBER.finditer(folded)
        if not _lists(folded, place := found.start(found.lastindex or 0), text[offsets[place]])
    }
    line_hyphens = {found.start(): found.end() for found in _LINE_HYPHEN.finditer(folded)}
    characters: list[str] = []
    gaps: list[_Gap] = []
    starts: list[int] = []
    ends: list[int] = []
    gap = _Gap.BREAK
    for i, character in enumerate(folded):
        if not _is_significant(character) and i not in in_numbers:
            at_line_end = i in line_hyphens and gap is _Gap.NONE and folded[i - 1].isalpha()
            gap = _Gap.FREE if at_line_end or (gap is _Gap.FREE and character.isspace()) else _Gap.BREAK
            continue
        before = characters[-1] if characters else ""
        if before and (_stands_free(before) or _stands_free(character)):
            gap = _Gap.FREE
        characters.append(character)
        gaps.append(gap)
        starts.append(offsets[i])
        ends.append(_end_of(i, offsets))
        gap = _Gap.NONE
    return _Skeleton("".join(characters), tuple(gaps), tuple(starts), tuple(ends))


def _lists(folded: str, place: int, original: str) -> bool:
    """Whether this is the comma of Chinese text between two numbers, `30，45`; behind one of thousands are three."""
    return original == "，" and _THOUSANDS.match(folded, place + 1) is None


def _end_of(i: int, offsets: list[int]) -> int:
    """Where the original of folded character `i` ends; characters that come from one original end with it."""
    following = i + 1
    while offsets[following] == offsets[i] and following < len(offsets) - 1:
        following += 1
    return offsets[following]


def _is_significant(character: str) -> bool:
    if character.isalnum() or character in _SIGNS:
        return True
    return not character.isascii() and unicodedata.category(character) in ("Mn", "Mc", "Sc")


def _stands_free(character: str) -> bool:
    """Whether white space beside this character says nothing: it belongs to a script without spaces, or is a sign."""
    code = ord(character)
    if code >= 0x2E80:
        return not 0xAC00 <= code <= 0xD7AF
    if code < 0x80:
        return character in "%$&@+<>=-"
    return (
        character in _SIGNS
        or character in "€£¥"
        or 0x0E00 <= code <= 0x0EFF
        or 0x1000 <= code <= 0x109F
        or 0x1780 <= code <= 0x17FF
    )


_PUNCTUATION = str.maketrans({**dict.fromkeys("“”„‟″«»「」『』‘’‚‛′'", '"'), **dict.fromkeys("。．｡", ".")})


def _with_punctuation(quote: str, text: str, start: int, end: int) -> tuple[int, int]:
    """The span widened by the punctuation that both the quote and the text have around it."""
    bare = quote.strip()
    first = next((i for i, character in enumerate(bare) if character.isalnum()), 0)
    last = next((i for i in range(len(bare), 0, -1) if bare[i - 1].isalnum()), len(bare))
    for character in bare[last:]:
        if end >= len(text) or _plain(text[end]) != _plain(character):
            break
        end += 1
    for character in reversed(bare[:first]):
        if start == 0 or _plain(text[start - 1]) != _plain(character):
            break
        start -= 1
    return start, end


def _plain(character: str) -> str:
    return unicodedata.normalize("NFKC", character.translate(_PUNCTUATION))
