"""Tells ordinary Chinese words from the rest: names have no capitals there, but they are no common words either."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib import resources

_RUN = re.compile("[\u3400-\u9fff]+")


@dataclass(frozen=True, slots=True)
class Words:
    """Folded words: `singles` of one character, `pairs` of two, and `places` that would pass for such words."""

    singles: frozenset[str]
    pairs: frozenset[str]
    places: frozenset[str]

    def unusual(self, folded: str) -> list[str]:
        """The stretches of Han characters that are not made of ordinary words: names, rare terms, rare characters.

        Text is cut into words such that as few characters as possible are left over.
        """
        return [stretch for run in _RUN.findall(folded) for stretch in self._left_over(run)]

    def _left_over(self, run: str) -> list[str]:
        # costs[i] is the least that the first i characters cost, steps[i] the length of their last word and whether it
        # is ordinary. A place costs more than ordinary words of its length, and less than what is left over.
        costs = [0.0]
        steps: list[tuple[int, bool]] = [(0, True)]
        for end in range(1, len(run) + 1):
            single = run[end - 1]
            options = [(costs[end - 1] + (0.02 if single in self.singles else 1.0), 1, single in self.singles)]
            if end > 1 and run[end - 2 : end] in self.pairs:
                options.append((costs[end - 2] + 0.01, 2, True))
            options += [
                (costs[end - length] + 0.015, length, False)
                for length in (2, 3, 4)
                if length <= end and run[end - length : end] in self.places
            ]
            cost, length, is_ordinary = min(options)
            costs.append(cost)
            steps.append((length, is_ordinary))
        pieces: list[tuple[str, bool]] = []
        end = len(run)
        while end:
            length, is_ordinary = steps[end]
            pieces.append((run[end - length : end], is_ordinary))
            end -= length
        found: list[str] = []
        joined = ""
        for piece, is_ordinary in [*reversed(pieces), ("", True)]:
            if len(piece) == 1 and not is_ordinary:
                joined += piece
                continue
            if joined:
                found.append(joined)
            joined = ""
            if not is_ordinary:
                found.append(piece)
        return found


@functools.cache
def words() -> Words:
    """Those of `ordinary.txt`, which `tools/ordinary_words.py` made."""
    text = resources.files("ragqa.text").joinpath("ordinary.txt").read_text("utf-8")
    _, singles, pairs, places = text.splitlines()
    two = frozenset(pairs[place : place + 2] for place in range(0, len(pairs), 2))
    return Words(frozenset(singles), two, frozenset(places.split(" ")))
