"""What a model is asked for a draft, and what is made of whatever it replies."""

from __future__ import annotations

import pytest

from ragqa.evaluation.asking import read, request
from ragqa.evaluation.drafts import Proposal
from ragqa.types import Chunk, Passage

ROW = '{"question": "How many days?", "answer": "27 days"}'


@pytest.mark.parametrize(
    "reply",
    [
        ROW,
        f"```json\n{ROW}\n```",
        f"Here you are: {ROW} I hope this helps {{really}}.",
        f"[{ROW}]",
        '{"question": "How many days?", "answers": ["27 days", "27"]}',
        f'{{"question": null, "answer": null}} {ROW}',
        '{"question": "How many\n days?", "answer": "27 days"}'.replace("\n ", " "),
    ],
)
def test_a_reply_is_read_leniently(reply: str) -> None:
    assert read(reply, "m") == Proposal("How many days?", "27 days", "m")


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I cannot.",
        "{",
        '{"question": "Who?"}',
        '{"question": null, "answer": null}',
        '{"question": 1, "answer": 2}',
    ],
)
def test_a_reply_without_a_question_is_none(reply: str) -> None:
    assert read(reply, "m") is None


def test_the_request_holds_the_passage_where_it_stands_and_its_language() -> None:
    chunk = Chunk(0, 8, "試用期為三個月", ("第二章", "到職"))
    asked = request(Passage(1, "c", "docs/手冊.pdf", b"", "員工手冊", "zh-Hant", chunk))
    assert "試用期為三個月" in asked.prompt
    assert "員工手冊 > 第二章 > 到職" in asked.prompt
    assert "Traditional Chinese" in asked.system
    assert '{"question": "...", "answer": "..."}' in asked.system
