"""Answers without a model service: the best verbatim sentences of the sources, each with its marker."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from ragqa.answering.markers import without_markers
from ragqa.answering.selection import Selected, select
from ragqa.ports import AskedPart, Finish, GenerationRequest

_FOOTNOTES = re.compile(r"(?<=\S)(?: ?\[[0-9]{1,3}\])+$")
"""Marks of footnotes behind the last word of a sentence."""


class ExtractiveGenerator:
    """A Generator that writes nothing of its own: every sentence stands in the source that its marker names.

    `idf` is that of the lexical index. Line breaks inside a sentence become blanks; each sentence is a paragraph, so
    that a table row or a list item never runs into the next sentence. A question with several parts gets the sentences
    of each in turn, `sentences` at most for each.
    """

    name = "extractive"

    def __init__(self, idf: Callable[[Sequence[str]], Mapping[str, float]], *, sentences: int = 3) -> None:
        self._idf = idf
        self._sentences = sentences

    def generate(self, request: GenerationRequest) -> Iterator[str | Finish]:
        chosen: dict[tuple[int, int], Selected] = {}
        for part in request.parts or (AskedPart(request.question, tuple(range(len(request.sources)))),):
            hits = [request.sources[place] for place in part.sources]
            for sentence in select(part.question, hits, idf=self._idf, limit=self._sentences):
                source = part.sources[sentence.source]
                chosen.setdefault((source, sentence.start), replace(sentence, source=source))
        for number, sentence in enumerate(chosen.values()):
            separator = "\n\n" if number else ""
            # A footnote's `[3]` in a document must not become a citation of source 3, nor stand between it and ours.
            text = without_markers(_FOOTNOTES.sub("", " ".join(sentence.text.split())))
            yield f"{separator}{text} [{sentence.source + 1}]"
        yield Finish(complete=True, reason="extractive")
