"""A collection becomes an index through the real ingest, is kept from run to run, and touches nothing of others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from ragqa.config import Config, load
from ragqa.documents.loader import InProcessLoader
from ragqa.errors import UsageError
from ragqa.evaluation.collection import Collection
from ragqa.flows import reembed
from ragqa.flows.collecting import PASSAGES, Filled, fill
from ragqa.flows.ingest import Embedded, Parts
from ragqa.index.store import Store
from tests.fakes import HashingEmbedder

TEXTS = {"p1": ("Leave", "Every employee has 27 days."), "p2": ("", "Soup is free."), "p3": ("Empty", " ")}


def collection(texts: Mapping[str, tuple[str, str]] = TEXTS) -> Collection:
    return Collection(Path("nowhere"), texts, [], 0)


def filled(folder: Path, embedder: HashingEmbedder, made: Collection, config: Config | None = None) -> Filled:
    with Store.create(folder / ".ragqa") as store:
        return fill(made, folder, store, Parts(lambda: embedder, InProcessLoader, config or load(environment={})))


def texts_of(folder: Path, contents: Mapping[str, int | None]) -> dict[str, str]:
    with Store.open(folder / ".ragqa") as store:
        return {passage: store.content(content)[1].text for passage, content in contents.items() if content is not None}


def test_each_passage_is_stored_under_its_id(tmp_path: Path, embedder: HashingEmbedder) -> None:
    done = filled(tmp_path, embedder, collection())
    texts = texts_of(tmp_path, done.contents)
    assert "27 days" in texts["p1"] and "Leave" in texts["p1"]
    assert "Soup" in texts["p2"]
    assert set(done.contents) == set(TEXTS)


def test_a_second_run_embeds_nothing(tmp_path: Path, embedder: HashingEmbedder) -> None:
    first = filled(tmp_path, embedder, collection())
    embedder.embedded.clear()
    assert filled(tmp_path, embedder, collection()).contents == first.contents
    assert embedder.embedded == []


def test_other_settings_or_another_embedder_make_it_anew(tmp_path: Path, embedder: HashingEmbedder) -> None:
    filled(tmp_path, embedder, collection())
    embedder.embedded.clear()
    filled(tmp_path, embedder, collection(), load(environment={}, flags={"chunk.tokens": 100}))
    assert len(embedder.embedded) >= 2
    another = HashingEmbedder("another")
    filled(tmp_path, another, collection())
    assert len(another.embedded) >= 2
    with Store.open(tmp_path / ".ragqa") as store:
        assert store.meta().embedder.name == "another"  # type: ignore[union-attr]


def test_what_is_made_anew_is_told_as_it_is_done(tmp_path: Path, embedder: HashingEmbedder) -> None:
    filled(tmp_path, embedder, collection())
    told: list[object] = []
    with Store.create(tmp_path / ".ragqa") as store:
        parts = Parts(lambda: HashingEmbedder("another"), InProcessLoader, load(environment={}))
        fill(collection(), tmp_path, store, parts, on_reembedding=told.append)
    assert [type(event) for event in told] == [reembed.Started, Embedded, reembed.Staged, reembed.Switching]


def test_passages_are_for_their_owner_alone_as_the_index_is(tmp_path: Path, embedder: HashingEmbedder) -> None:
    (tmp_path / PASSAGES).mkdir(mode=0o755)
    filled(tmp_path, embedder, collection())
    assert (tmp_path / PASSAGES).stat().st_mode & 0o777 == 0o700


def test_files_of_more_than_a_million_passages_are_known_again(tmp_path: Path, embedder: HashingEmbedder) -> None:
    (tmp_path / PASSAGES).mkdir()
    (tmp_path / PASSAGES / "1000000.md").write_text("Of a larger collection.\n")
    filled(tmp_path, embedder, collection())
    assert not (tmp_path / PASSAGES / "1000000.md").exists()


def test_another_collection_replaces_the_first(tmp_path: Path, embedder: HashingEmbedder) -> None:
    filled(tmp_path, embedder, collection())
    done = filled(tmp_path, embedder, collection({"x": ("Stove", "It is warm.")}))
    assert list(texts_of(tmp_path, done.contents)) == ["x"]
    with Store.open(tmp_path / ".ragqa") as store:
        assert store.counts().documents == {"stored": 1}


def test_the_patterns_of_the_user_do_not_apply(tmp_path: Path, embedder: HashingEmbedder) -> None:
    config = load(environment={}, flags={"ingest.include": ["*.pdf"]})
    assert filled(tmp_path, embedder, collection(), config).contents["p1"] is not None


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path, embedder: HashingEmbedder) -> None:
    (tmp_path / PASSAGES).mkdir(mode=0o755)
    (tmp_path / PASSAGES / "thesis.md").write_text("mine")
    with pytest.raises(UsageError, match=r"thesis\.md, which is no passage"):
        filled(tmp_path, embedder, collection())
    assert (tmp_path / PASSAGES / "thesis.md").read_text() == "mine"
    assert (tmp_path / PASSAGES).stat().st_mode & 0o777 == 0o755


def test_an_index_of_other_documents_is_refused_and_left_alone(tmp_path: Path, embedder: HashingEmbedder) -> None:
    from ragqa.flows.ingest import ingest

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.md").write_text("# Mine\n\nIt is mine.\n")
    with Store.create(tmp_path / ".ragqa") as store:
        parts = Parts(lambda: embedder, InProcessLoader, load(environment={}))
        ingest([bytes(tmp_path / "mine")], store, parts)
    with pytest.raises(UsageError, match="holds other documents"):
        filled(tmp_path, embedder, collection())
    assert not (tmp_path / PASSAGES).exists()
