"""HTML: what a reader of the page sees, as blocks; nothing hidden, nothing around it; and any bytes make a Document."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.documents.html import load
from ragqa.types import Document


def page(body: str, head: str = "") -> Document:
    return load(f"<!doctype html><html><head>{head}</head><body>{body}</body></html>".encode(), "page.html")


def blocks(document: Document) -> list[tuple[str, int, str]]:
    return [(block.kind, block.level, document.text[block.start : block.end]) for block in document.blocks]


def test_structure_becomes_blocks() -> None:
    document = page(
        """<h1>Hand<b>book</b></h1><p>First line<br>second   line
        of source.</p><h2><div>Leave</div></h2>
        <ul><li>one<ul><li>inner</li></ul></li><li><p>two</p><p>more</p></li></ul>
        <ol start=3><li>three<li value=7>seven<li>eight</ol>
        <blockquote>Quoted.</blockquote><pre>  def f():
    return 1</pre>loose text<figure><figcaption>Figure 1</figcaption></figure>""",
        "<title> The\n Handbook </title>",
    )
    assert document.title == "The Handbook"
    assert document.loader == "html"
    assert blocks(document) == [
        ("heading", 1, "Handbook"),
        ("paragraph", 0, "First line\nsecond line of source."),
        ("heading", 2, "Leave"),
        ("list", 0, "- one\n  - inner\n- two\n  more\n3. three\n7. seven\n8. eight"),
        ("paragraph", 0, "Quoted."),
        ("code", 0, "  def f():\n    return 1"),
        ("paragraph", 0, "loose text"),
        ("paragraph", 0, "Figure 1"),
    ]


def test_a_term_stands_with_its_definition() -> None:
    document = page("<dl><dt>Notice<dd>Ninety days.<dt>Rent<dt>Fee<dd>Monthly.<dt>Alone</dl>")
    assert document.text == "Notice: Ninety days.\n\nRent, Fee: Monthly.\n\nAlone"


def test_tables_carry_their_header_and_layout_tables_do_not_count() -> None:
    table = (
        "<table><caption>Leave</caption><thead><tr><th>Kind<th>Days</thead><tr><td>Annual<td>20<tr><td>Sick<td></table>"
    )
    assert page(table).text == "Leave\n\nKind: Annual | Days: 20\nKind: Sick"
    nested = f"<table><tr><td><h2>Menu</h2><p>Left</p></td><td>{table}</td></tr></table>"
    assert page(nested).text == "Menu\n\nLeft\n\nLeave\n\nKind: Annual | Days: 20\nKind: Sick"
    assert [kind for kind, _, _ in blocks(page(nested))] == ["heading", "paragraph", "paragraph", "table"]
    assert page("<table><tr><td>one<tr><td>two</table>").text == "one\n\ntwo"
    assert page("<table role=presentation><tr><td>one<td>two</table>").text == "one\n\ntwo"


def test_a_line_break_in_the_source_is_a_space_in_english_and_nothing_in_chinese() -> None:
    assert page("<p>two\n words</p>").text == "two words"
    assert page("<p>保護勞工\n  權益，\n<b>加強</b>關係 OK\n好</p>").text == "保護勞工權益，加強關係 OK 好"


def test_a_power_does_not_become_another_number() -> None:
    assert page("<p>10<sup>6</sup> m<sup>2</sup>, see<sup>[1]</sup>, H<sub>2</sub>O</p>").text == "10^6 m2, see[1], H2O"


HIDDEN = [
    "<p hidden>SECRET</p>",
    "<p aria-hidden=true>SECRET</p>",
    "<p style='color:red; display : none'>SECRET</p>",
    "<p style='visibility:hidden'>SECRET</p>",
    "<p style='font-size:0'>SECRET</p>",
    "<p style='opacity: 0;'>SECRET</p>",
    "<p style='position:absolute;left:-9999px'>SECRET</p>",
    "<p style='color:#fff;background:#FFF'>SECRET</p>",
    "<table hidden><tr><td>SECRET<td>SECRET</table>",
    "<ul hidden><li>SECRET</ul>",
    "<!-- SECRET -->",
    "<script>SECRET</script>",
    "<style>SECRET</style>",
    "<template><p>SECRET</p></template>",
    "<noscript>SECRET</noscript>",
    "<svg><title>SECRET</title></svg>",
    "<nav>SECRET</nav>",
    "<div role=navigation>SECRET</div>",
    "<aside>SECRET</aside>",
    "<footer>SECRET</footer>",
    "<select><option>SECRET</select>",
    "<ul><li><a href=/de lang=de hreflang=de>SECRET</a></ul>",
]


@pytest.mark.parametrize("hidden", HIDDEN)
def test_what_is_not_shown_is_not_read(hidden: str) -> None:
    assert page(f"<p>before</p>{hidden}<p>after</p>").text == "before\n\nafter"


@pytest.mark.parametrize(
    "shown",
    [
        "<p style='font-size:0.8em'>SHOWN</p>",
        "<p style='opacity:0.9'>SHOWN</p>",
        "<p style='color:#000;background:#fff'>SHOWN</p>",
        "<p hidden=until-found>SHOWN</p>",
        "<p aria-hidden=false>SHOWN</p>",
        "<p style='left:-5px'>SHOWN</p>",
        "<custom-element>SHOWN</custom-element>",
    ],
)
def test_what_is_shown_is_read(shown: str) -> None:
    assert page(shown).text == "SHOWN"


def test_the_main_element_is_the_page_if_it_holds_most_of_it() -> None:
    text = "A long enough paragraph. " * 5
    assert page(f"<p>Jump to content</p><main><p>{text}</p></main><p>Legal</p>").text == text.strip()
    assert "Legal" in page(f"<main><p>Search</p></main><p>{text}</p><p>Legal</p>").text


def test_a_page_that_is_nothing_but_an_aside_is_read_all_the_same() -> None:
    assert page("<aside><p>All there is.</p></aside>").text == "All there is."


def test_bytes_are_decoded_as_the_page_says() -> None:
    assert load("<meta charset=gbk><p>图书馆每天九点开门。</p>".encode("gbk"), "a.html").text == "图书馆每天九点开门。"
    big5 = "<meta http-equiv='Content-Type' content='text/html; charset=big5'><p>圖書館每天九點開門。</p>".encode(
        "big5"
    )
    assert load(big5, "a.html").text == "圖書館每天九點開門。"
    assert load("<meta charset=big5><p>圖書館</p>".encode(), "a.html").text == "圖書館"
    assert load("<p>圖書館</p>".encode("utf-16"), "a.html").text == "圖書館"


def test_text_without_any_tag_is_a_paragraph() -> None:
    assert blocks(load(b"just text", "a.html")) == [("paragraph", 0, "just text")]
    assert load(b"", "a.html").text == ""


TAGS = """
    <p> </p> <div> </div> <table> </table> <tr> <td> <td/colspan=3> <th> </td> </tr> <ul> <ol> <li> </ul> <h1> </h1>
    <h3> <pre> </pre> <b> </b> <a> <br> <hr> <dl> <dt> <dd> </dl> <sup> <main> </main> <caption> <div/hidden> <span>
    <img/alt="a/picture"> <svg> </svg> <script> </script> <!-- --> <aside> </aside> text 漢字。 &lt; &#0; &#x110000;
    <td/rowspan=9> <blockquote> <plaintext> <textarea> <title> </title> <body> <form> <select> <option>
