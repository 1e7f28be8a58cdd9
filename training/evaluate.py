"""How much a trained model helps ragqa: passages, sentences and refusals of the development benchmarks, in English.

    RAGQA_SHARED=FOLDER python training/evaluate.py CACHE EXPORTED [EXPORTED ...]

What ragqa finds without a reranker is kept in CACHE, and each exported folder's scores beside it, so that ways to join
both scores are compared without running anything again. Choose by the half `fit`, believe the half `report`.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))

CANDIDATES = 32
"""Hits that are kept."""
PASSAGES, REFUSING = 3, 8
"""Of them, those that sentences are taken from, and those that decide a refusal."""
SENTENCES = 3
WRONGLY_REFUSED = 0.05
NEAR, NEAR_WRONGLY_REFUSED = 300, 0.1


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("cache", type=Path)
    options.add_argument("models", type=Path, nargs="*")
    options.add_argument("--depth", type=int, default=20, help="hits that the model scores")
    options.add_argument("--sentences", action="store_true", help="refusals and sentences of bench_dev, too")
    options.add_argument("--held-back", type=Path, help="what prepare.py made: near misses of its held-back tenth, too")
    chosen = options.parse_args()
    chosen.cache.mkdir(parents=True, exist_ok=True)
    sets = {name: _found(name, chosen.cache) for name in ("anthropic_docs", "bench_dev")}
    for model in chosen.models:
        print(f"\n== {model}")
        for name, rows in sets.items():
            _ranked(name, rows, _scored(name, rows, model, chosen.cache, chosen.depth), chosen.depth)
        if chosen.sentences:
            scores = _scored("bench_dev", sets["bench_dev"], model, chosen.cache, REFUSING, sentences=True)
            _refused(sets["bench_dev"], scores)
            _selected(sets["bench_dev"], scores)
        if chosen.held_back:
            _missed(chosen.held_back, model, chosen.cache)


# --- what is found, once ----------------------------------------------------------------------------------------------


def _found(name: str, cache: Path) -> list[dict[str, Any]]:
    """Of each English question, the fused hits with their scores and, of the first, their sentences."""
    path = cache / f"{name}.jsonl"
    if not path.exists():
        path.write_text("".join(json.dumps(row) + "\n" for row in _asked(name)), encoding="utf-8")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _asked(name: str) -> list[dict[str, Any]]:
    from corpora import build_index, load

    from ragqa import config, wiring
    from ragqa.answering import evidence, selection
    from ragqa.flows import search

    corpus = load(name)
    index, names = build_index(corpus)
    # As many hits as are reranked, whatever is alike among them.
    settings = config.load(environment={}, flags={"rerank.model": "none", "retrieval.top_k": CANDIDATES})
    rows = []
    with wiring.open_store(index) as store:
        parts = wiring.searching(store, settings, notice=print)
        for question in corpus.questions:
            if question.group not in ("en -> en", "absent en", "anthropic_docs"):
                continue
            found = search.retrieve(question.text, parts)
            hits = [
                {
                    "passage": names[Path(hit.passage.document).name],
                    "fused": hit.score,
                    "text": hit.passage.chunk.indexed_text,
                    "heading": list(hit.passage.chunk.heading),
                }
                for hit in found.hits
            ]
            sentences = [
                {"hit": each.source, "text": each.text, "terms": bool(each.terms)}
                for each in selection._candidates(list(found.hits[:PASSAGES]))
            ]
            chosen = selection.select(question.text, found.hits, idf=parts.lexical.idf)
            measured = evidence.measure(
                found.trace.query.text, found.hits[:8], idf=parts.lexical.idf, background=found.trace.background
            )
            rows.append(
                {
                    "id": question.id,
                    "group": question.group,
                    "half": question.half,
                    "question": found.trace.query.text,
                    "answers": list(question.answers),
                    "relevant": sorted(question.relevant),
                    "hits": hits,
                    "sentences": sentences,
                    "selected": [[each.source, each.text, each.score] for each in chosen],
                    "evidence": max((evidence.logit(each, evidence.WEIGHTS) for each in measured), default=-9.0),
                }
            )
    return rows


def _scored(
    name: str, rows: Sequence[Mapping[str, Any]], model: Path, cache: Path, depth: int, *, sentences: bool = False
) -> dict[str, Any]:
    """The logits of each question's hits, and of the sentences of the first, without and with headings."""
    path = cache / f"{name}-{model.name}-{depth}{'-sentences' if sentences else ''}.json"
    if not path.exists():
        encoder = _opened(model)
        scores: dict[str, Any] = {}
        for row in rows:
            own = row["sentences"]
            heads = [f"{' > '.join(row['hits'][each['hit']]['heading'])}\n{each['text']}" for each in own]
            texts = {"hits": [hit["text"] for hit in row["hits"][:depth]]}
            if sentences:
                texts |= {"sentences": [each["text"] for each in own], "headed": heads}
            if sentences or row["relevant"]:
                scores[row["id"]] = {kind: list(encoder.score(row["question"], each)) for kind, each in texts.items()}
        path.write_text(json.dumps(scores), encoding="utf-8")
    return dict(json.loads(path.read_text("utf-8")))


