"""How well passages are found through a real index, and what each stage of retrieval adds to it.

    RAGQA_SHARED=FOLDER python bench/retrieval.py             # the defaults beside three simpler searches
    RAGQA_SHARED=FOLDER python bench/retrieval.py --study [STAGE ...] [--reranker MODEL]
                                    # each stage (or those) otherwise; puts the tables into docs/retrieval.md

The questions of the Traditional group are also asked in Simplified characters, over the same Traditional documents.
Questions are halved by their id: choose on the first half, believe the second.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from corpora import load
from measuring import (
    DEFAULT,
    GROUPS,
    HELD,
    SETS,
    SIZE,
    Asked,
    Bench,
    Outcome,
    Values,
    Variant,
    Way,
    differences,
    mean,
)
from stages import Stage, controls, stages

DOCUMENT = Path(__file__).parents[1] / "docs" / "retrieval.md"
METRICS = ("mrr@10", "ndcg@10", "recall@10")
OURS = "ragqa"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--study", nargs="*", metavar="STAGE", help="All stages, or those named.")
    options.add_argument("--reranker", default="", metavar="MODEL")
    chosen = options.parse_args()
    benches = [Bench(name, load(name)) for name in SETS]
    if chosen.study is None:
        print(_defaults(benches))
        return
    every = {stage.key: stage for stage in stages(chosen.reranker)}
    keys = chosen.study or ["defaults", *every]
    if unknown := set(keys) - {"defaults", *every}:
        options.error(f"no stage {', '.join(unknown)}; there is defaults, {', '.join(every)}")
    if "defaults" in keys:
        _write("defaults", _defaults(benches))
    for key, table in _study(benches, [every[key] for key in keys if key in every]):
        _write(key, table)


def _write(key: str, table: str) -> None:
    """Print a table, and put it between its two markers in the document."""
    print(f"{key}\n{table}\n", flush=True)
    document = DOCUMENT.read_text("utf-8")
    place = re.compile(rf"(<!-- table: {key} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not place.search(document):
        sys.exit(f"{DOCUMENT} has no place for the table `{key}`")
    DOCUMENT.write_text(place.sub(lambda match: f"{match[1]}{table}\n{match[2]}", document), encoding="utf-8")


# --- the defaults -----------------------------------------------------------------------------------------------------


def _defaults(benches: Sequence[Bench]) -> str:
    """Every group under four ways to search, and how far apart the first is from the plain ones."""
    rows = []
    for bench in benches:
        groups = sorted({each.group for each in bench.asked}, key=[*GROUPS, "cross-language"].index)
        with bench.opened(DEFAULT) as (parts, names):
            ways: Mapping[str, Way] = {
                "words alone": lambda text, parts=parts, names=names: _by_words(text, parts, names),
                "plain BM25": _okapi(parts, names),
                "plain dense": lambda text, parts=parts, names=names: _by_meaning(text, parts, names),
            }
            found = {OURS: bench.ask(DEFAULT, groups)}
            found.update({name: bench.values(way, groups) for name, way in ways.items()})
        for group in groups:
            chosen = [each for each in bench.asked if each.group == group]
            rows += [_row(group, chosen, name, found) for name in found]
    head = ["group", "questions", "search", *(_shown(metric) for metric in METRICS), "nDCG, fit", "nDCG, report"]
    return _table([*head, "ragqa's nDCG@10 above it"], rows, right=(1, 3, 4, 5, 6, 7))


def _row(group: str, chosen: Sequence[Asked], name: str, found: Mapping[str, Values]) -> list[str]:
    halves = [mean(found[name], chosen, "ndcg@10", half) for half in ("fit", "report")]
    margin = ""
    if name != OURS:
        by, low, high = differences(found[name], found[OURS], chosen, "ndcg@10")
        margin = f"{by:+.3f} ({low:+.3f} to {high:+.3f})"
    values = [_number(mean(found[name], chosen, metric)) for metric in METRICS]
    values = [f"**{value}**" if name == OURS else value for value in values]
    first = [group, str(len(chosen))] if name == OURS else ["", ""]
    return [*first, name, *values, *map(_number, halves), margin]


def _by_words(text, parts, names) -> Outcome:
    """ragqa's own BM25 and nothing else."""
    from ragqa.text.analyzer import analyze

    return _outcome([hit.key for hit in parts.lexical.search(analyze(text), 50)], parts, names)


def _by_meaning(text, parts, names) -> Outcome:
    """The built-in embedder and nothing else, whether it can read the question or not."""
    vector = parts.embedder.embed([text], kind="query")[0]
    return _outcome([hit.key for hit in parts.vectors.search(vector, 50)], parts, names)