"""
MARKUP = st.lists(st.sampled_from(TAGS.split()), max_size=40).map(
    lambda tags: "".join(tag if tag.startswith("</") else tag.replace("/", " ") for tag in tags)
)


@given(MARKUP)
def test_any_markup_makes_a_document(markup: str) -> None:
    document = load(markup.encode(), "a.html")
    assert document.text == document.text.rstrip()
    assert all(document.text[block.start : block.end].strip() for block in document.blocks)


@given(st.binary(max_size=200))
def test_any_bytes_make_a_document(data: bytes) -> None:
    load(data, "a.html")


@pytest.mark.parametrize(
    "markup",
    [
        "<p " + " ".join(f"a{number}=1" for number in range(100_000)) + ">text</p>",
        "<div>" * 5_000 + "text",
        "<b>" * 20_000 + "text",
        "<table><tr><td>" * 5_000 + "text",
        "<ul><li>" * 3_000 + "text",
        "<table>" + "<tr><td rowspan=65534 colspan=1000>text" * 1_000,
        "&lt;" * 200_000 + "text",
        "<p>text</p>" * 50_000,
    ],
    ids=["attributes", "divs", "bold", "tables", "lists", "spans", "entities", "paragraphs"],
)
def test_bombs_take_seconds_at_most(markup: str) -> None:
    started = time.process_time()
    assert "text" in load(markup.encode(), "a.html").text
    assert time.process_time() - started < 5.0
