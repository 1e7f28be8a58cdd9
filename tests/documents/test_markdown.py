"""Markdown: the words without the markup, structure as blocks, and nothing lost to stray HTML."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.documents.markdown import load
from ragqa.types import Document


def read(text: str) -> Document:
    return load(text.encode(), "notes.md")


def blocks(document: Document) -> list[tuple[str, int, str]]:
    return [(block.kind, block.level, document.text[block.start : block.end]) for block in document.blocks]


def test_structure_becomes_blocks() -> None:
    document = read(
        '# Hand*book*\n\nSome **bold** text with a [link](http://x.y/ "t"), `code()` and ![a pict](p.png).\n\n'
        "Notice\n------\n\n- one\n  - inner\n- two\n\n3. three\n4. four\n\n"
        "```python\nif x:\n\n    y()\n```\n\n> Quoted.\n"
    )
    assert document.title == "Handbook"
    assert document.loader == "markdown"
    assert blocks(document) == [
        ("heading", 1, "Handbook"),
        ("paragraph", 0, "Some bold text with a link, code() and a pict."),
        ("heading", 2, "Notice"),
        ("list", 0, "- one\n  - inner\n- two\n3. three\n4. four"),
        ("code", 0, "if x:\n\n    y()"),
        ("paragraph", 0, "Quoted."),
    ]


def test_a_table_row_names_its_columns() -> None:
    document = read("| Leave | Days |\n|---|--:|\n| Annual | **20** |\n| 病假 | 10 |\n")
    assert blocks(document) == [("table", 0, "Leave: Annual | Days: 20\nLeave: 病假 | Days: 10")]


def test_soft_breaks() -> None:
    assert read("two\nwords").text == "two words"
    assert read("保護勞工\n權益").text == "保護勞工權益"
    assert read("一、勞工：受僱者。\n二、雇主：僱用者。").text == "一、勞工：受僱者。\n二、雇主：僱用者。"
    assert read("The terms are:\n(a) rent\n(b) notice").text == "The terms are:\n(a) rent\n(b) notice"
    assert read("hard  \nbreak").text == "hard\nbreak"


@pytest.mark.parametrize(
    ("front", "title"),
    [
        ("title: Staff Handbook", "Staff Handbook"),
        ('title: "Staff: Handbook"\ntags: [a, b]', "Staff: Handbook"),
        ("date: 2025-01-01", "Heading"),
        ("", "Heading"),
        ("!!python/object/apply:os.system ['true']", "Heading"),
        ("a: &a [x]\nb: [*a, *a]\ntitle:", "Heading"),
    ],
)
def test_front_matter_gives_the_title_and_is_not_text(front: str, title: str) -> None:
    document = read(f"---\n{front}\n---\n# Heading\n\nBody.\n")
    assert document.title == title
    assert document.text.startswith("Heading\n\nBody.")
    assert "python" not in document.text


def test_what_a_reader_may_ask_of_the_front_matter_is_kept() -> None:
    document = read("---\nauthor: Wu Mei\ndate: 2025-03-01\nlayout: post\n---\nBody.\n")
    assert document.text == "Body.\n\nauthor: Wu Mei\ndate: 2025-03-01"


def test_two_rules_are_not_front_matter() -> None:
    assert read("---\n\nA paragraph.\n\n---\n\nAnother.").text == "A paragraph.\n\nAnother."


def test_html_is_read_as_html_and_words_in_angle_brackets_as_words() -> None:
    assert read("Run `x` with <path> or Vec<String>.<br>Next").text == "Run x with <path> or Vec<String>.\nNext"
    assert read("修改<中华人民共和国劳动合同法>的决定").text == "修改<中华人民共和国劳动合同法>的决定"
    assert read("<!-- note -->\n\n<aside>See [the rules](/rules/).</aside>\n\n<p hidden>x</p>").text == "See the rules."
    assert read("H<sub>2</sub>O <b>bold</b> <!-- no -->").text == "H2O bold"


@pytest.mark.parametrize(
    "tag", ["script", "style", "object", "select", "template", "svg", "textarea", "iframe", "title"]
)
def test_an_element_left_open_does_not_hide_the_rest(tag: str) -> None:
    assert "rest" in read(f"before\n\nthe <{tag}> element\n\nrest").text
    assert read(f"before\n\n<{tag}>\n\nrest").text.endswith("\n\nrest")


@given(st.text(alphabet="#*-_`[]()<>|\\~=+!&;: \n\tab1漢。", max_size=200))
def test_any_text_makes_a_document(text: str) -> None:
    document = read(text)
    assert all(document.text[block.start : block.end].strip() for block in document.blocks)


@given(
    st.lists(st.sampled_from(["word", "漢字", "*x*", "# h", "- i", "> q", "1. n", "\n", "\n\n", "    "]), max_size=60)
)
def test_no_word_is_lost(parts: list[str]) -> None:
    text = read(" ".join(parts)).text
    assert text.count("word") == parts.count("word")
    assert text.count("漢字") == parts.count("漢字")


@pytest.mark.parametrize(
    "text",
    [
        "> " * 5_000 + "end",
        "* a\n" + "".join(" " * (2 * n) + "* a\n" for n in range(500)) + "end",
        "[" * 5_000 + "end",
        "*a _b " * 5_000 + "end",
        "`" * 3 + "\n" + "code\n" * 5_000 + "end",
        "# h\n" * 3_000 + "end",
        "|a" * 3_000 + "\nend",
    ],
    ids=["quotes", "lists", "brackets", "emphasis", "fence", "headings", "pipes"],
)
def test_hostile_text_is_read_to_its_end(text: str) -> None:
    assert read(text).text.endswith("end")


def test_real_documents_have_titles_headings_and_no_markup(shared: Path) -> None:
    for path in sorted(shared.glob("docs/*/*.md")):
        document = load(path.read_bytes(), path.name)
        assert document.title
        assert sum(block.kind == "heading" for block in document.blocks) > 5
        assert "](http" not in document.text
        assert "\n#" not in document.text