def _opened(model: Path) -> Any:
    from ragqa.models.onnx_cross_encoder import OnnxCrossEncoder, exported_graph

    graph = exported_graph(str(model), file="auto")
    if graph is None:
        sys.exit(f"{model} is no exported model")
    return OnnxCrossEncoder(model.name, graph)


# --- ranking ----------------------------------------------------------------------------------------------------------

Join = Callable[[Sequence[float], Sequence[float]], Sequence[float]]
"""Fused scores and logits of one question's first candidates to what orders them."""


def _joins(depth: int) -> dict[str, tuple[int, Join]]:
    """Ways to order, each with how many of the candidates it looks at."""
    ways: dict[str, tuple[int, Join]] = {"fused": (CANDIDATES, lambda fused, logits: fused)}
    for looked in sorted({10, depth}):
        ways[f"model alone, {looked}"] = (looked, lambda fused, logits: logits)
    for weight in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
        ways[f"spread both, {weight}"] = (
            depth,
            lambda fused, logits, w=weight: (1 - w) * _spread(fused) + w * _spread(logits),
        )
    for weight in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
        ways[f"fused + probability, {weight}"] = (
            depth,
            lambda fused, logits, w=weight: (1 - w) * np.array(fused) + w * _sigmoid(logits),
        )
    for weight in (0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2):
        ways[f"fused + {weight} logit"] = (
            depth,
            lambda fused, logits, w=weight: np.array(fused) + w * np.array(logits),
        )
    return ways


def _spread(scores: Sequence[float]) -> Any:
    row = np.array(scores)
    return (row - row.min()) / (row.max() - row.min()) if len(row) and row.max() > row.min() else row * 0


def _sigmoid(logits: Sequence[float]) -> Any:
    return 1 / (1 + np.exp(-np.array(logits)))


def _ranked(name: str, rows: Sequence[Mapping[str, Any]], scores: Mapping[str, Any], most: int) -> None:
    asked = [row for row in rows if row["relevant"]]
    print(f"\n{name}, {len(asked)} questions: {'':<10} {'nDCG@10':>8} {'MRR@10':>8}   fit, report of each")
    for way, (depth, join) in _joins(most).items():
        found: dict[str, list[tuple[float, float]]] = {"fit": [], "report": []}
        for row in asked:
            hits = row["hits"]
            depth_here = min(depth, len(hits))
            fused = [hit["fused"] for hit in hits[:depth_here]]
            logits = scores[row["id"]]["hits"][:depth_here] if way != "fused" else fused
            joined = list(join(fused, logits))
            order = sorted(range(depth_here), key=lambda place: -joined[place])
            passages = list(dict.fromkeys(hits[place]["passage"] for place in [*order, *range(depth_here, len(hits))]))
            found[row["half"]].append(_values(passages, set(row["relevant"])))
        both = [*found["fit"], *found["report"]]
        cells = [f"{statistics.fmean(value[place] for value in both):.4f}" for place in (0, 1)]
        halves = [
            f"{statistics.fmean(v[place] for v in found[half]):.3f}" for place in (0, 1) for half in ("fit", "report")
        ]
        print(f"{way:<38} {cells[0]:>8} {cells[1]:>8}   {' '.join(halves)}")


def _values(passages: Sequence[str], relevant: set[str]) -> tuple[float, float]:
    """nDCG@10 and MRR@10."""
    gains = [1 / math.log2(rank + 2) for rank, each in enumerate(passages[:10]) if each in relevant]
    best = sum(1 / math.log2(rank + 2) for rank in range(min(10, len(relevant))))
    first = next((1 / (rank + 1) for rank, each in enumerate(passages[:10]) if each in relevant), 0.0)
    return sum(gains) / best, first


# --- refusing and selecting -------------------------------------------------------------------------------------------


