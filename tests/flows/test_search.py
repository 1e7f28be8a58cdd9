"""What a user may rely on when searching a real index: exact words, misspelt words, copies, scopes, scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragqa.config import load
from ragqa.documents.loader import InProcessLoader
from ragqa.flows.ingest import Parts, Report, ingest
from ragqa.flows.search import Searching, search
from ragqa.index.lexical import Bm25Index
from ragqa.index.scope import scope_of
from ragqa.index.store import Store
from ragqa.index.vectors import ExactVectors
from ragqa.retrieval import Retrieval
from ragqa.types import Filter
from tests.fakes import HashingEmbedder


class Reader(HashingEmbedder):
    """It knows a few words as one token each, and spells out the others, as models with a vocabulary do."""

    KNOWN = frozenset(["who", "what", "when", "where", "does", "the", "tenant", "landlord", "table", "gable", "house"])

    def __init__(self) -> None:
        super().__init__(dimensions=256)

    def count_tokens(self, text: str) -> int:
        return super().count_tokens(text) + 2 * sum(word.lower() not in self.KNOWN for word in text.split())


def find(question: str, store: Store, *, only: Filter | None = None, **settings: Any) -> Retrieval:
    config = load(environment={})
    config = replace(config, retrieval=replace(config.retrieval, **settings))
    scope = scope_of(store, only) if only else None
    keys = scope.keys if scope else None
    vectors, lexical = ExactVectors(store, allowed=keys), Bm25Index(store, allowed=keys)
    return search(question, Searching(store, Reader(), vectors, lexical, None, config, scope=scope)).retrieval


def names(result: Retrieval) -> list[str]:
    return [Path(hit.passage.document).name for hit in result.hits]


@pytest.fixture
def embedder() -> Reader:
    return Reader()


@pytest.fixture
def indexed(store: Store, folder: Path, run_ingest: Callable[..., Report]) -> Callable[[Mapping[str, str]], Store]:
    """Ingest these documents, by their file names."""

    def index(documents: Mapping[str, str]) -> Store:
        for name, text in documents.items():
            (folder / name).write_text(text, encoding="utf-8")
        assert run_ingest().failed == []
        return store

    return index


WRITTEN = {
    "force.md": "A strike is a case of force\nmajeure and excuses delay.",
    "standard.md": "参考文献的著录格式遵循ＧＢ／Ｔ　7714—2015。",
    "section.md": "Keys are governed by §4.2 alone.",
    "part.md": "The pump takes seal TB\u20114425 only.",
    "date.md": "The old tariff ended on 2025/01/01 at noon.",
    "amount.md": "保固金為１，２５０元，逾期不退。",
    "article.md": "第四十四條 當事人得以書面終止本約。",
    "gdpr.md": "Data are kept as Article 5(1)(a) says.",
    "doi.md": "See doi:10.1016/j.cell.2020.01.001 for the proof.",
    "covid.md": "Masks were worn during COVID\u201319 by everyone.",
    "paper.md": "Print it on A4\u2013paper.",
    "jack.md": "Headphones have a 3.5mm jack.",
    "folder.md": "Logs are written to C:\\dir\\logs.",
    "version.md": "The fault was mended in v2.0.1 for good.",
    "ticket.md": "It was reported as #1234 by a guest.",
    "handbook.md": "依《员工手册》办理休假。",
    "clause.md": "不可\n抗力：因天災所致之遲延，不負責任。",
}
ASKED = [
    ('"force majeure"', "force.md"),
    ("“Force Majeure”", "force.md"),
    ("GB/T 7714", "standard.md"),
    ("GB/T7714-2015", "standard.md"),
    ("§ 4.2", "section.md"),
    ("Section 4.2", "section.md"),
    ("TB-4425", "part.md"),
    ("tb-4425", "part.md"),
    ("ＴＢ－４４２５", "part.md"),
    ("2025-01-01", "date.md"),
    ("1 January 2025", "date.md"),
    ("2025年1月1日", "date.md"),
    ("1250", "amount.md"),
    ("1,250", "amount.md"),
    ("１，２５０", "amount.md"),
    ("第四十四條", "article.md"),
    ("第四十四条", "article.md"),
    ("第44条", "article.md"),
    ("Art. 5(1)(a)", "gdpr.md"),
    ("10.1016/j.cell.2020.01.001", "doi.md"),
    ("COVID-19", "covid.md"),
    ("A4-paper", "paper.md"),
    ("3.5 mm", "jack.md"),
    ("C:\\dir", "folder.md"),
    ("v2.0.1", "version.md"),
    ("#1234", "ticket.md"),
    ("《員工手冊》", "handbook.md"),
    ("「不可抗力」", "clause.md"),
]
BESIDE = {
    "beside-1.md": "The tenant pays what the contract says. The rent includes heating.",
    "beside-2.md": "Section 4.21 and section 14.2 name the landlord. Article 51 and Art. 15 say when.",
    "beside-3.md": "Parts TB-4426, TB-442 and B-4425 are sold out. Version v2.0.10 and v2.0 are old.",
    "beside-4.md": "On 2025-01-11 and on 2024-01-01 nothing happened. Ticket #12345, 1,251 and 12,500 guests.",
    "beside-5.md": "第四十五條、第四百四十四條、第四十條已經刪除，押金與租金另議。",
    "beside-6.md": "第四十五条、第四百四十四条、第四十条已经删除，押金与租金另议。",
    "beside-7.md": "GB/T 7715 and GB 17714 are standards. A majeure force is no force. 抗力不可小覷。",
    "beside-8.md": "The 13.5 mm and 3.55 mm plugs; A3-paper; COVID-18; D:\\dir and C:\\directory.",
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Passages that hold what is asked for, in another spelling, beside those that hold what merely looks like it."""
    place = tmp_path_factory.mktemp("library")
    for name, text in (WRITTEN | BESIDE).items():
        (place / name).write_text(text, encoding="utf-8")
    with Store.create(place / ".ragqa") as store:
        parts = Parts(Reader, InProcessLoader, load(environment={}))
        assert ingest([str(place).encode()], store, parts).failed == []
        yield store


