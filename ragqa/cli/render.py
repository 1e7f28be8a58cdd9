"""Answers, hits and reports for people and as Markdown; everything from outside passes `safe` on its way in."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ragqa.cli.cells import cut, one_line, terminal_width, width_of, wrap
from ragqa.cli.gate import Styled, safe, style
from ragqa.cli.reports import check, documents, ingest, reembedded, removed, status

if TYPE_CHECKING:
    from ragqa.flows.ask import Asked
    from ragqa.flows.search import Found
    from ragqa.index.scope import Scope
    from ragqa.reranking import Reranking
    from ragqa.retrieval import Part, Trace
    from ragqa.types import Answer, Chunk, Citation, Hit, Passage, Scored

__all__ = [
    "answer",
    "answer_markdown",
    "check",
    "closest",
    "documents",
    "explanation",
    "hits",
    "inert",
    "ingest",
    "passages",
    "reembedded",
    "removed",
    "sources",
    "status",
]

_INDENT = "    "
DOUBT = "[?]"
"""Stands behind a sentence of an answer that its sources do not bear out."""
_DOUBTFUL = "not confirmed by the sources"
_NONE_CLOSE = "nothing in the documents comes close"
_CLOSEST = 3
_SNIPPET_CHARACTERS = 320
_SNIPPET_LINES = 3
_EXPLAINED = 10


# --- answers ----------------------------------------------------------------------------------------------------------


def answer(answer: Answer, *, streamed: bool = False) -> Styled:
    """The answer and its sources; with `streamed`, only what follows the text that stands there already."""
    if answer.status != "answered":
        # Nothing here may look like a finished answer; the reason is told on stderr.
        rest = "" if streamed else answer.text
        return safe(f"{rest}\n") if answer.text else Styled("")
    lines = [] if streamed else [Styled("").join(_marked(answer))]
    lines += [Styled(""), style("Sources", "bold"), *_sources(answer, terminal_width())]
    lines += _doubts(answer, terminal_width(), streamed=streamed)
    if streamed:
        lines.insert(0, Styled(""))
    return Styled("\n").join([*lines, Styled("")])


def _sources(answer: Answer, width: int | None) -> Iterator[Styled]:
    said = _letters(answer.text)
    for (marker, _), cited in itertools.groupby(answer.citations, key=lambda each: (each.marker, each.quote.page)):
        citations = list(cited)
        yield from _entry(f"[{marker}] ", _place(citations[0]), width)
        for citation in citations:
            if not citation.verified:
                claimed = f": “{one_line(citation.quote.text)}”" if citation.quote.text else ""
                yield from wrap(style("not verified", "yellow") + claimed, width, indent=_INDENT)
            elif _letters(citation.quote.text) not in said:
                yield from wrap(_quoted(citation.quote.text), width, indent=_INDENT)


def _marked(answer: Answer) -> Iterator[Styled]:
    """The text, a mark behind each sentence that its sources do not bear out."""
    position = 0
    for end in _doubtful_ends(answer):
        yield safe(answer.text[position:end]) + style(f" {DOUBT}", "yellow")
        position = end
    yield safe(answer.text[position:])


def _doubtful_ends(answer: Answer) -> Iterator[int]:
    """Where the unsupported sentences end in the text, their citations included."""
    from ragqa.answering.citations import sentence_places

    for sentence, (_, end) in zip(answer.sentences, sentence_places(answer.text), strict=False):
        if sentence.support == "unsupported":
            yield end


def _doubts(answer: Answer, width: int | None, *, streamed: bool) -> Iterator[Styled]:
    """What the mark means; behind a text that stands there without marks, which sentences should have one."""
    unsupported = [sentence for sentence in answer.sentences if sentence.support == "unsupported"]
    if unsupported:
        yield Styled("")
    for sentence in unsupported if streamed else ():
        said_of = "not confirmed by its source" if sentence.citations else "without a source"
        yield from wrap(style(f"{DOUBT} {said_of}", "yellow") + f": {one_line(sentence.text)}", width)
    if unsupported and not streamed:
        yield from wrap(style(DOUBT, "yellow") + f" {_DOUBTFUL}", width)


def _quoted(text: str) -> Styled:
    return style(f"“{one_line(text)}”", "dim")


def _letters(text: str) -> str:
    """What tells whether a quote stands in the answer word for word already."""
    return re.sub(r"\[\d+\]|\W", "", text)


def _place(citation: Citation) -> Styled:
    passage, quote = citation.hit.passage, citation.quote
    return _where(passage, page=quote.page, label=quote.page_label)


def _where(passage: Passage, *, page: int | None, label: str | None, last: int | None = None) -> Styled:
    return place(passage.document, passage.chunk.heading, page=page, label=label, last=last)


def place(
    document: str, heading: Sequence[str], *, page: int | None, label: str | None, last: int | None = None
) -> Styled:
    """`handbook.pdf · p. 12 (printed xii) › Leave › Annual leave`."""
    pages = _pages(page, label, last)
    parts = [style(document, "cyan"), safe(f" · {pages}" if pages else "")]
    parts += [style(f" › {one_line(each)}", "dim") for each in heading]
    return Styled("").join(parts)


def _pages(page: int | None, label: str | None, last: int | None) -> str:
    if page is None:
        return ""
    printed = f" (printed {label})" if label and label != str(page) else ""
    return f"pp. {page}–{last}{printed}" if last and last != page else f"p. {page}{printed}"


def _hit_place(hit: Hit) -> Styled:
    chunk = hit.passage.chunk
    return _where(hit.passage, page=chunk.page_start, label=chunk.page_label, last=chunk.page_end)


def _short_id(hit: Hit) -> Styled:
    """What `ragqa get` takes."""
    return style(f"  {hit.passage.chunk_id[:8]}", "dim")


def _entry(number: str, text: Styled, width: int | None) -> list[Styled]:
    """A numbered line; what does not fit goes on below, indented."""
    indent = _INDENT if width is None or width > 20 else ""
    room = width and max(1, width - max(width_of(number), width_of(indent)))
    first, *rest = wrap(text, room)
    return [style(number, "bold") + first, *(Styled(indent) + line for line in rest)]


def closest(asked: Asked) -> Styled:
    """For stderr, where there is no answer: why, and the passages that come closest."""
    width = terminal_width()
    reason = asked.answer.reason or _NONE_CLOSE
    if not asked.index.documents:
        reason = "the index is empty (`ragqa ingest PATH` fills it)"
    lines = [safe(f"ragqa: not in the documents: {reason}")]
    if asked.answer.hits:
        lines.append(Styled("closest passages:"))
        for hit in asked.answer.hits[:_CLOSEST]:
            lines += _entry("  ", _hit_place(hit) + _short_id(hit), width)
    return Styled("\n").join([*lines, Styled("")])


def answer_markdown(answer: Answer) -> Styled:
    """The answer as Markdown: its citations are footnotes, and nothing of it is a link, an image or HTML."""
    if answer.status != "answered":
        return safe(f"{inert(answer.text)}\n" if answer.text else "")
    marked = "".join(each.plain for each in _marked(answer))
    lines = [re.sub(r"\[(\d+)\]", r"[^\1]", inert(marked)), ""]
    for marker, cited in itertools.groupby(answer.citations, key=lambda each: each.marker):
        for number, citation in enumerate(cited):
            place = inert(_place(citation).plain)
            quote = f"“{inert(one_line(citation.quote.text))}”" if citation.quote.text else ""
            entry = f"{place}: {quote}" if citation.verified else f"{place}: **not verified** {quote}".rstrip()
            lines += [f"[^{marker}]: {entry}" if number == 0 else f"    {entry}", ""]
    if any(sentence.support == "unsupported" for sentence in answer.sentences):
        lines += [f"{DOUBT} {_DOUBTFUL}", ""]
    return safe("\n".join(lines))


def inert(text: str) -> str:
    """Markdown that shows as text: no HTML, no link, no image, no address that a viewer would make a link of."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"\]\s*(?=[(\[:])(?!\[\d)", r"]\\", re.sub(r"!(?=\[)", r"\\!", text))
    return re.sub(r"(?i)\b(https?|ftp|www)(?=:|\.)", r"\1&#8203;", text)


# --- hits -------------------------------------------------------------------------------------------------------------


def hits(found: Found, *, markdown: bool = False) -> Styled:
    """Search results: place, score and the words that matched."""
    return _ranked(found.retrieval.hits, [each.trace for each in found.retrieval.retrievals], markdown=markdown)


def sources(asked: Asked, *, markdown: bool = False) -> Styled:
    """What an answer would have rested on, exactly as `search` shows it."""
    traces = [asked.trace, *(part.retrieval.trace for part in asked.parts)]
    return _ranked(asked.answer.hits, traces, markdown=markdown)


def _ranked(retrieved: Sequence[Hit], traces: Sequence[Trace], *, markdown: bool) -> Styled:
    if markdown:
        return safe("\n".join(line for hit in retrieved for line in _hit_markdown(hit)))
    wanted = frozenset(term for trace in traces for term in trace.query.terms)
    width = terminal_width()
    digits = len(str(len(retrieved)))
    blocks = []
    for hit in retrieved:
        place = _hit_place(hit) + style(f"  {hit.score:.2f}", "dim") + _short_id(hit)
        block = _entry(f"{hit.rank:>{digits}} ", place, width)
        block += wrap(_snippet(hit.passage.chunk, wanted), width, indent=" " * (digits + 1), most=_SNIPPET_LINES)
        blocks.append(Styled("\n").join([*block, Styled("")]))
    return Styled("\n").join(blocks)


def _hit_markdown(hit: Hit) -> Iterator[str]:
    yield f"{hit.rank}. **{inert(_hit_place(hit).plain)}** ({hit.score:.2f}, `{hit.passage.chunk_id[:8]}`)"
    yield ""
    yield from (f"   > {inert(line)}" for line in hit.passage.chunk.text.split("\n"))
    yield ""


def _snippet(chunk: Chunk, wanted: frozenset[str]) -> Styled:
    """The stretch of sentences that holds most of the wanted terms, these in bold."""
    from ragqa.text.analyzer import analyze
    from ragqa.text.sentences import spans

    places = spans(chunk.text)
    terms = [wanted & frozenset(analyze(chunk.text[start:end])) for start, end in places]
    best, most = (0, 0), -1
    for first in range(len(places)):
        held: frozenset[str] = frozenset()
        for last in range(first, len(places)):
            if last > first and places[last][1] - places[first][0] > _SNIPPET_CHARACTERS:
                break
            held |= terms[last]
            if len(held) > most:
                best, most = (places[first][0], places[last][1]), len(held)
    start, end = best
    end = max(end, max((stop for _, stop in places if stop - start <= _SNIPPET_CHARACTERS), default=end))
    shown = _LEADERS.sub(" … ", one_line(chunk.text[start : min(end, start + 2 * _SNIPPET_CHARACTERS)]))
    lead = "… " if start > places[0][0] else ""
    trail = " …" if end < places[-1][1] else ""
    return safe(lead) + _highlighted(shown, wanted) + trail


_LEADERS = re.compile(r"(?:\s*[.·…]){5,}\s*")
"""The dots that lead the eye through a table of contents."""
_RUN = re.compile(r"[^\W_]+")
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af]")


def _highlighted(text: str, wanted: frozenset[str]) -> Styled:
    """The text with every word, or pair of Chinese characters, that the search looked for in bold."""
    from ragqa.text.analyzer import analyze

    bold = [False] * len(text)
    for run in _RUN.finditer(text):
        if not _HAN.search(run.group()):
            if wanted & frozenset(analyze(run.group())):
                bold[run.start() : run.end()] = [True] * len(run.group())
            continue
        for place in range(run.start(), run.end() - 1):
            if wanted & frozenset(term for term in analyze(text[place : place + 2]) if len(term) > 1):
                bold[place : place + 2] = [True, True]
    pieces, place = [], 0
    for is_bold, group in itertools.groupby(bold):
        length = len(list(group))
        piece = text[place : place + length]
        pieces.append(style(piece, "bold") if is_bold else safe(piece))
        place += length
    return Styled("").join(pieces)


def corrections(trace: Trace, parts: Sequence[Part] = ()) -> list[str]:
    """One line for each word that was read as another one; it may be that just this one was not meant."""
    queries = [trace.query, *(part.retrieval.trace.query for part in parts)]
    made = dict.fromkeys(correction for query in queries for correction in query.corrections)
    return [f"no passage has “{each.written}”: read as “{each.meant}”" for each in made]


def explanation(
    trace: Trace, hits: Sequence[Hit] = (), parts: Sequence[Part] = (), *, scope: Scope | None = None
) -> Styled:
    """What was searched, both rankings, the gate's reading and the fused order, for stderr."""
    width = terminal_width()
    names = {hit.passage.key: _hit_place(hit).plain for hit in hits}
    gate = (
        "both searches count" if trace.readable else "words alone count: the embedding model cannot read the question"
    )
    lines: list[Styled] = [
        safe(f"terms: {' '.join(trace.query.terms)}"),
        safe(f"unknown to the embedding model: {trace.unknown_share:.0%}; {gate}"),
    ]
    lines += [safe(line) for line in corrections(trace, parts)]
    for each in trace.query.exact:
        holding = sum(each in held for held in trace.exact.values())
        lines.append(safe(f"letter for letter: “{each.text}”, in {holding} passages"))
    lines += [safe(f"asks also: {part.retrieval.trace.query.text}") for part in parts[1:]]
    if trace.duplicates:
        lines.append(safe(f"left out because they say the same as a better one: {len(trace.duplicates)} passages"))
    if scope is not None:
        lines.insert(0, safe(f"searched, as the filter says: documents {scope.documents:,}, passages {scope.chunks:,}"))
    if trace.unreadable:
        lines.append(safe(f"passages it cannot read, ranked by words alone: {len(trace.unreadable)}"))
    rankings: list[tuple[str, Sequence[Scored]]] = [
        ("by meaning (cosine)", trace.dense),
        (f"by words ({trace.lexical_index})", trace.lexical),
        ("fused", trace.fused),
    ]
    if trace.reranking:
        rankings.append((_reranked(trace.reranking), trace.reranking.scored))
    for title, ranking in rankings:
        lines += [Styled(""), style(title, "bold") + f", {len(ranking)} passages"]
        for number, scored in enumerate(ranking[:_EXPLAINED], 1):
            place = names.get(scored.key, f"passage {scored.key}")
            lines.append(cut(f"{number:>3} {scored.score:8.4f}  {place}", width))
    timings = ", ".join(f"{stage} {spent:.0f}" for stage, spent in trace.timings_ms.items())
    return Styled("\n").join([*lines, Styled(""), safe(f"milliseconds: {timings}"), Styled("")])


def _reranked(reranking: Reranking) -> str:
    """Who reranked, how many and for how long; or why not."""
    if reranking.failure:
        return f"not reranked by {reranking.reranker} ({reranking.failure})"
    seen = f"{len(reranking.scored)} of {reranking.candidates} candidates"
    return f"reranked by {reranking.reranker} ({seen} in {reranking.milliseconds:.0f} ms)"


def passages(found: Sequence[Passage]) -> Styled:
    """Chunks whole, each below the place where it stands."""
    blocks = []
    for passage in found:
        chunk = passage.chunk
        place = _where(passage, page=chunk.page_start, label=chunk.page_label, last=chunk.page_end)
        head = place + style(f"  {passage.chunk_id}", "dim")
        blocks.append(Styled("\n").join([head, safe(chunk.text), Styled("")]))
    return Styled("\n").join(blocks)
