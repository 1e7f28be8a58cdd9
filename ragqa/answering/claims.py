"""Answers as JSON: the schema that a model is held to, the words that ask for it, and what comes of its reply.

A reply becomes the form that `markers.py` defines, text with `[n]` and the quotes section, so that `citations.compose`
checks it like any other. Nothing of a reply that cannot be read is ever text for the user.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from ragqa.answering.citations import stream_filter
from ragqa.answering.lenient_json import values
from ragqa.answering.markers import QUOTES_LINE, SENTINEL
from ragqa.text.sentences import spans
from ragqa.types import Hit

SCHEMA: Final[dict[str, object]] = {
    "type": "object",
    "properties": {
        "answered": {"type": "boolean"},
        "claims": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "text": {"type": "string"},
                    "citations": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {"source": {"type": "integer"}, "quote": {"type": "string"}},
                            "required": ["source", "quote"],
                            "additionalProperties": False,
                        },
                    },
                },
                "required": ["text", "citations"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["answered", "claims"],
    "additionalProperties": False,
}
"""Strict services want every property required and none beside them."""

CITING = """\
Give the answer as claims, one for each of its sentences, in their order. The text of a claim names no source; its
   citations do, one for each source that it rests on: the source's number, and the words of that source, copied
   exactly."""
REFUSING = """\
Where the sources do not hold the answer, "answered" is false and there are no claims. Where they hold a part of it,
   answer that part, and say in a claim without citations what is missing."""
ENDING = """\
Reply with JSON alone, in this form:
   {"answered": true, "claims": [{"text": "One sentence.", "citations": [{"source": 1, "quote": "words of it"}]}]}"""

_THOUGHTS = re.compile(r"(?s)\A.*</think(?:ing)?>")
_FENCE = re.compile(r"\A\s*(?:```\w*\s*)?")
_JSON = re.compile(r"""\{\s*["'“}\w]|\[\s*[{"'“\]]""")
_LISTS = ("claims", "sentences", "statements", "answer", "response", "result")
_TEXTS = ("text", "claim", "sentence", "statement", "answer")
_CITATIONS = ("citations", "citation", "sources", "source", "references")
_NUMBERS = ("source", "number", "source_number", "source_id", "id", "n", "index", "citation")
_QUOTES = ("quote", "quotes", "quotation", "text", "words", "verbatim")
_DEEPEST = 4
_MOST_CLAIMS = 200
_LONGEST_QUOTE = 4000
_OURS = re.compile(r"""["'“](?:claims|answered)["'”]\s*[:=]""")
_LIST_ITEM = re.compile(r"[-*•]\s|\d{1,3}[.)、]")
_SENTENCE_END = frozenset(".!?。！？；;…:：”」』\"')）")


class _Claim(NamedTuple):
    text: str
    citations: tuple[tuple[int, str], ...]


def read(output: str, sources: Sequence[Hit]) -> str | None:
    """The answer in a reply, with `[n]` markers and quotes; None where the reply is JSON that holds no answer.

    A refusal is the word that stands for one. A reply that is no JSON at all is taken for an ordinary answer.
    """
    text = _THOUGHTS.sub("", output)
    bare = _FENCE.sub("", text).strip()
    is_json = _JSON.match(bare) is not None
    found = [claims for value in values(text) if (claims := _claims(value, is_json=is_json)) is not None]
    if not found:
        if bare.strip("`\n ") in ("[]", "{}"):
            return SENTINEL
        return None if is_json or _OURS.search(text) else text
    return _canonical(max(found, key=len)[:_MOST_CLAIMS], sources)


def _canonical(claims: Sequence[_Claim], sources: Sequence[Hit]) -> str:
    written, quotes = "", []
    for claim in claims:
        shown = stream_filter(sources)
        text = (shown.feed(claim.text) + shown.finish()).strip()
        cited = dict.fromkeys(number for number, _ in claim.citations if 1 <= number <= len(sources))
        if not any(map(str.isalnum, text)):
            continue
        text = _cited(text, list(cited))
        written += _joint(written, text) + text
        quotes += [f"[{number}] {quote}" for number, quote in claim.citations if number in cited and quote]
    if not written:
        return SENTINEL
    return "\n".join([written, QUOTES_LINE, *dict.fromkeys(quotes)] if quotes else [written])


def _cited(text: str, numbers: Sequence[int]) -> str:
    """Markers behind every sentence, since all of a claim rests on its sources; it may have put some itself."""
    own = {int(digits) for digits in re.findall(r"\[(\d+)\]", text)}
    markers = "".join(f"[{number}]" for number in numbers if number not in own)
    if not markers:
        return text
    pieces, position = [], 0
    for end in [len(text)] if own else [end for _, end in spans(text)]:
        sentence = text[position:end]
        bare = sentence.rstrip()
        pieces.append(f"{bare}{'' if _is_wide(bare[-1:]) else ' '}{markers}{sentence[len(bare) :]}")
        position = end
    return "".join(pieces) + text[position:]


def _joint(before: str, text: str) -> str:
    """What stands between two claims."""
    if not before:
        return ""
    last = re.sub(r"\s*(?:\[\d+\])+\Z", "", before)[-1:]
    is_ended = last in _SENTENCE_END
    if text.startswith("[") or (not is_ended and text[:1].islower()):
        return "\n\n"  # a single line break might lie inside a sentence
    if _LIST_ITEM.match(text) or not is_ended:
        return "\n"
    return "" if _is_wide(last) else " "


def _is_wide(character: str) -> bool:
    """Whether no space follows this character, as in Chinese."""
    return character >= "\u2e80"


# --- the shapes that come ---------------------------------------------------------------------------------------------


def _claims(value: object, *, is_json: bool, depth: int = 0) -> list[_Claim] | None:
    """The claims in a value, none for a refusal; None where it holds neither.

    In a text that is not JSON as a whole, what merely looks like a claim is an example that the answer gives.
    """
    if depth > _DEEPEST:
        return None
    if isinstance(value, list) and is_json:
        each = [claim for entry in value if isinstance(entry, dict) and (claim := _claim(entry)) is not None]
        return each or None
    if not isinstance(value, dict):
        return None
    if _is_word(value.get("answered"), "false", "no", "0") or _is_word(value.get("refused"), "true", "yes", "1"):
        return []
    for name in _LISTS:
        match value.get(name):
            case str(text) if is_json and "citations" not in value and "sources" not in value:
                return [_Claim(_clean(text), ())]
            case list(entries) if is_json or name == "claims":
                found = [claim for entry in entries if (claim := _claim(entry)) is not None]
                return found if found or not entries else None
            case dict(inner):
                return _claims(inner, is_json=is_json, depth=depth + 1)
    claim = _claim(value) if is_json else None
    return [claim] if claim is not None else None


def _is_word(value: object, *words: str) -> bool:
    return isinstance(value, str | int) and str(value).strip().lower() in words


def _claim(entry: object) -> _Claim | None:
    if isinstance(entry, str):
        return _Claim(_clean(entry), ())
    if not isinstance(entry, dict):
        return None
    text = next((found for name in _TEXTS if isinstance(found := entry.get(name), str)), None)
    if text is None:
        return None
    cited = next((found for name in _CITATIONS if (found := entry.get(name)) is not None), ())
    own = _quote(entry, without="text")
    return _Claim(_clean(text), tuple((number, quote or own) for number, quote in _citations(cited)))


def _citations(value: object) -> Iterator[tuple[int, str]]:
    """Source numbers and quotes, in whatever form a model gives them."""
    match value:
        case bool():
            return
        case int() | float():
            yield _number(value), ""
        case str(text):
            for digits in re.findall(r"\d{1,6}", text):
                yield int(digits), ""
        case list(entries):
            for entry in entries:
                yield from () if isinstance(entry, list) else _citations(entry)
        case dict():
            number = next((found for name in _NUMBERS if (found := value.get(name)) is not None), None)
            if not isinstance(number, dict | list):
                for found, _ in _citations(number):
                    yield found, _quote(value)


def _number(value: float) -> int:
    return int(value) if 1 <= value < 1_000_000 and value == int(value) else 0


def _quote(entry: dict[str, object], *, without: str = "") -> str:
    """A quote on one line, without marks that would divide it."""
    found = next((found for name in _QUOTES if name != without and (found := entry.get(name))), "")
    if isinstance(found, list):
        found = next((each for each in found if isinstance(each, str)), "")
    words = _clean(found) if isinstance(found, str) else ""
    return " ".join(re.sub('["“”„「」]', " ", words).split())[:_LONGEST_QUOTE]


def _clean(text: str) -> str:
    """Text that can be encoded: half of a surrogate pair is no character."""
    return text.encode("utf-8", "replace").decode("utf-8")