@pytest.mark.parametrize(("asked", "name"), ASKED)
def test_exact_words_find_their_passage_first(library: Store, asked: str, name: str) -> None:
    for question in (asked, f"What is {asked}?", f"請問 {asked} 是什麼？", f"什么是{asked}？"):
        result = find(question, library)
        assert names(result)[0] == name, question
        assert {each.text for each in result.trace.query.exact} <= {
            each.text for each in result.trace.exact[result.hits[0].passage.key]
        } | {"Art. 5"}
        assert "lexical" in result.hits[0].found_by
        scores = [hit.score for hit in result.hits]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= score <= 1 for score in scores)
        assert [hit.rank for hit in result.hits] == list(range(1, len(scores) + 1))


@pytest.mark.parametrize(("asked", "name"), ASKED)
def test_exact_words_find_their_passage_among_other_words(library: Store, asked: str, name: str) -> None:
    for question in (f"What does the contract say of {asked} and the rent?", f"{asked}和押金有什麼關係？"):
        assert name in names(find(question, library))[:5], question


def test_a_quoted_phrase_comes_first_although_others_share_more_words(
    indexed: Callable[[Mapping[str, str]], Store],
) -> None:
    store = indexed(
        {
            "words.md": "The tenant pays rent when the landlord asks the tenant; force is no majeure reason.",
            "more.md": "When does the tenant pay rent to the landlord? The tenant pays the landlord rent monthly.",
            "phrase.md": "Storms are force majeure.",
        }
    )
    question = "When does the tenant pay the landlord rent after {}?"
    assert names(find(question.format('"force majeure"'), store))[0] == "phrase.md"
    assert names(find(question.format("force majeure"), store))[0] != "phrase.md"


def test_a_phrase_that_no_document_holds_hides_nothing(library: Store) -> None:
    asked = find('the tenant pays "under no circumstances whatsoever"', library)
    assert names(asked)[0] == "beside-1.md"
    assert asked.trace.exact == {}


LEASES = {
    "lease.md": "The tenant may sublet with consent of the proprietor.",
    "pets.md": "Animals are allowed where neighbours consent.",
    "garden.md": "The garden is watered by the caretaker every evening.",
    "chinese.md": "租客可以轉租（subletting），須經業主同意。",
}


@pytest.mark.parametrize(
    ("misspelt", "right"),
    [
        ("Who waters the gaden?", "Who waters the garden?"),
        ("Who is the caretakr?", "Who is the caretaker?"),
        ("consent of the propriteor", "consent of the proprietor"),
        ("are aniamls allowed", "are animals allowed"),
        ("sublettting是什麼？", "subletting是什麼？"),
    ],
)
def test_a_misspelt_word_finds_what_the_right_one_finds(
    indexed: Callable[[Mapping[str, str]], Store], misspelt: str, right: str
) -> None:
    store = indexed(LEASES)
    wrong, expected = find(misspelt, store), find(right, store)
    assert names(wrong) == names(expected)
    assert wrong.trace.query.terms == expected.trace.query.terms
    assert len(wrong.trace.query.corrections) == 1
    assert find(misspelt, store, spelling=False).trace.query.text == misspelt


def test_a_name_that_the_embedder_knows_is_not_turned_into_another_word(
    indexed: Callable[[Mapping[str, str]], Store],
) -> None:
    store = indexed({"a.md": "The cable carries current.", "b.md": "The table was laid."})
    assert find("where does the gable end", store).trace.query.corrections == ()
    assert [each.meant for each in find("where does the xable end", store).trace.query.corrections] == ["cable"]


