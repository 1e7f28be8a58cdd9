"""Which words of a question could be misspelt, and what they may have been meant to be."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.text.folding import fold
from ragqa.text.spelling import SHORTEST, edits, words


def distance(one: str, other: str) -> int:
    """Damerau's, as the textbook has it: insertions, deletions, substitutions and swaps of neighbours."""
    rows = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i in range(len(one) + 1):
        for j in range(len(other) + 1):
            if not i or not j:
                rows[i][j] = i + j
                continue
            rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (one[i - 1] != other[j - 1]))
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    return rows[-1][-1]


WORD = st.text(string.ascii_lowercase, max_size=9)


@given(WORD, st.data())
def test_every_edit_is_one_slip_away(word: str, data: st.DataObject) -> None:
    found = edits(word)
    assert word not in found
    assert distance(word, data.draw(st.sampled_from(sorted(found)))) == 1


@given(st.text("abc", max_size=6), st.text("abc", max_size=7))
def test_whatever_is_one_slip_away_is_an_edit(word: str, other: str) -> None:
    assert (other in edits(word)) == (distance(word, other) == 1)


def test_there_are_no_other_edits() -> None:
    """25 n substitutions, n deletions, n - 1 swaps and 25 (n + 1) + 1 insertions, where no two letters are alike."""
    assert len(edits("abcdef")) == 25 * 6 + 6 + 5 + 25 * 7 + 1


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("When may the tennant terminate?", ["when", "tennant", "terminate"]),
        ("Ｔｅｎｎａｎｔ", ["tennant"]),
        ("租客tennant的權利", ["tennant"]),
        ("租客 tennant 的權利", ["tennant"]),
        ("the rent is due", ["rent"]),
        ("word2vec, foo_bar, TB-4425, GB/T, a@example.org, example.org, R&DX", []),
        ("#hashtag @handle --option file.name", ["option"]),
        ("tenant's landlord’s", ["tenant", "landlord"]),
        ("well-known facts.", ["well", "known", "facts"]),
        ("café naïve", []),
        ("", []),
    ],
)
def test_words_of_latin_letters_that_are_no_part_of_a_code_could_be_misspelt(
    question: str, expected: list[str]
) -> None:
    assert [word.folded for word in words(question)] == expected


@given(st.text(max_size=60))
def test_a_word_is_a_slice_of_the_question(question: str) -> None:
    for word in words(question):
        assert fold(question[word.start : word.end]) == word.folded
        assert len(word.folded) >= SHORTEST
