"""How well passages are found: MRR@10, recall@1 and recall@10 through a real index, per language and benchmark.

    RAGQA_SHARED=FOLDER python bench/retrieval.py

The questions of the Traditional group are also asked in Simplified characters, over the same Traditional documents.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from corpora import Corpus, Question, build_index, load


def main() -> None:
    from opencc import OpenCC

    to_simplified = OpenCC("t2s").convert
    print(f"{'group':<34} {'n':>5} {'MRR@10':>8} {'R@1':>7} {'R@10':>7}")
    for name in ("bench_dev", "anthropic_docs", "domainrag"):
        corpus = load(name)
        ranks = _ranks(corpus, ((question.text, question) for question in corpus.questions if question.relevant))
        groups = sorted({question.group for question, _ in ranks})
        for group in groups:
            _print(group, [rank for question, rank in ranks if question.group == group])
        traditional = [question for question in corpus.questions if question.group == "zh-Hant -> zh-Hant"]
        if traditional:
            converted = _ranks(corpus, ((to_simplified(question.text), question) for question in traditional))
            _print("zh-Hant, asked in Simplified", [rank for _, rank in converted])


def _ranks(corpus: Corpus, asked: Iterable[tuple[str, Question]]) -> list[tuple[Question, int | None]]:
    """For each question the rank of its first relevant passage among ten distinct ones, None where it is not there."""
    from ragqa import config, wiring
    from ragqa.flows.search import retrieve

    index, names = build_index(corpus)
    settings = config.load(environment={}, flags={"retrieval.top_k": 30})
    ranks: list[tuple[Question, int | None]] = []
    with wiring.open_store(index) as store:
        parts = wiring.searching(store, settings, notice=print)
        for text, question in asked:
            passages = dict.fromkeys(names[PurePath(hit.passage.document).name] for hit in retrieve(text, parts).hits)
            found = [rank for rank, passage in enumerate([*passages][:10], 1) if passage in question.relevant]
            ranks.append((question, found[0] if found else None))
    return ranks


def _print(group: str, ranks: list[int | None]) -> None:
    reciprocal = sum(1 / rank for rank in ranks if rank) / len(ranks)
    first = sum(rank == 1 for rank in ranks) / len(ranks)
    ten = sum(rank is not None for rank in ranks) / len(ranks)
    print(f"{group:<34} {len(ranks):>5} {reciprocal:>8.3f} {first:>7.3f} {ten:>7.3f}")


if __name__ == "__main__":
    main()