def test_a_word_is_corrected_only_to_words_of_the_scope(indexed: Callable[[Mapping[str, str]], Store]) -> None:
    store = indexed({"a.md": "The cable carries current.", "b.md": "Current fables are told.", "b2.md": "More fables."})

    def meant(only: Filter | None) -> list[str]:
        return [each.meant for each in find("xables", store, only=only).trace.query.corrections]

    assert meant(Filter(patterns=("a.md",))) == ["cables"]
    assert meant(Filter(patterns=("b*.md",))) == ["fables"]
    assert names(find("xables", store, only=Filter(patterns=("a.md",)))) == ["a.md"]
    assert find("caretakr", store, only=Filter(patterns=("a.md",))).trace.query.corrections == ()


RULES = (
    "Tenants return keys, remotes, cards, manuals and clean rooms, walls, floors, windows before leaving the flat. "
    "Landlords inspect kitchens, bathrooms, balconies, heating, plumbing, lamps, switches, doors within {} days."
)
COPIES = {"other.md": "Keys are cut by the locksmith."} | {
    f"copy-{n}.md": RULES.format(14) + "\n" * n for n in (1, 2, 3)
}


def test_the_same_text_in_three_files_is_shown_once(indexed: Callable[[Mapping[str, str]], Store]) -> None:
    store = indexed(COPIES)
    result = find("When do tenants return keys?", store)
    assert len(result.hits) == 2
    assert [name[:4] for name in names(result)] == ["copy", "othe"]
    assert [hit.rank for hit in result.hits] == [1, 2]
    assert set(result.trace.duplicates.values()) == {result.hits[0].passage.key}
    assert len(result.trace.duplicates) == 2
    everything = find("When do tenants return keys?", store, collapse=False)
    assert len(everything.hits) == 4
    assert everything.trace.duplicates == {}


def test_a_version_with_another_number_is_shown_as_well(indexed: Callable[[Mapping[str, str]], Store]) -> None:
    store = indexed(COPIES | {"newer.md": RULES.format(21), "newest.md": RULES.format(28)})
    shown = names(find("When do tenants return keys?", store))
    assert {"newer.md", "newest.md", "other.md"} < set(shown)
    assert len(shown) == 4


def test_of_near_duplicates_two_are_shown(indexed: Callable[[Mapping[str, str]], Store]) -> None:
    """Room for others is made by what is left out."""
    versions = {
        f"version-{word}.md": RULES.format(14).replace("lamps", word) for word in ("lights", "lanterns", "leds")
    }
    store = indexed(versions | {"other.md": "Keys are cut by the locksmith.", "last.md": "Keys open doors."})
    result = find("When do tenants return keys?", store, top_k=3)
    assert len([name for name in names(result) if name.startswith("version")]) == 2
    assert len(result.hits) == 3
    assert len(find("When do tenants return keys?", store, top_k=3, collapse=False).hits) == 3


def test_words_that_stand_together_count_more_than_the_same_words_apart(
    indexed: Callable[[Mapping[str, str]], Store],
) -> None:
    store = indexed(
        {
            "apart.md": "Deposits earn interest. Fees are due. Refunds take time. Deposits are paid once.",
            "together.md": "Roofs are tiled. Refunds of deposits are free. Walls are white. Floors are oak. Doors.",
            "filler.md": "Windows are cleaned on Mondays.",
        }
    )
    question = "refunds deposits"
    assert names(find(question, store, dense_weight=0.0, coverage_weight=0.0))[0] == "apart.md"
    assert names(find(question, store, dense_weight=0.0, coverage_weight=0.9))[0] == "together.md"
    assert "coverage" not in find(question, store, coverage_weight=0.0).trace.timings_ms


def test_the_other_chinese_script_finds_the_same(library: Store) -> None:
    assert names(find("第四十四條終止", library)) == names(find("第四十四条终止", library))
    assert names(find("「员工手册」", library))[0] == "handbook.md"


def test_reciprocal_rank_fusion_puts_exact_words_first_too(library: Store) -> None:
    for asked, name in (('"force majeure"', "force.md"), ("TB-4425", "part.md"), ("第44条", "article.md")):
        result = find(asked, library, fusion="rrf")
        assert names(result)[0] == name
        scores = [hit.score for hit in result.hits]
        assert scores == sorted(scores, reverse=True)


def test_what_stands_under_a_reference_comes_before_what_refers_to_it(
    indexed: Callable[[Mapping[str, str]], Store],
) -> None:
    store = indexed(
        {
            "43.md": "# Act\n\n## Article 43\n\nNobody works at night.",
            "44.md": "# Act\n\n## Article 44\n\nA child worker is fifteen.",
            "77.md": "# Act\n\n## Article 77\n\nArticle 44, Article 44 and again Article 44: who breaks it pays.",
        }
    )
    for question in ("Article 44", '"Article 44"', "Art. 44"):
        assert find(question, store).hits[0].passage.chunk.heading[-1] == "Article 44"
