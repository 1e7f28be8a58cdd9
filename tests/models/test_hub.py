"""Opening models of the hub: nobody is asked for what is here, and nobody waits for a hub that cannot be reached."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from ragqa.errors import ConfigError
from ragqa.models.hub import open_model, snapshot
from ragqa.models.sparse_encoder import SparseEncoderModel
from tests.services.tiny_models import save_embedder


class Hub:
    """A class of models that are not on this machine, and a hub that is there or not; in `asked` what was tried."""

    def __init__(self, *, reachable: bool) -> None:
        self.reachable = reachable
        self.asked: list[str] = []

    def head(self, url: str, *, timeout: float) -> None:
        self.asked.append("hub")
        if not self.reachable:
            raise TimeoutError("no answer")

    def model(self, place: str, *, trust_remote_code: bool, local_files_only: bool = False) -> str:
        assert not trust_remote_code
        self.asked.append("disk" if local_files_only else "fetch")
        if local_files_only:
            raise OSError("not here")
        return place

    def open(self) -> Any:
        return open_model(self.model, "some/model", setting="the.setting", on_download=self.asked.append)


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")


def hub(monkeypatch: pytest.MonkeyPatch, *, reachable: bool) -> Hub:
    made = Hub(reachable=reachable)
    monkeypatch.setattr("huggingface_hub.utils.get_session", lambda: made)
    return made


def test_a_model_is_fetched_once_the_user_was_told(monkeypatch: pytest.MonkeyPatch, online: None) -> None:
    made = hub(monkeypatch, reachable=True)
    assert made.open() == "some/model"
    assert made.asked == ["disk", "hub", "some/model", "fetch"]


def test_a_hub_that_cannot_be_reached_is_asked_once(monkeypatch: pytest.MonkeyPatch, online: None) -> None:
    made = hub(monkeypatch, reachable=False)
    with pytest.raises(ConfigError, match=r"some/model.*cannot be reached: no answer") as caught:
        made.open()
    assert made.asked == ["disk", "hub"]
    assert "the.setting" in caught.value.remedy


def test_where_the_network_is_forbidden_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    made = hub(monkeypatch, reachable=True)
    with pytest.raises(ConfigError, match="HF_HUB_OFFLINE"):
        made.open()
    assert made.asked == ["disk"]


def keep(cache: Path, name: str = "some--model") -> Path:
    """The folder of a model that is on this machine, whatever may be in it."""
    kept = cache / f"models--{name}"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("0123")
    (kept / "snapshots" / "0123").mkdir(parents=True)
    return kept / "snapshots" / "0123"


@pytest.mark.parametrize("network", ["forbidden", "unreachable", "reachable"])
def test_a_model_that_is_here_and_of_no_use_is_not_said_to_be_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: str
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    if network != "forbidden":
        monkeypatch.delenv("HF_HUB_OFFLINE")
    made = hub(monkeypatch, reachable=network == "reachable")

    def refuse(place: str, **options: object) -> None:
        raise ValueError("it makes no such vectors\nand more")

    keep(tmp_path)
    with pytest.raises(ConfigError, match=r"some/model .*is on this machine.*: it makes no such vectors$") as caught:
        open_model(refuse, "some/model", setting="the.setting", on_download=made.asked.append)
    assert "the.setting" in caught.value.remedy
    assert "models--some--model" in caught.value.remedy


def test_a_dense_model_that_is_here_is_refused_as_a_sparse_one_for_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    for name, kept in (("some/dense", "some--dense"), ("bare", "sparse-encoder--bare")):
        shutil.copytree(save_embedder(tmp_path / name), keep(tmp_path, kept), dirs_exist_ok=True)
        with pytest.raises(ConfigError, match=rf"{name} is on this machine, but .*: it makes no sparse vectors"):
            SparseEncoderModel(name)


def test_a_model_that_is_here_in_part_is_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, online: None) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    keep(tmp_path)
    made = hub(monkeypatch, reachable=True)
    assert made.open() == "some/model"
    assert made.asked == ["disk", "hub", "some/model", "fetch"]


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HF_HOME", "SENTENCE_TRANSFORMERS_HOME", "XDG_CACHE_HOME"])
def test_a_kept_model_is_found_where_the_libraries_keep_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path))
    below = {"HF_HOME": "hub", "XDG_CACHE_HOME": "huggingface/hub"}.get(variable, "")
    assert snapshot("bare") is None
    for name in ("some--model", "sentence-transformers--bare"):
        kept = tmp_path / below / f"models--{name}"
        (kept / "refs").mkdir(parents=True)
        (kept / "refs" / "main").write_text("0123")
        assert snapshot(name.rpartition("--")[2] if "bare" in name else "some/model") is None
        (kept / "snapshots" / "0123").mkdir(parents=True)
    assert snapshot("some/model") == tmp_path / below / "models--some--model" / "snapshots" / "0123"
    assert snapshot("bare") == tmp_path / below / "models--sentence-transformers--bare" / "snapshots" / "0123"