def _refused(rows: Sequence[Mapping[str, Any]], scores: Mapping[str, Any]) -> None:
    """Of the unanswerable, how many are refused where so many of the answerable are."""
    print(f"\nrefused of the absent, at {WRONGLY_REFUSED} of the answerable wrongly refused")
    measures: dict[str, Callable[[Mapping[str, Any]], float]] = {
        "evidence": lambda row: row["evidence"],
        "best passage of 8": lambda row: max(scores[row["id"]]["hits"][:8], default=-9.0),
        "best sentence": lambda row: max(scores[row["id"]]["headed"], default=-9.0),
        "evidence + passage": lambda row: row["evidence"] + max(scores[row["id"]]["hits"][:8], default=-9.0),
    }
    for name, measure in measures.items():
        cells = []
        for half in ("fit", "report", ""):
            answerable = sorted(measure(row) for row in rows if row["relevant"] and row["half"].startswith(half))
            absent = [measure(row) for row in rows if not row["relevant"] and row["half"].startswith(half)]
            threshold = answerable[int(WRONGLY_REFUSED * len(answerable))]
            cells.append(f"{sum(value < threshold for value in absent) / len(absent):.3f} of {len(absent)}")
        print(f"{name:<38} {'   '.join(cells)}")


def _missed(data: Path, model: Path, cache: Path) -> None:
    """Held-back questions of which the article is there: with the passage that answers among eight, and without it."""
    path = cache / f"near-{model.name}.json"
    if not path.exists():
        encoder = _opened(model)
        pieces = {row["id"]: row for row in map(json.loads, (data / "pieces.jsonl").read_text("utf-8").splitlines())}
        rows = map(json.loads, (data / "groups.jsonl").read_text("utf-8").splitlines())
        known = [row for row in rows if row["held_back"] and len({*row["near"]} & {*row["hard"][:8]}) >= 2]
        found = []
        for row in random.Random(NEAR).sample(known, min(NEAR, len(known))):
            texts = [
                f"{pieces[id]['title']}\n{pieces[id]['text']}".strip() for id in [row["positive"][0], *row["hard"][:8]]
            ]
            found.append({"source": row["source"], "scores": list(encoder.score(row["query"], texts))})
        path.write_text(json.dumps(found), encoding="utf-8")
    found = json.loads(path.read_text("utf-8"))
    with_it = sorted(max(each["scores"][:8]) for each in found)
    threshold = with_it[int(NEAR_WRONGLY_REFUSED * len(with_it))]
    print(f"\nrefused of {len(found)} near misses, at {NEAR_WRONGLY_REFUSED} of the same questions wrongly refused")
    for source in ("", *sorted({each["source"] for each in found})):
        own = [max(each["scores"][1:]) < threshold for each in found if source in ("", each["source"])]
        print(f"{source or 'all':<38} {sum(own) / len(own):.3f} of {len(own)}")


def _selected(rows: Sequence[Mapping[str, Any]], scores: Mapping[str, Any]) -> None:
    """How often one of at most three sentences holds the answer; the model also orders the passages they are from."""
    from ragqa.evaluation import answers

    print("\nthe gold answer inside at most three sentences")
    asked = [row for row in rows if row["relevant"] and row["answers"]]

    def held(row: Mapping[str, Any], texts: Sequence[str]) -> bool:
        return answers.holds(answers.key("\n".join(texts)), [answers.key(answer) for answer in row["answers"]])

    ways: dict[str, Callable[[Mapping[str, Any]], Sequence[str]]] = {
        "as it is": lambda row: [each[1] for each in row["selected"]],
        "all sentences of the three": lambda row: [each["text"] for each in row["sentences"]],
    }
    for kind in ("sentences", "headed"):
        for weight in (0.0, 0.25, 0.5, 1.0):

            def best(row: Mapping[str, Any], kind: str = kind, weight: float = weight) -> Sequence[str]:
                own = scores[row["id"]]
                values = [
                    score + weight * own["hits"][each["hit"]]
                    for score, each in zip(own[kind], row["sentences"], strict=True)
                ]
                order = sorted(range(len(values)), key=lambda place: -values[place])
                return [row["sentences"][place]["text"] for place in order[:SENTENCES]]

            ways[f"{kind} + {weight} passage"] = best
    for name, way in ways.items():
        cells = [
            f"{statistics.fmean(held(row, way(row)) for row in asked if row['half'].startswith(half)):.3f}"
            for half in ("fit", "report", "")
        ]
        print(f"{name:<38} {'   '.join(cells)}   of {len(asked)}")


if __name__ == "__main__":
    main()
