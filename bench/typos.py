"""What one slip of the hand costs: English questions with one misspelt word, with and without putting words right.

    RAGQA_SHARED=FOLDER python bench/typos.py [--questions 200] [--seed 1] [--verbose]

One letter of one Latin word of four letters or more is inserted, left out, replaced, or swapped with the next.
"""

from __future__ import annotations

import argparse
import random
import re
import string
from collections.abc import Mapping, Sequence

from corpora import load
from measuring import DEFAULT, Asked, Bench, Outcome, Values, Variant, differences, mean, outcome

GROUPS = {"bench_dev": "en", "anthropic_docs": "anthropic_docs"}
_WORD = re.compile(r"(?<![^\W_])[A-Za-z]{4,}(?![^\W_])")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--questions", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--verbose", action="store_true", help="Show the questions that lost.")
    chosen = options.parse_args()
    dice = random.Random(chosen.seed)
    benches = [Bench(name, load(name)) for name in GROUPS]
    everything = [
        each for bench in benches for each in bench.asked if each.group in GROUPS.values() and _WORD.search(each.text)
    ]
    some = sorted(dice.sample(everything, min(chosen.questions, len(everything))), key=lambda each: each.id)
    misspelt = {each.text: slip(each.text, dice) for each in some}
    off = Variant("spelling off", {"retrieval.spelling": False})
    asked = {"clean": (DEFAULT, {}), "misspelt": (DEFAULT, misspelt), "misspelt, spelling off": (off, misspelt)}
    found = {name: _ask(benches, variant, said) for name, (variant, said) in asked.items()}
    print(f"{'MRR@10':<24}" + "".join(f"{name:>32}" for name in asked))
    for group in [*GROUPS.values(), "all"]:
        own = [each for each in some if group in (each.group, "all")]
        cells = [_cell(name, found, own) for name in asked]
        print(f"{f'{group}, {len(own)} questions':<24}" + "".join(f"{cell:>32}" for cell in cells))
    if chosen.verbose:
        _show(some, misspelt, found)


def slip(text: str, dice: random.Random) -> str:
    """The text with one letter wrong in one of its longer words."""
    word = dice.choice(list(_WORD.finditer(text)))
    written = word.group()
    while True:
        place = dice.randrange(len(written))
        letter = dice.choice(string.ascii_lowercase)
        before, after = written[:place], written[place:]
        wrong = dice.choice(
            (
                before + letter + after,
                before + after[1:],
                before + letter + after[1:],
                before + after[1::-1] + after[2:],
            )
        )
        if wrong.lower() != written.lower():
            return text[: word.start()] + wrong + text[word.end() :]


def _ask(benches: Sequence[Bench], variant: Variant, said: Mapping[str, str]) -> Values:
    found: dict[str, Mapping[str, float]] = {}
    for bench in benches:
        with bench.opened(variant) as (parts, names):

            def ask(text: str, parts=parts, names=names) -> Outcome:
                return outcome(said.get(text, text), parts, names)

            found.update(bench.values(ask, [GROUPS[bench.name]]))
    return found


def _cell(name: str, found: Mapping[str, Values], chosen: Sequence[Asked]) -> str:
    shown = f"{mean(found[name], chosen, 'mrr@10'):.3f}"
    if name == "clean":
        return shown
    by, low, high = differences(found["clean"], found[name], chosen, "mrr@10")
    return f"{shown} {by:+.3f} ({low:+.2f} {high:+.2f})"


def _show(chosen: Sequence[Asked], misspelt: Mapping[str, str], found: Mapping[str, Values]) -> None:
    for each in chosen:
        clean, wrong = (found[name][each.id]["mrr@10"] for name in ("clean", "misspelt"))
        if wrong < clean:
            print(f"{clean:.2f} -> {wrong:.2f}: {misspelt[each.text]}\n              {each.text}")


if __name__ == "__main__":
    main()
