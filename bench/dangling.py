"""Whether a citation that a model invents ever reaches a reader: random outputs through all that an answer takes.

    python bench/dangling.py [--outputs 10000] [--seed 1]

An output is put together of words, of citations in every form that models write (ranges, nested, Unicode digits,
footnotes, numbers that nobody was given), of quotes sections and refusals, and comes in pieces that are cut anywhere.
It goes through the flow of `ask` to its events, its text, Markdown and JSON. Dangling is a number in citation brackets
that is not the marker of a citation of the answer, wherever it stands.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

from ragqa.answering import citations
from ragqa.answering.markers import QUOTES_LINE, SENTINEL
from ragqa.cli import ask_shapes, render
from ragqa.flows.ask import Cited, Written
from ragqa.ports import Finish
from ragqa.types import Answer, Chunk, Hit, Passage

TEXTS = (
    "Annual leave at the Leeds office is 25 days a year. Unused leave lapses on 31 March.",
    "台北辦公室的員工每年享有十四天特休假。請假須於兩週前以書面向王經理提出。",
    "The canteen opens at noon. Soup costs £2.50. See [12] and 【3】 of the price list.",
)
WORDS = (
    "Annual leave is 25 days a year",
    "Soup costs £2.50",
    "每年享有十四天特休假",
    "請假須以書面提出",
    "Foxes fly",
    "12",
    "a[0]",
)
ENDS = (". ", "。", "\n", "\n\n", ", ", " ", "", "；", "! ", "\n- ", "\n1. ", "| ")
DIGITS = (
    "0123456789",
    "０１２３４５６７８９",
    "٠١٢٣٤٥٦٧٨٩",
    "०१२३४५६७८९",
    "⁰¹²³⁴⁵⁶⁷⁸⁹",
    "₀₁₂₃₄₅₆₇₈₉",
    "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
    "０①②③④⑤⑥⑦⑧⑨",
)
BRACKETS = ("[]", "【】", "［］", "〔〕", "[[]]", "[【】]", "[]]", "[", "]", "()", "[^]", "{[]}", "⟦⟧", "〖〗", "［]")
JOINTS = (
    ", ",
    ",",
    "-",
    "–",
    " to ",
    "、",
    "; ",
    " and ",
    ":",
    " ",
    "~",
    "至",
    "][",
    "] [",
    "\u200b",
    "\u00ad",
    "\n",
    " source ",
)
WRAPPERS = (
    "{}",
    "source {}",
    "来源{}",
    "†{}",
    "{}†source",
    "{}:0†source",
    "^{}",
    " {} ",
    "{}\u200b",
    "ref. {}",
    "#{}",
    "doc {}",
    "p{}",
)
LINKED = ("[{}](http://evil.example/?q=1)", "[{}][{}]", "![{}](x)", "[{}]: x", "<a href=x>[{}]</a>", "[^{}]: note")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--outputs", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    dice = random.Random(chosen.seed)
    counts: Counter[str] = Counter()
    for _ in range(chosen.outputs):
        output = random_output(dice)
        strict = dice.random() < 0.3
        answer, shown = answered(pieces(output, dice), strict=strict, complete=dice.random() < 0.9)
        counts[answer.status] += 1
        counts["citations"] += len(answer.citations)
        for place, numbers in dangling(answer, shown):
            counts[f"DANGLING in {place}"] += 1
            print(f"{place} {sorted(numbers)} of {output!r}")
    print(f"{chosen.outputs} outputs: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    print(f"dangling: {sum(count for name, count in counts.items() if name.startswith('DANGLING'))}")


def random_output(dice: random.Random) -> str:
    """Something that a model might write, or that somebody made it write."""
    parts = []
    for _ in range(dice.randint(0, 9)):
        parts.append(dice.choice(WORDS))
        parts += [dice.choice(("", " ")) + _citation(dice) for _ in range(dice.choice((0, 1, 1, 1, 2, 3)))]
        parts.append(dice.choice(ENDS))
    if dice.random() < 0.05:
        parts.insert(dice.randint(0, len(parts)), SENTINEL)
    if dice.random() < 0.4:
        claims = [f'{_citation(dice)} "{dice.choice((*WORDS, *TEXTS))}"\n' for _ in range(dice.randint(0, 4))]
        parts += [f"\n{QUOTES_LINE}\n", *claims]
    return "".join(parts)


def _citation(dice: random.Random) -> str:
    if dice.random() < 0.1:
        form = dice.choice(LINKED)
        return form.format(*[_number(dice) for _ in range(form.count("{}"))])
    brackets = dice.choice(BRACKETS if dice.random() < 0.4 else BRACKETS[:2])
    half = (len(brackets) + 1) // 2
    numbers = dice.choice(JOINTS).join(
        dice.choice(WRAPPERS if dice.random() < 0.3 else WRAPPERS[:1]).format(_number(dice))
        for _ in range(dice.choice((1, 1, 1, 2, 2, 3)))
    )
    return f"{brackets[:half]}{numbers}{brackets[half:]}"


def _number(dice: random.Random) -> str:
    """Mostly one of the three that there are; else 0, one too many, or any."""
    number = dice.choice((1, 2, 3, 1, 2, 3, 0, 4, 5, 7, 12, 99, 2024, 10**12))
    digits = dice.choice(DIGITS) if dice.random() < 0.3 else DIGITS[0]
    return "".join(digits[int(digit)] for digit in str(number))


def pieces(output: str, dice: random.Random) -> Iterator[str]:
    """The output as it may come from a service."""
    longest = dice.choice((1, 3, 20, 200))
    while output:
        length = dice.randint(1, longest)
        yield output[:length]
        output = output[length:]


def sources() -> list[Hit]:
    """Three sources, one of which holds marks of its own."""
    return [
        Hit(
            rank,
            Passage(rank, f"{rank:016}", f"{rank}.md", b"", "", "en", Chunk(0, len(text), text)),
            1.0,
            ("lexical",),
        )
        for rank, text in enumerate(TEXTS, 1)
    ]


def answered(written: Iterator[str], *, strict: bool, complete: bool) -> tuple[Answer, str]:
    """The answer and what was shown while it came, as the flow of `ask` does both."""
    given = sources()
    stream, shown, whole = citations.stream_filter(given), [], []
    for piece in written:
        whole.append(piece)
        shown.append(stream.feed(piece))
    shown.append(stream.finish())
    finish = Finish(complete=complete, reason="stop" if complete else "cut off")
    answer = citations.compose(
        "?", "".join(whole), finish, given, page_of=lambda passage, offset: (None, None), strict=strict
    )
    return answer, answer.text if strict else "".join(shown)


_CITED = re.compile(r"[\[［【〔]\^?([^\[\]［］【】〔〕\n]*)[\]］】〕]")


def dangling(answer: Answer, shown: str) -> Iterator[tuple[str, set[str]]]:
    """Where a number in brackets is not the marker of a citation: in what was shown, and in all that is written."""
    markers = {str(citation.marker) for citation in answer.citations}
    given = {"1", "2", "3"}
    places: list[tuple[str, str, set[str]]] = [
        ("text", answer.text, markers),
        ("sentences", "\n".join(sentence.text for sentence in answer.sentences), set()),
        # What was shown before a refusal was seen may cite what was given, and nothing else.
        ("stream", shown, markers if answer.status == "answered" else given),
        ("events", json.dumps([ask_shapes.ask_event(Written(shown))], ensure_ascii=False)[1:-1], given),
        ("terminal", render.answer(answer, streamed=False).plain.partition("\nSources\n")[0], markers),
        ("markdown", render.answer_markdown(answer).plain.partition("\n\n[^")[0], markers),
    ]
    for name, text, allowed in places:
        found = {number for number in map(_as_number, _CITED.findall(text)) if number is not None}
        if not found <= allowed:
            yield name, found - allowed
    listed = {str(number) for sentence in answer.sentences for number in sentence.citations}
    events = {str(ask_shapes.ask_event(Cited(citation))["marker"]) for citation in answer.citations}
    for name, numbers in (("sentence citations", listed), ("citation events", events)):
        if not numbers <= markers:
            yield name, numbers - markers


def _as_number(inside: str) -> str | None:
    """What stands in brackets as a plain number, whatever its digits; None where it is no number alone."""
    plain = re.sub(r"[\s\u200b\u00ad]", "", unicodedata.normalize("NFKC", inside))
    return str(int(plain)) if plain.isdecimal() else None


if __name__ == "__main__":
    main()
