"""Extractive answers: what is picked stands in the source word for word, and is what was asked for."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.answering.cues import asked_for
from ragqa.answering.selection import LONGEST, PASSAGES, select
from ragqa.types import Chunk, Hit, Passage

TEXT = st.text(
    alphabet=st.one_of(st.sampled_from("notice period 保固期三年。！？.!?,，；\n ab12"), st.characters(codec="utf-8")),
    max_size=300,
).filter(str.strip)


def hit(text: str, *, rank: int = 1, heading: tuple[str, ...] = ()) -> Hit:
    passage = Passage(rank, f"{rank:016x}", "a.md", b"a.md", "", "en", Chunk(0, len(text), text, heading))
    return Hit(rank, passage, 1.0 / rank, ("lexical",))


def even(terms: Sequence[str]) -> Mapping[str, float]:
    return dict.fromkeys(terms, 1.0)


def texts(question: str, *hits: Hit, limit: int = 1) -> list[str]:
    return [sentence.text for sentence in select(question, hits, idf=even, limit=limit)]


@given(st.text(max_size=40), st.lists(TEXT, max_size=5), st.integers(1, 5))
def test_every_sentence_is_a_slice_of_its_passage(question: str, passages: list[str], limit: int) -> None:
    hits = [hit(text, rank=rank) for rank, text in enumerate(passages, start=1)]
    chosen = select(question, hits, idf=even, limit=limit)
    assert len(chosen) <= limit
    assert [(s.source, s.start) for s in chosen] == sorted((s.source, s.start) for s in chosen)
    for before, after in itertools.pairwise(chosen):
        assert before.source < after.source or before.end <= after.start
    for sentence in chosen:
        assert sentence.source < PASSAGES
        assert hits[sentence.source].passage.chunk.text[sentence.start : sentence.end] == sentence.text
        assert sentence.text == sentence.text.strip() != ""
        assert len(sentence.text) <= LONGEST or " | " in sentence.text
    assert chosen == select(question, hits, idf=even, limit=limit)


@pytest.mark.parametrize(
    ("question", "text", "answer"),
    [
        (
            "When may the tenant terminate the lease?",
            "The lease is for a flat. The tenant may terminate the lease after six months. The flat has two rooms.",
            "The tenant may terminate the lease after six months.",
        ),
        (
            "How long is the warranty?",
            "The warranty covers the sensor. The warranty lasts 36 months. The warranty is void after misuse.",
            "The warranty lasts 36 months.",
        ),
        (
            "X200 的保固期多久？",
            "X200 是一款水位計。X200 的保固期為三十六個月。電池另計。",
            "X200 的保固期為三十六個月。",
        ),
        (
            "谁批准采购？",
            "采购须在月底前提交。采购由财务部张先生批准。发票另行寄送。",
            "采购由财务部张先生批准。",
        ),
    ],
)
def test_the_sentence_with_the_answer_is_first(question: str, text: str, answer: str) -> None:
    assert texts(question, hit(text)) == [answer]


def test_a_simplified_question_finds_the_traditional_sentence() -> None:
    text = "水位計為黃色。儀器的保固期為三十六個月。電池另計。"
    assert texts("仪器的保修、保固期是几个月", hit(text)) == ["儀器的保固期為三十六個月。"]


def test_the_question_itself_is_never_its_answer() -> None:
    text = "When can I ring you? Monday to Friday from 08:00 to 18:00.\n\nWhat else may I ask?"
    assert texts("When can I ring you?", hit(text)) == ["Monday to Friday from 08:00 to 18:00."]


def test_another_question_is_no_answer_either() -> None:
    text = "When can I ring your support on a bank holiday? Our support is there from 08:00 to 18:00."
    assert texts("When can I ring your support?", hit(text)) == ["Our support is there from 08:00 to 18:00."]


def test_a_heading_that_only_repeats_the_question_is_not_picked() -> None:
    assert texts("notice period", hit("Notice period\n\nThree months.")) == ["Three months."]


def test_the_same_sentence_is_picked_once() -> None:
    twice = [hit("The notice period is three months.", rank=rank) for rank in (1, 2)]
    assert texts("What is the notice period?", *twice, limit=3) == ["The notice period is three months."]


def test_rare_terms_weigh_more() -> None:
    text = "The company sells gauges in Leeds. The company was founded by Okafor."

    def idf(terms: Sequence[str]) -> Mapping[str, float]:
        return {term: 9.0 if term == "okafor" else 0.5 for term in terms}

    question = "gauges company sells Okafor"
    assert select(question, [hit(text)], idf=idf, limit=1)[0].text.endswith("Okafor.")
    assert select(question, [hit(text)], idf=even, limit=1)[0].text.endswith("Leeds.")


def test_a_little_more_coverage_does_not_outweigh_the_better_passage() -> None:
    better, worse = hit("The notice period is short.", rank=1), hit("The notice period of rooms is long.", rank=2)

    def idf(terms: Sequence[str]) -> Mapping[str, float]:
        return {term: 0.1 if term == "room" else 1.0 for term in terms}

    assert select("notice period of rooms", [better, worse], idf=idf, limit=1)[0].source == 0


def test_the_sentence_after_the_one_that_names_the_subject_is_in_its_light() -> None:
    text = "Rain lasts 40 days here. Snow is rare. The Petrel has a warranty. It lasts 36 months."
    assert texts("warranty of the Petrel", hit(text), limit=2)[1] == "It lasts 36 months."


def test_words_side_by_side_count_more_than_the_same_words_apart() -> None:
    text = "The officer of the house knows no protection and no data.\n\nThe data protection officer is Okafor."
    assert texts("data protection officer", hit(text)) == ["The data protection officer is Okafor."]


def test_text_without_full_stops_is_cut_at_clauses() -> None:
    text = "，".join(["条款内容说明"] * 200)
    for sentence in select("条款是什么说明", [hit(text + "，保固期三年")], idf=even, limit=3):
        assert len(sentence.text) <= LONGEST // 2
        assert sentence.text.endswith(("，", "三年"))


@pytest.mark.parametrize(
    ("question", "holds", "lacks"),
    [
        ("When was it signed?", "It was signed on 3 May 2021.", "It was signed."),
        ("何時簽約？", "於二〇二一年五月簽約。", "雙方已簽約。"),
        ("How many users?", "It serves twelve users.", "It serves users."),
        ("有多少员工？", "公司有员工五百名。", "公司有员工。"),
        ("Why was it moved?", "It was moved because of rain.", "It was moved."),
        ("为什么搬家？", "由于下雨，公司搬家。", "公司搬家。"),
        ("Where is the office?", "The office is in Leeds.", "The office is new."),
        ("辦公室在哪裡？", "辦公室位於台北市。", "辦公很好。"),
        ("Who signs for Merrowby?", "For Merrowby signs Okafor.", "Somebody signs for Merrowby."),
        ("Who followed Genghis?", "Then came Ögedei.", "Genghis had a successor."),
        ("Who wrote Ninety Years?", "Ninety Years was written by M. Tarr.", "Ninety Years was written long ago."),
    ],
)
def test_cues_tell_a_sentence_with_such_a_thing_from_one_without(question: str, holds: str, lacks: str) -> None:
    cue = asked_for(question)
    assert cue is not None
    assert cue(holds)
    assert not cue(lacks)


def test_no_cue_where_no_kind_is_named() -> None:
    assert asked_for("Tell me about the lease") is None
    assert asked_for("介绍一下合同") is None


def test_a_sentence_far_below_the_best_is_left_out() -> None:
    best = "The gate code of the yard is 4417 this year."
    assert texts("What is the gate code of the yard?", hit(f"{best} Boots dry in the cellar."), limit=3) == [best]
