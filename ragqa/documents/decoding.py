"""From bytes to text: byte order mark, UTF-8, UTF-16 without a mark, then the legacy encodings; no silent mojibake."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from ragqa.documents import legacy

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_LINE_ENDS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_DROPPED = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]+")
_SURROGATES = re.compile("[\ud800-\udfff]")
_UNCLEAN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_SAMPLE = 4096
_GOOD = 0.6
_ACCEPTABLE = 0.35
_CLOSE = 0.05
_CLEAR = 0.5
_FEW = 12

_UTF7 = re.compile(rb"\+A[K-Za-k][A-Za-z0-9+/]{1,200}-")  # an accented Latin letter, as e-mail of old had them
_HZ = re.compile(rb"~\{(?:[!-w][!-~])+~\}")
_ISO_2022 = ((b"\x1b$)C", "iso2022_kr"), (b"\x1b$@", "iso2022_jp"), (b"\x1b$B", "iso2022_jp"))


@dataclass(frozen=True, slots=True)
class Decoded:
    """`text` is clean (see `clean_text`); `doubtful` if another encoding fits nearly as well, or bytes were lost."""

    text: str
    encoding: str
    doubtful: bool = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the report should say of it."""
        return (f"the encoding is not certain; read as {self.encoding}",) if self.doubtful else ()


def clean_text(text: str) -> str:
    """`text` as a Document may hold it: line ends are newlines, no other control but tab, no lone surrogate.

    Nothing else is changed: what is cited stays as it was written. Applying it twice changes nothing.
    """
    if not _UNCLEAN.search(text):
        return text
    text = _LINE_ENDS.sub("\n", text)
    text = _DROPPED.sub("", text)
    return _SURROGATES.sub("\ufffd", text)


def decode(data: bytes, *, declared: str | None = None) -> Decoded:
    """Decode bytes of any text file. `declared` is what the document says of itself; it is believed if it fits."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _whole(data[len(mark) :], encoding)
    if data.isascii():
        return _seven_bits(data)
    wide = _wide(data)
    if wide is not None:
        return wide
    try:
        return Decoded(clean_text(data.decode("utf-8")), "utf-8")
    except UnicodeDecodeError:
        return _damaged_utf8(data) or _legacy(data, declared)


def _whole(data: bytes, encoding: str, *, doubtful: bool = False) -> Decoded:
    """All of `data` in a known encoding; what does not belong to it becomes U+FFFD, and the result doubtful."""
    try:
        return Decoded(clean_text(data.decode(encoding)), encoding, doubtful)
    except UnicodeDecodeError:
        return Decoded(clean_text(data.decode(encoding, "replace")), encoding, True)


def _seven_bits(data: bytes) -> Decoded:
    """Plain ASCII, or one of the encodings that use escapes; a text that only mentions one stays as it is."""
    if b"\0" in data:
        wide = _wide(data)
        if wide is not None:
            return wide
    for escape, encoding in _ISO_2022:
        if escape in data:
            return _whole(data, encoding)
    for pattern, encoding in ((_HZ, "hz"), (_UTF7, "utf-7")):
        if pattern.search(data):
            try:
                return Decoded(clean_text(data.decode(encoding)), encoding)
            except UnicodeDecodeError:
                continue
    return Decoded(clean_text(data.decode("ascii")), "utf-8")


def _wide(data: bytes) -> Decoded | None:
    """UTF-16 or UTF-32 without a mark, if that is what the bytes are."""
    sample = data[:_SAMPLE]
    if b"\0" in sample and len(data) % 4 == 0:
        for encoding in ("utf-32-le", "utf-32-be"):
            if legacy.score(sample, encoding) > _GOOD:
                return _whole(data, encoding)
    if len(data) % 2 or len(data) < 4:
        return None
    scores = sorted((legacy.score(sample, encoding), encoding) for encoding in ("utf-16-le", "utf-16-be"))
    best, encoding = scores[-1]
    if best < (_ACCEPTABLE if b"\0" in sample else _GOOD):
        return None
    if b"\0" not in sample:
        # Without a NUL, pairs of bytes may as well be one of the double-byte encodings.
        other = legacy.ranking(sample)[0]
        if other.score >= best:
            return None
        return _whole(data, encoding, doubtful=best - other.score < _CLOSE)
    return _whole(data, encoding)


def _damaged_utf8(data: bytes) -> Decoded | None:
    """UTF-8 in which some bytes are wrong: it has more good sequences than bad ones, which no legacy text has."""
    text = data.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = sum(1 for character in text[:_SAMPLE] if character > "\x7f" and character != "\ufffd")
    if good and good >= bad:
        return Decoded(clean_text(text), "utf-8", True)
    return None


def _legacy(data: bytes, declared: str | None) -> Decoded:
    sample = legacy.sample(data, _SAMPLE)
    guesses = legacy.ranking(sample)
    best = guesses[0]
    hint = legacy.codec_named(declared) if declared else None
    if hint is not None:
        stated = legacy.score(sample, hint)
        if stated >= _ACCEPTABLE and stated >= best.score - _CLOSE:
            return _whole(data, hint)
    if best.score < _ACCEPTABLE:
        return _whole(data, legacy.second_opinion(sample) or best.encoding, doubtful=True)
    rival = next((guess.score for guess in guesses if not legacy.is_same(guess, best)), -1.0)
    margin = best.score - rival
    is_short = sum(byte > 0x7F for byte in sample[:1000]) < _FEW
    doubtful = hint is not None or best.score < _GOOD or margin < (_CLEAR if is_short else _CLOSE)
    return _whole(data, best.encoding, doubtful=doubtful)
