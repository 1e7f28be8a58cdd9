"""How many wrong sentences the check of support catches, and how many right ones it takes for wrong.

    RAGQA_SHARED=FOLDER python bench/verification.py [--sentences 400] [--seed 1] [--half report] [--verbose KIND]

Sentences are taken from passages of the development benchmark, half of them English, a quarter Chinese in each script,
and are altered one way at a time. What is altered, and how, is found by means of its own: what the benchmark's
questions ask for, titles, words that the corpus never has in small letters, lists of places. Each sentence is checked
against the passage it was taken from, with its title, as an answer's would be. The passages are divided into halves by
their ids; rules were tuned on one half (`--half fit`), the other one is reported.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Sequence

from altering import ALTERED, HARD, RIGHT, Case, cases
from corpora import load

from ragqa.answering.support import check

LANGUAGES = {"en": "English", "zh-Hans": "Simplified", "zh-Hant": "Traditional"}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sentences", type=int, default=400)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--half", choices=("fit", "report"), default="report")
    options.add_argument("--verbose", metavar="KIND", help="Show what was judged wrongly of one kind, or of `all`.")
    chosen = options.parse_args()
    found = list(cases(load("bench_dev"), chosen.sentences, random.Random(chosen.seed), half=chosen.half))
    judged = [(case, check(case.sentence, [case.cited])) for case in found]
    if chosen.verbose:
        for case, support in judged:
            is_wrong = (support == "unsupported") is (case.kind in RIGHT)
            if is_wrong and chosen.verbose in (case.kind, "all"):
                print(f"{case.language}, {case.kind}: {case.what}\n  from  {case.original}\n  made  {case.sentence}")
    _table("right sentences: quoted or supported", RIGHT, judged, lambda support: support != "unsupported")
    _table("altered facts: caught", ALTERED, judged, lambda support: support == "unsupported", together=True)
    _table("harder, measured apart: caught", HARD, judged, lambda support: support == "unsupported")


def _table(title, kinds, judged: Sequence[tuple[Case, str]], is_good, *, together: bool = False) -> None:
    print(f"\n| {title} | {' | '.join(LANGUAGES.values())} | all |\n|---|" + "---|" * (len(LANGUAGES) + 1))
    values: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for case, support in judged:
        if case.kind in kinds:
            for kind in (case.kind, "all"):
                for language in (case.language, "all"):
                    values[kind, language].append(is_good(support))
    for kind in [*kinds, *(["all"] if together else [])]:
        cells = [values[kind, language] for language in [*LANGUAGES, "all"]]
        shown = [f"{sum(cell) / len(cell):.3f} of {len(cell)}" if cell else "" for cell in cells]
        print(f"| {kind} | {' | '.join(shown)} |")


if __name__ == "__main__":
    main()
