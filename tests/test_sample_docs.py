"""The sample documents hold what their questions say they hold, checked without any of ragqa's own loaders."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pypdfium2
import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "sample_docs"
NOT_DOCUMENTS = {"questions.jsonl", ".ragqaignore"}
ENCODINGS = {"會議紀錄-2026年4月.txt": "big5", "校准大厅笔记.txt": "gb18030"}
WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
LANGUAGES = ("en", "zh-Hant", "zh-Hans")
SIMPLIFIED_ONLY = set("个们为办电发时间对开关业务员机车气计测试码货订单请这还没过")
TRADITIONAL_ONLY = set("個們為辦電發時間對開關業務員機車氣計測試碼貨訂單請這還沒過")

Question = Mapping[str, Any]


@dataclass(frozen=True)
class Paper:
    """One document as public libraries read it: `pages` of a PDF (one otherwise), and its sections by heading.

    The first section has no heading. Text is squashed: no white space, no cell borders, no marks of a broken line.
    """

    pages: tuple[str, ...]
    labels: tuple[str, ...]
    sections: tuple[tuple[str | None, str], ...]


def squash(text: str) -> str:
    return re.sub(r"[\s|*\ufffe\u00ad]+", "", text)


@cache
def read(path: Path) -> Paper:
    if path.suffix == ".pdf":
        return read_pdf(path)
    match path.suffix:
        case ".docx":
            pieces = list(word_pieces(path))
        case ".html":
            pieces = list(html_pieces(path.read_text(encoding="utf-8")))
        case ".md":
            pieces = [
                (line.startswith("#"), line.lstrip("# ")) for line in path.read_text(encoding="utf-8").splitlines()
            ]
        case ".txt":
            pieces = [(False, path.read_bytes().decode(ENCODINGS.get(path.name, "utf-8")))]
        case _:
            raise AssertionError(f"{path.name} is not of a format that ragqa reads")
    sections: list[tuple[str | None, str]] = [(None, "")]
    for is_heading, text in pieces:
        if is_heading:
            sections.append((text, ""))
        else:
            heading, body = sections[-1]
            sections[-1] = (heading, body + squash(text))
    return Paper((squash("".join(text for _, text in pieces)),), (), tuple(sections))


def read_pdf(path: Path) -> Paper:
    with pypdfium2.PdfDocument(path) as pdf:
        labels = tuple(pdf.get_page_label(number) for number in range(len(pdf)))
        texts = tuple(squash(page.get_textpage().get_text_range()) for page in pdf)
        outline = [(mark.get_title(), mark.get_dest().get_index()) for mark in pdf.get_toc()]
    sections: list[tuple[str | None, str]] = []
    whole, heading, begin = "".join(texts), None, 0
    for title, page in outline:
        place = whole.index(squash(title), max(begin, sum(map(len, texts[:page]))))
        sections.append((heading, whole[begin:place]))
        heading, begin = title, place
    return Paper(texts, labels, (*sections, (heading, whole[begin:])))


def word_pieces(path: Path) -> Iterator[tuple[bool, str]]:
    """Paragraphs, those of tables too, then the footnotes as a section of their own."""
    with zipfile.ZipFile(path) as archive:
        for paragraph in ElementTree.fromstring(archive.read("word/document.xml")).iter(f"{WORD}p"):
            style = paragraph.find(f"{WORD}pPr/{WORD}pStyle")
            name = "" if style is None else style.get(f"{WORD}val", "")
            yield name.startswith("Heading"), "".join(run.text or "" for run in paragraph.iter(f"{WORD}t"))
        if "word/footnotes.xml" in archive.namelist():
            yield True, "footnotes"
            for run in ElementTree.fromstring(archive.read("word/footnotes.xml")).iter(f"{WORD}t"):
                yield False, run.text or ""


def html_pieces(text: str) -> list[tuple[bool, str]]:
    class Walker(HTMLParser):
        pieces: list[tuple[bool, str]]
        inside: str

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.inside = tag

        def handle_data(self, data: str) -> None:
            if self.inside not in ("style", "title") and data.strip():
                self.pieces.append((bool(re.fullmatch("h[1-6]", self.inside)), data))

        def handle_endtag(self, tag: str) -> None:
            self.inside = ""

    walker = Walker()
    walker.pieces, walker.inside = [], ""
    walker.feed(text)
    return walker.pieces


def documents() -> list[Path]:
    return sorted(path for path in FOLDER.iterdir() if path.name not in NOT_DOCUMENTS)


def questions() -> list[Question]:
    lines = (FOLDER / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def answerable() -> list[Any]:
    return [pytest.param(question, id=question["id"]) for question in questions() if question["answerable"]]


@pytest.mark.parametrize("question", answerable())
def test_the_answer_stands_where_the_question_says(question: Question) -> None:
    paper = read(FOLDER / question["document"])
    evidence = squash(question["evidence"])
    assert question["answers"]
    for answer in question["answers"]:
        assert squash(answer) in evidence
    if question["document"].endswith(".pdf"):
        assert [number for number, text in enumerate(paper.pages, start=1) if evidence in text] == [question["page"]]
        assert paper.labels[question["page"] - 1] == (question["page_label"] or "")
    else:
        assert (question["page"], question["page_label"]) == (None, None)
        assert evidence in paper.pages[0]


@pytest.mark.parametrize("question", answerable())
def test_the_answer_stands_under_the_heading_named(question: Question) -> None:
    sections = read(FOLDER / question["document"]).sections
    under = [heading for heading, body in sections if squash(question["evidence"]) in body]
    if question["heading"] is None:
        assert under in ([None], ["footnotes"])
    else:
        assert under == [question["heading"]]


@pytest.mark.parametrize("question", answerable())
def test_no_other_document_holds_the_same_words(question: Question) -> None:
    evidence = squash(question["evidence"])
    holders = [path.name for path in documents() if evidence in "".join(read(path).pages)]
    assert holders == [question["document"]]


def test_a_question_does_not_give_its_answer_away() -> None:
    for question in questions():
        for answer in question["answers"]:
            assert squash(answer).casefold() not in squash(question["question"]).casefold(), question["id"]


def test_ids_and_questions_are_unique() -> None:
    for field in ("id", "question"):
        count = Counter(question[field] for question in questions())
        assert max(count.values()) == 1, count.most_common(1)


def test_there_are_enough_questions_of_each_language() -> None:
    count = Counter((question["language"], question["answerable"]) for question in questions())
    for language in LANGUAGES:
        assert count[language, True] >= 16
        assert count[language, False] >= 5
    assert sum(times for (_, asks), times in count.items() if asks) >= 48
    assert {language for language, _ in count} == set(LANGUAGES)


def test_a_question_is_written_in_the_script_it_states() -> None:
    for question in questions():
        characters = set(question["question"])
        if question["language"] == "en":
            assert question["question"].isascii()
        elif question["language"] == "zh-Hant":
            assert not characters & SIMPLIFIED_ONLY - TRADITIONAL_ONLY, question["id"]
        else:
            assert not characters & TRADITIONAL_ONLY - SIMPLIFIED_ONLY, question["id"]


def test_some_questions_are_asked_in_the_other_chinese_script() -> None:
    crossed = Counter(
        question["language"]
        for question in questions()
        if question["answerable"] and question["language"] != language_of(question["document"])
    )
    assert crossed["zh-Hans"] >= 4
    assert crossed["zh-Hant"] >= 4
    assert crossed["en"] == 0


def test_a_question_without_an_answer_names_no_place() -> None:
    for question in questions():
        if not question["answerable"]:
            assert question["answers"] == []
            assert {question[field] for field in ("document", "page", "page_label", "heading", "evidence")} == {None}


def test_every_document_is_asked_about() -> None:
    assert {question["document"] for question in questions() if question["answerable"]} == {
        path.name for path in documents()
    }


def test_every_format_and_language_is_there() -> None:
    formats = Counter(path.suffix for path in documents())
    assert set(formats) == {".md", ".txt", ".html", ".pdf", ".docx"}
    assert len(documents()) >= 12
    assert set(map(language_of, (path.name for path in documents()))) == set(LANGUAGES)


def test_documents_are_of_a_readable_length() -> None:
    for path in documents():
        text = "".join(read(path).pages)
        shortest, longest = (2_500, 14_000) if language_of(path.name) == "en" else (1_000, 4_500)
        assert shortest <= len(text) <= longest, path.name


def test_the_folder_stays_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 600_000


def test_two_texts_are_not_unicode() -> None:
    for name in ENCODINGS:
        with pytest.raises(UnicodeDecodeError):
            (FOLDER / name).read_bytes().decode("utf-8")
    with pytest.raises(UnicodeDecodeError):  # four-byte characters, so that GBK is not enough
        (FOLDER / "校准大厅笔记.txt").read_bytes().decode("gbk")


def test_pdfs_have_outline_labels_and_running_lines() -> None:
    labelled = 0
    for path in documents():
        if path.suffix != ".pdf":
            continue
        with pypdfium2.PdfDocument(path) as pdf:
            assert len(pdf) >= 5
            assert len(list(pdf.get_toc())) >= 10
            lines = [page.get_textpage().get_text_range().splitlines() for page in pdf]
        assert len({first for first, *_ in lines}) == 1
        assert len({re.sub(r"\S+$", "", last) for *_, last in lines}) == 1
        labelled += bool(read(path).labels[0])
    assert labelled == 3


def test_some_words_are_broken_at_the_end_of_a_line() -> None:
    with pypdfium2.PdfDocument(FOLDER / "employee-handbook-leeds.pdf") as pdf:
        text = "".join(page.get_textpage().get_text_range() for page in pdf)
    assert "pro\ufffetection" in text


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    runs = [tmp_path / "one", tmp_path / "two"]
    for folder in runs:
        folder.mkdir()
        subprocess.run([sys.executable, "-m", "tools.sample_docs", str(folder)], cwd=ROOT, check=True, timeout=120)
    names = sorted(path.name for path in runs[0].iterdir())
    assert len(names) == 9
    for name in names:
        assert (runs[0] / name).read_bytes() == (runs[1] / name).read_bytes()
        # Another version of the PDF or zip library may write other bytes; the words may not change.
        assert read(runs[0] / name) == read(FOLDER / name)


def language_of(name: str) -> str:
    """The language of a document, by the script of its text."""
    characters = Counter("".join(read(FOLDER / name).pages))
    simplified = sum(characters[character] for character in SIMPLIFIED_ONLY - TRADITIONAL_ONLY)
    traditional = sum(characters[character] for character in TRADITIONAL_ONLY - SIMPLIFIED_ONLY)
    if max(simplified, traditional) < 20:
        return "en"
    return "zh-Hans" if simplified > traditional else "zh-Hant"
