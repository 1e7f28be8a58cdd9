"""What counts as right: by document, page, or the words of the answer; each place of a ranking once."""

from __future__ import annotations

from collections.abc import Sequence

from ragqa.evaluation.questions import Question
from ragqa.evaluation.relevance import Gold, Name, gather, named, places
from ragqa.types import Chunk

NAMES = [
    Name("docs/hand.pdf", "/home/me/docs/hand.pdf", 1),
    Name("docs/notes.md", "/home/me/docs/notes.md", 2),
    Name("old/notes.md", "/home/me/old/notes.md", 3),
    Name("docs/scan.pdf", "/home/me/docs/scan.pdf", None),
]


def chunk(text: str, first: int | None = None, last: int | None = None) -> Chunk:
    return Chunk(0, len(text), text, (), first, last)


CHUNKS = [
    (10, 1, chunk("Leave is 27 days.", 3, 3)),
    (11, 1, chunk("It is booked early.", 3, 4)),
    (12, 1, chunk("Travel is by train.", 5, 5)),
    (20, 2, chunk("Soup is 5 pounds.")),
    (21, 2, chunk("Leave is 27 days, too.")),
    (30, 3, chunk("Older notes.")),
]


def gold(**values: object) -> Gold:
    (found,) = gather([Question("q", "?", "en", **values)], NAMES, CHUNKS)  # type: ignore[arg-type]
    return found


def targets(*sets: Sequence[int]) -> tuple[frozenset[int], ...]:
    return tuple(map(frozenset, sets))


def test_a_page_is_every_passage_that_touches_it() -> None:
    found = gold(document="hand.pdf", page=3, answers=("27 days",))
    assert found.targets == targets([10, 11])
    assert found.verbatim
    assert gold(document="hand.pdf", page=4).targets == targets([11])
    assert gold(document="hand.pdf", page=9).targets == targets([]), "a page that is not there is a target, unfound"


def test_an_answer_without_a_page_is_where_its_words_stand() -> None:
    assert gold(document="docs/notes.md", answers=("27 days",)).targets == targets([21])
    assert gold(document="hand.pdf", answers=("27 days",)).targets == targets([10])


def test_an_answer_in_other_words_is_the_whole_document() -> None:
    found = gold(document="docs/notes.md", answers=("nearly a month",))
    assert found.targets == targets([20, 21])
    assert not found.verbatim


def test_a_document_alone_is_all_of_it() -> None:
    assert gold(document="hand.pdf").targets == targets([10, 11, 12])


def test_an_answer_alone_is_looked_for_everywhere() -> None:
    assert gold(answers=("27 days",)).targets == targets([10, 21])
    assert gold(answers=("29 days",)).targets == targets([])


def test_a_question_without_gold_says_nothing_about_retrieval() -> None:
    assert gold() == Gold() == gold(answerable=False)


def test_a_document_that_was_refused_or_is_unknown_is_a_target_that_nothing_finds() -> None:
    assert gold(document="scan.pdf").targets == targets([])
    assert gold(document="nowhere.pdf", answers=("27 days",)).targets == targets([])


def test_documents_are_named_exactly_or_by_the_end_of_their_path() -> None:
    def paths(document: str) -> list[str]:
        return [name.path for name in named(document, NAMES)]

    assert paths("docs/notes.md") == ["/home/me/docs/notes.md"]
    assert paths("./docs/notes.md") == ["/home/me/docs/notes.md"]
    assert paths("/home/me/old/notes.md") == ["/home/me/old/notes.md"]
    assert paths("notes.md") == ["/home/me/docs/notes.md", "/home/me/old/notes.md"]
    assert paths("otes.md") == []


def test_passages_of_a_collection_are_targets_of_their_own() -> None:
    question = Question("q", "?", "en", relevant={"a": 2, "b": 1, "gone": 1, "unknown": 3})
    (found,) = gather([question], NAMES, CHUNKS, {"a": 1, "b": 2, "gone": None})
    assert dict(zip(found.targets, found.gains, strict=True)).items() >= {
        (frozenset((10, 11, 12)), 2),
        (frozenset((20, 21)), 1),
    }
    assert sorted(found.gains) == [1, 1, 2, 3]
    (same,) = gather([question], NAMES, CHUNKS, {"a": 2, "b": 2, "gone": None})
    assert same.targets.count(frozenset((20, 21))) == 1, "passages with the same text are stored once"


def test_places_count_once_at_their_best_rank() -> None:
    home = {1: "a", 2: "a", 3: "b", 4: "b", 5: "c", 6: "c"}
    ranking = [1, 2, 3, 5, 4, 6]

    def place_of(keys: Sequence[int]) -> list[str]:
        return [home[key] for key in keys]

    assert list(places(ranking, (), place_of)) == [None, None, None]
    # 4 is right, 3 of the same page is not; 5 and 6 are one target.
    assert list(places(ranking, targets([4], [5, 6]), place_of)) == [None, None, 1, 0]
    # A passage of two targets stands for one after the other.
    assert list(places([5, 6], targets([5, 6], [5, 6]), place_of)) == [0, 1]
    assert list(places([], targets([4]), place_of)) == []


def test_a_citation_is_right_by_document_and_page() -> None:
    paged = Gold(targets([10]), (1,), frozenset((1,)), 3)
    assert paged.is_cited_by(passage=99, content=1, page=3)
    assert not paged.is_cited_by(passage=10, content=1, page=4)
    assert not paged.is_cited_by(passage=10, content=2, page=3)
    assert paged.is_cited_by(passage=10, content=1, page=None), "a document without pages is right as a whole"
    anywhere = Gold(targets([10, 21]), (1,), None)
    assert anywhere.is_cited_by(passage=21, content=2, page=None)
    assert not anywhere.is_cited_by(passage=20, content=2, page=None)
