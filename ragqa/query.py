"""What a question is searched as: its words, misspelt ones put right, and what must be found letter for letter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from ragqa.ports import LexicalIndex
from ragqa.text import spelling
from ragqa.text.analyzer import analyze, is_stop_word
from ragqa.text.exact import Exact, find, quotations

_TRIED = 6
"""So many of the commonest words that a misspelt one may have been are tried beside the rest of the question."""

_MOST = 8
"""A question with more words that nothing knows is not misspelt but in another language."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A word that no passage holds, and the one that it was read as."""

    written: str
    meant: str


@dataclass(frozen=True)
class Query:
    """A question as it is searched: `text` with corrections made (what models read), its `terms` (what BM25 counts)."""

    text: str
    terms: tuple[str, ...]
    exact: tuple[Exact, ...] = ()
    corrections: tuple[Correction, ...] = ()

    @cached_property
    def demanded(self) -> frozenset[Exact]:
        """What comes before everything: quoted phrases; identifiers too where the question holds nothing else."""
        alone = set(self.terms) <= {term for each in self.exact for term in analyze(each.text)}
        return frozenset(each for each in self.exact if each.quoted or alone)


def understand(question: str, lexical: LexicalIndex, *, is_word: Callable[[str], bool], correct: bool = True) -> Query:
    """Read a question against the words of an index.

    A word of Latin letters is misspelt where no passage holds it, `is_word` does not know it, and an index's own word
    is one slip of the hand away; of several such words the one that fits best beside the rest of the question is meant.
    Nothing inside quotation marks is corrected.
    """
    literal = find(question)
    text, corrections = question, []
    suspects = _suspects(question, lexical, is_word) if correct else []
    if len(suspects) <= _MOST:
        for word in reversed(suspects):  # from the end, so that the places of those before it stay right
            rest = text[: word.start] + " " + text[word.end :]
            meant = _meant(word.folded, analyze(rest), lexical, is_word)
            if meant is not None:
                corrections.append(Correction(text[word.start : word.end], meant))
                text = text[: word.start] + meant + text[word.end :]
    return Query(text, tuple(analyze(text)), literal, tuple(reversed(corrections)))


def _suspects(question: str, lexical: LexicalIndex, is_word: Callable[[str], bool]) -> list[spelling.Word]:
    """The words outside quotation marks that nothing knows: no passage, no model."""
    quoted = quotations(question)
    words = [word for word in spelling.words(question) if not any(start <= word.start < end for start, end in quoted)]
    terms = {word: analyze(word.folded) for word in words}
    held = lexical.frequencies([term for own in terms.values() for term in own])
    return [
        word
        for word in words
        if terms[word] and not any(held[term] for term in terms[word]) and not is_word(word.folded)
    ]


def _meant(word: str, rest: Sequence[str], lexical: LexicalIndex, is_word: Callable[[str], bool]) -> str | None:
    """The word that one slip made `word` of; None where no passage holds any that it could have been."""
    stems: dict[str, list[str]] = {}
    candidates = sorted(spelling.edits(word))
    for candidate in candidates:
        if len(own := analyze(candidate)) == 1:
            stems.setdefault(own[0], []).append(candidate)
    frequencies = lexical.frequencies(list(stems))
    known = sorted((stem for stem in stems if frequencies[stem]), key=lambda stem: (-frequencies[stem], stem))[:_TRIED]
    fits = {stem: _together(rest, stem, lexical) for stem in known}
    # A function word, of which no passage tells anything, is meant where no other word fits the rest of the question.
    if not any(fits.values()) and (function_words := [each for each in candidates if is_stop_word(each)]):
        return min(function_words, key=lambda form: (abs(len(form) - len(word)), form))
    if not known:
        return None
    best = max(known, key=lambda stem: (fits[stem], -known.index(stem)))
    # Several forms may have this stem; one that is a word is meant, and one of the written length the likelier.
    return min(stems[best], key=lambda form: (not is_word(form), abs(len(form) - len(word)), form))


def _together(rest: Sequence[str], stem: str, lexical: LexicalIndex) -> float:
    """How well the passages that hold `stem` fit the rest of the question."""
    found = lexical.search(rest, 1, required=[stem])
    return found[0].score if found else 0.0