def _outcome(keys, parts, names) -> Outcome:
    passages = parts.passages(keys)
    return Outcome([*dict.fromkeys(names[Path(each.document).name] for each in passages)])


_TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")


def _okapi(parts, names) -> Way:
    """rank_bm25's BM25Okapi over the same chunks: words in lower case, and Chinese characters one by one."""
    import numpy as np
    from rank_bm25 import BM25Okapi

    chunks = list(parts.store.chunks())
    model = BM25Okapi([_TOKEN.findall(each.chunk.indexed_text.lower()) for each in chunks])

    def ask(text: str) -> Outcome:
        best = np.argsort(-model.get_scores(_TOKEN.findall(text.lower())), kind="stable")[:50]
        return _outcome([chunks[place].key for place in best], parts, names)

    return ask


# --- the study --------------------------------------------------------------------------------------------------------


def _study(benches: Sequence[Bench], wanted: Sequence[Stage]) -> Iterator[tuple[str, str]]:
    """The key and the table of each stage, as they are done."""
    default = _ask(benches, DEFAULT)
    for control in controls() if {"analyzer", "chunks", "headings"} & {stage.key for stage in wanted} else ():
        found = _ask(benches, control)
        if differing := [name for name, values in found.items() if values != default[name]]:
            example = ", ".join(differing[:5])
            sys.exit(f"{control.name}: {len(differing)} questions come out otherwise than with the defaults: {example}")
    for stage in wanted:
        results: dict[str, Values] = {}
        base = default if stage.default == DEFAULT else _ask(benches, stage.default)
        for variant in stage.variants:
            results[variant.name] = base if stage.is_default(variant) else _ask(benches, variant)
        yield stage.key, _stage_table(benches, stage, results, base)


def _ask(benches: Sequence[Bench], variant: Variant) -> Values:
    print(f"  {variant.name}", file=sys.stderr, flush=True)
    found: dict[str, Mapping[str, float]] = {}
    for bench in benches:
        found.update({f"{bench.name} {name}": own for name, own in bench.ask(variant, [*GROUPS]).items()})
    return found


def _stage_table(benches: Sequence[Bench], stage: Stage, results: Mapping[str, Values], default: Values) -> str:
    groups = {
        group: [
            Asked(f"{bench.name} {each.id}", each.text, each.group, each.question)
            for bench in benches
            for each in bench.asked
            if each.group == group
        ]
        for group in GROUPS
    }
    means = {
        half: {
            name: sum(mean(values, groups[group], metric, half) or 0.0 for group, metric in GROUPS.items())
            / len(GROUPS)
            for name, values in results.items()
        }
        for half in ("fit", "report")
    }
    best = max(round(value, 3) for value in means["fit"].values())
    rows = []
    for name, values in results.items():
        cells = [_cell(values, default, groups[group], metric) for group, metric in GROUPS.items()]
        fit = _number(means["fit"][name]) + ("*" if round(means["fit"][name], 3) == best else "")
        row = [name, *cells, fit, _number(means["report"][name])]
        if stage.texts:
            answered = [each for group in groups if group != "anthropic_docs" for each in groups[group]]
            row += [_cell(values, default, answered, HELD), f"{mean(values, answered, SIZE):.1f}"]
        rows.append([f"**{cell}**" for cell in row] if values is default else row)
    head = [
        "",
        *GROUPS,
        "mean, fit",
        "mean, report",
        *(["answer in the first 5", "characters, thousands"] if stage.texts else []),
    ]
    return _table(head, rows, right=tuple(range(1, len(head))))


def _cell(values: Values, default: Values, chosen: Sequence[Asked], metric: str) -> str:
    """Both halves, and an arrow where the difference to the defaults, over both, is real."""
    told = [each for each in chosen if metric in default[each.id]]
    halves = " ".join(_number(mean(values, told, metric, half)) for half in ("fit", "report"))
    if values is default or all(values[each.id][metric] == default[each.id][metric] for each in told):
        return halves
    _, low, high = differences(default, values, told, metric)
    return halves + (" ▲" if low > 0 else " ▼" if high < 0 else "")


# --- writing ----------------------------------------------------------------------------------------------------------


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int]) -> str:
    """A Markdown table, its columns as wide as they need to be."""
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    pad = [
        [
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in (head, *rows)
    ]
    line = ["-" * (width - 1) + (":" if place in right else "-") for place, width in enumerate(widths)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (pad[0], line, *pad[1:]))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}".removeprefix("0")


def _shown(metric: str) -> str:
    return {"mrr@10": "MRR@10", "ndcg@10": "nDCG@10"}.get(metric, metric)


if __name__ == "__main__":
    main()
