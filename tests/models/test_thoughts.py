"""Thoughts that a model writes before its answer are no part of it, wherever the stream is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.models.thoughts import ThoughtFilter, begins_with_thoughts
from ragqa.ports import Finish
from tests.services import server
from tests.services.dialects import QUICK, make_openai, read
from tests.services.server import Service

PIECES = ["<think>", "</think>", "<thinking>", "</thinking>", "<thi", "nk>", "</", "<", " \n", "It rains [1].", "1 < 2"]


def whole(pieces: list[str], *, opened: bool = False) -> str:
    thoughts = ThoughtFilter(opened=opened)
    return "".join(map(thoughts.feed, pieces)) + thoughts.finish()


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("It rains.", "It rains."),
        ("<think>\nHm. <b>\n</think>\n\nIt rains.", "It rains."),
        ("\n<THINK></THINK>It rains.", "It rains."),
        ("<think>a</think><think>b</think> It rains.", "It rains."),
        ("<reasoning>a</reasoning>\nIt rains.", "It rains."),
        ("<thinking>a </think> b</thinking>It rains.", "It rains."),
        ("<think>It never ends.", ""),
        ("It rains. <think>is a word here</think>", "It rains. <think>is a word here</think>"),
        ("<thinker> is a word", "<thinker> is a word"),
        ("<thi", "<thi"),
        ("", ""),
    ],
)
def test_only_the_answer_is_given_out(written: str, shown: str) -> None:
    assert whole([written]) == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Hm.\n</think>\nIt rains.", "It rains."),
        ("<think>Hm.</think>It rains.", "It rains."),
        ("It rains.", "It rains."),
    ],
)
def test_thoughts_may_have_been_opened_in_the_prompt(written: str, shown: str) -> None:
    assert whole([written], opened=True) == shown


@given(st.lists(st.sampled_from(PIECES), max_size=8), st.data(), st.booleans())
def test_cut_anywhere_the_same_is_given_out(pieces: list[str], data: st.DataObject, opened: bool) -> None:
    text = "".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    parts = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert whole(parts, opened=opened) == whole([text], opened=opened)


def test_what_may_be_thought_is_held_back_only_until_it_is_told_apart() -> None:
    thoughts = ThoughtFilter(opened=True)
    assert thoughts.feed("It ") == ""
    thoughts.told_apart()
    assert thoughts.feed("rains.") == "It rains."


@pytest.mark.parametrize(
    ("model", "thinks"),
    [("deepseek-r1:8b", True), ("Qwen/QwQ-32B", True), ("qwen3-30b-thinking", True), ("gpt-5", False), ("r10", False)],
)
def test_whose_thoughts_are_opened_in_the_prompt(model: str, thinks: bool) -> None:
    assert begins_with_thoughts(model) is thinks


# --- in the stream of a service ---------------------------------------------------------------------------------------


def test_a_server_that_leaves_them_in_the_text(service: Service) -> None:
    service.script(server.openai_answer("<thi", "nk>\nLet me ", "see.</th", "ink>\n\nIt rains", " [1]."))
    assert read(make_openai(service))[0] == "It rains [1]."


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_a_server_that_sends_them_apart(service: Service, name: str) -> None:
    service.script(
        server.openai_events({name: "Let me see."}, {"content": None, name: "Hm."}, {"content": "It rains."})
    )
    text, finish = read(make_openai(service))
    assert (text, finish.complete) == ("It rains.", True)


@pytest.mark.parametrize("finish", ["stop", "length"])
def test_nothing_but_thoughts_is_no_answer(service: Service, finish: str) -> None:
    service.script(server.openai_answer("<think>Let me see", finish=finish))
    text, ended = read(make_openai(service))
    assert text == "" and not ended.complete
    assert "answer.max_tokens" in ended.reason


def test_thoughts_that_break_off_may_begin_again(service: Service) -> None:
    torn = server.cut(server.openai_answer("<think>Let me", " see", finish=None), after=2, clean=False)
    service.script(torn, server.openai_answer("<think>Hm.</think>It rains."))
    assert read(make_openai(service, retries=QUICK))[0] == "It rains."


def test_a_model_that_refuses_says_so_in_a_field_of_its_own(service: Service) -> None:
    service.script(server.openai_events({"refusal": "I cannot "}, {"refusal": "help with that."}))
    assert read(make_openai(service)) == ("", Finish(False, "the model refused: I cannot help with that."))
