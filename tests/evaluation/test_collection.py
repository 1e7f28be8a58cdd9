"""A BEIR folder is read as it is meant: passages, judged questions, and those that nothing answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ragqa.errors import UsageError
from ragqa.evaluation.collection import read

PASSAGES = [{"_id": "p1", "title": "Leave", "text": "27 days."}, {"_id": "p2", "text": "Soup."}]
QUERIES = [
    {"_id": "q1", "text": "How many days?", "answers": ["27"]},
    {"_id": "q2", "text": "Who won?", "answerable": False},
    {"_id": "q3", "text": "Of the other split?"},
    {"_id": "q4", "text": " ", "answerable": False},
]
QRELS = "query-id\tcorpus-id\tscore\nq1\tp1\t2\nq1\tp2\t0\n"


def folder_of(
    tmp_path: Path, passages: list[object] = PASSAGES, queries: list[object] = QUERIES, qrels: str = QRELS
) -> Path:
    for name, rows in (("corpus", passages), ("queries", queries)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (tmp_path / "qrels.tsv").write_text(qrels, "utf-8")
    return tmp_path


def test_judged_and_unanswerable_questions_are_asked_others_are_not(tmp_path: Path) -> None:
    collection = read(folder_of(tmp_path))
    assert [(question.id, dict(question.relevant), question.answerable) for question in collection.questions] == [
        ("q1", {"p1": 2}, True),
        ("q2", {}, False),
    ]
    assert collection.unjudged == 2


def test_passages_become_markdown_with_their_title_as_heading(tmp_path: Path) -> None:
    files = read(folder_of(tmp_path)).files()
    assert files == {"000000.md": ("p1", b"# Leave\n\n27 days.\n"), "000001.md": ("p2", b"Soup.\n")}


def test_the_layout_of_beir_itself_is_read(tmp_path: Path) -> None:
    folder_of(tmp_path)
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels.tsv").rename(tmp_path / "qrels" / "test.tsv")
    assert read(tmp_path).questions[0].relevant == {"p1": 2}


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"passages": [{"title": "no id", "text": "x"}]}, "corpus.jsonl, line 1 has no `_id`"),
        ({"passages": [PASSAGES[0], PASSAGES[0]]}, "corpus.jsonl, line 2 repeats the id 'p1'"),
        ({"passages": [{"_id": "p1"}]}, "corpus.jsonl, line 1 has no `text`"),
        ({"queries": [{"_id": "q1"}]}, "queries.jsonl, line 1 has no `text`"),
        ({"qrels": "q1\tp1\n"}, "qrels.tsv, line 1 is not in the form of a judgement"),
        ({"qrels": "q1\tp1\thigh\n"}, "qrels.tsv, line 1 is not in the form of a judgement"),
        ({"qrels": "", "queries": [QUERIES[0]]}, "no question of"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(tmp_path: Path, broken: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(folder_of(tmp_path, **broken))  # type: ignore[arg-type]
    assert said in caught.value.message


def test_a_folder_of_other_things_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no qrels\.tsv"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("corpus.jsonl", '{"_id": ' + "9" * 5000 + "}", "is not JSON: a number in it is too long"),
        ("queries.jsonl", '{"_id": ' + "9" * 5000 + "}", "is not JSON: a number in it is too long"),
        ("qrels.tsv", "q1\tp1\t" + "9" * 5000, "is not in the form of a judgement"),
        ("qrels.tsv", "q1\tp1\t" + "9" * 400, "is not in the form of a judgement"),
    ],
)
def test_a_number_that_nobody_can_mean_is_named_with_its_line(tmp_path: Path, name: str, line: str, said: str) -> None:
    folder = folder_of(tmp_path)
    (folder / name).write_text((folder / name).read_text() + line + "\n")
    with pytest.raises(UsageError, match=f"{name}, line \\d+ {said}"):
        read(folder)
