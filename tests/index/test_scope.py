"""What a filter lets through of a store, and under which path its passages are shown."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.errors import NoEvidence, UsageError
from ragqa.index.records import Batch, DocumentRecord, DocumentState
from ragqa.index.scope import Allowed, acceptance, scope_of
from ragqa.index.store import Store
from ragqa.types import Filter


def document(
    path: str = "/home/me/docs/contracts/old/lease.pdf",
    *,
    display: str = "docs/contracts/old/lease.pdf",
    root: str = "/home/me/docs",
    loader: str = "pdf",
    mtime_ns: int = 100,
    language: str = "en",
) -> DocumentState:
    record = DocumentRecord(path.encode(), display, root.encode(), "", 1, mtime_ns, loader=loader)
    return DocumentState(record, 1, 1, language=language)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("patterns", "accepted"),
    [
        (["contracts/**"], True),  # below the folder that was ingested
        (["docs/contracts/**"], True),  # as it is shown
        (["/home/me/docs/**"], True),  # the whole path
        (["./docs/contracts/old/*"], True),
        (["*.pdf"], True),
        (["lease.pdf"], True),
        (["old/"], True),
        (["contracts/*.pdf"], False),
        (["me/docs/**"], False),
        (["*.md"], False),
        (["*.md", "*.pdf"], True),
        (["*.pdf", "*.md"], True),
        (["*.pdf", "!contracts/old/**"], False),
        (["docs/**", "!contracts/old/**"], False),
        (["!old/"], False),
        (["!new/"], True),
        (["!old/", "lease.pdf"], True),
    ],
)
def test_patterns_fit_the_path_however_it_is_named_and_the_last_one_decides(
    patterns: list[str], accepted: bool
) -> None:
    assert acceptance(Filter(patterns=tuple(patterns)))(document()) is accepted


@pytest.mark.parametrize("display", ["docs/contracts/old/lease.pdf", "/home/me/docs/contracts/old/lease.pdf"])
def test_what_lies_above_the_ingested_folder_is_no_matter_unless_the_pattern_is_a_whole_path(display: str) -> None:
    """However the folder was named to ingest: a shell writes `~/docs` out."""
    state = document(display=display)
    for above in ("home", "me", "me/", "**/me/**", "home/me/docs/**"):
        assert not acceptance(Filter(patterns=(above,)))(state)
        assert acceptance(Filter(patterns=(f"!{above}",)))(state)
    assert acceptance(Filter(patterns=("/home/me",)))(state)
    assert not acceptance(Filter(patterns=("!/home",)))(state)
    assert acceptance(Filter(patterns=("docs/contracts/**",)))(state)


def test_a_file_that_was_ingested_by_itself_has_a_name() -> None:
    alone = document("/home/me/a.pdf", display="../me/a.pdf", root="/home/me/a.pdf")
    assert acceptance(Filter(patterns=("a.pdf",)))(alone)
    assert acceptance(Filter(patterns=("../me/*",)))(alone)
    named_in_full = document("/home/me/a.pdf", display="/home/me/a.pdf", root="/home/me/a.pdf")
    assert acceptance(Filter(patterns=("a.pdf",)))(named_in_full)
    assert not acceptance(Filter(patterns=("me",)))(named_in_full)


def test_a_decomposed_accent_fits_a_composed_one() -> None:
    decomposed = document("/d/re\u0301sume\u0301.txt", display="re\u0301sume\u0301.txt", root="/d")
    assert acceptance(Filter(patterns=("r\u00e9sum\u00e9.*",)))(decomposed)


@pytest.mark.parametrize("line", ["", "#notes", "a[", "!", "   "])
def test_a_pattern_that_can_fit_nothing_is_refused(line: str) -> None:
    with pytest.raises(UsageError, match="pattern"):
        acceptance(Filter(patterns=(line,)))


def test_after_includes_its_moment_and_before_does_not() -> None:
    assert acceptance(Filter(after_ns=100))(document())
    assert not acceptance(Filter(after_ns=101))(document())
    assert not acceptance(Filter(before_ns=100))(document())
    assert acceptance(Filter(before_ns=101))(document())


def test_every_part_must_let_a_document_through() -> None:
    whole = Filter(("*.pdf",), ("en", "zh-Hans"), ("pdf", "text"), 1, 1000)
    assert acceptance(whole)(document())
    assert not acceptance(replace(whole, patterns=("*.md",)))(document())
    assert not acceptance(replace(whole, languages=("zh-Hant",)))(document())
    assert not acceptance(replace(whole, types=("markdown",)))(document())
    assert not acceptance(replace(whole, after_ns=101))(document())
    assert not acceptance(replace(whole, before_ns=99))(document())


def test_equal_files_are_shown_under_a_path_that_is_inside(store: Store, made: SimpleNamespace) -> None:
    twin = made.put(store, b"/docs/a/x", "one two\nthree")
    made.put(store, b"/docs/m/y", "four\nfive")
    copies = [replace(made.record(path, twin), root=b"/docs") for path in (b"/docs/z/x", b"/docs/y/x")]
    store.commit(Batch(documents=copies))
    scope = scope_of(store, Filter(patterns=("y/**", "z/**")))
    assert (scope.documents, scope.chunks) == (2, 2)
    assert [(shown.document, shown.path) for shown in scope.shown(store.passages([1, 2]))] == [
        ("/docs/y/x", b"/docs/y/x")
    ] * 2
    everything = scope_of(store, Filter(patterns=("*",)))
    assert {shown.document for shown in everything.shown(store.passages([1, 3]))} == {"/docs/a/x", "/docs/m/y"}


def test_ties_come_in_the_order_in_which_the_documents_inside_were_stored(store: Store, made: SimpleNamespace) -> None:
    """The copy came after `m/y`, although its passages, being those of `a/x`, have the smaller keys."""
    twin = made.put(store, b"/docs/a/x", "one two\nthree")
    made.put(store, b"/docs/m/y", "four\nfive\nsix")
    store.commit(Batch(documents=[made.record(b"/docs/z/x", twin)]))
    inside = scope_of(store, Filter(patterns=("/docs/m/**", "/docs/z/**")))
    assert inside.keys.tolist() == [3, 4, 5, 1, 2]
    assert [inside.place(key) for key in (1, 2, 3, 4, 5)] == [3, 4, 0, 1, 2]
    everything = scope_of(store, Filter(patterns=("*",)))
    assert everything.keys.tolist() == [1, 2, 3, 4, 5]
    assert [everything.place(key) for key in (1, 2, 3, 4, 5)] == [0, 1, 2, 3, 4]


def test_a_filter_without_documents_says_so(store: Store, made: SimpleNamespace) -> None:
    with pytest.raises(NoEvidence, match="empty"):
        scope_of(store, Filter(languages=("en",)))
    made.put(store, b"/docs/a", "one")
    with pytest.raises(NoEvidence, match="no document matches"):
        scope_of(store, Filter(languages=("ja",)))


def test_refused_documents_are_never_inside(store: Store, made: SimpleNamespace) -> None:
    made.put(store, b"/docs/a", "one")
    failed = replace(made.record(b"/docs/b", made.content("two")), status="failed", code="damaged")
    store.commit(Batch(documents=[failed]))
    assert scope_of(store, Filter(patterns=("*",))).documents == 1


@given(st.lists(st.integers(0, 40), unique=True), st.lists(st.integers(0, 40), unique=True))
def test_allowed_keys_know_their_place(keys: list[int], asked: list[int]) -> None:
    allowed = Allowed(np.array(keys, np.int64))
    assert allowed.keys.tolist() == sorted(keys)
    assert allowed.among(np.array(asked, np.int64)).tolist() == [key in keys for key in asked]
    inside = [key for key in asked if key in keys]
    assert allowed.places(np.array(inside, np.int64)).tolist() == [keys.index(key) for key in inside]
