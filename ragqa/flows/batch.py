"""`ragqa ask --batch`: many questions over one index, answered in their order, services asked side by side."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING

from ragqa.errors import ServiceError, UsageError
from ragqa.flows import ask, search
from ragqa.flows.writing import Deadline

if TYPE_CHECKING:
    from ragqa.errors import RagqaError
    from ragqa.flows.ask import Answering, Asked, Begun
    from ragqa.flows.search import Found, IndexFacts, Searching
    from ragqa.flows.writing import Output

_AHEAD = 4
"""So many answers for each job may be ready and wait for a slower one before them."""

Id = str | int


@dataclass(frozen=True, slots=True)
class Asking:
    """One question of a batch under its id; `error` says why it is none."""

    id: Id
    question: str = ""
    error: UsageError | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one question: exactly one of both is set."""

    id: Id
    asked: Asked | None = None
    error: RagqaError | None = None


@dataclass(slots=True)
class _Open:
    """A question under way; it `is_finished` when nothing has to be waited for any more."""

    id: Id
    deadline: Deadline | None
    found: Found | None = None
    begun: Begun | None = None
    output: Output | None = None
    error: BaseException | None = None
    is_finished: bool = False


@dataclass(frozen=True, slots=True)
class _Finished:
    opened: _Open


@dataclass(frozen=True, slots=True)
class _Read:
    """No question follows; `error` says that the rest could not be read."""

    error: BaseException | None = None


def batch(
    questions: Iterable[Asking],
    searching: Searching,
    answering: Answering,
    index: IndexFacts,
    *,
    jobs: int = 1,
    timeout_s: float | None = None,
) -> Iterator[Result]:
    """The result of each question, in their order, each as soon as it is there.

    At most `jobs` generators write at once; all else is done here, one question after the other. `questions` is read
    in a thread of its own, a few ahead, so that a slow pipe holds no answer back. A ServiceError or UsageError is the
    result of its question; any other error ends the batch.
    """
    news: SimpleQueue[Asking | _Read | _Finished] = SimpleQueue()
    free, room = threading.Semaphore(jobs), threading.Semaphore(1 if jobs == 1 else jobs * _AHEAD)
    threading.Thread(target=_read, args=(questions, news, free, room), daemon=True, name="ragqa-questions").start()
    waiting: deque[_Open] = deque()
    is_read = False
    while waiting or not is_read:
        match news.get():
            case Asking() as asking:
                opened = _begin(asking, searching, answering, index, timeout_s)
                waiting.append(opened)
                if opened.begun is not None and opened.begun.prepared is not None:
                    wait = partial(_write, opened, opened.begun, answering, news, free)
                    threading.Thread(target=wait, daemon=True, name="ragqa-answer").start()
                else:
                    opened.is_finished = True
                    free.release()
            case _Finished() as finished:
                finished.opened.is_finished = True
            case _Read() as read:
                if read.error is not None:
                    raise read.error
                is_read = True
        while waiting and waiting[0].is_finished:
            yield _result(waiting.popleft(), searching, answering)
            room.release()


def _read(
    questions: Iterable[Asking],
    news: SimpleQueue[Asking | _Read | _Finished],
    free: threading.Semaphore,
    room: threading.Semaphore,
) -> None:
    """Pass the questions on, each when somebody is free to answer it."""
    try:
        for asking in questions:
            room.acquire()
            free.acquire()
            news.put(asking)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised again where results are waited for
        news.put(_Read(error))
    else:
        news.put(_Read())


def _begin(
    asking: Asking, searching: Searching, answering: Answering, index: IndexFacts, timeout_s: float | None
) -> _Open:
    """Search, weigh, and make the request: what reads the index, and so is done in its own thread alone."""
    opened = _Open(asking.id, deadline=Deadline.after(timeout_s), error=asking.error)
    if asking.error is None:
        try:
            opened.found = search.find(asking.question, searching, index)
            opened.begun = ask.begin(asking.question, opened.found.retrieval, searching, answering)
        except (ServiceError, UsageError) as error:
            opened.error = error
    return opened


def _write(
    opened: _Open,
    begun: Begun,
    answering: Answering,
    news: SimpleQueue[Asking | _Read | _Finished],
    free: threading.Semaphore,
) -> None:
    try:
        opened.output = ask.written(begun, answering, deadline=opened.deadline)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised again where results are waited for
        opened.error = error
    news.put(_Finished(opened))
    free.release()


def _result(opened: _Open, searching: Searching, answering: Answering) -> Result:
    if opened.error is not None:
        if not isinstance(opened.error, ServiceError | UsageError):
            raise opened.error
        return Result(opened.id, error=opened.error)
    assert opened.found is not None and opened.begun is not None
    responded = ask.finish(opened.begun, opened.output, searching, answering)
    return Result(opened.id, ask.asked(opened.found, responded))
