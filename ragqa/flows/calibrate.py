"""`ragqa eval --calibrate`: weigh the evidence for known questions, and store below which of it this index refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ragqa.answering import evidence
from ragqa.errors import IndexMismatch, UsageError
from ragqa.evaluation.calibration import Weighed
from ragqa.flows import ask, indexing, search
from ragqa.index.records import Calibration

if TYPE_CHECKING:
    from ragqa.config import AnswerConfig
    from ragqa.evaluation.questions import Question
    from ragqa.flows.search import Searching
    from ragqa.index.records import IndexMeta
    from ragqa.index.store import Store


def threshold(settings: AnswerConfig, meta: IndexMeta | None) -> float:
    """The evidence below which a question is refused: as set, else as calibrated for the index, else the default."""
    if settings.refuse_below != "auto":
        return settings.refuse_below
    return meta.calibration.refuse_below if meta and meta.calibration else evidence.REFUSE_BELOW


def weigh(
    questions: Sequence[Question],
    searching: Searching,
    *,
    on_done: Callable[[int, int], None] = lambda done, of: None,
) -> list[Weighed]:
    """The evidence for each question, exactly as `ask` weighs it; nothing is answered, and no service is asked to.

    Raises UsageError, before anything is asked, unless there are questions with an answer and questions without.
    """
    kinds = {question.answerable for question in questions}
    for answerable, kind in ((True, "an answerable question"), (False, "a question that is not answerable")):
        if answerable not in kinds:
            raise UsageError(
                f"there is no {kind.partition(' ')[2]} among them, and a threshold lies between both kinds",
                remedy='`"answerable": false` marks what the documents do not hold; 20 of each kind tell something',
            )
    indexing.require_comparable(searching.store, searching.embedder, sparse=searching.sparse)
    weighed = []
    for number, question in enumerate(questions, start=1):
        found = search.retrieve(question.text, searching)
        weighed.append(Weighed(ask.weigh(found, searching).score, question.answerable))
        on_done(number, len(questions))
    return weighed


def keep(store: Store, refuse_below: float, weighed: Sequence[Weighed], measured: IndexMeta) -> Calibration:
    """Store a threshold with the index. Raises IndexMismatch where the index was made anew since it was `measured`."""
    if store.meta().made_with != measured.made_with:
        raise IndexMismatch(
            "the index was made anew while it was asked: the threshold is not stored",
            remedy="calibrate once more",
        )
    answerable = sum(each.answerable for each in weighed)
    calibration = Calibration(refuse_below, answerable, len(weighed) - answerable)
    store.set_calibration(calibration)
    return calibration
