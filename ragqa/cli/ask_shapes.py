"""The JSON of `ragqa ask`: the whole of an answer, and the events on the way to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from ragqa.cli import shapes
from ragqa.cli.shapes import Shape
from ragqa.types import Support

if TYPE_CHECKING:
    from ragqa.flows import ask as ask_flow


def ask(asked: ask_flow.Asked, *, explain: bool = False) -> Shape:
    """`ragqa ask`."""
    answer = asked.answer
    usage = answer.usage
    shape = {
        **shapes.versioned(),
        "question": answer.question,
        "status": answer.status,
        "reason": answer.reason,
        "answer": answer.text,
        "sentences": [
            {
                "text": sentence.text,
                "citations": list(sentence.citations),
                "support": sentence.support,
                "support_score": None if sentence.score is None else shapes.number(sentence.score),
            }
            for sentence in answer.sentences
        ],
        "support": {
            **{support: sum(each.support == support for each in answer.sentences) for support in get_args(Support)},
            "dropped": answer.dropped,
        },
        "citations": [shapes.citation(each) for each in answer.citations],
        "hits": [shapes.hit(each) for each in answer.hits],
        "evidence": shapes.number(asked.evidence.score),
        "refuse_below": shapes.number(asked.refuse_below),
        "understood": shapes.understood(asked.trace, asked.parts),
        "degraded": asked.degraded and _degraded(asked.degraded),
        "models": dict(answer.models),
        "reranking": shapes.reranking_of(asked.trace.reranking),
        "filter": shapes.filter_of(asked.scope),
        "index": shapes.index_facts(asked.index),
        "usage": {
            "prompt_tokens": usage.prompt_tokens if usage else None,
            "output_tokens": usage.output_tokens if usage else None,
        },
        "timings_ms": shapes.timings(asked.timings_ms),
    }
    if not explain:
        return shape
    return {**shape, "explain": {**shapes.explanation(asked.trace, answer.hits, asked.parts), **_answering(asked)}}


def _answering(asked: ask_flow.Asked) -> Shape:
    """What the answer was made from, and what was found out about each of its sentences."""
    request, answer = asked.request, asked.answer
    quotes: dict[int, list[Shape]] = {}
    for each in answer.citations:
        found = {"marker": each.marker, "quote": each.quote.text, "verified": each.verified}
        quotes.setdefault(each.marker, []).append(found)
    return {
        "prompt": request
        and {
            "tokens": request.prompt_tokens,
            "counter": request.counted_by or None,
            "sources": [
                {"number": place, **shapes.passage(each.passage)} for place, each in enumerate(request.sources, 1)
            ],
        },
        "verification": [
            {
                "sentence": each.text,
                "support": each.support,
                "quotes": [quote for marker in each.citations for quote in quotes.get(marker, ())],
            }
            for each in answer.sentences
        ],
    }


def ask_event(event: ask_flow.Event) -> Shape:
    """One line of `ragqa ask --format jsonl`; the last is `{"event": "result", ...}` with the whole of `ask`."""
    from ragqa.flows.ask import Cited, Degraded, Retrieved, Spent, Withdrawn, Written

    match event:
        case Retrieved(hits):
            return {"event": "retrieval", "hits": [shapes.hit(each) for each in hits]}
        case Written(text):
            return {"event": "token", "text": text}
        case Cited(cited):
            return {"event": "citation", **shapes.citation(cited)}
        case Spent(usage):
            return {"event": "usage", "prompt_tokens": usage.prompt_tokens, "output_tokens": usage.output_tokens}
        case Degraded():
            return {"event": "degraded", **_degraded(event)}
        case Withdrawn(reason):
            return {"event": "withdrawn", "reason": reason}


def _degraded(degraded: ask_flow.Degraded) -> Shape:
    return {"from": degraded.name, "reason": degraded.reason}
