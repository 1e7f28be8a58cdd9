"""Decides whether the retrieved passages can hold the answer at all, before anything is generated; pure.

Each hit is judged by itself, by a small logistic model of "the answer is in this passage"; the question's evidence is
that of its best hit. Every feature is a share between 0 and 1, free of the collection's size, of the language and of
the embedding model, so that one threshold serves a folder of twenty notes and one of a million chunks.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from ragqa.answering.cues import asked_for
from ragqa.text.analyzer import analyze
from ragqa.text.sentences import spans
from ragqa.types import Hit

REFUSE_BELOW = 0.5
"""The threshold that the weights are fitted for, where nobody has set or calibrated another."""
HITS = 8
"""Only so many of the best hits are judged."""
BACKGROUND = 4
"""With fewer other cosines than this there is nothing to compare a cosine with."""

WEIGHTS: Mapping[str, float] = {
    "constant": -7.37,
    "passage": 4.7,
    "window": 6.5,
    "lead": 2.4,
    "numbers": -2.4,
    "codes": -5.0,
    "kind": -1.0,
    "length": 1.8,
    "readable": 2.82,
    "readable_passage": -3.9,
    "readable_window": -5.1,
    "readable_lead": -0.2,
    "readable_kind": 0.9,
    "readable_length": 2.3,
    "lift": 6.5,
}
"""Fitted on one half of a public question set in English, Simplified and Traditional Chinese and on the questions of
sample_docs; decision 0006 says how, and how far to trust it. `codes` alone is a rule, since hardly any question names
one: what is said of part TB-4425 answers no question about TB-4490."""


_WEIGHED_APART = ("passage", "window", "lead", "kind", "length")
"""What says less, or other things, about a passage whose meaning is known: weighed once more as `readable_...`."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """`score` is the estimated probability, 0 to 1, that the hits hold the answer; `best` the hit it rests on.

    `best` is an index into the hits, None where there is nothing to rest on; `features` are that hit's.
    """

    score: float
    best: int | None
    features: Mapping[str, float]


def assess(
    question: str,
    hits: Sequence[Hit],
    *,
    idf: Callable[[Sequence[str]], Mapping[str, float]],
    background: Sequence[float] = (),
) -> Evidence:
    """The evidence for an answer in `hits`; 0 without hits, or for a question that names nothing.

    `idf` weighs the question's terms. `background` are the cosines of the whole dense ranking (hundred or so), against
    which a hit's own cosine stands out or does not; leave it out where the question could not be read.
    """
    measured = measure(question, hits, idf=idf, background=background)
    if not measured:
        return Evidence(0.0, None, {})
    logits = [logit(features) for features in measured]
    best = max(range(len(logits)), key=lambda index: (round(logits[index], 9), -index))
    return Evidence(1 / (1 + math.exp(-logits[best])), best, measured[best])


def logit(features: Mapping[str, float], weights: Mapping[str, float] = WEIGHTS) -> float:
    """The log odds that the answer is in the passage with these features."""
    return weights["constant"] + math.fsum(weights[name] * value for name, value in features.items())


def measure(
    question: str,
    hits: Sequence[Hit],
    *,
    idf: Callable[[Sequence[str]], Mapping[str, float]],
    background: Sequence[float] = (),
) -> list[dict[str, float]]:
    """The features of each of the first hits, in their order.

    - `passage`, `window`: the share of the question's terms, weighed by idf, in the passage with its heading, title and
      file name, and in its best two neighbouring sentences with them;
    - `lead`: by which share the BM25 score is above that of the best hit in another document;
    - `numbers`, `codes`: the share of the question's numbers, and of its codes (`TB-4425`), that the passage lacks;
    - `kind`: 1 where the question asks for a time, a number, a reason, a place or a person, and that window has none;
    - `length`: how long the question is (long ones are covered less);
    - `readable`, `lift`: 1 where there is a cosine, and how far it rises from the background towards 1;
    - `readable_...`: the same once more where there is a cosine, since words say less where meaning is known.
    """
    terms = analyze(question)
    weights = idf(terms)
    total = math.fsum(weights.values())
    if not total:
        return []
    numbers = {term for term in terms if any(map(str.isdigit, term))}
    codes = {term for term in numbers if term[0].isalpha()}
    wanted = asked_for(question)
    scores = [hit.lexical or 0.0 for hit in hits]
    length = min(1.0, len(weights) / 20)

    def share(found: set[str]) -> float:
        return math.fsum(weight for term, weight in weights.items() if term in found) / total

    measured = []
    for index, hit in enumerate(hits[:HITS]):
        chunk = hit.passage.chunk
        # Notes often have no title but their file's name: "cairn-hill-field-notes.txt".
        name = PurePath(hit.passage.document).stem
        above = set(analyze(" ".join((name, hit.passage.title, *chunk.heading))))
        sentences = [chunk.text[start:end] for start, end in spans(chunk.text)]
        found = [set(analyze(sentence)) for sentence in sentences]
        sequence = analyze(chunk.indexed_text)
        everything = above.union(sequence)
        windows = [share(above | first | second) for first, second in itertools.pairwise(found)] or [share(everything)]
        at = windows.index(max(windows))
        rivals = [score for other, score in zip(hits, scores, strict=True) if other.passage.path != hit.passage.path]
        rival = max(rivals, default=0.0)
        lift = _lift(hit.dense, background)
        lead = max(0.0, (scores[index] - rival) / scores[index]) if scores[index] > 0 else 0.0
        kind = float(wanted is not None and not any(map(wanted, sentences[at : at + 2])))
        words = {
            "passage": share(everything),
            "window": windows[at],
            "lead": lead,
            "numbers": len(numbers - everything) / len(numbers) if numbers else 0.0,
            "codes": len(codes - everything) / len(codes) if codes else 0.0,
            "kind": kind,
            "length": length,
        }
        again = {f"readable_{name}": 0.0 if lift is None else words[name] for name in _WEIGHED_APART}
        measured.append({**words, "readable": 0.0 if lift is None else 1.0, **again, "lift": lift or 0.0})
    return measured


def _lift(cosine: float | None, background: Sequence[float]) -> float | None:
    """How far a cosine rises above the mean of the others, as a share of the way to 1; at least 0.

    Models differ in what an unrelated text scores (.1 for one, .7 for another); this measure does not.
    """
    if cosine is None or len(background) <= BACKGROUND:
        return None
    mean = (math.fsum(background) - max(background)) / (len(background) - 1)
    return max(0.0, (cosine - mean) / (1 - mean)) if mean < 1 else 0.0
