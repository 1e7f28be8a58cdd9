"""Whether what must be found letter for letter is found: strings from the benchmarks, and the passages they are from.

    RAGQA_SHARED=FOLDER python bench/identifiers.py [--strings 100] [--seed 1] [--verbose]

A third are numbers, dates and codes (some of their digits in full width), a third Chinese phrases of four to twelve
characters, a third English phrases of two to six words; each stands in at most three passages of its benchmark. Each is
asked bare and inside a question, both without and with quotation marks. It is found where the passage that it is from
is among the first five hits.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from corpora import Corpus, load
from measuring import DEFAULT, SETS, Bench

from ragqa.flows import search
from ragqa.text.folding import fold
from ragqa.text.sentences import spans

FIRST = 5
MOST_PASSAGES = 3
_HAN = re.compile(r"[\u4e00-\u9fff]{4,}")
_WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")
_CODE = re.compile(
    r"\d{4}年\d{1,2}月(?:\d{1,2}日)?|\d{1,2}月\d{1,2}日"  # a date
    r"|(?<![\w.])\d+(?:[.,:/-]\d+)+%?(?![\w.]*\w)|(?<![\w.])\d{3,}(?![\w.]*\w)"  # a number
    r"|(?<![\w/-])(?=[\w/.-]*\d)(?=[\w/.-]*[A-Za-z])[A-Za-z0-9]+(?:[-/._][A-Za-z0-9]+)*(?![\w/-])",  # a code
    re.ASCII,
)
_WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


@dataclass(frozen=True, slots=True)
class Sample:
    """A string, and the passage that it was taken from; `asked` differs where its digits are in full width."""

    kind: str
    corpus: str
    passage: str
    text: str
    asked: str

    @property
    def forms(self) -> Mapping[str, str]:
        """The ways it is asked."""
        chinese = re.search(r"[\u4e00-\u9fff]", self.asked)
        quoted = f"「{self.asked}」" if chinese else f'"{self.asked}"'
        carrier = "{} 是什么意思？" if chinese else "What is said about {}?"
        return {
            "bare": self.asked,
            "in a question": carrier.format(self.asked),
            "quoted": quoted,
            "quoted, in a question": carrier.format(quoted),
        }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--strings", type=int, default=100)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--verbose", action="store_true", help="Show the strings that are not found.")
    chosen = options.parse_args()
    corpora = {name: load(name) for name in SETS}
    samples = sample(corpora, chosen.strings, random.Random(chosen.seed))
    found: dict[tuple[str, str], list[bool]] = {}
    for name, corpus in corpora.items():
        bench = Bench(name, corpus)
        with bench.opened(DEFAULT) as (parts, names):
            for each in samples:
                if each.corpus != name:
                    continue
                for form, text in each.forms.items():
                    hits = search.retrieve(text, parts).hits
                    places = [names[hit.passage.document.rpartition("/")[2]] for hit in hits]
                    rank = places.index(each.passage) + 1 if each.passage in places else None
                    found.setdefault((each.kind, form), []).append(rank is not None and rank <= FIRST)
                    if chosen.verbose and not found[each.kind, form][-1]:
                        print(f"{form:<21} {name:<15} rank {rank}: {text}   (from {each.passage})")
    _print(found)


def sample(corpora: Mapping[str, Corpus], number: int, dice: random.Random) -> list[Sample]:
    """As many of each kind, from all benchmarks that have any."""
    kinds: Mapping[str, Callable[[str, random.Random], Iterator[str]]] = {
        "number, date or code": _codes,
        "Chinese phrase": _chinese,
        "English phrase": _english,
    }
    folded = {
        name: {key: _comparable(" ".join(text)) for key, text in corpus.passages.items()}
        for name, corpus in corpora.items()
    }
    samples: list[Sample] = []
    for place, (kind, strings) in enumerate(kinds.items()):
        wanted = number * (place + 1) // len(kinds)
        while len(samples) < wanted:
            name = dice.choice(list(corpora))
            passage = dice.choice(list(corpora[name].passages))
            text = next(strings(corpora[name].passages[passage][1], dice), None)
            if text is None or any(text == each.text for each in samples):
                continue
            if sum(_comparable(text) in other for other in folded[name].values()) > MOST_PASSAGES:
                continue
            wide = kind.startswith("number") and dice.random() < 1 / 3
            samples.append(Sample(kind, name, passage, text, text.translate(_WIDE) if wide else text))
    return samples


def _codes(text: str, dice: random.Random) -> Iterator[str]:
    found = [match.group() for match in _CODE.finditer(text)]
    if found:
        yield dice.choice(found)


def _chinese(text: str, dice: random.Random) -> Iterator[str]:
    """Part of a run of Chinese characters inside one sentence."""
    runs = [match.group() for start, end in spans(text) for match in _HAN.finditer(text[start:end])]
    if runs:
        run = dice.choice(runs)
        length = dice.randint(4, min(12, len(run)))
        start = dice.randint(0, len(run) - length)
        yield run[start : start + length]


def _english(text: str, dice: random.Random) -> Iterator[str]:
    """Two to six words that follow one another inside one sentence, with nothing but blanks between them."""
    sentences = [text[start:end] for start, end in spans(text)]
    sentence = dice.choice(sentences) if sentences else ""
    words = list(_WORD.finditer(sentence))
    length = dice.randint(2, 6)
    if len(words) < length:
        return
    first = dice.randint(0, len(words) - length)
    phrase = sentence[words[first].start() : words[first + length - 1].end()]
    if re.fullmatch(r"[A-Za-z'’ -]+", phrase):
        yield phrase


def _comparable(text: str) -> str:
    return " ".join(fold(text).split())


def _print(found: Mapping[tuple[str, str], Sequence[bool]]) -> None:
    kinds = list(dict.fromkeys(kind for kind, _ in found))
    forms = list(dict.fromkeys(form for _, form in found))
    print(f"{f'passage in the first {FIRST}':<24} {'strings':>8}" + "".join(f"{form:>23}" for form in forms))
    for kind in [*kinds, "all"]:
        rows = [[hit for own in kinds if kind in (own, "all") for hit in found[own, form]] for form in forms]
        print(f"{kind:<24} {len(rows[0]):>8}" + "".join(f"{sum(row) / len(row):>23.3f}" for row in rows))


if __name__ == "__main__":
    main()
