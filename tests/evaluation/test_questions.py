"""Questions are read as they are meant, and a mistake is named with its file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ragqa.errors import UsageError
from ragqa.evaluation.questions import Question, chosen, read

SAMPLES = Path(__file__).parents[2] / "sample_docs" / "questions.jsonl"


def write(folder: Path, *lines: object) -> Path:
    path = folder / "questions.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines), "utf-8")
    return path


def test_a_line_needs_nothing_but_its_question(tmp_path: Path) -> None:
    (question,) = read(write(tmp_path, {"question": " How many? "}))
    assert (question.text, question.language, question.answerable) == ("How many?", "en", True)
    assert (question.answers, question.document, question.page) == ((), None, None)
    (again,) = read(write(tmp_path, {"question": "How many?"}))
    assert again.id == question.id, "an id that was not given comes from the text"


def test_everything_on_a_line_is_read_and_unknown_keys_are_fine(tmp_path: Path) -> None:
    line = {
        "id": 7,
        "question": "幾天？",
        "answers": "三天",
        "document": "a/b.pdf",
        "page": 2,
        "evidence": "x",
        "n": [1],
    }
    (question,) = read(write(tmp_path, "", line, "  "))
    assert question == Question("7", "幾天？", "zh-Hant", ("三天",), "a/b.pdf", 2)
    (french,) = read(write(tmp_path, {"question": "Combien ?", "language": "fr", "answerable": False}))
    assert (french.language, french.answerable) == ("fr", False)


def test_what_utf_8_cannot_write_is_no_reason_to_fail(tmp_path: Path) -> None:
    (question,) = read(write(tmp_path, r'{"question": "Who \udcff?", "answers": ["\ud800"]}'))
    assert question.text == "Who \\udcff?"
    assert question.fingerprint and question.half


def test_the_questions_of_the_sample_documents_are_read() -> None:
    questions = read(SAMPLES)
    assert len(questions) == len(SAMPLES.read_text("utf-8").splitlines())
    assert {question.language for question in questions} == {"en", "zh-Hans", "zh-Hant"}
    assert {question.answerable for question in questions} == {True, False}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "is not JSON"),
        ("[1]", "is no JSON object"),
        ('{"question": "Who?", "id": ' + "9" * 5000 + "}", "is not JSON: a number in it is too long"),
        ({"answers": []}, "has no `question`"),
        ({"query": "Who?"}, "is it `query`?"),
        ({"question": "  "}, "has no `question`"),
        ({"question": 3}, "`question` must be text, not 3"),
        ({"question": "Who?", "answers": [1]}, "`answers` must be a list of texts"),
        ({"question": "Who?", "document": "a.pdf", "page": 0}, "`page` must be a number from 1 on"),
        ({"question": "Who?", "document": "a.pdf", "page": "4"}, "`page` must be a number"),
        ({"question": "Who?", "page": 4}, "needs its `document`"),
        ({"question": "Who?", "answerable": "no"}, "`answerable` must be true or false"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(tmp_path: Path, line: object, said: str) -> None:
    path = write(tmp_path, {"question": "When?"}, "", line)
    with pytest.raises(UsageError) as caught:
        read(path)
    assert f"{path}, line 3" in caught.value.message
    assert said in caught.value.line


def test_the_same_question_twice_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"line 2 repeats the id 'a' as line 1"):
        read(write(tmp_path, {"id": "a", "question": "When?"}, {"id": "a", "question": "Where?"}))
    with pytest.raises(UsageError, match=r"line 2 asks the same as line 1"):
        read(write(tmp_path, {"question": "When?"}, {"question": "When?"}))
    with pytest.raises(UsageError, match=r"line 2 repeats the id '0' as line 1"):
        read(write(tmp_path, {"id": 0, "question": "When?"}, {"id": 0, "question": "Where?"}))


def test_what_cannot_be_answered_has_no_answer_and_no_place(tmp_path: Path) -> None:
    line = {"id": "a", "question": "When?", "answers": ["never"], "document": "a.pdf", "page": 3, "answerable": False}
    assert read(write(tmp_path, line)) == [Question("a", "When?", "en", answerable=False)]
    for gold in ({"answers": ("May",)}, {"document": "a.pdf"}, {"relevant": {"p": 1}}):
        with pytest.raises(ValueError, match="not answerable"):
            Question("a", "When?", "en", answerable=False, **gold)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="document"):
        Question("a", "When?", "en", page=3)


def test_files_that_hold_no_questions_say_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no questions"):
        read(write(tmp_path))
    with pytest.raises(UsageError, match="cannot read"):
        read(tmp_path / "missing.jsonl")
    (tmp_path / "big5.jsonl").write_bytes('{"question": "幾天？"}\n'.encode("big5"))
    with pytest.raises(UsageError, match=r"line 1 is not UTF-8"):
        read(tmp_path / "big5.jsonl")


def test_halves_divide_the_questions_and_samples_are_nested() -> None:
    questions = read(SAMPLES)
    fit, report = chosen(questions, half="fit"), chosen(questions, half="report")
    assert {question.id for question in fit} | {question.id for question in report} == {each.id for each in questions}
    assert not {question.id for question in fit} & {question.id for question in report}
    assert min(len(fit), len(report)) > len(questions) / 3
    small, large = chosen(questions, limit=5), chosen(questions, limit=20)
    assert len(small) == 5
    assert {question.id for question in small} < {question.id for question in large}
    assert large == [question for question in questions if question in large], "the order is the file's"
    assert chosen(questions, limit=10_000) == questions


def test_a_fingerprint_tells_what_is_asked_and_what_is_right() -> None:
    question = Question("a", "When?", "en", ("May",), "a.pdf", 3)
    assert question.fingerprint == Question("b", "When?", "en", ("May",), "a.pdf", 3).fingerprint
    others = [
        Question("a", "Where?", "en", ("May",), "a.pdf", 3),
        Question("a", "When?", "en", ("June",), "a.pdf", 3),
        Question("a", "When?", "en", ("May",), "a.pdf", 4),
        Question("a", "When?", "en", answerable=False),
        Question("a", "When?", "en", ("May",), "a.pdf", 3, relevant={"p": 1}),
    ]
    assert len({question.fingerprint, *(other.fingerprint for other in others)}) == 6
