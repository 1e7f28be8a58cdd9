"""A conversation for people: where an answer is from, how it came about, and all of it as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ragqa.cli import render
from ragqa.cli.cells import one_line, terminal_width, wrap
from ragqa.cli.gate import Styled, safe, style

if TYPE_CHECKING:
    from ragqa.flows.chat import Turn
    from ragqa.types import Sentence

_INDENT = "    "


def sources(turn: Turn) -> Styled:
    """Every citation with its quote, then the passages that were found and are not cited."""
    answer, width = turn.asked.answer, terminal_width()
    lines: list[Styled] = []
    for citation in answer.citations:
        chunk, quote = citation.hit.passage.chunk, citation.quote
        where = render.place(citation.hit.passage.document, chunk.heading, page=quote.page, label=quote.page_label)
        lines += wrap(style(f"[{citation.marker}] ", "bold") + where, width)
        said = style(f"“{one_line(quote.text)}”", "dim") if citation.verified else style("not verified", "yellow")
        lines += wrap(said, width, indent=_INDENT)
    cited = {citation.hit.passage.key for citation in answer.citations}
    others = [hit for hit in answer.hits if hit.passage.key not in cited]
    if others:
        lines += [*([Styled("")] if lines else []), style("found, not cited", "bold")]
    for hit in others:
        chunk = hit.passage.chunk
        where = render.place(
            hit.passage.document, chunk.heading, page=chunk.page_start, label=chunk.page_label, last=chunk.page_end
        )
        lines += wrap(where + style(f"  {hit.passage.chunk_id[:8]}", "dim"), width, indent=_INDENT)
    return Styled("\n").join([*(lines or [Styled("nothing was found")]), Styled("")])


def why(turn: Turn) -> Styled:
    """What was asked and searched, how good the evidence was, what was found of each sentence, and both rankings."""
    width = terminal_width()
    lines = [line for text in _story(turn) for line in wrap(text, width)]
    for sentence in turn.asked.answer.sentences:
        lines += wrap(_judged(sentence), width, indent=_INDENT)
    asked = turn.asked
    explained = render.explanation(asked.trace, asked.answer.hits, asked.parts, scope=asked.scope)
    return Styled("\n").join([*lines, Styled(""), explained])


def _story(turn: Turn) -> Iterator[Styled]:
    answer, understood, score = turn.asked.answer, turn.understood, turn.asked.evidence.score
    yield safe(f"asked: {one_line(turn.question)}")
    if understood.rewritten_by:
        by = "the model" if understood.rewritten_by == "model" else "rules"
        yield safe(f"understood, by {by}, as: {one_line(understood.question)}")
    refuse_below = turn.asked.refuse_below
    enough = "enough to answer" if score >= refuse_below else "too little to answer"
    yield safe(f"evidence: {score:.2f} of 1, {enough} (refused below {refuse_below:g})")
    yield safe(f"answered by: {answer.models.get('answer', 'nobody')}")
    if answer.status != "answered":
        yield safe(f"no answer: {answer.reason}")
    if answer.sentences:
        supports = [sentence.support for sentence in answer.sentences]
        counts = ", ".join(f"{supports.count(each)} {each}" for each in dict.fromkeys(supports))
        yield safe(f"sentences: {counts}")


def _judged(sentence: Sentence) -> Styled:
    colour = "yellow" if sentence.support == "unsupported" else "green"
    markers = "".join(f"[{marker}]" for marker in sentence.citations)
    return style(sentence.support, colour) + f" {markers} {one_line(sentence.text)}"


# --- Markdown ---------------------------------------------------------------------------------------------------------


def transcript(turns: Sequence[Turn]) -> Styled:
    """The whole conversation; every turn has footnotes of its own."""
    return Styled("\n").join([Styled("# Conversation\n"), *(turn_markdown(each, n) for n, each in enumerate(turns, 1))])


def turn_markdown(turn: Turn, number: int) -> Styled:
    """One turn: the question as a heading, the answer with footnotes `[^TURN-MARKER]`, or why there is none."""
    answer, understood = turn.asked.answer, turn.understood
    lines = [f"## {number}. {render.inert(one_line(turn.question))}", ""]
    if understood.rewritten_by:
        lines += [f"*understood as: {render.inert(one_line(understood.question))}*", ""]
    written = render.answer_markdown(answer).plain
    lines.append(re.sub(r"\[\^(\d+)\]", rf"[^{number}-\1]", written).rstrip("\n"))
    if answer.status != "answered":
        what = "Not in the documents" if answer.status == "not_found" else "Incomplete"
        lines += [*([""] if written else []), f"*{what}: {render.inert(one_line(answer.reason))}*"]
    return safe("\n".join([*lines, "", ""]))
